"""Photos among the examples: of each class one that the network gets right, and some that it gets wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import nn

from config import Model
from model.data import class_files, held_out_names, validation_files
from model.fold import Normalization
from model.kinds import Shape
from model.preprocess import open_picture, preprocess

MISTAKES = 4
CANDIDATES = 50  # of each class, at most: enough to choose from


@dataclass(frozen=True)
class Photo:
    """A photo that the network never learned from. `file` is its name in the set."""

    label: int
    file: str
    content: bytes


def choose_photos(model: Model, source: Path, network: nn.Sequential, shape: Shape, normalization: Normalization | None) -> list[Photo]:
    """For each class the first photo that is named rightly, then the surest mistakes, at most one of each class.

    From the set's validation folder where there is one, else from the photos held out; in the order of the hashes of
    their names, so that nobody has picked them.
    """
    photos = [Photo(label, path.name, read()) for label, path, read in _candidates(model, source)]
    pixels = np.stack([preprocess(open_picture(photo.content, photo.file), shape[1], shape[0]) for photo in photos])
    images = torch.from_numpy(pixels).float() / 255
    with torch.no_grad():
        probabilities = network(normalization.apply(images) if normalization else images).softmax(1).numpy()
    said = probabilities.argmax(1)
    labels = np.array([photo.label for photo in photos])
    right = [np.flatnonzero((labels == label) & (said == label))[:1] for label in range(len(model.classes))]
    wrong: dict[int, int] = {}
    for i in np.argsort(-probabilities.max(1), kind="stable"):
        if said[i] != labels[i] and len(wrong) < MISTAKES:
            wrong.setdefault(int(labels[i]), int(i))
    return [photos[i] for i in [*np.concatenate(right), *wrong.values()]]


def _candidates(model: Model, source: Path) -> list[tuple[int, PurePosixPath, Callable[[], bytes]]]:
    folders = [c.folder for c in model.classes]
    found = validation_files(source, folders)
    if not found:
        found = []
        for label, folder in enumerate(folders):
            files = class_files(source, folder)
            chosen = held_out_names([path.name for path, _ in files])
            found += [(label, path, read) for path, read in files if path.name in chosen]
    found.sort(key=lambda item: (item[0], hashlib.sha256(item[1].name.encode()).digest()))
    return [item for label in range(len(folders)) for item in [item for item in found if item[0] == label][:CANDIDATES]]

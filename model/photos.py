"""Photos as examples: one correctly classified photo of each class, and some misclassified ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from config import Model
from model.data import TEST, Item, find_photos, read_photos
from model.fold import Normalization
from model.kinds import Shape
from model.preprocess import preprocess

MISTAKES = 4
CANDIDATES = 50  # at most this many of each class to choose from


@dataclass(frozen=True)
class Photo:
    """A test photo. `file` is its name in the data set."""

    label: int
    file: str
    picture: Image.Image


def choose_photos(
    model: Model, source: Path, network: nn.Sequential, shape: Shape, normalization: Normalization | None
) -> list[Photo]:
    """For each class the first correctly classified photo, then the most confident mistakes, at most one per class.

    They are test photos in the order of the hashes of their names, so they are not hand-picked.
    """
    photos = [Photo(item.label, item.name, item.read()) for item in _candidates(model, source, shape)]
    if not photos:
        return []
    pixels = np.stack([preprocess(photo.picture, shape[1], shape[0]) for photo in photos])
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


def _candidates(model: Model, source: Path, shape: Shape) -> list[Item]:
    folders = [c.folder for c in model.classes]
    photos = read_photos(source, folders, shape[1], shape[0], skip_broken=True).part(TEST)
    test = set(zip(photos.labels.tolist(), photos.names, strict=True))  # near-copies of others are where those are
    items = [item for item in find_photos(source, folders) if (item.label, item.name) in test]
    items.sort(key=lambda item: (item.label, hashlib.sha256(item.name.encode()).digest()))
    return [
        item
        for label in range(len(model.classes))
        for item in [item for item in items if item.label == label][:CANDIDATES]
    ]

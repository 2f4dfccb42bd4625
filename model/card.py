"""Model cards: the JSON file beside the weights, with the results of an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from config import Model
from errors import BuildError
from model.data import PICTURES, TEST, Photos, all_files
from model.evaluate import Network, figures
from model.fold import deployed
from model.networks import build_network
from model.preprocess import open_picture, preprocess
from model.unknown import unknown_figures
from model.weights_file import load_weights, write_card_file


def write_card(
    model: Model, photos: Photos, drawings: list[Image.Image], others: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Evaluate the model on `photos` and write the results into its card; returns the card and warnings.

    `drawings` are the example pictures; `others` are photos of other classes. The weights are not changed.
    """
    if not photos.part(TEST).names:
        raise BuildError("there are no test photos; use at least three photos per class, preferably a hundred")
    layers, shape = build_network(model.network, len(model.classes))
    card, normalization = load_weights(model.weights, layers, [c.folder for c in model.classes])
    network = Network(deployed(layers), normalization)
    small = [preprocess(picture, shape[1], shape[0]) for picture in drawings]
    card["figures"] = figures(network, photos, card.get("temperature") or 1.0, len(model.classes))
    notes = []
    if card.get("photos", {}).get("digest", photos.digest()) != photos.digest():
        card["figures"]["other_photos"] = True
        notes.append(
            "these are not the photos that it was trained with; where it has learned from some that are for the test "
            "now, the card flatters"
        )
    if others is None and any(entry["of"] == "others" for entry in (card.get("unknown") or {"said": []})["said"]):
        notes.append("without --others its card does not say any more what becomes of photos of other classes")
    card["unknown"] = unknown_figures(
        network,
        photos,
        _read_others(others, shape) if others else None,
        np.stack(small) if small else np.empty((0, *shape), np.uint8),
    )
    write_card_file(model.weights, card)
    return card, notes


def find_others(source: Path) -> list[tuple[str, Callable[[], bytes]]]:
    """Every picture in a folder or zip file, by name, with a function that reads it."""
    found = sorted(
        (
            (str(path), read)
            for path, read in all_files(source)
            if path.suffix.lower() in PICTURES and not path.name.startswith(".")
        ),
        key=lambda item: item[0],
    )
    if len(found) < 20:
        raise BuildError(f"{len(found)} pictures; --others needs twenty or more of none of the classes", source)
    return found


def _read_others(source: Path, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 (N, C, H, W)"""
    return np.stack(
        [preprocess(open_picture(read(), f"{source}/{name}"), shape[1], shape[0]) for name, read in find_others(source)]
    )

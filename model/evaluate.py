"""Results for model cards: accuracy on the test photos, calibration, robustness, and pictures of other classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import nn

from model.data import TEST, VALIDATION, Photos
from model.fold import Normalization
from model.kinds import kind_of
from model.networks import Graph
from model.preprocess import preprocess

BINS = 15
MISTAKES = 12


@dataclass(frozen=True)
class Network:
    """A network together with its input normalisation."""

    layers: Graph
    normalization: Normalization | None

    def trace(self, images: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
        """The activations of these layers for uint8 images (N, C, H, W)."""
        found: dict[str, list[np.ndarray]] = {name: [] for name in names}
        with torch.no_grad():
            for part in parts(images):
                x = torch.from_numpy(part).float() / 255
                x = self.normalization.apply(x) if self.normalization else x
                for name, activation in self.layers.activations(x).items():
                    if name in found:
                        found[name].append(activation.numpy().copy())
        return {name: np.concatenate(found_parts) for name, found_parts in found.items()}

    def logits(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, classes)"""
        return self.trace(images, [self.layers.last])[self.layers.last]


def parts(images: np.ndarray) -> list[np.ndarray]:
    """The images in parts of a few hundred: the maps of all of them would not fit into memory."""
    return np.array_split(images, -(-len(images) // 250))


def figures(network: Network, photos: Photos, temperature: float, classes: int) -> dict[str, Any]:
    """A network's results on the test photos. `temperature` is what its last layer was divided by."""
    test = photos.part(TEST)
    logits = network.logits(test.images)
    right = logits.argmax(1) == test.labels
    return {
        "photos": len(test.names),
        "accuracy": rounded(right.mean()),
        "interval": [rounded(end) for end in wilson(int(right.sum()), len(right))],
        "likelihood": rounded(likelihood(logits, test.labels)),
        "calibration": {
            "error": rounded(calibration_error(logits, test.labels)),
            "before": rounded(calibration_error(logits * temperature, test.labels)),
            "temperature": rounded(temperature),
            "bins": reliability(logits, test.labels),
        },
        "robustness": [
            {"change": name, "accuracy": rounded((network.logits(change(test.images)).argmax(1) == test.labels).mean())}
            for name, change in CHANGES.items()
            if name != "grey" or test.images.shape[1] == 3
        ],
        "confusion": confusion(logits, test.labels, classes),
        "mistakes": mistakes(logits, test),
        "silent": silent_channels(network, np.concatenate([test.images, photos.part(VALIDATION).images])),
    }


def softmax(logits: np.ndarray) -> np.ndarray:
    """(N, K) -> (N, K), stable for large logits."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative logarithm of the probability of the right class."""
    return float(-np.log(np.maximum(softmax(logits.astype(np.float64))[np.arange(len(labels)), labels], 1e-300)).mean())


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    z, share = 1.96, right / count
    middle, half = share + z * z / (2 * count), z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def reliability(logits: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Predictions in BINS equal confidence bins: count, mean confidence and accuracy of each non-empty bin."""
    probabilities = softmax(logits.astype(np.float64))
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return [
        {
            "from": round(b / BINS, 4),
            "photos": len(members),
            "sure": rounded(sure[members].mean()),
            "right": rounded(right[members].mean()),
        }
        for b in range(BINS)
        if len(members := np.flatnonzero(bins == b))
    ]


def calibration_error(logits: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error (Guo et al., 2017): the mean gap between confidence and accuracy."""
    return sum(b["photos"] * abs(b["sure"] - b["right"]) for b in reliability(logits, labels)) / len(labels)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the best likelihood (Guo et al., 2017), by golden-section search on its logarithm."""
    low, high = math.log(0.2), math.log(5)
    ratio = (math.sqrt(5) - 1) / 2
    loss = lambda exponent: likelihood(logits / math.exp(exponent), labels)  # noqa: E731
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return math.exp((low + high) / 2)


def fold_temperature(network: nn.Sequential, temperature: float) -> None:
    """Divide the last layer's weights and bias, in place, so that softmax of the logits is calibrated."""
    with torch.no_grad():
        for parameter in list(network.children())[-1].parameters():
            parameter.div_(temperature)


def confusion(logits: np.ndarray, labels: np.ndarray, classes: int) -> list[list[int]]:
    """The number of photos of each true class (row) and predicted class (column)."""
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (labels, logits.argmax(1)), 1)
    return table.tolist()


def mistakes(logits: np.ndarray, photos: Photos) -> list[dict[str, Any]]:
    """The misclassified photos with the highest confidence."""
    probabilities = softmax(logits)
    said, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = [i for i in np.argsort(-sure, kind="stable") if said[i] != photos.labels[i]][:MISTAKES]
    return [
        {"file": photos.names[i], "label": int(photos.labels[i]), "said": int(said[i]), "probability": rounded(sure[i])}
        for i in wrong
    ]


def silent_channels(network: Network, images: np.ndarray) -> list[dict[str, Any]]:
    """For each ReLU layer: how many of its channels are zero everywhere on every image."""
    names = [name for name, layer in network.layers.named_children() if kind_of(layer, name).name == "relu"]
    silent = {name: np.ones(1, dtype=bool) for name in names}
    for part in parts(images):
        for name, values in network.trace(part, names).items():
            silent[name] = silent[name] & (values.max(axis=(0, *range(2, values.ndim))) <= 0)
    return [{"layer": name, "channels": len(silent[name]), "silent": int(silent[name].sum())} for name in names]


# Changes of the pictures for the robustness test; each takes and returns uint8 (N, C, H, W).


def _each(change: Callable[[Image.Image], Image.Image]) -> Callable[[np.ndarray], np.ndarray]:
    def changed(images: np.ndarray) -> np.ndarray:
        return np.stack([_array(change(_picture(image)), len(image)) for image in images])

    return changed


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))


def _array(picture: Image.Image, channels: int) -> np.ndarray:
    values = np.asarray(picture, dtype=np.uint8)
    return values[None] if channels == 1 else values.transpose(2, 0, 1)


def _turned(degrees: float) -> Callable[[Image.Image], Image.Image]:
    """Rotate about the centre; the border is filled by reflection."""

    def turn(picture: Image.Image) -> Image.Image:
        size, margin = picture.width, picture.width // 4
        values = np.asarray(picture)
        wide = np.pad(values, [(margin, margin)] * 2 + [(0, 0)] * (values.ndim - 2), mode="symmetric")
        return (
            Image.fromarray(wide)
            .rotate(degrees, Image.Resampling.BILINEAR)
            .crop((margin, margin, margin + size, margin + size))
        )

    return turn


def _zoomed(picture: Image.Image) -> Image.Image:
    size = picture.width
    margin = size * (1 - 1 / 1.25) / 2
    return picture.resize((size, size), Image.Resampling.BILINEAR, box=(margin, margin, size - margin, size - margin))


def _there_and_back(images: np.ndarray) -> np.ndarray:
    """Enlarge four times, then reduce again with the site's preprocessing."""
    channels, size = images.shape[1:3]
    enlarged = [_picture(image).resize((4 * size, 4 * size), Image.Resampling.BICUBIC) for image in images]
    if channels == 1:  # preprocessing would invert a bright border again
        return np.stack([_array(picture.resize((size, size), Image.Resampling.BILINEAR), 1) for picture in enlarged])
    return np.stack([preprocess(picture, size, channels) for picture in enlarged])


def _greyed(images: np.ndarray) -> np.ndarray:
    return np.repeat(
        (images[:, :1] * 0.299 + images[:, 1:2] * 0.587 + images[:, 2:] * 0.114).round().astype(np.uint8), 3, axis=1
    )


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "grey": _greyed,
    "blur": _each(lambda picture: picture.filter(ImageFilter.GaussianBlur(1))),
    "left": _each(_turned(15)),
    "right": _each(_turned(-15)),
    "zoom": _each(_zoomed),
    "dark": lambda images: (images * 0.6).round().astype(np.uint8),
    "enlarged": _there_and_back,
}


def rounded(value: float) -> float:
    return round(float(value), 4)

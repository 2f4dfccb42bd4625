"""The rule that detects pictures of none of the classes; `assets/src/arithmetic/unknown.ts` applies the same rule.

A picture looks so when it excites no class (a measure of its logits is below a threshold), or when a channel of one
layer is brighter or darker, on average, than for any photo of the classes: noise, text and flat colours do that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from model.data import TEST, VALIDATION, Photos
from model.evaluate import Network, parts, rounded, softmax

MADE = 100  # pictures of noise, of text and of one colour, each
FALSE_ALARMS = 0.1  # of the validation photos; with more, readers would not believe the warning
# of the range, divided by the number of photos, on either side: the fewer have shown it, the more may lie beyond
MARGIN = 25

MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "probability": lambda logits: softmax(logits).max(1),  # Hendrycks and Gimpel, 2017
    "logit": lambda logits: logits.max(1),
    "energy": lambda logits: (
        logits.max(1) + np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1))
    ),  # Liu et al., 2020
}


def choose_measure(known: np.ndarray, unknown: np.ndarray) -> dict[str, Any]:
    """The measure that detects most unknown logits at FALSE_ALARMS on known ones, and its threshold."""
    best: tuple[float, str, float] = (-1, "", 0)
    for name, measure in MEASURES.items():
        threshold = float(np.quantile(measure(known), FALSE_ALARMS))
        best = max(best, (float((measure(unknown) < threshold).mean()), name, threshold))
    return {"measure": best[1], "threshold": round(best[2], 4)}


def fit_range(network: Network, images: np.ndarray, made: dict[str, np.ndarray]) -> dict[str, Any]:
    """`range_of` the layer by which most pictures of nothing are told, each kind of them in `made` counting the same;
    without maps its layer is None.
    """
    names = [name for name, _ in network.layers.named_children()]
    best: tuple[float, dict[str, Any]] = (-1, {"layer": None, "least": [], "most": []})
    for layer in (name for name, activation in network.trace(images[:1], names).items() if activation.ndim == 4):
        fitted = range_of(network, layer, images)
        told = float(
            np.mean([outside(network.trace(pictures, [layer])[layer], fitted).mean() for pictures in made.values()])
        )
        best = max(best, (told, fitted), key=lambda one: one[0])  # the first of equals
    return best[1]


def range_of(network: Network, layer: str, images: np.ndarray) -> dict[str, Any]:
    """The range of the mean of each channel of a layer with maps, widened by MARGIN."""
    means = np.concatenate([channel_means(network.trace(part, [layer])[layer]) for part in parts(images)]).astype(float)
    least, most = means.min(0), means.max(0)
    spread = np.maximum(
        most - least, (most - least).mean()
    )  # a channel that is constant here may vary for other photos
    margin = MARGIN / len(images) * spread
    return {"layer": layer, "least": (least - margin).round(5).tolist(), "most": (most + margin).round(5).tolist()}


def outside(activation: np.ndarray, rule: dict[str, Any]) -> np.ndarray:
    """Whether any channel of the activation (N, C, ...) is out of range: bool (N,)"""
    means = channel_means(activation)
    return ((means < rule["least"]) | (means > rule["most"])).any(1)


def channel_means(activation: np.ndarray) -> np.ndarray:
    """(N, C, ...) -> (N, C)"""
    return activation.reshape(*activation.shape[:2], -1).mean(2)


def looks_unknown(trace: dict[str, np.ndarray], rule: dict[str, Any]) -> np.ndarray:
    """bool (N,), from the logits, which come last in the trace, and the activation of `rule["layer"]`"""
    dull = MEASURES[rule["measure"]](next(reversed(trace.values()))) < rule["threshold"]
    if rule["layer"] is None:
        return dull
    return dull | outside(trace[rule["layer"]], rule)


def unknown_figures(
    network: Network, photos: Photos, others: np.ndarray | None, drawings: np.ndarray
) -> dict[str, Any]:
    """How the rule was chosen, and how often it applies to pictures that were not used to choose it.

    `others` uint8 (N, C, H, W) are photos of other classes: every second one chooses, the rest measure. Without them
    the pictures that `made_pictures` makes stand in for choosing. The layer is chosen on such pictures, others than
    those that measure.
    """
    made, of_another_seed = (made_pictures(photos.images.shape[2], photos.images.shape[1], seed) for seed in (0, 1))
    chooses = others[::2] if others is not None else np.concatenate(list(made.values()))
    validation = photos.part(VALIDATION)
    chosen = {
        **choose_measure(network.logits(validation.images), network.logits(chooses)),
        **fit_range(network, validation.images, of_another_seed),
    }

    layers = [*([chosen["layer"]] if chosen["layer"] else []), network.layers.last]

    def share(images: np.ndarray) -> float:
        return rounded(
            np.concatenate([looks_unknown(network.trace(part, layers), chosen) for part in parts(images)]).mean()
        )

    measured = [
        ("known", photos.part(TEST).images),
        *([("others", others[1::2])] if others is not None else []),
        ("drawings", drawings),
        *made.items(),
    ]
    return {
        **chosen,
        "said": [
            {"of": name, "pictures": len(images), "share": share(images)} for name, images in measured if len(images)
        ],
    }


def made_pictures(size: int, channels: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Noise, lines of text, and plain colours: uint8 (MADE, channels, size, size) each."""
    random = np.random.default_rng(seed)
    font = ImageFont.load_default(size / 5)
    text = []
    for _ in range(MADE):
        paper, ink = (255, 0) if random.random() < 0.7 else (0, 255)
        page = Image.new("L", (size, size), paper)
        draw = ImageDraw.Draw(page)
        for line in range(4):
            word = "".join(chr(97 + letter) for letter in random.integers(0, 26, 9))
            draw.text((2, 2 + line * size / 4.2), word, ink, font)
        text.append(np.repeat(np.asarray(page)[None], channels, 0))
    colours = random.integers(0, 256, (MADE, channels, 1, 1), dtype=np.uint8)
    return {
        "noise": random.integers(0, 256, (MADE, channels, size, size), dtype=np.uint8),
        "text": np.stack(text),
        "blank": np.broadcast_to(colours, (MADE, channels, size, size)).copy(),
    }

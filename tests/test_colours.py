"""Colours with different meanings are distinguishable, also for colour-blind readers."""

import itertools
import re

import numpy as np
import pytest

from tests.node import ROOT

# Machado, Oliveira and Fernandes (2009), severity 1.0, for linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def scales() -> dict[str, list[str]]:
    source = (ROOT / "assets" / "src" / "drawing" / "colours.ts").read_text()
    return {
        f"{name} {theme}": re.findall(
            r"#[0-9a-f]{6}", re.search(rf"const {name}\b.*?{theme}: (\[.*?\])", source, re.S)[1]
        )
        for name in ("ACTIVATIONS", "WEIGHTS")
        for theme in ("light", "dark")
    }


def lab(colour: str, blindness: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) as the eye sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.clip(blindness @ np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), 0, 1)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ linear
        / np.array([0.9505, 1, 1.089])
    )
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("name", scales())
def test_above_and_below_zero_differ_for_every_eye(name, blindness):
    stops = [lab(colour, BLINDNESS[blindness]) for colour in scales()[name]]
    middle = len(stops) // 2
    for i in range(1, middle + 1):
        assert np.linalg.norm(stops[middle - i] - stops[middle + i]) > (12 if i < middle else 10), f"step {i}"
    for a, b in itertools.pairwise(stops):
        assert np.linalg.norm(a - b) > 9, "each step differs from the next"


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_activations_and_weights_have_colours_of_their_own(theme, blindness):
    activations, weights = (
        [lab(colour, BLINDNESS[blindness]) for colour in scales()[f"{name} {theme}"]]
        for name in ("ACTIVATIONS", "WEIGHTS")
    )
    assert all(
        np.linalg.norm(a - w) > 6 for i, (a, w) in enumerate(zip(activations, weights, strict=True)) if i in (1, 5)
    ), "their main colours"

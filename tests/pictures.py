"""Pictures that the tests make: of every shape and mode, the same each time."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SHAPES = [
    (64, 64),
    (65, 64),
    (64, 65),
    (1, 1),
    (2, 3),
    (5, 200),
    (200, 5),
    (32, 32),
    (63, 63),
    (127, 129),
    (128, 128),
    (300, 200),
    (200, 301),
    (511, 512),
    (640, 480),
    (481, 641),
    (1000, 333),
    (333, 1000),
    (1024, 768),
    (77, 1200),
]


def scene(width: int, height: int, seed: int = 0, mode: str = "RGB") -> Image.Image:
    """Smooth colours, hard edges and noise together, so that a wrong resampling shows."""
    random = np.random.default_rng([seed, width, height])
    bands = len(Image.new(mode, (1, 1)).getbands())
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = []
    for band in range(bands):
        fx, fy = random.uniform(0.5, 6, 2)
        plane = 127 + 90 * np.sin(fx * x / max(width, 2) * 3 + band) * np.cos(fy * y / max(height, 2) * 3)
        plane[(x // 7 + y // 5) % 9 == band] = random.integers(0, 256)
        planes.append(plane + random.normal(0, 25, plane.shape))
    pixels = np.stack(planes, -1).clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if bands == 1 else pixels, mode)


def encoded(picture: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def shapes(seed: int, tint: int | None = None) -> Image.Image:
    """A made photo: large shapes, as photos have them, and no two alike; `tint` is the band that is bright."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256 if tint is None else 110, (6, 6, 3), np.uint8)
    if tint is not None:
        small[..., tint] += 140
    return Image.fromarray(small).resize((160, 160), Image.Resampling.BICUBIC)


def write_photos(folder: Path, count: int) -> None:
    """So many photos of each of two classes, "red" and "blue", which colour alone tells apart."""
    for label, name in enumerate(("red", "blue")):
        for i in range(count):
            path = folder / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(shapes(1000 * label + i, tint=2 * label).resize((24, 24))))

"""How a picture becomes a network's input; `assets/src/data/preprocess.ts` does exactly the same."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from errors import BuildError

pillow_heif.register_heif_opener()  # photos of iPhones


def open_picture(source: Path | bytes, name: str = "") -> Image.Image:
    """A decoded picture from a file or its bytes; BuildError when Pillow cannot read it."""
    try:
        picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
        picture.load()
    except UnidentifiedImageError as error:
        raise BuildError(
            "cannot read this picture: its format is not supported by Pillow",
            name or (source if isinstance(source, Path) else None),
        ) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BuildError(
            f"cannot read this picture: {error}", name or (source if isinstance(source, Path) else None)
        ) from error
    return picture


def preprocess(picture: Image.Image, size: int, channels: int = 3) -> np.ndarray:
    """Orient, flatten onto white, crop to the central square, resize: uint8 (C, size, size).

    The resize is Pillow's BILINEAR, which averages over the whole footprint when it shrinks (antialiased).
    One channel means luma by ITU-R 601-2, inverted when the picture's border is bright.
    """
    square = central_square(flatten(ImageOps.exif_transpose(picture)))
    small = square.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(small, dtype=np.uint8).transpose(2, 0, 1)  # (3, H, W)
    if channels == 3:
        return np.ascontiguousarray(pixels)
    grey = luma(pixels)
    return (255 - grey if border_is_bright(grey) else grey)[None]  # (1, H, W)


def flatten(picture: Image.Image) -> Image.Image:
    """RGB, with transparency over white: round(c * a / 255) + 255 - a, exact at every value."""
    if picture.mode == "RGB":
        return picture
    if not (picture.has_transparency_data or picture.mode in ("RGBA", "LA", "PA")):
        return eight_bit(picture).convert("RGB")
    rgba = np.asarray(picture.convert("RGBA"), dtype=np.uint32)
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    return Image.fromarray(((colour * alpha + 127) // 255 + 255 - alpha).astype(np.uint8))


def eight_bit(picture: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8 bits (Pillow's own conversion would clip it); other modes as they are."""
    if picture.mode.startswith("I;16") or picture.mode == "I":
        return Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    return picture


def central_square(picture: Image.Image) -> Image.Image:
    """The largest square about the middle; odd margins are rounded down at the left and the top."""
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def luma(pixels: np.ndarray) -> np.ndarray:
    """Luma (H, W) of uint8 (3, H, W), in Pillow's own fixed-point arithmetic."""
    red, green, blue = pixels.astype(np.uint32)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)


def border_is_bright(grey: np.ndarray) -> bool:
    """Whether the outermost ring of uint8 (H, W) is brighter than middle grey on average."""
    ring = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]]).astype(np.uint32)
    return int(ring.sum()) * 2 > 255 * ring.size

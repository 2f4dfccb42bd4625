"""Preprocessing: Python against Pillow, and TypeScript against Python, to the byte."""

import base64

import numpy as np
import pytest
from PIL import Image, ImageOps

from errors import BuildError
from model.preprocess import flatten, open_picture, preprocess
from tests.node import text
from tests.pictures import SHAPES, encoded, scene


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_pillows_bilinear_on_the_central_square(shape):
    picture = scene(*shape)
    side = min(shape)
    left, top = (shape[0] - side) // 2, (shape[1] - side) // 2
    expected = picture.crop((left, top, left + side, top + side)).resize((64, 64), Image.Resampling.BILINEAR)
    assert np.array_equal(preprocess(picture, 64).transpose(1, 2, 0), np.asarray(expected))


@pytest.mark.parametrize(("size", "channels"), [(64, 3), (28, 1), (17, 3)])
def test_typescript_gives_the_same_bytes(bridge, size, channels):
    pictures = [scene(*shape, mode=mode) for shape in SHAPES for mode in ("RGB", "RGBA")]
    calls = []
    for picture in pictures:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        rgba = picture.convert("RGBA").crop((left, top, left + side, top + side))
        calls.append(
            {"call": "preprocess", "pixels": text(rgba.tobytes()), "side": side, "size": size, "channels": channels}
        )
    for picture, answer in zip(pictures, bridge(*calls), strict=True):
        ours = np.frombuffer(base64.b64decode(answer), np.uint8).reshape(channels, size, size)
        assert np.array_equal(ours, preprocess(picture, size, channels)), picture


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = open_picture(encoded(scene(90, 60), "PNG", exif=exif))
    assert np.array_equal(preprocess(stored, 32), preprocess(ImageOps.exif_transpose(stored), 32))
    if orientation > 1:
        assert not np.array_equal(preprocess(stored, 32), preprocess(scene(90, 60), 32))


def test_transparency_lies_on_white():
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    half = Image.new("RGBA", (8, 8), (0, 100, 255, 128))
    assert np.asarray(flatten(clear)).min() == 255
    assert np.asarray(flatten(half))[0, 0].tolist() == [127, 177, 255]


def test_one_channel_is_luma_inverted_on_a_bright_border():
    bright = Image.new("RGB", (28, 28), "white")
    bright.paste((200, 0, 0), (10, 10, 18, 18))
    grey = preprocess(bright, 28, 1)
    assert grey.shape == (1, 28, 28) and grey[0, 0, 0] == 0 and grey[0, 14, 14] == 255 - 60
    assert np.array_equal(
        preprocess(ImageOps.invert(bright), 28, 1)[0], np.asarray(ImageOps.invert(bright).convert("L"))
    )


@pytest.mark.parametrize("mode", ["L", "LA", "P", "CMYK", "1", "I;16"])
def test_every_mode_of_pillows_gives_rgb(mode):
    picture = (
        Image.fromarray((np.arange(400, dtype=np.uint16) * 160).reshape(20, 20))
        if mode == "I;16"
        else scene(20, 20).convert(mode)
    )
    pixels = preprocess(picture, 16)
    assert pixels.shape == (3, 16, 16) and pixels.dtype == np.uint8 and pixels.std() > 5


def test_what_is_no_picture_is_said():
    with pytest.raises(BuildError, match="upload.png: cannot read this picture"):
        open_picture(b"nothing", "upload.png")
    with pytest.raises(BuildError, match="cannot read this picture"):
        open_picture(encoded(scene(99, 99))[:500])

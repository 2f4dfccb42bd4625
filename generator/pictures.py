"""The example pictures of a model: PNG, JPEG, WebP, and SVG drawn by resvg."""

from __future__ import annotations

import io
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pillow_heif
from PIL import Image, UnidentifiedImageError

from cache import Cache, Inputs
from errors import BuildError, nearest
from generator.node import Node

DRAWN = 512  # pixels: the width at which an SVG is drawn
FORMATS = {".svg", ".png", ".jpg", ".jpeg", ".webp", ".heic", ".heif"}
pillow_heif.register_heif_opener()  # photos of iPhones


@dataclass(frozen=True)
class ExamplePicture:
    """One file of the examples' folder: `name` is its stem, `label` the class that its name begins with."""

    name: str
    label: str
    source: str
    picture: Image.Image
    path: Path


def find_examples(folder: Path, classes: list[str]) -> list[tuple[Path, str]]:
    """The pictures in `folder` and the class of each, in the order of the classes.

    `koala.svg` and `koala_2.jpg` are both of class "koala". Raises BuildError for a file that matches no class.
    """
    if not folder.is_dir():
        raise BuildError("the folder of example pictures is missing", folder)
    files = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in FORMATS and not path.name.startswith(".")
    )
    for path in files:
        if not all(letter in "-_" or unicodedata.category(letter)[0] in "LMN" for letter in path.stem):
            raise BuildError("a picture's name may contain only letters, digits, - and _", path)
        if [name_of(other) for other in files].count(name_of(path)) > 1:
            raise BuildError(f'two pictures are named "{name_of(path)}"; rename one', path)
    labels = {path: _label(path, classes) for path in files}
    return sorted(labels.items(), key=lambda entry: (classes.index(entry[1]), entry[0].name))


def name_of(path: Path) -> str:
    """The name of an example: its file's, with accents as one character each, as people type them."""
    return unicodedata.normalize("NFC", path.stem)


def read_examples(folder: Path, classes: list[str], node: Node, cache: Cache) -> list[ExamplePicture]:
    """The pictures of `find_examples`, opened. An SVG counts as a drawing, anything else as a picture.

    Raises BuildError for a file that cannot be read or matches no class.
    """
    files = find_examples(folder, classes)
    drawn = _draw([path for path, _ in files if path.suffix.lower() == ".svg"], node, cache)
    examples = []
    for path, label in files:
        try:
            picture = drawn.get(path) or Image.open(path)
            picture.load()
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise BuildError(f"cannot read this picture: {error}", path) from error
        source = "drawing" if path in drawn else "picture"
        examples.append(ExamplePicture(name_of(path), label, source, picture, path))
    return examples


def _label(path: Path, classes: list[str]) -> str:
    """The class that a file is named after; of two that fit, the longer."""
    stem = _words(name_of(path))
    fitting = [name for name in classes if stem == _words(name) or stem.startswith(f"{_words(name)} ")]
    if not fitting:
        raise BuildError(f"not named after a class; classes are {', '.join(classes)}{nearest(stem, classes)}", path)
    return max(fitting, key=len)


def _words(name: str) -> str:
    return unicodedata.normalize("NFC", name).replace("_", " ").replace("-", " ")


def _draw(files: list[Path], node: Node, cache: Cache) -> dict[Path, Image.Image]:
    """Each SVG as a picture DRAWN pixels wide. Soft shadows take resvg a second, so what is drawn once is kept."""
    program = (node.package / "package-lock.json").read_bytes()
    inputs: dict[Path, Inputs] = {path: [program, str(DRAWN), path] for path in files}
    missing = [path for path in files if cache.find("drawings", inputs[path]) is None]
    if missing:
        with tempfile.TemporaryDirectory() as name:
            out = Path(name)
            copies = [out / f"{number}.svg" for number in range(len(missing))]
            for copy, path in zip(copies, missing, strict=True):
                copy.write_bytes(path.read_bytes())
            try:
                node.run("tools/rasterise.mjs", str(DRAWN), out, *copies)
            except BuildError as error:
                drawn = [copy.with_suffix(".png").exists() for copy in copies]
                broken = missing[drawn.index(False)] if False in drawn else missing[0]
                raise BuildError(f"resvg cannot draw this SVG: {error.message}", broken) from error
            for copy, path in zip(copies, missing, strict=True):
                cache.file("drawings", inputs[path], copy.with_suffix(".png").read_bytes)
    return {path: Image.open(io.BytesIO((cache.find("drawings", inputs[path]) or {})["drawings"])) for path in files}

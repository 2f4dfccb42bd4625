"""The example pictures of a model: any format that Pillow reads, and SVG drawn by resvg."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from errors import BuildError, nearest
from generator.node import Node

DRAWN = 512  # pixels: the width at which an SVG is drawn
FORMATS = {".svg", ".png", ".jpg", ".jpeg", ".webp"}


@dataclass(frozen=True)
class ExamplePicture:
    """One file of the examples' folder: `name` is its stem, `label` the class that its name begins with."""

    name: str
    label: str
    source: str
    picture: Image.Image
    path: Path


def read_examples(folder: Path, classes: list[str], node: Node, cache: Path) -> list[ExamplePicture]:
    """The pictures in `folder`, in the order of the classes. `koala.svg` and `koala_2.jpg` are both of class "koala".

    An SVG counts as a drawing, anything else as a photo; drawings are kept in `cache` by their content. Raises BuildError for a file that cannot be read or matches no class.
    """
    if not folder.is_dir():
        raise BuildError("the folder of example pictures is missing", folder)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in FORMATS)
    labels = {path: _label(path, classes) for path in files}
    drawn = _draw([path for path in files if path.suffix.lower() == ".svg"], node, cache)
    examples = []
    for path in sorted(files, key=lambda path: (classes.index(labels[path]), path.name)):
        try:
            picture = drawn.get(path) or Image.open(path)
            picture.load()
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise BuildError(f"cannot read this picture: {error}", path) from error
        source = "drawing" if path in drawn else "photo"
        examples.append(ExamplePicture(path.stem, labels[path], source, picture, path))
    return examples


def _label(path: Path, classes: list[str]) -> str:
    """The class that a file is named after; of two that fit, the longer."""
    stem = path.stem.replace("_", " ").replace("-", " ")
    fitting = [name for name in classes if stem == name or stem.startswith(f"{name} ")]
    if not fitting:
        raise BuildError(f'named after no class; classes are {", ".join(classes)}{nearest(stem, classes)}', path)
    return max(fitting, key=len)


def _draw(files: list[Path], node: Node, cache: Path) -> dict[Path, Image.Image]:
    """Each SVG as a picture DRAWN pixels wide. Soft shadows take resvg a second, so what is drawn once is kept."""
    program = (node.assets / "package-lock.json").read_bytes()
    kept = {path: cache / f"{hashlib.sha256(program + path.read_bytes()).hexdigest()[:24]}-{DRAWN}.png" for path in files}
    missing = [path for path in files if not kept[path].exists()]
    if missing:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as out:
            node.run("tools/rasterise.mjs", str(DRAWN), out, *missing)
            for path in missing:
                os.replace(Path(out) / f"{path.stem}.png", kept[path])
    return {path: Image.open(kept[path]) for path in files}

"""The example pictures of a model: any format that Pillow reads, and SVG drawn by resvg."""

from __future__ import annotations

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


def read_examples(folder: Path, classes: list[str], node: Node) -> list[ExamplePicture]:
    """The pictures in `folder`, in the order of the classes. `koala.svg` and `koala_2.jpg` are both of class "koala".

    An SVG counts as a drawing, anything else as a photo. Raises BuildError for a file that cannot be read or matches no class.
    """
    if not folder.is_dir():
        raise BuildError("the folder of example pictures is missing", folder)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in FORMATS)
    labels = {path: _label(path, classes) for path in files}
    drawn = _draw([path for path in files if path.suffix.lower() == ".svg"], node)
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


def _draw(files: list[Path], node: Node) -> dict[Path, Image.Image]:
    if not files:
        return {}
    with tempfile.TemporaryDirectory() as out:
        node.run("tools/rasterise.mjs", str(DRAWN), out, *files)
        drawn = {}
        for path in files:
            drawn[path] = Image.open(Path(out) / f"{path.stem}.png")
            drawn[path].load()
    return drawn

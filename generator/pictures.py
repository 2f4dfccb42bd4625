"""The example pictures of a model: PNG, JPEG, WebP, and SVG drawn by resvg."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from errors import BuildError, nearest
from generator.node import Node

DRAWN = 512  # pixels: the width at which an SVG is drawn
NAME = re.compile(r"[A-Za-z0-9_-]+")
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

    An SVG counts as a drawing, anything else as a picture; drawings are kept in `cache` by their content. Raises BuildError for a file that cannot be read or matches no class.
    """
    if not folder.is_dir():
        raise BuildError("the folder of example pictures is missing", folder)
    files = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in FORMATS and not path.name.startswith(".")
    )
    for path in files:
        if not NAME.fullmatch(path.stem):
            raise BuildError("name a picture in letters, digits, - and _ alone", path)
        if [other.stem for other in files].count(path.stem) > 1:
            raise BuildError(f'two pictures are named "{path.stem}"; rename one', path)
    labels = {path: _label(path, classes) for path in files}
    drawn = _draw([path for path in files if path.suffix.lower() == ".svg"], node, cache)
    examples = []
    for path in sorted(files, key=lambda path: (classes.index(labels[path]), path.name)):
        try:
            picture = drawn.get(path) or Image.open(path)
            picture.load()
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise BuildError(f"cannot read this picture: {error}", path) from error
        source = "drawing" if path in drawn else "picture"
        examples.append(ExamplePicture(path.stem, labels[path], source, picture, path))
    return examples


def _label(path: Path, classes: list[str]) -> str:
    """The class that a file is named after; of two that fit, the longer."""
    stem = _words(path.stem)
    fitting = [name for name in classes if stem == _words(name) or stem.startswith(f"{_words(name)} ")]
    if not fitting:
        raise BuildError(f"named after no class; classes are {', '.join(classes)}{nearest(stem, classes)}", path)
    return max(fitting, key=len)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _draw(files: list[Path], node: Node, cache: Path) -> dict[Path, Image.Image]:
    """Each SVG as a picture DRAWN pixels wide. Soft shadows take resvg a second, so what is drawn once is kept."""
    program = (node.package / "package-lock.json").read_bytes()
    kept = {
        path: cache / f"{hashlib.sha256(program + path.read_bytes()).hexdigest()[:24]}-{DRAWN}.png" for path in files
    }
    missing = [path for path in files if not kept[path].exists()]
    if missing:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as out:
            for number, path in enumerate(missing):
                (Path(out) / f"{number}.svg").write_bytes(path.read_bytes())
            try:
                node.run(
                    "tools/rasterise.mjs",
                    str(DRAWN),
                    out,
                    *(Path(out) / f"{number}.svg" for number in range(len(missing))),
                )
            except BuildError as error:
                broken = next(
                    (path for number, path in enumerate(missing) if not (Path(out) / f"{number}.png").exists()),
                    missing[0],
                )
                raise BuildError(f"resvg cannot draw this SVG: {error.message}", broken) from error
            for number, path in enumerate(missing):
                (Path(out) / f"{number}.png").replace(kept[path])
    return {path: Image.open(kept[path]) for path in files}

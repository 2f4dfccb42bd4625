"""Photos for training and for examples: a folder with one folder of pictures a class, or tiny-imagenet-200, as folder or zip."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from errors import BuildError, nearest
from model.preprocess import open_picture, preprocess

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Photos:
    """`images` uint8 (N, C, H, W), `labels` int64 (N,) as indices of the classes, `names` the file names."""

    images: np.ndarray
    labels: np.ndarray
    names: list[str]

    def __getitem__(self, chosen: np.ndarray) -> Photos:
        return Photos(self.images[chosen], self.labels[chosen], [self.names[i] for i in np.flatnonzero(chosen)])

    def digest(self) -> str:
        """A hash of every pixel, label and name: the same data give the same digest."""
        sha = hashlib.sha256(self.images.tobytes() + self.labels.tobytes())
        sha.update("\n".join(self.names).encode())
        return sha.hexdigest()[:16]


def read_photos(source: Path, folders: list[str], size: int, channels: int,
                on_progress: Callable[[int, int], None] = lambda done, total: None) -> Photos:
    """All photos of the classes whose folders are named, preprocessed; other folders are not opened.

    Raises BuildError when the source, a class's folder or its pictures are missing or cannot be read.
    """
    files = [(path, label, read) for label, folder in enumerate(folders) for path, read in class_files(source, folder)]
    images = np.empty((len(files), channels, size, size), dtype=np.uint8)
    for i, (path, _, read) in enumerate(files):
        images[i] = preprocess(open_picture(read(), f"{source}/{path}"), size, channels)
        on_progress(i + 1, len(files))
    labels = np.array([label for _, label, _ in files], dtype=np.int64)
    return Photos(images, labels, [path.name for path, _, _ in files])


def held_out(photos: Photos) -> np.ndarray:
    """bool (N,): a fixed tenth of each class, never trained on."""
    chosen = np.zeros(len(photos.names), dtype=bool)
    for label in np.unique(photos.labels):
        members = np.flatnonzero(photos.labels == label)
        names = held_out_names([photos.names[i] for i in members])
        chosen[[i for i in members if photos.names[i] in names]] = True
    return chosen


def held_out_names(names: list[str]) -> set[str]:
    """Of one class's file names, the tenth (rounded up) with the lowest hashes."""
    return set(sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[: -(-len(names) // 10)])


def validation_files(source: Path, folders: list[str]) -> list[tuple[int, PurePosixPath, Callable[[], bytes]]]:
    """Photos of the validation folder of tiny-imagenet-200, with their labels; empty where there is none."""
    files = {path: read for path, read in _files(source) if "val" in path.parts[:-1]}
    listed = next((path for path in files if path.name == "val_annotations.txt"), None)
    if listed is None:
        return []
    found = []
    for line in files[listed]().decode("utf-8", "replace").splitlines():
        name, _, rest = line.partition("\t")
        folder = rest.partition("\t")[0]
        path = listed.parent / "images" / name
        if folder in folders and path in files:
            found.append((folders.index(folder), path, files[path]))
    return found


def class_files(source: Path, folder: str) -> list[tuple[PurePosixPath, Callable[[], bytes]]]:
    """The pictures of one class, by name; below `train/` alone where there is one."""
    found = [(path, read) for path, read in _files(source)
             if folder in path.parts[:-1] and path.suffix.lower() in PICTURES and not path.name.startswith(".")]
    training = [(path, read) for path, read in found if "train" in path.parts]
    found = sorted(training or found, key=lambda item: str(item[0]))
    if not found:
        present = {part for path, _ in _files(source) for part in path.parts[:-1]}
        raise BuildError(f'no pictures in a folder "{folder}"; expected one folder a class, '
                         f"or the layout of tiny-imagenet-200{nearest(folder, present)}", source)
    return found


def _files(source: Path) -> Iterator[tuple[PurePosixPath, Callable[[], bytes]]]:
    """Every file below a folder or inside a zip: its path there and a way to read it."""
    if source.is_dir():
        for path in source.rglob("*"):
            if path.is_file():
                yield PurePosixPath(path.relative_to(source).as_posix()), path.read_bytes
    elif source.is_file() and zipfile.is_zipfile(source):
        archive = _archive(source)
        for name in archive.namelist():
            if not name.endswith("/"):
                yield PurePosixPath(name), lambda name=name: _member(archive, name, source)
    else:
        raise BuildError("not a folder or a zip file; --data takes either", source)


def _member(archive: zipfile.ZipFile, name: str, source: Path) -> bytes:
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        raise BuildError(f"{name} in this zip file is damaged ({error}); get it again", source) from error


_archives: dict[Path, zipfile.ZipFile] = {}


def _archive(path: Path) -> zipfile.ZipFile:
    """One open archive a path, since its table of contents is slow to read."""
    if path not in _archives:
        try:
            _archives[path] = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise BuildError(f"not a whole zip file ({error}); get it again", path) from error
    return _archives[path]

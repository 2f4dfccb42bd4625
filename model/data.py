"""Photos for training, tests and examples: a folder with one folder of pictures a class, tiny-imagenet-200, or IDX
files; as folder or zip.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from errors import BuildError, nearest
from model.copies import near_copies
from model.idx import PARTS, is_idx, read_set
from model.preprocess import open_picture, preprocess
from model.report import Findings, broken_message

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".tif", ".tiff"}
NOTES = {"", ".txt", ".csv", ".json", ".md", ".xml"}  # what stands beside photos and is none
LARGEST_PHOTO, LARGEST_IDX = 64 * 1024**2, 1024**3  # bytes; more is a fault, or an attack


TRAINING, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True)
class Photos:
    """`images` uint8 (N, C, H, W), `labels` int64 (N,) as indices of the classes, `names` the file names.

    `parts` uint8 (N,) is TRAINING, VALIDATION (for model selection and calibration) or TEST (for evaluation only).
    `classes` are the names of the folders that the labels stand for.
    """

    images: np.ndarray
    labels: np.ndarray
    names: list[str]
    parts: np.ndarray
    classes: tuple[str, ...] = ()
    findings: Findings = field(default_factory=Findings, compare=False)

    def __getitem__(self, chosen: np.ndarray) -> Photos:
        return Photos(
            self.images[chosen],
            self.labels[chosen],
            [self.names[i] for i in np.flatnonzero(chosen)],
            self.parts[chosen],
            self.classes,
            self.findings,
        )

    def part(self, part: int) -> Photos:
        return self[self.parts == part]

    def digest(self) -> str:
        """A hash of every pixel, label, name and part: the same data give the same digest."""
        sha = hashlib.sha256(self.images.tobytes() + self.labels.tobytes() + self.parts.tobytes())
        sha.update("\n".join(self.names).encode())
        return sha.hexdigest()[:16]


@dataclass(frozen=True)
class Item:
    """One photo of a set, not opened yet. `place` is where it is, for messages."""

    label: int
    name: str
    part: int
    place: str
    read: Callable[[], Image.Image]


def read_photos(
    source: Path,
    folders: list[str],
    size: int,
    channels: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    skip_broken: bool = False,
) -> Photos:
    """All photos of the classes whose folders are named, preprocessed; other folders are not opened.

    Near-copies are for the same part. Raises BuildError when the source, a class's folder or its pictures are missing,
    and, unless `skip_broken`, with all photos that cannot be read.
    """
    items, findings = find_photos(source, folders), Findings(skipped=_other_files(source, folders))
    images = np.empty((len(items), channels, size, size), dtype=np.uint8)
    read = np.ones(len(items), dtype=bool)
    for i, item in enumerate(items):
        try:
            picture = item.read()
            images[i] = preprocess(picture, size, channels)
            findings.sizes.append(picture.size)
        except BuildError as error:
            findings.broken.append(item.place.removeprefix(f"{source}/"))
            read[i] = False
            if str(error.path) != item.place:  # not the photo's fault alone: the archive's, say
                raise
        on_progress(i + 1, len(items))
    if findings.broken and not skip_broken:
        raise BuildError(broken_message(findings.broken), source)
    labels = np.array([item.label for item in items], dtype=np.int64)[read]
    parts = np.array([item.part for item in items], dtype=np.uint8)[read]
    names = [item.name for item, is_read in zip(items, read, strict=True) if is_read]
    empty = [folder for label, folder in enumerate(folders) if label not in labels]
    if empty:
        raise BuildError(f'every photo of "{empty[0]}" is broken', source)
    if not any(is_idx(path) for path, _ in all_files(source)):
        is_official = bool(_validation_files(source, folders))
        _keep_together(near_copies(images[read], labels), parts, is_official, findings)
    return Photos(images[read], labels, names, parts, tuple(folders), findings)


def _keep_together(groups: list[list[int]], parts: np.ndarray, is_official: bool, findings: Findings) -> None:
    """Give near-copies one part: that of the first by name. A set's own test photos stay that."""
    for group in groups:
        findings.copies.append(len(group))
        free = [i for i in group if not (is_official and parts[i] == TEST)]
        findings.apart += 0 < len(free) < len(group)
        if free:
            parts[free] = parts[free[0]]


def find_photos(source: Path, folders: list[str]) -> list[Item]:
    """The photos of a set, by class and name, with the part that each has.

    A tenth of each class is for validation, and the set's official test photos (the validation folder of
    tiny-imagenet-200, whose test folder has no labels; t10k of an IDX set) are for the test; a set that has none gives
    another tenth. Tenths go by the hash of the file's name.
    """
    if any(is_idx(path) for path, _ in all_files(source)):
        return _idx_items(source, folders)
    official = [
        Item(label, path.name, TEST, f"{source}/{path}", _opener(source, path, read))
        for label, path, read in _validation_files(source, folders)
    ]
    items = []
    for label, folder in enumerate(folders):
        files = _class_files(source, folder)
        parts = part_of([path.name for path, _ in files], own_test=not official)
        items += [
            Item(label, path.name, part, f"{source}/{path}", _opener(source, path, read))
            for (path, read), part in zip(files, parts, strict=True)
        ]
    return items + official


def holds(source: Path, folders: list[str]) -> bool:
    """Whether this is a set of these classes at all: one of them at least has its folder there, or its number in an IDX
    set.
    """
    paths = [path for path, _ in all_files(source)]
    if any(is_idx(path) for path in paths):
        return all(folder.isdecimal() for folder in folders)
    present = {part for path in paths for part in path.parts[:-1]}
    return not present.isdisjoint(folders)


def part_of(names: list[str], own_test: bool) -> list[int]:
    """What each of one class's files is for: the tenth with the lowest hashes is VALIDATION, and with `own_test` the
    next tenth is TEST.
    """
    order = sorted(range(len(names)), key=lambda i: hashlib.sha256(names[i].encode()).digest())
    tenth = -(-len(names) // 10)
    parts = [TRAINING] * len(names)
    for i in order[:tenth]:
        parts[i] = VALIDATION
    for i in order[tenth : 2 * tenth] if own_test else []:
        parts[i] = TEST
    return parts


def _opener(source: Path, path: PurePosixPath, read: Callable[[], bytes]) -> Callable[[], Image.Image]:
    return lambda: open_picture(read(), f"{source}/{path}")


def _idx_items(source: Path, folders: list[str]) -> list[Item]:
    """The classes' "folders" are the numbers that an IDX set's labels are."""
    files = {path.name: read() for path, read in all_files(source) if is_idx(path)}
    items = []
    try:
        for part in PARTS:
            images, labels = read_set(files, part)
            for label, folder in enumerate(folders):
                members = np.flatnonzero(labels == int(folder)) if folder.isdecimal() else np.zeros(0, int)
                if not len(members):
                    raise BuildError(
                        f'no pictures of class "{folder}" in {part}; the classes\' folders are the numbers '
                        f"{labels.min()} to {labels.max()}"
                    )
                names = [f"{part}-{i:05d}" for i in members]
                parts = part_of(names, own_test=False) if part == "train" else [TEST] * len(names)
                items += [
                    Item(label, name, own, f"{source}/{name}", partial(Image.fromarray, images[i]))
                    for name, own, i in zip(names, parts, members, strict=True)
                ]
    except BuildError as error:
        raise BuildError(error.message, source) from error
    return items


def _validation_files(source: Path, folders: list[str]) -> list[tuple[int, PurePosixPath, Callable[[], bytes]]]:
    """Photos of the validation folder of tiny-imagenet-200, with their labels; empty where there is none."""
    files = {path: read for path, read in all_files(source) if "val" in path.parts[:-1]}
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


def _class_files(source: Path, folder: str) -> list[tuple[PurePosixPath, Callable[[], bytes]]]:
    """The pictures of one class, by name; below `train/` alone where there is one."""
    found = [
        (path, read)
        for path, read in all_files(source)
        if folder in path.parts[:-1] and path.suffix.lower() in PICTURES and not path.name.startswith(".")
    ]
    training = [(path, read) for path, read in found if "train" in path.parts]
    found = sorted(training or found, key=lambda item: str(item[0]))
    if not found:
        present = {part for path, _ in all_files(source) for part in path.parts[:-1]}
        if folder in present:
            kinds = sorted({path.suffix.lower() for path, _ in all_files(source) if folder in path.parts[:-1]})
            message = f'the folder "{folder}" holds no pictures that can be read, but files of {", ".join(kinds)}'
            raise BuildError(f"{message}; save its photos as JPEG, PNG, WebP or HEIC", source)
        raise BuildError(
            f'no pictures in a folder "{folder}"; expected one folder a class, '
            f"or the layout of tiny-imagenet-200{nearest(folder, present)}",
            source,
        )
    return found


def _other_files(source: Path, folders: list[str]) -> Counter[str]:
    """How many files in the classes' folders are no pictures, by suffix; texts beside photos do not count."""
    return Counter(
        path.suffix.lower()
        for path, _ in all_files(source)
        if not path.name.startswith(".")
        and path.suffix.lower() not in PICTURES | NOTES
        and not is_idx(path)
        and not {*path.parts[:-1]}.isdisjoint(folders)
    )


def all_files(source: Path) -> Iterator[tuple[PurePosixPath, Callable[[], bytes]]]:
    """Every file below a folder or inside a zip: its path there and a way to read it."""
    if source.is_dir():
        for path in source.rglob("*"):
            if path.is_file():
                yield PurePosixPath(path.relative_to(source).as_posix()), partial(_read_file, path)
    elif source.is_file() and zipfile.is_zipfile(source):
        archive = _archive(source)
        for name in archive.namelist():
            if not name.endswith("/"):
                yield PurePosixPath(name), partial(_member, archive, name, source)
    else:
        raise BuildError("not a folder or a zip file; --data takes either", source)


def _read_file(path: Path) -> bytes:
    _check_size(path.stat().st_size, path)
    return path.read_bytes()


def _member(archive: zipfile.ZipFile, name: str, source: Path) -> bytes:
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise BuildError("this zip file is encrypted; unpack it, and give the folder", source)
    _check_size(info.file_size, f"{source}/{name}")
    try:
        with archive.open(info) as file:
            return file.read(info.file_size)  # no more than was announced, and checked
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error, NotImplementedError) as error:
        raise BuildError(f"{name} in this zip file is damaged ({error}); download or copy it again", source) from error


def _check_size(size: int, place: Path | str) -> None:
    limit = LARGEST_IDX if is_idx(PurePosixPath(place)) else LARGEST_PHOTO
    if size > limit:
        raise BuildError(f"holds {size / 1024**2:,.0f} MB; at most {limit / 1024**2:,.0f} MB are read", place)


_archives: dict[Path, zipfile.ZipFile] = {}


def _archive(path: Path) -> zipfile.ZipFile:
    """One open archive a path, since its table of contents is slow to read."""
    if path not in _archives:
        try:
            _archives[path] = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise BuildError(f"incomplete zip file ({error}); download or copy it again", path) from error
    return _archives[path]

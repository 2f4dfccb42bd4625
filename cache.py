"""What is slow to make and follows from its inputs alone, kept in `.cache/` under a hash of those inputs."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

Input = str | bytes | Path
Inputs = Sequence[Input]
UNUSED = 30 * 24 * 3600  # seconds after which an entry that no build asked for is deleted


class Cache:
    """A folder of entries; each is a few named files. Entries that were read once stay in memory, for `serve`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._here: dict[Path, dict[str, bytes]] = {}

    def files(self, name: str, inputs: Inputs, make: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
        """The entry `name` for these inputs (of a path: the contents), made now if it is not there."""
        found = self.find(name, inputs)
        return found if found is not None else self._put(self._path(name, inputs), make())

    def file(self, name: str, inputs: Inputs, make: Callable[[], bytes]) -> bytes:
        """As `files`, for an entry that is one file."""
        return self.files(name, inputs, lambda: {name: make()})[name]

    def find(self, name: str, inputs: Inputs) -> dict[str, bytes] | None:
        """The entry, or None where it was never made (or is damaged)."""
        path = self._path(name, inputs)
        if path in self._here:
            return self._here[path]
        try:
            with zipfile.ZipFile(path) as entry:
                files = {file: entry.read(file) for file in entry.namelist()}
            os.utime(path)
        except (OSError, zipfile.BadZipFile):
            return None
        self._here[path] = files
        return files

    def _path(self, name: str, inputs: Inputs) -> Path:
        return self.folder / name / f"{digest(*inputs)}.zip"

    def _put(self, path: Path, files: dict[str, bytes]) -> dict[str, bytes]:
        self._here[path] = files
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as entry:
            for file, content in files.items():
                entry.writestr(file, content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # two builds at once do not meet
                (Path(folder) / path.name).write_bytes(buffer.getvalue())
                (Path(folder) / path.name).replace(path)
            for other in path.parent.glob("*.zip"):
                if other.stat().st_mtime < time.time() - UNUSED:
                    other.unlink()
        except OSError:
            pass  # a cache that cannot be written costs time, nothing else
        return files


def digest(*inputs: Input) -> str:
    """24 hexadecimal digits that change with any input; of a folder, with any file's name or content."""
    sha = hashlib.sha256()
    for each in inputs:
        if isinstance(each, Path) and each.is_dir():
            each = digest(*(part for file in sorted(each.rglob("*")) if _counts(file) for part in _named(file, each)))
        content = each.read_bytes() if isinstance(each, Path) else each.encode() if isinstance(each, str) else each
        sha.update(hashlib.sha256(content).digest())
    return sha.hexdigest()[:24]


def _counts(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts


def _named(file: Path, folder: Path) -> tuple[str, Path]:
    return file.relative_to(folder).as_posix(), file

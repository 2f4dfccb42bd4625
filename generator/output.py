"""The output folder: everything is written into a new folder beside it, and then the two are swapped."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from errors import BuildError

MARKER = ".strata"  # says that a folder is a site of ours, which a build may replace
PREFIX, LOCK = ".strata-", ".lock"  # of the folder that a build works in, and of the file that it holds meanwhile


def check_out(out: Path) -> None:
    """BuildError unless `out` is absent, empty, or a site that an earlier build wrote."""
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARKER).exists())):
        raise BuildError("exists and was not built by Strata; choose another folder with --out, or empty this one", out)


def write_site(files: dict[str, bytes], out: Path) -> None:
    """Write everything into a fresh folder beside `out`, then put it in its place.

    If the build is killed, `out` is the old site or the new one, where the system can swap two folders (Linux, macOS);
    elsewhere there is a short time between two renames.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear(out.parent)
        with _fresh_folder(out.parent) as fresh:
            for name, content in {
                **files,
                ".nojekyll": b"",
                MARKER: b"Written by build.py; a build may replace this folder.\n",
            }.items():
                path = fresh / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            fresh.chmod(0o755)
            if out.exists():
                _exchange(fresh, out)
            else:
                fresh.rename(out)
    except OSError as error:
        raise BuildError(f"cannot write the site: {error.strerror or error}", out) from error


@contextmanager
def _fresh_folder(parent: Path) -> Iterator[Path]:
    """A folder for as long as the block runs, locked by the file beside it: other builds see that it is in use."""
    fresh = parent / f"{PREFIX}{secrets.token_hex(4)}"
    path = fresh.with_suffix(LOCK)
    with FileLock(path):
        try:
            fresh.mkdir()
            yield fresh
        finally:
            shutil.rmtree(fresh, ignore_errors=True)  # by now the old site, or what could not be finished
            path.unlink(missing_ok=True)


def _exchange(a: Path, b: Path) -> None:
    """Let two folders change names in one step where the system can, else in two."""
    library: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    names = os.fsencode(a), os.fsencode(b)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        if library.renameat2(here, names[0], here, names[1], exchange) == 0:
            return
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        if library.renamex_np(*names, 2) == 0:  # RENAME_SWAP
            return
    aside = a.with_name(f"{a.name}-old")
    b.rename(aside)
    try:
        a.rename(b)
    except OSError:
        aside.rename(b)
        raise
    aside.rename(a)


def _clear(parent: Path) -> None:
    """Remove what killed builds left beside the site. Locks protect the folders of running builds."""
    for path in parent.glob(f"{PREFIX}*{LOCK}"):
        try:
            with FileLock(path, timeout=0):
                for folder in (path.with_suffix(""), path.with_suffix("").with_name(f"{path.stem}-old")):
                    shutil.rmtree(folder, ignore_errors=True)
                path.unlink(missing_ok=True)
        except Timeout:
            continue

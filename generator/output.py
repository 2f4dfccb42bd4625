"""The folder that holds the site: everything is written beside it first, then the two change places at once."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from pathlib import Path

from errors import BuildError

MARKER = ".strata"  # says that a folder is a site of ours, which a build may replace
PREFIX = ".strata-"  # of the folders that a build works in, followed by its process


def check_out(out: Path) -> None:
    """BuildError unless `out` is absent, empty, or a site that an earlier build wrote."""
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARKER).exists())):
        raise BuildError(
            "exists and is not a site of Strata's; choose another folder with --out, or empty this one", out
        )


def write_site(files: dict[str, bytes], out: Path) -> None:
    """Write everything into a fresh folder beside `out`, then put it in its place.

    Killed at any moment, `out` is the old site or the new one, where the system can exchange two folders (Linux, macOS);
    elsewhere there is a moment between two renames.
    """
    fresh = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear(out.parent)
        fresh = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=out.parent))
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
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)  # by now the old site, or what could not be finished


def _exchange(a: Path, b: Path) -> None:
    """Let two folders change names in one step where the system can, else in two."""
    library = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
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
    """Remove what killed builds have left beside the site."""
    for path in parent.glob(f"{PREFIX}*-*"):
        process = path.name.removeprefix(PREFIX).split("-")[0]
        if process.isdigit() and not _runs(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    if os.name != "posix":
        return True  # no way to ask without harm; the folder stays
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True

"""Downloads of data sets: verified, resumable and cached."""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from config import Data
from errors import BuildError

CHUNK = 1 << 18
TRIES = 5  # in a row without any data; a connection that brings data resets the count


def download(data: Data, folder: Path, on_progress: Callable[[int], None], pause: float = 1.0) -> Path:
    """The file that `data` describes, in `folder`, downloaded if missing. `on_progress` gets the bytes so far.

    What came before a break stays beside it as `.part` and is gone on from, now or the next time. Raises BuildError
    when the server does not answer, or has another file than the one described (size or MD5).
    """
    target = folder / f"{data.md5[:8]}-{data.url.rsplit('/', 1)[-1]}"
    if target.exists():  # it was verified after the download
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    failures = 0
    while (here := part.stat().st_size if part.exists() else 0) < data.bytes:
        on_progress(here)
        try:
            _continue(data, part, here, on_progress)
        except urllib.error.HTTPError as error:
            raise BuildError(
                f"the server answers {error.code} {error.reason}; download the file yourself and give it with --data",
                data.url,
            ) from error
        except (OSError, HTTPException) as error:
            if (
                isinstance(error, OSError)
                and error.errno is not None
                and not isinstance(error, (ConnectionError, TimeoutError, urllib.error.URLError))
            ):
                raise BuildError(f"cannot keep the download: {error.strerror}", part) from error
            reason = getattr(error, "reason", None) or error
        else:
            reason = "it ends early"
        grown = part.exists() and part.stat().st_size > here
        failures = 0 if grown else failures + 1
        if failures >= TRIES:
            raise BuildError(
                f"the connection broke off {TRIES} times ({reason}); the same command resumes the download",
                data.url,
            )
        if part.exists() and part.stat().st_size < data.bytes:
            time.sleep(pause)
    if part.stat().st_size > data.bytes or _md5(part) != data.md5:
        part.unlink()
        raise BuildError(
            "what the server sent is not the file described in strata.toml (its MD5 differs); try again, or download "
            "it yourself and give it with --data",
            data.url,
        )
    part.replace(target)
    return target


def _continue(data: Data, part: Path, here: int, on_progress: Callable[[int], None]) -> None:
    """Append to `part` from byte `here` on, or from the start if the server does not support ranges."""
    request = urllib.request.Request(data.url, headers={"Range": f"bytes={here}-"} if here else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        if answer.status != 206:
            here = 0
        length = answer.headers.get("Content-Length")
        if length is not None and here + int(length) != data.bytes:
            raise BuildError(f"the server has another file: {here + int(length):,} bytes, not {data.bytes:,}", data.url)
        with part.open("ab" if here else "wb") as file:
            while chunk := answer.read(CHUNK):
                here += len(chunk)
                if here > data.bytes:
                    raise BuildError(
                        f"the server sends more than the {data.bytes:,} bytes of the file described in strata.toml",
                        data.url,
                    )
                file.write(chunk)
                on_progress(here)


def _md5(path: Path) -> str:
    """MD5, as published with the data set: it detects damage, not tampering."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()

"""The one error that a wrong input raises, wherever it is noticed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class BuildError(Exception):
    """Something that the person who runs the build can mend: where it is and what to do.

    `build.py` catches it once and prints `place: message` on one line.
    """

    def __init__(self, message: str, path: Path | str | None = None, line: int | None = None):
        self.message, self.path, self.line = message, path, line
        super().__init__(message)

    def __str__(self) -> str:
        if self.path is None:
            return self.message
        place = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "koala"?` when a known word is close to `word`, else an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark; BuildError for another encoding."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BuildError("this file is not UTF-8 text; save it as UTF-8", path) from error

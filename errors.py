"""BuildError, which any invalid input raises, and helpers for its messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class BuildError(Exception):
    """An error in the input: where it is and how to fix it.

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


class Faults(list[BuildError]):
    """The faults that were found, in their order.

    A part that has one is left out, and the build goes on to the next.
    """

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the fault of this part instead of raising it."""
        try:
            yield
        except BuildError as error:
            if str(error) not in map(str, self):  # two parts may stumble over the same
                self.append(error)

    def raise_first(self) -> None:
        """Raise the first fault, if there is one, and say how many more there are."""
        if self:
            first, more = self[0], len(self) - 1
            rest = f" ({more} more; list them: python build.py check)" if more else ""
            raise BuildError(f"{first.message}{rest}", first.path, first.line) from first


class _RaiseAtOnce(Faults):
    @contextmanager
    def collect(self) -> Iterator[None]:
        yield


RAISE = _RaiseAtOnce()  # for callers that want the first fault as an error


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

"""Output of the commands: the console, progress bars, and readable paths."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

console = Console(highlight=False, markup=False, emoji=False)


def say(line: str) -> None:
    """Print a line as it is, however wide the terminal is."""
    console.print(line, soft_wrap=True)


def counting() -> Progress:
    """A progress bar for a count, followed by the field `state`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"))
    return Progress(*columns, console=console)


def downloading() -> Progress:
    """A progress bar for bytes."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def duration(seconds: float) -> str:
    """3:07, or 2:03:07."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"


def near(path: Path) -> Path:
    """The path relative to the working directory, if it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

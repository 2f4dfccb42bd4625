"""The command line: sub-commands, and their options as one object."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Options:
    """The options of a command; those that the command does not have keep their defaults. Paths are absolute."""

    command: str = "build"
    root: Path = ROOT
    out: Path = ROOT / "site"
    models: list[str] = field(default_factory=list)  # empty: all of them
    data: Path | None = None
    download: bool = False
    others: Path | None = None
    skip_broken: bool = False
    port: int = 8000


def parse(arguments: list[str] | None = None) -> Options:
    """Parse the command line; the default command is `build`. Exits with status 2 for invalid arguments."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["build", *arguments]
    return Options(**vars(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="build.py",
        description="Turn networks, pictures and lessons into a website.",
        epilog="Without a command: build. Each command has a help of its own: python build.py train --help",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    build = _command(commands, "build", "build the site into a folder", "--out ../website")
    build.add_argument(
        "--out", type=_path, default=ROOT / "site", metavar="DIR", help="where the site goes (default: site/)"
    )
    _add_data(build, "photos for the examples, and to train networks that have no weights yet")

    serve = _command(commands, "serve", "build, serve the site here, and rebuild what changes", "--port 8080")
    serve.add_argument("--port", type=int, default=8000, metavar="PORT", help="where to serve (default: 8000)")
    _add_data(serve, "photos for the examples")

    check = _command(commands, "check", "list all faults, and write nothing", "")
    _add_data(check, "photos for the examples")

    example = "tinyvgg --data path/to/tiny-imagenet-200.zip"
    train = _command(commands, "train", "train networks, and write their weights and model cards", example)
    _add_models(train)

    evaluate = _command(commands, "evaluate", "measure trained networks, and write their model cards", example)
    _add_models(evaluate)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  python build.py {name} {example}".rstrip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--root", type=_path, default=ROOT, help=argparse.SUPPRESS)
    return command


def _add_data(command: argparse.ArgumentParser, what: str) -> None:
    photos = "one folder a class, tiny-imagenet-200, or IDX files; a folder or a zip file"
    command.add_argument("--data", type=_path, metavar="PATH", help=f"{what}: {photos}")
    command.add_argument("--download", action="store_true", help="get the photos that strata.toml names from the web")


def _add_models(command: argparse.ArgumentParser) -> None:
    models = "a model of strata.toml (default: all of which the data has the photos)"
    command.add_argument("models", nargs="*", metavar="MODEL", help=models)
    _add_data(command, "the photos")
    others = "photos of none of the classes, twenty or more, for the model card; a folder or a zip file"
    command.add_argument("--skip-broken", action="store_true", help="leave out photos that cannot be read")
    command.add_argument("--others", type=_path, metavar="PATH", help=others)


def _path(text: str) -> Path:
    return Path(text).resolve()

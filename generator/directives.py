"""The directives of a lesson, found and checked line by line: `/// tag | id`, options, a caption, `///`."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

import yaml
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.util import ClassNotFound

from errors import RAISE, BuildError, Faults, nearest
from generator.figures import FigureKind, Manifests, OptionError, check_options
from generator.lessons import Lesson
from generator.source import FENCE

OPENING = re.compile(r"^/{3,}[ \t]*(\S.*)$")
CLOSING = re.compile(r"^/{3,}\s*$")
ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
OPTION = re.compile(r"(\w+)[ \t]*:(?:[ \t]|$)")


@dataclass
class Figure:
    """A directive of a lesson: a kind of figure with its id, its options as attributes, and its line."""

    kind: FigureKind
    id: str
    attributes: dict[str, str]
    line: int


def find_figures(
    lesson: Lesson, kinds: dict[str, FigureKind], models: Manifests, faults: Faults = RAISE
) -> tuple[list[Figure], str]:
    """The directives of a lesson, and its body with their options four spaces in, as pymdownx.blocks reads them.

    pymdownx leaves a directive that it does not know in the text without a word; here that is a fault with its line,
    and the directive becomes empty lines.
    """
    figures: list[Figure] = []
    lines = lesson.body.splitlines()
    fence, opened, fenced, is_left_out = "", 0, 0, False
    for number, line in enumerate(lines):
        place = lesson.line + number
        mark = FENCE.match(line)
        if mark and not opened:
            if not fence and mark[2]:
                with faults.collect():
                    _check_code_language(mark[2], lesson, place)
            fence, fenced = ("", 0) if fence and mark[1].startswith(fence) else (fence or mark[1], fenced or place)
        if fence:
            continue
        if CLOSING.match(line):
            if not opened:
                raise BuildError(
                    "unexpected ///; the directive above is already closed or was never opened", lesson.path, place
                )
            if is_left_out:
                lines[number] = ""
            opened = 0
        elif match := OPENING.match(line):
            if opened:
                raise BuildError(
                    f"the directive of line {opened} is not closed; end it with a line of ///", lesson.path, place
                )
            opened, is_left_out = place, True
            with faults.collect():
                figure, options = _figure(lesson, match[1], lines[number + 1 :], place, kinds, models)
                lines[number + 1 : number + 1 + len(options)] = options
                first = next((other for other in figures if other.id == figure.id), None)
                if first:
                    message = f'the id "{figure.id}" is used twice in this lesson; line {first.line} has it first'
                    raise BuildError(message, lesson.path, place)
                figures.append(figure)
                is_left_out = False
            if is_left_out:
                lines[number] = ""
    if fenced:
        raise BuildError(f"this code block is not closed; end it with a line of {fence}", lesson.path, fenced)
    if opened:
        raise BuildError("this directive is not closed; end it with a line of ///", lesson.path, opened)
    return figures, "\n".join(lines)


def _figure(
    lesson: Lesson, header: str, following: list[str], line: int, kinds: dict[str, FigureKind], models: Manifests
) -> tuple[Figure, list[str]]:
    """The directive that begins at `line`, and the lines of its options, four spaces in."""
    tag, _, argument = (part.strip() for part in header.partition("|"))
    if tag not in kinds:
        raise BuildError(
            f'unknown figure "{tag}"; figures are {", ".join(kinds)}{nearest(tag, kinds)}', lesson.path, line
        )
    if not ID.fullmatch(argument):
        message = f'{tag} needs an id of lower-case letters, digits and hyphens: "/// {tag} | some-id"'
        raise BuildError(message, lesson.path, line)
    block = _option_lines(lesson, following, line + 1, kinds[tag])
    try:
        options = yaml.safe_load("\n".join(block)) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = f"options are not valid YAML: {getattr(error, 'problem', error)}"
        raise BuildError(message, lesson.path, line + 1 + (mark.line if mark else 0)) from error
    if not isinstance(options, dict):
        raise BuildError('options are indented lines of "name: value"', lesson.path, line + 1)
    try:
        attributes = check_options(kinds[tag], options, models)
    except OptionError as error:
        raise BuildError(error.message, lesson.path, _line_of(error.option, block, line)) from error
    return Figure(kinds[tag], argument, attributes, line), [f"    {text}" for text in block]


def _option_lines(lesson: Lesson, following: list[str], first: int, kind: FigureKind) -> list[str]:
    """The options below a directive's first line, without their indentation: tabs, or any number of spaces."""
    block: list[str] = []
    for number, text in enumerate(following, first):
        if not text.strip():
            break
        if not text[0].isspace():
            name = OPTION.match(text)
            if name and name[1] in kind.options:
                raise BuildError(f'indent the option "{name[1]}" by four spaces', lesson.path, number)
            break
        block.append(text.expandtabs(4))
    indents = {len(text) - len(text.lstrip()) for text in block if OPTION.match(text.lstrip())}
    if len(indents) > 1:
        at = next(i for i, text in enumerate(block) if len(text) - len(text.lstrip()) != min(indents))
        raise BuildError("indent all options of a directive alike", lesson.path, first + at)
    return textwrap.dedent("\n".join(block)).split("\n") if block else []


def _line_of(option: str, block: list[str], line: int) -> int:
    """The line of an option, or of its directive where it is missing."""
    return next((line + 1 + i for i, text in enumerate(block) if option and text.startswith(f"{option}:")), line)


def _check_code_language(name: str, lesson: Lesson, line: int) -> None:
    """BuildError for a language that Pygments does not know; it would silently show the code without colours."""
    try:
        get_lexer_by_name(name)
    except ClassNotFound:
        known = [alias for _, aliases, _, _ in get_all_lexers() for alias in aliases]
        raise BuildError(
            f'unknown language "{name}" of a code block; use "text" for none{nearest(name, known)}',
            lesson.path,
            line,
        ) from None

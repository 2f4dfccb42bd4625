"""Lessons and labels: content/<language>/*.md with front matter, and ui.toml."""

from __future__ import annotations

import datetime
import hashlib
import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from config import Language, Site
from errors import RAISE, BuildError, Faults, nearest, read_text

FIELDS = {"title": str, "summary": str, "author": str, "date": datetime.date, "tags": list, "original": str}
_KINDS = {str: "text; put it in quotes", datetime.date: "a date: 2026-11-21", list: "a list: [one, two]"}
REQUIRED = ("title", "summary")


@dataclass(frozen=True)
class Lesson:
    """One page's source. `line` is where the body starts in its file, for error messages."""

    slug: str
    language: Language
    path: Path
    body: str
    line: int
    front: dict[str, Any] = field(default_factory=dict)
    digest: str = ""  # of the whole file
    outdated: bool = False  # a translation whose original was changed since

    @property
    def title(self) -> str:
        return self.front["title"]

    @property
    def byline(self) -> list[str]:
        """Author, date and tags."""
        return [str(self.front[name]) for name in ("author", "date") if name in self.front] + [
            str(tag) for tag in self.front.get("tags", [])
        ]


def read_lessons(site: Site, faults: Faults = RAISE) -> dict[tuple[str, str], Lesson]:
    """Every lesson that strata.toml names, by (language code, slug). The default language must have them all."""
    lessons: dict[tuple[str, str], Lesson] = {}
    for language in site.languages:
        for slug in site.lessons:
            with faults.collect():
                lesson = _read_or_none(site, slug, language, faults)
                if lesson:
                    original = lessons.get((site.default_language.code, slug), lesson)
                    is_outdated = lesson.front.get("original", original.digest) != original.digest
                    lessons[language.code, slug] = replace(lesson, outdated=is_outdated)
    return lessons


def _read_or_none(site: Site, slug: str, language: Language, faults: Faults) -> Lesson | None:
    """A lesson; None where a language other than the default one has no such file."""
    path = site.root / "content" / language.code / f"{slug}.md"
    is_default = language is site.default_language
    if not path.exists():
        if not is_default:
            return None
        present = [p.stem for p in path.parent.glob("*.md")]
        raise BuildError(f'strata.toml names the lesson "{slug}"; this file is missing{nearest(slug, present)}', path)
    lesson = read_lesson(path, slug, language, faults)
    if is_default and "original" in lesson.front:
        raise BuildError('"original" is only for translations', path, _line_of(read_text(path), "original"))
    return lesson


def left_out(site: Site) -> list[str]:
    """One line for each lesson and each language folder in content/ that strata.toml does not list."""
    lines = []
    languages = [language.code for language in site.languages]
    folders = sorted(path for path in (site.root / "content").glob("*") if path.is_dir())
    for folder in folders:
        lessons = sorted(path.stem for path in folder.glob("*.md"))
        if folder.name in languages:
            awaited = [slug for slug in site.lessons if slug not in lessons]
            lines += [
                f"content/{folder.name}/{slug}.md is left out: it is none of the lessons of "
                f"strata.toml{nearest(slug, awaited)}"
                for slug in lessons
                if slug not in site.lessons
            ]
        elif lessons or (folder / "ui.toml").exists():  # otherwise it may hold pictures
            awaited = [code for code in languages if code not in [path.name for path in folders]]
            lines.append(
                f"content/{folder.name} is left out: it is none of the languages of "
                f"strata.toml{nearest(folder.name, awaited)}"
            )
    return lines


def read_lesson(path: Path, slug: str, language: Language, faults: Faults = RAISE) -> Lesson:
    """Split front matter and body, and check the front matter."""
    text = read_text(path)
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if not match:
        raise BuildError("a lesson starts with front matter between two lines of ---", path, 1)
    try:
        front = yaml.safe_load(match[1]) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        unquoted = re.match(r"(\w+):\s+([^\"'\[{].*:.*)$", text.splitlines()[line - 1])
        if unquoted:
            message = f'"{unquoted[1]}" contains a colon; put it in quotes: {unquoted[1]}: "{unquoted[2]}"'
        else:
            message = f"front matter is not valid YAML: {getattr(error, 'problem', error)}"
        raise BuildError(message, path, line) from error
    if not isinstance(front, dict):
        raise BuildError('front matter is lines of "name: value"', path, 2)
    for name, value in front.items():
        with faults.collect():
            if name not in FIELDS:
                fields = f"{', '.join(FIELDS)}{nearest(str(name), FIELDS)}"
                raise BuildError(f'unknown field "{name}"; fields are {fields}', path, _line_of(text, name))
            if not isinstance(value, FIELDS[name]):
                raise BuildError(f'"{name}" must be {_KINDS[FIELDS[name]]}', path, _line_of(text, name))
    for name in REQUIRED:
        with faults.collect():
            if name not in front:
                raise BuildError(f'"{name}" is missing in the front matter', path, 1)
    return Lesson(
        slug,
        language,
        path,
        text[match.end() :],
        text[: match.end()].count("\n") + 1,
        front,
        hashlib.sha256(text.encode()).hexdigest()[:12],
    )


def read_labels(site: Site, faults: Faults = RAISE) -> dict[str, dict[str, str]]:
    """Every label of ui.toml by language; all languages must have the same ones, with the same {values}."""
    labels: dict[str, dict[str, Any]] = {}
    for language in site.languages:
        path = _labels_path(site, language)
        labels[language.code] = {}
        with faults.collect():
            try:
                labels[language.code] = tomllib.loads(read_text(path))
            except FileNotFoundError:
                raise BuildError("missing; it contains all labels of the language", path) from None
            except tomllib.TOMLDecodeError as error:
                raise BuildError(f"not valid TOML: {error}", path) from error
    first = labels[site.default_language.code]
    for language in site.languages:
        if own := labels[language.code]:  # a file that cannot be read has one fault, not one for each label
            _check_labels(first or own, own, _labels_path(site, language), faults)
        labels[language.code] = first | own
    return labels


def untranslated(site: Site, labels: dict[str, dict[str, str]]) -> list[str]:
    """A line for each language with labels that read as in the first one: copied, perhaps, and not translated yet."""
    first, lines = labels[site.default_language.code], []
    for language in site.languages[1:]:
        own = labels[language.code]
        same = [key for key, label in own.items() if label == first[key] and re.search(r"[^\W\d_]", _plain(label))]
        if same:
            names = ", ".join(same[:8]) + (f" and {len(same) - 8} more" if len(same) > 8 else "")
            path = _labels_path(site, language).relative_to(site.root).as_posix()
            lines.append(f"{path}: the same in {site.default_language.name} (not translated yet?): {names}")
    return lines


def _plain(label: str) -> str:
    return re.sub(r"\{\w+\}", "", label)


def _labels_path(site: Site, language: Language) -> Path:
    return site.root / "content" / language.code / "ui.toml"


def _check_labels(first: dict[str, Any], own: dict[str, Any], path: Path, faults: Faults) -> None:
    """Compare a language's labels with those of the first language."""
    for key in sorted(first.keys() ^ own.keys()):
        with faults.collect():
            other = "unknown" if key in own else "missing"
            known = first.keys() if key in own else own.keys()
            raise BuildError(f'the label "{key}" is {other}{nearest(key, known)}', path)
    for key, label in own.items():
        with faults.collect():
            if not isinstance(label, str):
                raise BuildError(f'the label "{key}" must be a string', path)
            unknown = sorted(set(_values(label)) - set(_values(str(first.get(key, label)))))
            if unknown:
                raise BuildError(f'the label "{key}" uses {{{unknown[0]}}}, which the page does not give it', path)


def _values(label: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", label)


def _line_of(text: str, name: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(f"{name}:"):
            return number
    return 1

"""The site's configuration: read and check strata.toml. `model/` and `generator/` both use the result."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from errors import RAISE, BuildError, Faults, nearest, read_text

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
RESERVED = {"embed", "models", "scripts", "styles", "pictures"}  # folders of the site
NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


@dataclass(frozen=True)
class Language:
    """`code` is its folder in content/ and in the site; `tag` is what `<html lang>` says."""

    code: str
    name: str
    tag: str
    dir: str = "ltr"


@dataclass(frozen=True)
class ClassName:
    """One output of a network: its name, the folder that holds its photos, and what readers see in each language."""

    name: str
    folder: str
    labels: dict[str, str]


@dataclass(frozen=True)
class Data:
    """A model's data set: its title and, if it can be downloaded as one file, that file's address, size and hash."""

    title: str
    url: str = ""
    bytes: int = 0
    md5: str = ""


@dataclass(frozen=True)
class Model:
    """One network of the site, its weights, classes and example pictures."""

    name: str
    title: str
    network: dict[str, Any]
    weights: Path
    classes: list[ClassName]
    examples: Path
    recipe: dict[str, Any] = field(default_factory=dict)
    data: Data | None = None


@dataclass(frozen=True)
class Site:
    """All of strata.toml. Paths are absolute."""

    root: Path
    title: str
    site_url: str  # without a trailing slash; empty if not known
    feedback: str
    languages: list[Language]
    lessons: list[str]
    models: dict[str, Model]
    faulty: list[str] = field(
        default_factory=list
    )  # models that strata.toml describes wrongly, and are not in `models`

    @property
    def default_language(self) -> Language:
        return self.languages[0]


def read_site(root: Path, faults: Faults = RAISE) -> Site:
    """The site described by `root`/strata.toml; its faults name the place, and the nearest known word.

    BuildError where the file cannot be read, or lacks what every site has.
    """
    path = root / "strata.toml"
    try:
        table = tomllib.loads(read_text(path))
    except FileNotFoundError:
        raise BuildError("missing; every site has one in its root folder", path) from None
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"not valid TOML: {error}", path) from error
    required: dict[str, type] = {"title": str, "languages": dict, "lessons": list, "models": dict}
    _check(table, path, "strata.toml", required, {"site_url": str, "feedback": str}, faults)
    languages = []
    for code, entry in table["languages"].items():
        with faults.collect():
            languages.append(_language(code, entry, path, faults))
    if not table["languages"]:
        raise BuildError("name at least one language in [languages]", path)
    if not languages:
        raise faults.pop()  # nothing can be read without one
    lessons: list[str] = []
    for slug in table["lessons"]:
        with faults.collect():
            lessons.append(_slug(slug, lessons, table["languages"], path))
    if "index" not in lessons:
        raise BuildError('lessons must name "index", the home page', path)
    models = {}
    for name, entry in table["models"].items():
        with faults.collect():
            model = _model(root, path, name, entry, languages, faults)
            if model:
                models[name] = model
    for field_name in ("site_url", "feedback"):
        with faults.collect():
            if not re.fullmatch(r"(https?://[^\s\"<>]+)?", table.get(field_name, "")):
                raise BuildError(f'"{field_name}" must be an address that begins with https://', path)
    return Site(
        root,
        table["title"],
        table.get("site_url", "").rstrip("/") or _pages_url(),
        table.get("feedback", ""),
        languages,
        lessons,
        models,
        [name for name in table["models"] if name not in models],
    )


def _slug(slug: Any, before: list[str], languages: dict[str, Any], path: Path) -> str:
    if not isinstance(slug, str) or not SLUG.fullmatch(slug):
        raise BuildError(f'lesson "{slug}" must consist of lower-case letters, digits and hyphens', path)
    if slug in languages or slug in RESERVED or slug in before:
        raise BuildError(f'lesson "{slug}" needs another name; this one is already used', path)
    return slug


def _pages_url() -> str:
    """The repository's address on GitHub Pages if this runs in GitHub Actions; otherwise empty."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return ""
    owner, _, name = os.environ.get("GITHUB_REPOSITORY", "").partition("/")
    if not name:
        return ""
    host = f"{owner.lower()}.github.io"
    return f"https://{host}" if name.lower() == host else f"https://{host}/{name}"


def _language(code: str, entry: dict[str, Any], path: Path, faults: Faults) -> Language:
    _check(entry, path, f"[languages.{code}]", {"name": str, "tag": str}, {"dir": str}, faults)
    if not TAG.fullmatch(entry["tag"]) or not SLUG.fullmatch(code):
        raise BuildError(
            f'[languages.{code}]: a tag is like "en", "zh-Hans" or "pt-BR", and the code is in lower-case letters', path
        )
    if entry.get("dir", "ltr") not in ("ltr", "rtl"):
        raise BuildError(f'[languages.{code}]: dir is "ltr" or "rtl"', path)
    return Language(code, entry["name"], entry["tag"], entry.get("dir", "ltr"))


def _model(
    root: Path, path: Path, name: str, entry: dict[str, Any], languages: list[Language], faults: Faults
) -> Model | None:
    """A model; None where one of its classes cannot be read, which is a fault already."""
    where = f"[models.{name}]"
    if not NAME.fullmatch(name):
        raise BuildError(f"{where} must have a name of lower-case letters, digits, - and _", path)
    _check(
        entry,
        path,
        where,
        {"title": str, "network": dict, "weights": str, "classes": list, "examples": str},
        {"recipe": dict, "data": dict},
        faults,
    )
    if "data" in entry:
        optional = {"url": str, "bytes": int, "md5": str}
        _check(entry["data"], path, f"data of {where}", {"title": str}, optional, faults)
        if 1 < len(entry["data"]) < 4:
            raise BuildError(f"data of {where} needs url, bytes and md5 together", path)
    classes: list[ClassName] = []
    for number, item in enumerate(entry["classes"], 1):
        with faults.collect():
            classes.append(_class(number, item, where, path, languages, faults))
    if len(classes) < len(entry["classes"]):
        return None
    _check_classes(classes, where, path)
    return Model(
        name,
        entry["title"],
        entry["network"],
        root / entry["weights"],
        classes,
        root / entry["examples"],
        entry.get("recipe", {}),
        Data(**entry["data"]) if "data" in entry else None,
    )


def _class(number: int, item: Any, where: str, path: Path, languages: list[Language], faults: Faults) -> ClassName:
    if isinstance(item, str):
        raise BuildError(f'class {number} of {where} must be a table: {{ name = "{item}" }}', path)
    _check(item, path, f"class {number} of {where}", {"name": str}, {"folder": str, "labels": dict}, faults)
    labels = {languages[0].code: item["name"], **item.get("labels", {})}
    if not all(isinstance(label, str) for label in labels.values()):
        raise BuildError(f'labels of class "{item["name"]}" of {where} must be strings', path)
    missing = [language.code for language in languages if language.code not in labels]
    with faults.collect():
        if missing:
            add = f'add labels = {{ {missing[0]} = "…" }} to it, or take the language out of [languages]'
            raise BuildError(f'class "{item["name"]}" of {where} has no label in "{missing[0]}"; {add}', path)
    labels |= dict.fromkeys(missing, item["name"])
    return ClassName(item["name"], item.get("folder", item["name"]), labels)


def _check_classes(classes: list[ClassName], where: str, path: Path) -> None:
    if len({c.name for c in classes}) != len(classes) or len(classes) < 2:
        raise BuildError(f"{where} needs at least two classes, each with a name of its own", path)
    folders = [c.folder for c in classes]
    if twice := [folder for folder in folders if folders.count(folder) > 1]:
        raise BuildError(f'two classes of {where} have the same folder "{twice[0]}"', path)


def _check(
    table: Any, path: Path, where: str, required: dict[str, type], optional: dict[str, type], faults: Faults
) -> None:
    """Every required field there, no unknown one, and each of its type. An unknown one does not hinder the rest."""
    if not isinstance(table, dict):
        raise BuildError(f"{where} must be a table", path)
    known = {**required, **optional}
    missing = [key for key in required if key not in table]
    for key, value in table.items():
        if key not in known:
            fields = f"{', '.join(known)}{nearest(key, known)}"
            fault = BuildError(f'unknown field "{key}" in {where}; fields are {fields}', path)
            if missing:
                raise fault  # it may well be the missing one, misspelt
            with faults.collect():
                raise fault
        elif not isinstance(value, known[key]):
            raise BuildError(f'"{key}" in {where} must be a {_TYPES[known[key]]}', path)
    if missing:
        raise BuildError(f'"{missing[0]}" is missing in {where}', path)


_TYPES = {str: "string", list: "list", dict: "table", int: "whole number"}

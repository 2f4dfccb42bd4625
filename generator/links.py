"""The links of lessons: checked, and the pictures that lessons show."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from config import Site
from errors import BuildError, Faults, nearest
from generator.directives import Figure
from generator.figures import check_state
from generator.lessons import Lesson
from generator.markdown import Link, Rendered


def content_files(
    site: Site,
    rendered: dict[tuple[str, str], tuple[Lesson, Rendered]],
    manifests: dict[str, dict[str, Any]],
    faults: Faults,
) -> dict[str, bytes]:
    """Check every link of the lessons, and return the pictures that they show, by their path in the site."""
    files = {}
    for (code, _), (lesson, body) in rendered.items():
        for link in body.links:
            with faults.collect():
                if link.picture:
                    path = _find_picture(site, lesson, link)
                    files[picture_path(site, path)] = path.read_bytes()
                else:
                    _check_link(site, rendered, manifests, lesson, code, link)
    return files


def _find_picture(site: Site, lesson: Lesson, link: Link) -> Path:
    name = link.target.partition("#")[0]
    path = (lesson.path.parent / name).resolve()
    if not path.is_file() or not path.is_relative_to(site.root / "content"):
        message = f'there is no picture "{name}" in content/, relative to this lesson'
        raise BuildError(message, lesson.path, link.line)
    return path


def _check_link(
    site: Site,
    rendered: dict[tuple[str, str], tuple[Lesson, Rendered]],
    manifests: dict[str, dict[str, Any]],
    lesson: Lesson,
    code: str,
    link: Link,
) -> None:
    """BuildError for a link to a lesson, an anchor or a figure's state that is not there."""
    name, _, anchor = link.target.partition("#")
    slug = name.removesuffix(".md") if name else lesson.slug
    if slug not in site.lessons or (name and not name.endswith(".md")):
        known = [f"{slug}.md" for slug in site.lessons]
        message = f'"{name}" is not a lesson; lessons are {", ".join(known)}{nearest(name, known)}'
        raise BuildError(message, lesson.path, link.line)
    found = rendered.get((code, slug)) or rendered.get((site.default_language.code, slug))
    if found is None or found[1].is_faulty:
        return  # what it holds is not known
    target = found[1]
    anchors = [id for _, id, _ in target.headings] + [figure.id for figure in target.figures]
    if anchor and anchor not in anchors:
        has = f"it has {', '.join(anchors) or 'none'}{nearest(anchor, anchors)}"
        raise BuildError(f'"{slug}.md" has no anchor "{anchor}"; {has}', lesson.path, link.line)
    if link.state:
        try:
            _check_state(link.state, target.figures, manifests)
        except BuildError as error:
            raise BuildError(str(error), lesson.path, link.line) from None


def _check_state(state: str, figures: list[Figure], manifests: dict[str, dict[str, Any]]) -> None:
    """BuildError if a link into a figure, `figure=ID&layer=…`, names an unknown figure or value."""
    values = dict(parse_qsl(state, keep_blank_values=True))
    name = values.pop("figure", "")
    figure = next((figure for figure in figures if figure.id == name), None)
    if figure is None:
        known = [figure.id for figure in figures]
        raise BuildError(f'unknown figure "{name}"; figures are {", ".join(known)}{nearest(name, known)}')
    check_state(figure.kind, figure.attributes, values, manifests)


def picture_path(site: Site, path: Path) -> str:
    """Where a picture of content/ is in the site."""
    return f"pictures/{path.relative_to(site.root / 'content').as_posix()}"

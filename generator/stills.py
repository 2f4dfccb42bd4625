"""Still pictures of the figures, drawn by the page's own code in Node: for pages without JavaScript, and for social cards."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from config import Language, Site
from generator.directives import Figure
from generator.lessons import Lesson
from generator.markdown import Rendered
from generator.node import Node

WIDTH = 1376  # pixels: the figure on a window of 1,440


def still_path(code: str, slug: str, figure: Figure) -> str:
    """Where a figure's still stands in the site."""
    return f"figures/{code}/{slug}-{figure.id}.svg"


def card_path(slug: str) -> str:
    """Where the social card of a lesson stands."""
    return f"figures/{slug}.jpg"


def stills(
    site: Site,
    rendered: dict[tuple[str, str], tuple[Lesson, Rendered]],
    packages: dict[str, Any],
    labels: dict[str, dict[str, str]],
    node: Node,
) -> dict[str, bytes]:
    """A still of every figure in every language, and a card of each lesson's first figure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs: list[dict[str, Any]] = []
        results: dict[str, Path] = {}
        for language in site.languages:
            for slug in site.lessons:
                _lesson, body = rendered.get((language.code, slug)) or rendered[site.default_language.code, slug]
                for figure in body.figures:
                    job = _job(folder, len(jobs), figure, language, packages)
                    results[still_path(language.code, slug, figure)] = Path(job["out"])
                    if site.site_url and language is site.default_language and figure is body.figures[0]:
                        job["card"] = str(folder / f"{len(jobs)}.png")
                        results[card_path(slug)] = Path(job["card"])
                    jobs.append(job)
        if not jobs:
            return {}
        languages = {
            language.code: {"tag": language.tag, "labels": labels[language.code]} for language in site.languages
        }
        (folder / "jobs.json").write_text(json.dumps({"languages": languages, "jobs": jobs}), encoding="utf-8")
        node.run("tools/figures.mjs", folder / "jobs.json")
        return {path: _jpeg(file) if file.suffix == ".png" else file.read_bytes() for path, file in results.items()}


def _job(folder: Path, number: int, figure: Figure, language: Language, packages: dict[str, Any]) -> dict[str, Any]:
    """What tools/figures.mjs needs for one figure; its network's manifest and trace as files."""
    job = {
        "figure": figure.kind.tag,
        "options": figure.attributes,
        "language": language.code,
        "out": str(folder / f"{number}.svg"),
        "width": WIDTH,
    }
    if "model" not in figure.attributes:
        return job
    package = packages[figure.attributes["model"]]
    example = figure.attributes.get("example") or package.manifest["examples"][0]["name"]
    manifest = folder / f"{package.manifest['name']}.json"
    trace = folder / f"{package.manifest['name']}-{example}.bin"
    manifest.write_text(json.dumps(package.manifest), encoding="utf-8")
    trace.write_bytes(package.traces[example])
    return {**job, "manifest": str(manifest), "trace": str(trace)}


def _jpeg(path: Path) -> bytes:
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").save(buffer, "JPEG", quality=88)
    return buffer.getvalue()

"""Still pictures of the figures, drawn by the page's own code in Node: for pages without JavaScript, and for social cards."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from config import Site
from generator.lessons import Lesson
from generator.markdown import Figure, Rendered
from generator.node import Node

WIDTH, ROOM = 1376, 570  # pixels: the figure on a window of 1,440 × 900


def still_path(code: str, slug: str, figure: Figure) -> str:
    """Where a figure's still stands in the site."""
    return f"figures/{code}/{slug}-{figure.id}.svg"


def card_path(slug: str) -> str:
    """Where the social card of a lesson stands."""
    return f"figures/{slug}.jpg"


def stills(
    site: Site, rendered: dict[tuple[str, str], tuple[Lesson, Rendered]], packages: dict[str, Any], node: Node
) -> dict[str, bytes]:
    """A still of every figure that shows a model, in every language, and a card of each lesson's first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs, results = [], {}
        for language in site.languages:
            for slug in site.lessons:
                lesson, body = rendered.get((language.code, slug)) or rendered[site.default_language.code, slug]
                figures = [figure for figure in body.figures if "model" in figure.attributes]
                for figure in figures:
                    manifest, trace = _inputs(folder, figure, packages)
                    job = {
                        "manifest": str(manifest),
                        "trace": str(trace),
                        "out": str(folder / f"{len(jobs)}.svg"),
                        "width": WIDTH,
                        "room": ROOM,
                        "classes": [c.labels[language.code] for c in site.models[figure.attributes["model"]].classes],
                    }
                    results[still_path(language.code, slug, figure)] = Path(job["out"])
                    if site.site_url and language is site.default_language and figure is figures[0]:
                        job["card"] = str(folder / f"{len(jobs)}.png")
                        results[card_path(slug)] = Path(job["card"])
                    jobs.append(job)
        if not jobs:
            return {}
        (folder / "jobs.json").write_text(json.dumps(jobs))
        node.run("tools/figures.mjs", folder / "jobs.json")
        return {path: _jpeg(file) if file.suffix == ".png" else file.read_bytes() for path, file in results.items()}


def _inputs(folder: Path, figure: Figure, packages: dict[str, Any]) -> tuple[Path, Path]:
    """The manifest and the trace of the picture that a figure shows first, as files."""
    package = packages[figure.attributes["model"]]
    example = figure.attributes.get("example") or package.manifest["examples"][0]["name"]
    manifest = folder / f"{package.manifest['name']}.json"
    trace = folder / f"{package.manifest['name']}-{example}.bin"
    manifest.write_text(json.dumps(package.manifest))
    trace.write_bytes(package.traces[example])
    return manifest, trace


def _jpeg(path: Path) -> bytes:
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").save(buffer, "JPEG", quality=88)
    return buffer.getvalue()

"""Still pictures of the figures, drawn by the page's own code in Node: for pages without JavaScript, and for social
cards.
"""

from __future__ import annotations

import io
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from cache import Cache, Input, Inputs, digest
from config import Language, Site
from generator.directives import Figure
from generator.lessons import Lesson
from generator.markdown import Rendered
from generator.node import Node

WIDTH = 1376  # pixels: the figure's width in a window of 1,440


def still_path(code: str, slug: str, figure: Figure) -> str:
    """Where a figure's still stands in the site."""
    return f"figures/{code}/{slug}/{figure.id}.svg"


def card_path(slug: str) -> str:
    """The path of a lesson's social card in the site."""
    return f"figures/{slug}.jpg"


def stills(
    site: Site,
    rendered: dict[tuple[str, str], tuple[Lesson, Rendered]],
    packages: dict[str, Any],
    labels: dict[str, dict[str, str]],
    node: Node,
    cache: Cache,
) -> dict[str, bytes]:
    """A still of every figure in every language, and a card of each lesson's first figure."""
    sources = [node.package / name for name in ("src", "tools", "styles", "package-lock.json")]
    code = digest(*sources)
    found: dict[str, dict[str, bytes]] = {}
    missing: dict[str, tuple[Inputs, dict[str, Any]]] = {}
    cards = {}
    for language in site.languages:
        for slug in site.lessons:
            _lesson, body = rendered.get((language.code, slug)) or rendered[site.default_language.code, slug]
            for figure in body.figures:
                path = still_path(language.code, slug, figure)
                is_card = bool(site.site_url) and language is site.default_language and figure is body.figures[0]
                job, inputs = _job(figure, language, packages, is_card)
                if is_card:
                    cards[path] = card_path(slug)
                inputs = [code, json.dumps([job, labels[language.code]], sort_keys=True), *inputs]
                kept = cache.find("stills", inputs)
                if kept:
                    found[path] = kept
                else:
                    missing[path] = inputs, job
    drawn = _draw([job for _, job in missing.values()], site, packages, labels, node) if missing else []
    for (path, (key, _)), files in zip(missing.items(), drawn, strict=True):
        found[path] = cache.files("stills", key, partial(dict, files))
    return {path: files["still"] for path, files in found.items()} | {
        cards[path]: files["card"] for path, files in found.items() if path in cards
    }


def _job(
    figure: Figure, language: Language, packages: dict[str, Any], is_card: bool
) -> tuple[dict[str, Any], list[Input]]:
    """What tools/figures.mjs is told of one figure, and what else the drawing follows from: its network and example."""
    job = {
        "figure": figure.kind.tag,
        "options": figure.attributes,
        "language": language.code,
        "width": WIDTH,
        "card": is_card,
    }
    model = figure.attributes.get("model")
    if model is None:
        return job, []
    package = packages[model]
    example = figure.attributes.get("example") or package.manifest["examples"][0]["name"]
    job |= {"model": model, "example": example}
    return job, [json.dumps(package.manifest), package.trace(example)]


def _draw(
    jobs: list[dict[str, Any]],
    site: Site,
    packages: dict[str, Any],
    labels: dict[str, dict[str, str]],
    node: Node,
) -> list[dict[str, bytes]]:
    """Each job's `still` as SVG, and its `card` as JPEG where it is to have one; all in one run of Node."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = []
        for number, job in enumerate(jobs):
            task = job | {
                "out": str(folder / f"{number}.svg"),
                "card": str(folder / f"{number}.png") if job["card"] else None,
            }
            if "model" in job:
                package = packages[job["model"]]
                names = (
                    list(packages).index(job["model"]),
                    [e["name"] for e in package.manifest["examples"]].index(job["example"]),
                )
                task["manifest"], task["trace"] = (
                    str(folder / f"{names[0]}.json"),
                    str(folder / f"{names[0]}-{names[1]}.bin"),
                )
                Path(task["manifest"]).write_text(json.dumps(package.manifest), encoding="utf-8")
                Path(task["trace"]).write_bytes(package.trace(job["example"]))
            tasks.append(task)
        languages = {
            language.code: {"tag": language.tag, "labels": labels[language.code]} for language in site.languages
        }
        (folder / "jobs.json").write_text(json.dumps({"languages": languages, "jobs": tasks}), encoding="utf-8")
        node.run("tools/figures.mjs", folder / "jobs.json")
        return [
            {"still": Path(task["out"]).read_bytes()} | ({"card": _jpeg(Path(task["card"]))} if task["card"] else {})
            for task in tasks
        ]


def _jpeg(path: Path) -> bytes:
    buffer = io.BytesIO()
    Image.open(path).convert("RGB").save(buffer, "JPEG", quality=88)
    return buffer.getvalue()

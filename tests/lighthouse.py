"""Lighthouse on one page: its scores, as a phone or a desktop would see it, and what took points away."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.node import Node
from tests.browsers import CHROMIUM, find
from tests.engines import QUIET

CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
DEVICES: dict[str, list[str]] = {"phone": [], "desktop": ["--preset=desktop"]}


@dataclass
class Report:
    """Each category's score of 100, and a line for each audit that counts and is not whole."""

    scores: dict[str, int]
    lost: list[str]


def lighthouse(tools: Node, url: str, device: str) -> Report:
    """One run, in a browser of its own."""
    os.environ["CHROME_PATH"] = find(CHROMIUM) or ""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "report.json"
        tools.run(
            "node_modules/lighthouse/cli/index.js",
            url,
            "--quiet",
            "--no-enable-error-reporting",
            "--output=json",
            f"--output-path={path}",
            f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags={' '.join(['--headless=new', '--no-sandbox', *QUIET])}",
            *DEVICES[device],
        )
        return read(json.loads(path.read_text(encoding="utf-8")))


def read(report: dict[str, Any]) -> Report:
    """What counts of Lighthouse's own JSON.

    An audit without a score does not apply; a category without one is a failure.
    """
    scores, lost = {}, []
    for name in CATEGORIES:
        category = report["categories"][name]
        scores[name] = round(100 * (category["score"] or 0))
        for part in category["auditRefs"]:
            audit = report["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < 1:
                lost.append(
                    f"{name}: {audit['id']} {audit['score']:.2f}, {audit.get('displayValue') or audit['title']}"
                )
    return Report(scores, lost)

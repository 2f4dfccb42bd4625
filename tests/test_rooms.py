"""The rooms of the front end: each may import from the rooms above it, and a figure from no other figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.node import ROOT

SOURCE = ROOT / "assets" / "src"
ROOMS = ["arithmetic", "data", "worker", "drawing", "elements", "figures", "page"]  # from the top down
IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']*)["']""")


def faults(source: Path) -> list[str]:
    """Each import that leads to a lower room or to another figure."""
    found = []
    for file in sorted(source.rglob("*.ts")):
        here = file.relative_to(source).parts
        for target in IMPORT.findall(file.read_text(encoding="utf-8")):
            there = (file.parent / target).resolve().relative_to(source.resolve()).parts
            lower = ROOMS.index(there[0]) > ROOMS.index(here[0])
            other_figure = here[0] == there[0] == "figures" and here[1] != there[1]
            if lower or other_figure:
                found.append(f"{'/'.join(here)} imports {'/'.join(there)}")
    return found


def test_no_import_leads_to_a_lower_room_or_another_figure():
    assert faults(SOURCE) == []


def test_every_file_is_in_a_room():
    assert {path.name for path in SOURCE.iterdir()} <= {*ROOMS}


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("arithmetic/ops.ts", 'import { colour } from "../drawing/colours";'),
        ("elements/slider.ts", 'import type { Look } from "../figures/cnn-network/look";'),
        ("data/store.ts", 'const later = import("../elements/slider");'),
        ("figures/kernel-lab/kernel-lab.ts", 'export { fly } from "../cnn-network/overview";'),
    ],
)
def test_a_wrong_import_is_found(tmp_path, file, line):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(line)
    assert len(faults(tmp_path)) == 1

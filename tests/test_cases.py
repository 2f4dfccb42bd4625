"""A folder is a case: tests/cases/<name>/input is laid over tests/cases/base, and must give what <name>/output says.

    python -m tests.test_cases [NAME …]     accept what these cases give now, or all; then read the diff

`input/` holds only what differs from the base, whose weights, pictures and labels are made here; weights.txt names what
is done to the weights. `output/` is either error.txt, the one line of a build that must fail and leave the last site as
it was, or files that the build must give. check.txt is what `check` lists; stdout.txt is what the build says, NAME.html
the <article> of a page (of one without, its <main>), NAME.head.html what the page says of itself to machines, and
anything else is compared as it is.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import build
from generator.output import write_site
from tests.conftest import CASES, LESSON, PROJECT, make_project
from tests.node import ROOT
from tests.site import check_pages, files

EARLIER = {"index.html": b"the last good site", "embed/index/net/index.html": b"and its figure"}


def cut_short(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-9])


def not_numbers(weights: Path) -> None:
    tensors = load_file(weights)
    save_file(tensors | {"conv_1_1.bias": np.full_like(tensors["conv_1_1.bias"], np.nan)}, weights)


def without_card(weights: Path) -> None:
    weights.with_suffix(".json").unlink()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "missing": Path.unlink,
    "cut short": cut_short,
    "not numbers": not_numbers,
    "without card": without_card,
}


@dataclass
class Outcome:
    """The result of a build: its exit status, stdout and stderr, and the site."""

    status: int
    said: str
    error: str
    site: Path
    project: Path

    def text(self, name: str) -> str:
        """The actual content to compare with a file of `output/`."""
        if name == "error.txt":
            return self.error
        if name == "check.txt":
            with redirect_stdout(StringIO()) as said, redirect_stderr(StringIO()) as faults:
                status = build.main(["check", "--root", str(self.project)])
            assert status == (1 if faults.getvalue() else 0)
            return faults.getvalue() + re.sub(r", checked in .*", "", said.getvalue())
        if name == "stdout.txt":
            return re.sub(
                r"^\d+ pages in .*\n", "", self.said, flags=re.MULTILINE
            )  # the last line, which tells the time
        text = (self.site / name.replace(".head.html", ".html")).read_text(encoding="utf-8")
        if name.endswith(".head.html"):
            text = (
                "\n".join(
                    re.findall(
                        r'<(?:html|title|meta name="description"|meta property|link rel="(?:canonical|alternate)").*',
                        text,
                    )
                )
                + "\n"
            )
        elif name.endswith(".html"):
            text = next(
                match[0]
                for tag in ("article", "main")
                if (match := re.search(rf"<{tag}\b.*</{tag}>\n", text, re.DOTALL))
            )
        return re.sub(r"([?=])[0-9a-f]{10}\b", r"\1VERSION", text)


def run(case: Path, folder: Path) -> Outcome:
    """Build a case below `folder`, in place of an earlier site."""
    project = make_project(folder / "project", PROJECT, {"index": LESSON}, ["red", "blue"])
    if (case / "input" / "site_templates").exists():  # ours must not be written to
        (project / "site_templates").unlink()
        shutil.copytree(ROOT / "site_templates", project / "site_templates")
    if (case / "input").exists():
        shutil.copytree(case / "input", project, dirs_exist_ok=True)
    for language in {path.parent for path in (project / "content").glob("*/*.md")}:
        if not (language / "ui.toml").exists():
            shutil.copy(project / "content" / "en" / "ui.toml", language / "ui.toml")
    if (case / "weights.txt").exists():
        DAMAGES[(case / "weights.txt").read_text().strip()](project / "weights.safetensors")
    write_site(EARLIER, folder / "site")
    with redirect_stdout(StringIO()) as said, redirect_stderr(StringIO()) as error:
        status = build.main(["--root", str(project), "--out", str(folder / "site")])
    return Outcome(status, said.getvalue(), error.getvalue(), folder / "site", project)


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_case(name, tmp_path):
    expected = CASES / name / "output"
    outcome = run(CASES / name, tmp_path)
    for file in files(expected):
        assert outcome.text(file) == (expected / file).read_text(encoding="utf-8"), file
    if (expected / "error.txt").exists():
        assert (
            outcome.status == 1
            and outcome.error.count("\n") == 1
            and set(files(expected)) <= {"error.txt", "check.txt", "stdout.txt"}
        )
        assert {
            file: (outcome.site / file).read_bytes() for file in files(outcome.site) if not file.startswith(".")
        } == EARLIER
        assert sorted(path.name for path in tmp_path.iterdir()) == ["project", "site"], "nothing half-done is left"
    else:
        assert outcome.status == 0 and outcome.error == "" and files(expected)
        if not (
            outcome.site / "sitemap.xml"
        ).exists():  # with an address some links are whole: test_audits.py follows those
            check_pages(outcome.site)


def accept(case: Path) -> None:
    """Write what a case gives now: error.txt if it fails, else anew every file that its output names (empty ones name
    it, too).
    """
    with tempfile.TemporaryDirectory() as name:
        outcome = run(case, Path(name))
        expected = case / "output"
        named = [file for file in files(expected) if file != "error.txt"] or ["index.html"]
        shutil.rmtree(expected, ignore_errors=True)
        said = [file for file in named if file in ("check.txt", "stdout.txt")]
        for file in ["error.txt", *said] if outcome.status else named:
            (expected / file).parent.mkdir(parents=True, exist_ok=True)
            (expected / file).write_text(outcome.text(file), encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(path.name for path in CASES.iterdir()):
        accept(CASES / name)

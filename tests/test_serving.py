"""`build.py serve`: a page is shown anew after its lesson was saved, and says what is wrong with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from generator.serving import State
from tests.node import ROOT


class Served:
    """A running `serve`: its address, and the lines that it says."""

    def __init__(self, project: Path, process: subprocess.Popen[str]):
        self.project, self.process, self.lines = project, process, Queue[str]()
        Thread(target=lambda: [self.lines.put(line.rstrip()) for line in process.stdout or []], daemon=True).start()
        self.address = re.search(r"http://\S+", self.said(r"Open http"))[0]

    def said(self, pattern: str) -> str:
        """The next line that holds `pattern`."""
        while not re.search(pattern, line := self.lines.get(timeout=60)):
            pass
        return line

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.address + path) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@contextmanager
def serving(project: Path) -> Iterator[Served]:
    command = [sys.executable, str(ROOT / "build.py"), "serve", "--port", "0", "--root", str(project)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    try:
        yield Served(project, process)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def served(project) -> Iterator[Served]:
    with serving(project) as running:
        yield running


def test_a_saved_lesson_is_shown_at_once_and_a_fault_until_it_is_mended(served, visit):
    page = visit(base=served.address, check=False).open("index.html")
    lesson = served.project / "content" / "en" / "index.md"
    text = lesson.read_text()
    lesson.write_text(text.replace("A caption.", "Another caption."))
    page.wait_for_selector("figcaption:has-text('Another caption.')")
    assert re.search(r"content/en/index\.md changed: index\.html in \d\.\d\d s$", served.said("changed"))

    lesson.write_text(text.replace("model: small", "model: smal"))
    panel = page.wait_for_selector("#serve-faults")
    assert 'content/en/index.md:7 unknown model "smal"' in panel.inner_text()
    assert page.inner_text("figcaption") == "Another caption.", "the page of before stays"
    assert served.said("fault").endswith("content/en/index.md changed: 1 fault")
    assert (
        served.said("smal") == '  content/en/index.md:7: unknown model "smal"; models are small; did you mean "small"?'
    )

    lesson.write_text(text.replace("A caption.", "A third one."))
    page.wait_for_selector("figcaption:has-text('A third one.')")
    assert page.query_selector("#serve-faults") is None


def test_a_page_of_which_nothing_changed_is_not_loaded_again(served, visit):
    (served.project / "content" / "en" / "more.md").write_text("---\ntitle: More\nsummary: More.\n---\n\nOne.\n")
    toml = served.project / "strata.toml"
    toml.write_text(toml.read_text().replace('["index"]', '["index", "more"]'))
    served.said("changed: .*more/index.html")
    page = visit(base=served.address, check=False).open("index.html")
    page.evaluate("window.untouched = true")
    more = served.project / "content" / "en" / "more.md"
    more.write_text(more.read_text().replace("One.", "Two."))
    assert "changed: more/index.html in" in served.said("changed")
    with page.expect_navigation():
        lesson = served.project / "content" / "en" / "index.md"
        lesson.write_text(lesson.read_text().replace("A caption.", "Changed."))
    assert page.evaluate("window.untouched") is None


def test_faults_of_the_first_build_show_on_an_empty_page(project, visit):
    lesson = project / "content" / "en" / "index.md"
    text = lesson.read_text()
    lesson.write_text(text.replace("model: small", "model: smal"))
    with serving(project) as served:
        page = visit(base=served.address, check=False).page
        page.goto(served.address)
        assert "did you mean" in page.wait_for_selector("#serve-faults").inner_text()
        lesson.write_text(text)
        page.wait_for_selector("figcaption")


def test_it_answers_as_github_pages_does(served):
    assert served.address.endswith("/test/"), "below a path, as in production"
    assert served.get("")[0] == served.get("embed/index/net")[0] == served.get("embed/index/net/")[0] == 200
    status, text = served.get("nowhere")
    assert status == 404 and 'class="lost"' in text
    assert "<figcaption>" in served.get("index.html")[1]
    assert served.get("../strata.toml")[0] == served.get("%2e%2e/strata.toml")[0] == 404


def test_code_that_changed_starts_it_again(tmp_path):
    """With the build's own code, of a copy."""
    from tests.test_build import tracked

    tracked(tmp_path)
    (tmp_path / ".cache").symlink_to(ROOT / ".cache")
    command = [sys.executable, "build.py", "serve", "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        served = Served(tmp_path, process)
        lessons = tmp_path / "generator" / "lessons.py"
        lessons.write_text(lessons.read_text() + "\n")
        served.said(r"generator/lessons\.py changed: starting again")
        served.said("Open http")
    finally:
        process.kill()
        process.wait()


def test_events_tell_of_each_build_once():
    state = State("/s/")
    events = state.events("")
    first = next(events)
    assert state.show({"index.html": b"a"}, []) == ["index.html"]
    second = next(events)
    assert state.show({"index.html": b"a"}, ["x.md:1: wrong"]) == []
    third = next(events)
    assert first != second != third and b'"faults": ["x.md:1: wrong"]' in third
    assert state.files == {"index.html": b"a"} and state.version("") == state.version("index.html")

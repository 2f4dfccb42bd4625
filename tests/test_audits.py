"""html-validate and linkinator (with fragments) find no faults on any page. (axe-core: test_reach.py.)"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from errors import BuildError
from generator.node import Node
from tests.conftest import CASES
from tests.engines import SUB_PATH, served
from tests.test_cases import run

# Besides the site, what it does not have yet: several lessons, one of them not translated; three languages; tables and
# notes; an address.
SITES = ["built", "languages-of-which-two-lack-a-lesson", "a-lesson-with-everything", "an-address"]
ADDRESS = f"https://example.org{SUB_PATH}/"  # of the last one


@pytest.fixture(scope="session", params=SITES)
def site_folder(request, built, tmp_path_factory) -> Path:
    """This site and the sites of some cases."""
    return (
        built if request.param == "built" else run(CASES / request.param, tmp_path_factory.mktemp(request.param)).site
    )


def validate(tools: Node, folder: Path) -> None:
    """Every page's HTML by html-validate; BuildError with the first complaints."""
    tools.run(
        "node_modules/html-validate/bin/html-validate.mjs",
        "--config",
        ".htmlvalidate.mjs",
        "--formatter",
        "text",
        f"{folder}/**/*.html",
    )


def follow_links(tools: Node, base: str, folder: Path) -> None:
    """Every link and anchor of every page by linkinator, also of pages that nothing links to; no other host is
    contacted.
    """
    pages = [f"{base}{path.relative_to(folder).as_posix()}" for path in sorted(folder.rglob("*.html"))]
    tools.run(
        "node_modules/linkinator/build/src/cli.js",
        *pages,
        "--recurse",
        "--check-fragments",
        "--verbosity",
        "error",
        "--url-rewrite-search",
        ADDRESS,
        "--url-rewrite-replace",
        base,
        "--skip",
        f"^(?!{re.escape(base)}|{re.escape(ADDRESS)})",
    )


def test_html_validate_finds_nothing(tools, site_folder):
    validate(tools, site_folder)


def test_every_link_and_anchor_leads_somewhere(tools, site_folder):
    with served(site_folder) as base:
        follow_links(tools, base, site_folder)


def test_html_validate_would_find_a_fault(tools, tmp_path, built):
    page = (built / "404.html").read_text(encoding="utf-8")
    (tmp_path / "404.html").write_text(
        page.replace("<main", '<main id="a"').replace("<h1", '<h1 id="a"'), encoding="utf-8"
    )
    with pytest.raises(BuildError, match="no-dup-id"):
        validate(tools, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('href="#content"', 'href="#contents"', r"index\.html#contents"),
        ('href="licenses.txt"', 'href="license.txt"', r"\[404\] \S+/license\.txt"),
        ("</article>", f'<a href="{ADDRESS}gone/">There</a></article>', r"\[404\] \S+/gone/"),
    ],
)
def test_the_link_checker_would_find_a_dead_link(tools, built, old, new, says):
    page = (built / "index.html").read_text(encoding="utf-8")
    assert old in page
    with served(built, {"index.html": page.replace(old, new).encode()}) as base, pytest.raises(BuildError, match=says):
        follow_links(tools, base, built)

"""Pages around the lessons: paths, stills and cards, the address of the site.

(Links, feed and 404.html: tests/cases.)
"""

from __future__ import annotations

import xml.etree.ElementTree as etree

import pytest

import build
from config import read_site
from tests.site import files

TEXT = "---\ntitle: {title}\nsummary: A page.\n---\n\n{body}\n"


def write(project, bodies: dict[str, str], head: str = ""):
    """Give the project these lessons, and strata.toml some lines more at its top."""
    slugs = ", ".join(f'"{slug}"' for slug in bodies)
    toml = project / "strata.toml"
    toml.write_text(head + toml.read_text().replace('lessons = ["index"]', f"lessons = [{slugs}]"))
    for slug, body in bodies.items():
        (project / "content" / "en" / f"{slug}.md").write_text(TEXT.format(title=slug.title(), body=body))
    return project


def built(project):
    assert build.main(["--root", str(project), "--out", str(project / "out")]) == 0
    return project / "out"


def test_a_page_says_where_it_is(project):
    out = built(write(project, {"index": "a", "middle": "b", "last": "c"}))
    assert (out / "middle" / "index.html").read_text().count(
        'aria-current="page"'
    ) == 2  # in the list of lessons, and its language


def test_readers_can_be_asked_what_they_think(project):
    out = built(write(project, {"index": "a"}, 'feedback = "https://example.org/issues?a=1&b=2"\n'))
    assert 'href="https://example.org/issues?a=1&amp;b=2"' in (out / "index.html").read_text()


def test_a_figure_has_a_still_and_a_lesson_a_card(project):
    from PIL import Image

    write(
        project,
        {"index": "/// cnn-network | net\n    model: small\n    example: blue\n\nCaption.\n///", "last": "x"},
        'site_url = "https://example.org/s"\n',
    )
    out = built(project)
    home, embed = ((out / name).read_text() for name in ("index.html", "embed/index/net/index.html"))
    assert '<noscript><img alt="The network for one picture' in home and 'src="figures/en/index/net.svg"' in home
    assert 'src="../../../figures/en/index/net.svg"' in embed
    svg = (out / "figures" / "en" / "index" / "net.svg").read_text()
    etree.fromstring(svg)
    assert (
        svg.count("<image ") == 1 + 3 + 2 * 10 + 2 and ">conv_1_1</text>" in svg and ">blue</text>" in svg
    )  # two maps a layer, two strips
    assert Image.open(out / "figures" / "index.jpg").size == (1200, 630)
    assert '<meta property="og:image" content="https://example.org/s/figures/index.jpg">' in home
    assert "og:image" not in (out / "last" / "index.html").read_text()


def test_stills_of_different_figures_never_share_a_path(project):
    """Lesson `a-b` with figure `c`, and lesson `a` with figure `b-c`."""
    figure = "/// cnn-network | {}\n    model: small\n    example: {}\n///"
    write(project, {"index": "x", "a-b": figure.format("c", "red"), "a": figure.format("b-c", "blue")})
    out = built(project)
    paths = sorted(path.relative_to(out).as_posix() for path in (out / "figures").rglob("*.svg"))
    assert paths == ["figures/en/a-b/c.svg", "figures/en/a/b-c.svg"]
    assert (out / paths[0]).read_bytes() != (out / paths[1]).read_bytes()


def test_without_an_address_what_needs_one_is_left_out(project):
    out = built(project)
    assert not {"sitemap.xml", "feed.xml"} & set(files(out)) and "canonical" not in (out / "index.html").read_text()
    assert (out / "404.html").exists()


@pytest.mark.parametrize(
    ("repository", "address"),
    [("Ann/strata", "https://ann.github.io/strata"), ("ann/ann.github.io", "https://ann.github.io"), ("", "")],
)
def test_github_actions_knows_the_address(project, monkeypatch, repository, address):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_REPOSITORY", repository)
    assert read_site(project).site_url == address

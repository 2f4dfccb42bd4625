"""What surrounds the lessons: links between them, pictures, previous and next, the addresses of the site, 404.html."""

from __future__ import annotations

import re
import xml.etree.ElementTree as etree

import pytest

import build
from config import read_site
from tests.pictures import scene
from tests.site import check_pages, files

TEXT = "---\ntitle: {title}\nsummary: A page.\ndate: 2026-0{month}-01\nauthor: A & B\n---\n\n## First {{#first}}\n\n{body}\n"


def write(project, bodies: dict[str, str], head: str = ""):
    """Give the project these lessons, and strata.toml some lines more at its top."""
    slugs = ", ".join(f'"{slug}"' for slug in bodies)
    toml = project / "strata.toml"
    toml.write_text(head + toml.read_text().replace('lessons = ["index"]', f"lessons = [{slugs}]"))
    for month, (slug, body) in enumerate(bodies.items(), 1):
        (project / "content" / "en" / f"{slug}.md").write_text(TEXT.format(title=slug.title(), month=month, body=body))
    return project


def built(project, capfd=None):
    assert build.main(["--root", str(project), "--out", str(project / "out")]) == 0
    return project / "out"


def test_links_and_pictures_of_lessons_lead_there(project):
    write(project, {"index": "See [the end](last.md#first), [above](#first), ![a](pictures/a.png), [away](https://example.org/x).",
                    "middle": "[Home](index.md)", "last": "[Home](index.md#first) [Again](last.md)"})
    (project / "content" / "en" / "pictures").mkdir()
    scene(20, 20).save(project / "content" / "en" / "pictures" / "a.png")
    out = built(project)
    home, last = ((out / name).read_text() for name in ("index.html", "last/index.html"))
    assert 'href="last/index.html#first"' in home and 'href="#first"' in home and 'src="pictures/en/pictures/a.png"' in home
    assert 'href="https://example.org/x"' in home
    assert 'href="../index.html#first"' in last and 'href="../last/index.html"' in last
    assert (out / "pictures" / "en" / "pictures" / "a.png").is_file()


def test_lessons_follow_one_another(project):
    out = built(write(project, {"index": "a", "middle": "b", "last": "c"}))
    check_pages(out)
    turns = {name: re.findall(r'<a rel="(prev|next)" href="([^"]+)"', (out / name).read_text()) for name in ("index.html", "middle/index.html", "last/index.html")}
    assert turns == {"index.html": [("next", "middle/index.html")], "middle/index.html": [("prev", "../index.html"), ("next", "../last/index.html")],
                     "last/index.html": [("prev", "../middle/index.html")]}
    assert (out / "middle" / "index.html").read_text().count('aria-current="page"') == 2  # in the list of lessons, and its language


def test_with_an_address_the_site_names_itself(project):
    out = built(write(project, {"index": "a", "last": "b"}, 'site_url = "https://example.org/s/"\nfeedback = "https://example.org/issues?a=1&b=2"\n'))
    last = (out / "last" / "index.html").read_text()
    assert '<link rel="canonical" href="https://example.org/s/last/">' in last and 'hreflang="en" href="https://example.org/s/last/"' in last
    assert '<meta property="og:url" content="https://example.org/s/last/">' in last and 'href="https://example.org/issues?a=1&amp;b=2"' in last
    locations = [e.text for e in etree.parse(out / "sitemap.xml").iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")]
    assert locations == ["https://example.org/s/", "https://example.org/s/last/"]
    feed = etree.parse(out / "feed.xml").getroot()
    atom = "{http://www.w3.org/2005/Atom}"
    assert [e.findtext(f"{atom}title") for e in feed.iter(f"{atom}entry")] == ["Last", "Index"]
    assert feed.find(f"{atom}entry/{atom}author/{atom}name").text == "A & B"
    lost = (out / "404.html").read_text()
    assert 'href="/s/styles/site.css' in lost and 'href="/s/index.html"' in lost and "../" not in lost


def test_a_figure_has_a_still_and_a_lesson_a_card(project):
    from PIL import Image

    write(project, {"index": "/// cnn-network | net\n    model: small\n    example: blue\n\nCaption.\n///", "last": "x"}, 'site_url = "https://example.org/s"\n')
    out = built(project)
    home, embed = ((out / name).read_text() for name in ("index.html", "embed/index/net/index.html"))
    assert '<noscript><img alt="The network for one picture' in home and 'src="figures/en/index-net.svg"' in home
    assert 'src="../../../figures/en/index-net.svg"' in embed
    svg = (out / "figures" / "en" / "index-net.svg").read_text()
    etree.fromstring(svg)
    assert svg.count("<image ") == 1 + 3 + 2 * 10 + 2 and ">conv_1_1</text>" in svg and ">blue</text>" in svg  # two maps a layer, two strips
    assert Image.open(out / "figures" / "index.jpg").size == (1200, 630)
    assert '<meta property="og:image" content="https://example.org/s/figures/index.jpg">' in home
    assert "og:image" not in (out / "last" / "index.html").read_text()


def test_without_an_address_what_needs_one_is_left_out_and_said(project, capfd):
    out = built(project)
    assert "no site_url" in capfd.readouterr().out
    assert not {"sitemap.xml", "feed.xml"} & set(files(out)) and "canonical" not in (out / "index.html").read_text()
    assert (out / "404.html").exists()


@pytest.mark.parametrize(("repository", "address"), [("Ann/strata", "https://ann.github.io/strata"), ("ann/ann.github.io", "https://ann.github.io"), ("", "")])
def test_github_actions_knows_the_address(project, monkeypatch, repository, address):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_REPOSITORY", repository)
    assert read_site(project).site_url == address

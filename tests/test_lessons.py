"""Lessons, labels and directives: what is rendered, and that every fault names its file and line."""

from pathlib import Path

import pytest

from config import Language, read_site
from errors import BuildError
from generator.lessons import read_labels, read_lesson, read_lessons
from generator.markdown import render
from generator.widgets import read_widgets
from tests.conftest import PROJECT
from tests.node import ROOT

ENGLISH = Language("en", "English", "en")
WIDGETS = read_widgets(ROOT / "assets" / "src" / "widgets")
MODELS = {"small": {"examples": [{"name": "red"}, {"name": "blue_2"}]}}
FRONT = "---\ntitle: A\nsummary: B\n---\n"


def lesson(tmp_path: Path, text: str):
    path = tmp_path / "lesson.md"
    path.write_text(text, encoding="utf-8")
    return read_lesson(path, "lesson", ENGLISH)


def test_a_lesson_becomes_html_with_its_figure(tmp_path):
    source = lesson(tmp_path, FRONT + "## 标题 {#heading}\n\nText.\n\n/// cnn-network | net\n    model: small\n    example: blue_2\n\nA *caption*.\n///\n\nMore.\n")
    rendered = render(source, WIDGETS, MODELS)
    assert '<h2 id="heading">标题</h2>' in rendered.html and rendered.headings == [(2, "heading", "标题")]
    assert '<figure class="figure" id="net">' in rendered.html
    assert '<cnn-network data-state="loading" example="blue_2" model="small"><noscript><img alt="still:alt" src="still:net"></noscript></cnn-network>' in rendered.html
    assert "<figcaption>\n<p>A <em>caption</em>.</p>\n</figcaption>" in rendered.html and "<p>More.</p>" in rendered.html
    assert "///" not in rendered.html
    assert [(f.id, f.widget.name, f.line) for f in rendered.figures] == [("net", "cnn-network", 9)]


def test_a_directive_in_a_code_block_is_code(tmp_path):
    rendered = render(lesson(tmp_path, FRONT + "```\n/// cnn-network | net\n    model: small\n///\n```\n"), WIDGETS, MODELS)
    assert rendered.figures == [] and "/// cnn-network" in rendered.html


def test_inline_code_does_not_hide_a_directive(tmp_path):
    rendered = render(lesson(tmp_path, FRONT + "```x``` is code.\n\n/// cnn-network | net\n    model: small\n///\n"), WIDGETS, MODELS)
    assert [figure.id for figure in rendered.figures] == ["net"] and "<cnn-network" in rendered.html


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    path = tmp_path / "lesson.md"
    path.write_bytes(b"\xef\xbb\xbf" + FRONT.replace("\n", "\r\n").encode() + b"Text.\r\n")
    assert read_lesson(path, "lesson", ENGLISH).title == "A"
    path.write_bytes(FRONT.encode("utf-16"))
    with pytest.raises(BuildError, match="not UTF-8"):
        read_lesson(path, "lesson", ENGLISH)


@pytest.mark.parametrize(("text", "line", "says"), [
    ("No front matter.\n", 1, "starts with front matter"),
    ("---\ntitle: [\nsummary: B\n---\n", 3, "not valid YAML"),
    ("---\ntitle: A\nsumary: B\n---\n", 3, 'unknown field "sumary".*did you mean "summary"'),
    ("---\ntitle: A\n---\n", 1, '"summary" is missing'),
    ("---\ntitle: 3\nsummary: B\n---\n", 2, '"title" must be text; put it in quotes'),
    ("---\n- a\n---\n", 2, "name: value"),
])
def test_wrong_front_matter_is_named(tmp_path, text, line, says):
    with pytest.raises(BuildError, match=says) as caught:
        lesson(tmp_path, text)
    assert caught.value.line == line and caught.value.path.name == "lesson.md"


@pytest.mark.parametrize(("body", "line", "says"), [
    ("/// cnn-netwrk | net\n///\n", 5, 'unknown widget "cnn-netwrk".*did you mean "cnn-network"'),
    ("Text.\n\n/// cnn-network | net\n    modl: small\n///\n", 7, 'no option "modl".*did you mean "model"'),
    ("/// cnn-network | net\n///\n", 5, 'needs the option "model"'),
    ("/// cnn-network | net\n    model: smal\n///\n", 5, 'unknown model "smal"; models are small; did you mean "small"'),
    ("/// cnn-network | net\n    model: small\n    example: blue_3\n///\n", 5, 'unknown example "blue_3".*did you mean "blue_2"'),
    ("/// cnn-network | Two Words\n    model: small\n///\n", 5, "needs an id"),
    ("/// cnn-network | net\n    model: [\n///\n", 6, "not valid YAML"),
    ("/// cnn-network | net\n    model: small\n", 5, "not closed"),
    ("/// cnn-network | a\n    model: small\n\n/// cnn-network | b\n    model: small\n///\n", 8, "line 5 is not closed"),
    ("Text.\n\n///\n", 7, "closes nothing"),
    ("/// cnn-network | a\n    model: small\n///\n\n/// cnn-network | a\n    model: small\n///\n", 9, 'id "a" is used twice'),
])
def test_a_wrong_directive_is_named(tmp_path, body, line, says):
    with pytest.raises(BuildError, match=says) as caught:
        render(lesson(tmp_path, FRONT + body), WIDGETS, MODELS)
    assert (caught.value.path.name, caught.value.line) == ("lesson.md", line)


def test_the_two_languages_have_the_same_lessons_figures_and_anchors(site):
    import json

    lessons = read_lessons(site)
    assert {slug for _, slug in lessons} == set(site.lessons)
    models = {"tinyvgg": {"examples": [{"name": p.stem} for p in site.models["tinyvgg"].examples.glob("*.svg")]}}
    for slug in site.lessons:
        parts = [render(lessons[language.code, slug], WIDGETS, models) for language in site.languages]
        shapes = [json.dumps([[(level, anchor) for level, anchor, _ in p.headings], [(f.id, f.attributes) for f in p.figures]]) for p in parts]
        assert len(set(shapes)) == 1, slug


def two_languages(tmp_path, english: str, other: str):
    toml = PROJECT.replace('[models.small]', 'zh = { name = "中文", tag = "zh-Hans" }\n[models.small]').replace(
        'classes = [{ name = "red" }, { name = "blue" }]', 'classes = [{ name = "red", labels = { zh = "红" } }, { name = "blue", labels = { zh = "蓝" } }]')
    (tmp_path / "strata.toml").write_text(toml)
    for code, labels in (("en", english), ("zh", other)):
        (tmp_path / "content" / code).mkdir(parents=True)
        (tmp_path / "content" / code / "ui.toml").write_text(labels)
    return read_site(tmp_path)


@pytest.mark.parametrize(("english", "other", "says"), [
    ('a = "A"\nb = "B"\n', 'a = "A"\n', 'label "b" is missing'),
    ('close = "A"\n', 'close = "A"\nclos = "B"\n', 'label "clos" is unknown; did you mean "close"'),
    ('a = "{file}"\n', 'a = "{flie}"\n', "uses {flie}"),
    ('a = 3\n', 'a = "A"\n', "must be a string"),
    ('a = "A\n', 'a = "A"\n', "not valid TOML"),
])
def test_labels_must_agree(tmp_path, english, other, says):
    with pytest.raises(BuildError, match=says):
        read_labels(two_languages(tmp_path, english, other))


def test_every_label_that_the_page_asks_for_is_there(site):
    """Literal keys in TypeScript and templates; keys made at run time are checked by the kinds they are made of."""
    import re

    labels = read_labels(site)["en"]
    asked = set()
    for path in [*(ROOT / "assets" / "src").rglob("*.ts")]:
        asked |= set(re.findall(r'\btext\("(\w+)"', path.read_text()))
    for path in (ROOT / "site_templates").iterdir():
        asked |= set(re.findall(r"\b(?:t|all_labels\[language\.code\])\.(\w+)", path.read_text()))
    steps = {"reading", "computing", "loading_engine", "file_missing", "unexpected_error", "camera_refused", "camera_missing"}
    union = (ROOT / "assets" / "src" / "picture.ts").read_text()
    steps |= {key for kind in ("Note", "Reason") for key in re.findall(r'"(\w+)"', re.search(rf"export type {kind} = ([^;]+);", union)[1])}
    made = {f"at_{row}_{column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right")} | {"drawing", "picture"}
    made |= {"red_channel", "green_channel", "blue_channel", "origin_grey", "origin_other"} | {key for key in labels if key.startswith("origin_")}
    assert asked | steps | made == set(labels)


def test_a_translation_older_than_its_original_is_a_fact(tmp_path):
    site = two_languages(tmp_path, "", "")
    (tmp_path / "content" / "en" / "index.md").write_text(FRONT + "First.\n")
    digest = read_lessons(site)["en", "index"].digest
    (tmp_path / "content" / "zh" / "index.md").write_text(FRONT.replace("---\n", f'---\noriginal: "{digest}"\n', 1) + "一。\n")
    assert not read_lessons(site)["zh", "index"].outdated
    (tmp_path / "content" / "en" / "index.md").write_text(FRONT + "Changed.\n")
    read = read_lessons(site)
    assert read["zh", "index"].outdated and not read["en", "index"].outdated


def test_the_translations_that_ship_are_up_to_date(site):
    for (code, slug), lesson in read_lessons(site).items():
        assert code == site.default_language.code or ("original" in lesson.front and not lesson.outdated), (code, slug)

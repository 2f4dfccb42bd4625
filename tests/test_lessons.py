"""Lessons, labels and directives: what is rendered. (Their faults: tests/cases.)"""

from pathlib import Path

from config import Language, read_site
from generator.figures import read_figure_kinds
from generator.lessons import read_labels, read_lesson, read_lessons, untranslated
from generator.markdown import render
from model.evaluate import CHANGES
from model.unknown import MEASURES, made_pictures
from tests.conftest import PROJECT
from tests.node import ROOT

ENGLISH = Language("en", "English", "en")
FIGURES = read_figure_kinds(ROOT / "assets" / "src" / "figures")
MODELS = {"small": {"input": {"shape": [3, 8, 8]}, "layers": [], "examples": [{"name": "red"}, {"name": "blue_2"}]}}
FRONT = "---\ntitle: A\nsummary: B\n---\n"


def lesson(tmp_path: Path, text: str):
    path = tmp_path / "lesson.md"
    path.write_text(text, encoding="utf-8")
    return read_lesson(path, "lesson", ENGLISH)


def test_a_lesson_becomes_html_with_its_figure(tmp_path):
    source = lesson(
        tmp_path,
        FRONT + "## 标题 {#heading}\n\nText.\n\n/// cnn-network | net\n    model: small\n    example: blue_2\n\nA "
        "*caption*.\n///\n\nMore.\n",
    )
    rendered = render(source, FIGURES, MODELS)
    assert '<h2 id="heading">标题</h2>' in rendered.html and rendered.headings == [(2, "heading", "标题")]
    assert '<figure class="figure" id="net">' in rendered.html
    assert (
        '<cnn-network data-state="loading" example="blue_2" model="small"><noscript><img alt="still-of:cnn-network" '
        'src="still:net"></noscript></cnn-network>' in rendered.html
    )
    assert (
        "<figcaption>\n<p>A <em>caption</em>.</p>\n</figcaption>" in rendered.html and "<p>More.</p>" in rendered.html
    )
    assert "///" not in rendered.html
    assert [(f.id, f.kind.tag, f.line) for f in rendered.figures] == [("net", "cnn-network", 9)]


def test_a_directive_in_a_code_block_is_code(tmp_path):
    rendered = render(
        lesson(tmp_path, FRONT + "```\n/// cnn-network | net\n    model: small\n///\n```\n"), FIGURES, MODELS
    )
    assert rendered.figures == [] and "/// cnn-network" in rendered.html


def test_inline_code_does_not_hide_a_directive(tmp_path):
    rendered = render(
        lesson(tmp_path, FRONT + "```x``` is code.\n\n/// cnn-network | net\n    model: small\n///\n"), FIGURES, MODELS
    )
    assert [figure.id for figure in rendered.figures] == ["net"] and "<cnn-network" in rendered.html


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    path = tmp_path / "lesson.md"
    path.write_bytes(b"\xef\xbb\xbf" + FRONT.replace("\n", "\r\n").encode() + b"Text.\r\n")
    assert read_lesson(path, "lesson", ENGLISH).title == "A"


def test_the_two_languages_have_the_same_lessons_figures_and_anchors(site):
    import json

    lessons = read_lessons(site)
    assert {slug for _, slug in lessons} == set(site.lessons)
    models = {
        name: {"input": {}, "layers": [], "examples": [{"name": p.stem} for p in model.examples.iterdir()]}
        for name, model in site.models.items()
    }
    for slug in site.lessons:
        parts = [render(lessons[language.code, slug], FIGURES, models) for language in site.languages]
        shapes = [
            json.dumps(
                [[(level, anchor) for level, anchor, _ in p.headings], [(f.id, f.attributes) for f in p.figures]]
            )
            for p in parts
        ]
        assert len(set(shapes)) == 1, slug


def test_labels_that_were_copied_and_not_translated_are_listed(tmp_path):
    """An English ui.toml as another language's; signs and values alone may well be the same."""
    toml = PROJECT.replace(
        'en = { name = "English", tag = "en" }',
        'en = { name = "English", tag = "en" }\nde = { name = "Deutsch", tag = "de" }',
    )
    toml = toml.replace('{ name = "red" }', '{ name = "red", labels = { de = "rot" } }')
    (tmp_path / "strata.toml").write_text(
        toml.replace('{ name = "blue" }', '{ name = "blue", labels = { de = "blau" } }')
    )
    labels = {"en": {"open": "Open", "close": "Close", "share": "{share} %"}}
    labels["de"] = labels["en"] | {"open": "Öffnen"}
    for code, own in labels.items():
        (tmp_path / "content" / code).mkdir(parents=True)
        lines = [f'{name} = "{label}"\n' for name, label in own.items()]
        (tmp_path / "content" / code / "ui.toml").write_text("".join(lines), encoding="utf-8")
    site = read_site(tmp_path)
    assert untranslated(site, read_labels(site)) == [
        "content/de/ui.toml: the same in English (not translated yet?): close"
    ]


def test_every_label_that_the_page_asks_for_is_there(site):
    """Literal keys in TypeScript, templates and the generator; keys made at run time are checked by the kinds they are
    made of.
    """
    import re

    labels = read_labels(site)["en"]
    asked = set()
    for path in [*(ROOT / "assets" / "src").rglob("*.ts")]:
        source = path.read_text()
        asked |= set(re.findall(r'\btext\("(\w+)"', source))
        # What a condition or a variable chooses: any word of the script that is a label, or begins as one does that the
        # script completes.
        asked |= set(re.findall(r'"(\w+)"', source)) & set(labels)
        asked |= {
            key for begin in re.findall(r"\btext\(`(\w+_)\$\{", source) for key in labels if key.startswith(begin)
        }
    for path in (ROOT / "site_templates").iterdir():
        asked |= set(re.findall(r"\b(?:t|all_labels\[[\w.]+\])\.(\w+)", path.read_text()))
    for path in (ROOT / "generator").glob("*.py"):
        asked |= set(re.findall(r'\blabels\["(\w+)"\]', path.read_text()))
    steps = {
        "reading",
        "computing",
        "loading_engine",
        "file_missing",
        "unexpected_error",
        "camera_refused",
        "camera_missing",
        "engine_blocked",
        "no_file",
    }
    union = (ROOT / "assets" / "src" / "data" / "picture.ts").read_text()
    steps |= {
        key
        for kind in ("Note", "Reason")
        for key in re.findall(r'"(\w+)"', re.search(rf"export type {kind} =\s*([^;]+);", union)[1])
    }
    made = {f"at_{row}_{column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right")} | {
        "drawing",
        "picture",
    }
    made |= {"red_channel", "green_channel", "blue_channel", "origin_grey", "origin_other"} | {
        key for key in labels if key.startswith("origin_")
    }
    made |= {kind.still_label for kind in FIGURES.values()}
    made |= {f"ch_{name}" for name in FIGURES["conv-hyperparameters"].options}
    made |= {f"card_change_{name}" for name in CHANGES} | {f"card_measure_{name}" for name in MEASURES}
    made |= {f"card_of_{name}" for name in ("known", "others", "drawings", *made_pictures(8, 1))}
    assert asked | steps | made == set(labels)


def test_a_translation_older_than_its_original_is_a_fact(tmp_path):
    (tmp_path / "strata.toml").write_text(
        PROJECT.replace("[models.small]", 'zh = { name = "中文", tag = "zh-Hans" }\n[models.small]').replace(
            'classes = [{ name = "red" }, { name = "blue" }]',
            'classes = [{ name = "red", labels = { zh = "红" } }, { name = "blue", labels = { zh = "蓝" } }]',
        )
    )
    for code in ("en", "zh"):
        (tmp_path / "content" / code).mkdir(parents=True)
    site = read_site(tmp_path)
    (tmp_path / "content" / "en" / "index.md").write_text(FRONT + "First.\n")
    digest = read_lessons(site)["en", "index"].digest
    (tmp_path / "content" / "zh" / "index.md").write_text(
        FRONT.replace("---\n", f'---\noriginal: "{digest}"\n', 1) + "一。\n"
    )
    assert not read_lessons(site)["zh", "index"].outdated
    (tmp_path / "content" / "en" / "index.md").write_text(FRONT + "Changed.\n")
    read = read_lessons(site)
    assert read["zh", "index"].outdated and not read["en", "index"].outdated


def test_the_translations_that_ship_are_up_to_date(site):
    for (code, slug), lesson in read_lessons(site).items():
        assert code == site.default_language.code or ("original" in lesson.front and not lesson.outdated), (code, slug)

"""Formulas and code in lessons: MathML, its style sheet and font; colours; faults named by file and line."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

import build
from cache import Cache
from errors import BuildError
from generator.formulas import FONT, STYLE, set_formulas
from generator.lessons import Lesson
from generator.markdown import render
from tests.conftest import PROJECT, make_project
from tests.engines import served
from tests.page import AXE, ENGINES

BODY = r"""
## A sum $\sum_i x_i$ {#sum}

A line with $w \cdot x + b$, with `$code$`, and with $5 and $6 for prices.

$$
y_{i,j} = b + \sum_{c=0}^{C-1} \sum_{m,n} w_{c,m,n}\, x_{c,\,i+m,\,j+n} < 1
$$

$$\begin{aligned} a &= \frac{1}{2} \\ b &= \left(\frac{\partial L}{\partial w}\right) \end{aligned}
\qquad \sqrt{\frac ab} \quad \mathcal{L}
\quad \text{a long formula that is wider than a telephone}$$

## Code {#code}

```python
def double(x: float) -> float:
    return 2 * x  # a comment that goes on and on until the line is far wider than the column of the text
```

```text
<b> & $x$
```

## A table {#table}

| one | two | three | four | five | six | seven | eight | nine | ten |
|---|---|---|---|---|---|---|---|---|---|
| $x^2$ | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 |
"""
FIGURE = "\n/// cnn-network | net\n    model: small\n///\n"


def lesson(site, body: str) -> Lesson:
    return Lesson("l", site.default_language, Path("l.md"), body, 7)


@pytest.fixture(scope="module")
def typeset(site, node, tmp_path_factory):
    """The lesson above with its formulas set, and the files that this gave."""
    written = lesson(site, BODY)
    body = render(written, {}, {})
    rendered, files = set_formulas({("en", "l"): (written, body)}, node, Cache(tmp_path_factory.mktemp("cache")))
    return rendered["en", "l"][1], files


def test_tex_becomes_mathml_and_text_stays_text(typeset):
    body, _ = typeset
    assert len(body.formulas) == 5 and body.html.count("<math") == 5 and "formula:" not in body.html
    assert (
        "with $5 and $6 for prices" in body.html
        and "<code>$code$</code>" in body.html
        and "&lt;b&gt; &amp; $x$" in body.html
    )
    assert body.html.count('class="formula-block"') == 2 and "<mo>&lt;</mo>" in body.html
    assert body.headings[0][:2] == (2, "sum") and "<math>" in body.headings[0][2]
    assert [formula.line for formula in body.formulas][:3] == [8, 10, 13]


def test_no_style_is_inline_and_each_class_has_its_rule(typeset):
    body, files = typeset
    assert not re.search(r"\sstyle=", body.html)
    rules = files[STYLE].decode()
    own = set(re.findall(r"\bformula-[0-9a-f]{6}\b", body.html))
    assert own and all(f".{name} {{ " in rules for name in own)
    assert rules.count("@font-face") == 1 and "//" not in rules.replace("http://www.w3.org", "")


def test_the_font_has_every_letter_of_the_formulas_and_is_small(typeset):
    body, files = typeset
    has = TTFont(io.BytesIO(files[FONT])).getBestCmap()
    mathml = "".join(re.findall(r"<math.*?</math>", body.html, re.DOTALL))
    letters = {ord(letter) for letter in unescape(re.sub("<[^>]*>", "", mathml))}
    assert letters and letters <= has.keys() | {0x2061}
    assert 0x1D465 in has, "the italic x that browsers put for a variable"
    assert len(files[FONT]) < 60_000


def test_a_lesson_without_formulas_needs_nothing(site, node, tmp_path):
    written = lesson(site, "Plain.\n")
    body = render(written, {}, {})
    assert set_formulas({("en", "l"): (written, body)}, node, Cache(tmp_path))[1] == {} and not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("Text.\n\nAnd $\\frac{1}{$.", 9, r"bad TeX in \$\\frac\{1\}\{\$: "),
        ("$$\n\\nosuchthing x\n$$", 8, r"bad TeX in .*\\nosuchthing"),
        ("$\\underset{k}{\\operatorname{arg\\,max}}$", 7, "browsers do not draw"),
    ],
)
def test_bad_tex_is_named(site, node, tmp_path, body, line, says):
    written = lesson(site, body)
    with pytest.raises(BuildError, match=says) as caught:
        set_formulas({("en", "l"): (written, render(written, {}, {}))}, node, Cache(tmp_path))
    assert (caught.value.path.name, caught.value.line) == ("l.md", line) and len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("In code `$\\nope$`.\n\nAnd $\\nope$.\n", 9),
        ("In code `\\nope`.\n\n$$\n\\nope\n$$\n", 10),
        ("1. In a list\n\n    $$\n    a +\n    \\nope\n    $$\n", 10),
        ("> Quoted\n>\n> $$\n> \\nope\n> $$\n", 10),
        ("Fine: $x$.[^1]\n\n[^1]: A note with $\\nope$.\n", 9),
    ],
)
def test_the_line_of_a_faulty_formula_is_its_own(site, node, tmp_path, body, line):
    written = lesson(site, body)
    with pytest.raises(BuildError) as caught:
        set_formulas({("en", "l"): (written, render(written, {}, {}))}, node, Cache(tmp_path))
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("Text.\n$$\nx\n$$\nMore.\n", 8, "empty line before and after"),
        ("Fine:\n\n$$\nx\n$$\n\n$$\na + b\n\nMore.\n", 13, "empty line before and after"),
        ("Text $$ y $$ text.\n", 7, "empty line"),
        ("Euler: $$e^x$$\n", 7, "empty line"),
        ("\\begin{align}\nx\n\\end{align}\n", 7, "between two"),
        ("Text.\n\n```python\nx = 1\n\n## Two\n", 9, "this code block is not closed"),
        ("A note.[^nope]\n", 7, r'no footnote "\[\^nope\]'),
        ("## One {#a}\n\n## Two {#a}\n", 9, 'the id "a" is used twice'),
        ("# Title\n", 7, "begin with ##"),
        ("<p style='color:red'>x</p>\n", 7, '"style" does nothing'),
        ("Text.\n\n<b onclick=x()>x</b>\n", 9, '"onclick" does nothing'),
    ],
)
def test_what_markdown_would_let_through_is_refused(site, body, line, says):
    with pytest.raises(BuildError, match=says) as caught:
        render(lesson(site, body), {}, {})
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        "From $5-$10.",
        "US$5 and US$6.",
        "价格是5$，也可以是$5。",
        "It says formula:0; here.",
        r"A price: \$7\$.",
        "Costs $5 and $x is alone.",
    ],
)
def test_a_dollar_is_a_dollar(site, text):
    body = render(lesson(site, text + "\n"), {}, {})
    assert body.formulas == [] and body.html == f"<p>{text.replace(chr(92), '')}</p>"
    assert body.with_mathml([]).html == f"<p>{text.replace(chr(92), '')}</p>"


def test_labels_of_formulas_are_refused(site, node, tmp_path):
    for tex in (r"$\ref{a}$", "$$\nx \\label{content} \\tag{1}\n$$"):
        written = lesson(site, f"{tex}\n")
        with pytest.raises(BuildError, match="link to a heading"):
            set_formulas({("en", "l"): (written, render(written, {}, {}))}, node, Cache(tmp_path))


def test_headings_keep_their_anchors_and_lend_no_links(site):
    plain, more = (
        render(lesson(site, f"{before}## A sum $x$ of [all](x.md)\n"), {}, {}) for before in ("", "And $y$.\n\n")
    )
    assert plain.headings[0][1] == more.headings[0][1] == "a-sum-of-all"
    assert "<a" not in plain.headings[0][2] and "formula:0;" in plain.headings[0][2]


def test_code_is_coloured_and_an_unknown_language_named(site):
    html = render(lesson(site, BODY), {}, {}).html
    assert '<span class="k">def</span>' in html and '<span class="c1"># a comment' in html and "style=" not in html
    with pytest.raises(BuildError, match='unknown language "pyhton".*did you mean "python"') as caught:
        render(lesson(site, "Text.\n\n```pyhton\nx\n```\n"), {}, {})
    assert caught.value.line == 9


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Iterator[tuple[Path, str]]:
    """A site with this lesson and one without formulas: its folder and its address."""
    front = "---\ntitle: {0}\nsummary: Of {0}.\nauthor: Somebody\ndate: 2026-11-21\ntags: [one, two]\n---\n"
    root = make_project(
        tmp_path_factory.mktemp("typeset") / "project",
        PROJECT.replace('["index"]', '["index", "plain"]'),
        {"index": front.format("Formulas") + BODY + FIGURE, "plain": front.format("Plain") + FIGURE},
        ["red", "blue"],
    )
    assert build.main(["--root", str(root), "--out", str(root / "out")]) == 0
    with served(root / "out") as base:
        yield root / "out", base


@pytest.mark.parametrize("engine", ENGINES)
def test_formulas_are_drawn_in_their_font_at_every_width(visit, pages, engine):
    page = visit(engine, base=pages[1]).open()
    for width in (1440, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)  # a resized window lays the network out anew
        assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
            width
        )
    assert page.evaluate("() => document.fonts.load('16px STIX2').then((faces) => faces.length)") == 1
    heights = page.evaluate("""() => {
        const height = (element) => element.getBoundingClientRect().height;
        return [...document.querySelectorAll(".formula-block mrow > mo[fence]")].map((fence) => [height(fence),
            height(fence.parentElement.querySelector("mfrac"))]);
    }""")
    assert heights and all(fence > 0.8 * fraction for fence, fraction in heights), "brackets grow with what they hold"


def test_what_is_too_wide_can_be_scrolled_from_the_keyboard(visit, pages):
    page = visit(base=pages[1], viewport={"width": 390, "height": 900}).open()
    page.wait_for_selector(".table[tabindex='0']")
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".lesson pre, .formula-block, .table")]
            .map((e) => [e.scrollWidth > e.clientWidth, e.tabIndex])"""
    )
    assert {(True, 0), (False, -1)} == {tuple(pair) for pair in wide}
    page.evaluate(AXE.read_text())
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        found = page.evaluate(
            "() => axe.run().then((result) => result.violations.map((v) => [v.id, v.nodes.map((n) => n.html)]))"
        )
        assert found == [], theme


def test_only_pages_with_formulas_load_what_they_need(pages):
    with_, without = (pages[0] / "index.html").read_text(), (pages[0] / "plain" / "index.html").read_text()
    assert "formulas.css" in with_ and "formulas.css" not in without
    assert "formulas.css" not in (pages[0] / "embed" / "index" / "net" / "index.html").read_text()


def test_the_contents_of_a_lesson_lead_to_its_headings(visit, pages):
    page = visit(base=pages[1]).open()
    links = page.locator(".contents a")
    assert [link.get_attribute("href") for link in links.all()] == ["#sum", "#code", "#table"]
    links.nth(1).click()
    assert page.url.endswith("#code") and page.locator("#code").bounding_box()["y"] < 100
    assert page.inner_text(".byline") == "Somebody · 2026-11-21 · one · two"
    assert "contents" not in (pages[0] / "plain" / "index.html").read_text().split("<article")[1].split("</article>")[0]

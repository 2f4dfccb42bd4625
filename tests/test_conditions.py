"""What readers' systems and other people's pages do to figures: forced colours, translation, two networks on one page,
a page without the site.
"""

from __future__ import annotations

import re
import shutil

import pytest

import build
from tests.engines import served
from tests.node import ROOT
from tests.pictures import encoded, scene

LESSON = """---
title: Figures
summary: Every figure on one page.
---

/// conv-hyperparameters | hyper
    padding: 1

A caption.
///

/// cnn-network | photos
    model: tinyvgg
    example: pizza

One.
///

/// cnn-network | clothes
    model: fashion

Two.
///
"""
WIDE = {"width": 1440, "height": 3600}


@pytest.fixture(scope="module")
def every_figure(tmp_path_factory):
    """The address of a site of one page with every figure, and with two networks."""
    root = tmp_path_factory.mktemp("conditions")
    for shared in ("site_templates", "assets", "model"):
        (root / shared).symlink_to(ROOT / shared)
    for code in ("en", "zh"):
        (root / "content" / code).mkdir(parents=True)
        (root / "content" / code / "index.md").write_text(LESSON, encoding="utf-8")
        shutil.copy(ROOT / "content" / code / "ui.toml", root / "content" / code)
    toml = (ROOT / "strata.toml").read_text(encoding="utf-8").replace('"index", "fashion"', '"index"')
    (root / "strata.toml").write_text(toml, encoding="utf-8")
    assert build.main(["--root", str(root), "--out", str(root / "site")]) == 0
    with served(root / "site") as base:
        yield base


def open_all(watched):
    page = watched.open()
    page.wait_for_function("() => document.querySelectorAll('.fig[data-state=ready]').length === 3")
    page.wait_for_function("() => globalThis.explorer && document.querySelector('#photos cnn-network').weights")
    return page


def test_every_figure_there_is_is_tested_here():
    tags = {path.name for path in (ROOT / "assets" / "src" / "figures").iterdir()}
    assert tags == {line.split()[1] for line in LESSON.splitlines() if line.startswith("/// ")}


# In the page: whether what a selector names can be told from the page's background and, where there is one, from its
# track.
VISIBLE = """(selectors) => {
    const clear = ["rgba(0, 0, 0, 0)", "none", "transparent"];
    const canvas = getComputedStyle(document.body.appendChild(Object.assign(document.createElement("div"), {
        style: "background: Canvas" }))).backgroundColor;
    return Object.entries(selectors).flatMap(([selector, property]) => {
        const found = [...document.querySelectorAll(selector)];
        if (!found.length) return [`${selector}: there is none`];
        return found.filter((element) => {
            const style = getComputedStyle(element);
            if (property === "outline" || property === "border")
                return style[`${property}Style`] === "none" || !parseFloat(style[`${property}Width`]);
            if (property === "textDecorationLine") return style[property] === "none";
            return [...clear, canvas].includes(style[property]);
        }).map((element) => `${selector}: ${property} ${getComputedStyle(element)[property]} on ${canvas}`).slice(0, 1);
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_forced_colours_what_is_chosen_and_every_bar_can_be_seen(visit, every_figure, scheme):
    page = open_all(visit(base=every_figure, forced_colors="active", color_scheme=scheme, viewport=WIDE))
    assert page.evaluate("() => matchMedia('(forced-colors: active)').matches")
    assert (
        page.evaluate(
            VISIBLE,
            {
                ".top nav a[aria-current]": "textDecorationLine",
                ".cn-upload": "border",
                '.cn-strip [aria-pressed="true"]': "outline",
                ".cn-bar-fill": "backgroundColor",
                ".cn-bar-track": "border",
                ".cn-map": "border",
                ".ch-tap": "fill",
                ".ch-result": "fill",
            },
        )
        == []
    )
    assert page.evaluate(
        "() => getComputedStyle(document.querySelector('li[data-best] .cn-bar-fill')).backgroundColor !== "
        "getComputedStyle(document.querySelector('li:not([data-best]) .cn-bar-fill')).backgroundColor"
    )
    for values, seen in [
        (
            "layer=relu_1_1&channel=0&view=what_if",
            {
                ".st-rank-bar span": "backgroundColor",
                ".st-rank-bar b": "backgroundColor",
                ".st-rank-bar": "border",
                ".st-ranking li[data-here]": "outline",
                ".st-rail [aria-current]": "outline",
                '.st-tabs [aria-pressed="true"]': "outline",
            },
        ),
        (
            "layer=logits&channel=0&view=softmax",
            {
                ".st-bar": "backgroundColor",
                ".st-share": "backgroundImage",
                ".st-softmax tr[data-here]": "outline",
            },
        ),
        ("layer=conv_1_1&channel=0&view=window&at=5.5", {".hm-unit:not([hidden])": "outline"}),
    ]:
        page.evaluate("(values) => { location.hash = `#photos?figure=photos&${values}`; }", values)
        page.wait_for_selector(next(iter(seen)))
        assert page.evaluate(VISIBLE, seen) == []
    page.click(".st-back")
    page.click("#photos .cn-paint")
    page.wait_for_selector("picture-brush canvas")
    assert (
        page.evaluate(
            VISIBLE,
            {
                '.br-colours [aria-pressed="true"]': "outline",
                '.br-sizes [aria-pressed="true"]': "outline",
                '.cn-paint[aria-pressed="true"]': "outline",
                ".br-sizes span": "backgroundColor",
            },
        )
        == []
    )


# What Google's translation does, but for the words: every text goes into two <font> elements, one in the other.
TRANSLATE = """() => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), texts = [];
    while (walk.nextNode()) texts.push(walk.currentNode);
    const kept = "[translate=no], script, style, font, svg, textarea, option";
    for (const text of texts) {
        if (!text.data.trim() || text.parentElement.closest(kept)) continue;
        const [outer, inner] = [document.createElement("font"), document.createElement("font")];
        text.replaceWith(outer);
        outer.append(inner);
        inner.append(document.createTextNode(text.data));
    }
}"""
TEXT = """() => {
    for (const line of document.querySelectorAll("live-line")) line.hidden = true; // is said later
    return [...document.querySelectorAll(".fig")].map((figure) => figure.innerText.replace(/\\s+/g, " ").trim());
}"""


def steps(page):
    """Go through the figures as a reader does; after each step all text that is to be seen."""
    for example in ("koala", "espresso"):
        page.click(f"#photos button[data-example={example}]")
        page.wait_for_selector(f"#photos button[data-example={example}][aria-pressed=true]")
        yield example
    for values in (
        "layer=conv_1_1&channel=0",
        "layer=conv_1_1&channel=3",
        "layer=conv_1_1&channel=3&view=window&at=4.7&from=1",
        "layer=conv_1_1&channel=3&view=window&at=9.2&from=2",
        "layer=relu_1_1&channel=1&view=field&at=4.4",
        "layer=relu_1_1&channel=2&view=field&at=8.4",
        "layer=max_pool_1&channel=2&at=3.3",
        "layer=flatten&channel=2&at=3.3",
        "layer=logits&channel=2",
        "layer=logits&channel=4",
        "layer=logits&channel=4&view=softmax",
        "layer=logits&channel=5&view=softmax",
        "layer=relu_2_1&channel=1&view=what_if",
        "layer=relu_2_1&channel=1&view=what_if&off=relu_2_1.1",
        "layer=relu_2_1&channel=1&view=compare",
        "off=relu_2_1.1 conv_1_1.2",
        "example=pizza",
    ):
        page.evaluate("(values) => { location.hash = `#photos?figure=photos&${values}`; }", values)
        page.wait_for_timeout(400)
        page.evaluate("() => document.querySelector('#photos cnn-network').updateComplete")
        if "what_if" in values:
            page.wait_for_function("() => document.querySelectorAll('.st-ranking li').length === 10")
        yield values
    page.hover("#photos button[data-layer=conv_1_2][data-channel='3']")
    page.wait_for_selector(".cn-tray")
    yield "one map"
    page.hover("#photos button[data-layer=relu_1_2][data-channel='4']")
    page.wait_for_timeout(100)
    yield "another map"
    for name in ("stride", "padding", "kernel_size"):
        page.focus(f"#hyper input[name={name}]")
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(50)
        yield name
    page.focus("#hyper .fig-explorable")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(50)
    yield "moved"


def test_a_translated_page_goes_on_saying_what_is_on_show(visit, every_figure):
    """All text of the figures is that of a page that was not translated, at every step."""
    plain, translated = (open_all(visit(base=every_figure, viewport=WIDE)) for _ in range(2))
    translated.evaluate(TRANSLATE)
    seen = set()
    for step, again in zip(steps(plain), steps(translated), strict=True):
        assert translated.evaluate(TEXT) == plain.evaluate(TEXT), step
        assert step == again
        seen.add(str(plain.evaluate(TEXT)))
        translated.evaluate(TRANSLATE)  # what has come since, and what was written anew
    assert len(seen) > 20


SCRIPTS = (
    '<script src="scripts/core.js"></script><script src="scripts/cnn-network.js"></script><script '
    'src="scripts/conv-hyperparameters.js"></script>'
)


@pytest.mark.parametrize(
    ("whole", "figure", "says"),
    [
        (False, '<cnn-network model="tinyvgg"></cnn-network>', "This figure needs the labels"),
        (False, "<conv-hyperparameters></conv-hyperparameters>", "This figure needs the labels"),
        (True, "<cnn-network></cnn-network>", "This figure needs the option “model”."),
        (True, '<cnn-network model="other"></cnn-network>', "models/other/manifest.json"),
    ],
)
def test_a_figure_on_a_page_of_somebodys_own_says_what_is_missing(visit, built, whole, figure, says):
    page = (built / "index.html").read_text(encoding="utf-8")
    labels = page[page.index('<script type="application/json" id="ui"') :].split("</script>")[0] + "</script>"
    styles = re.search(r'<link rel="stylesheet"[^>]*>', page)
    assert styles
    html = (
        f"<!doctype html><meta charset=utf-8><title>Mine</title>{styles[0] + labels if whole else ''}{figure}{SCRIPTS}"
    )
    with served(built, {"mine.html": html.encode()}) as base:
        page = visit(base=base, check=False).page
        page.goto(f"{base}mine.html")
        page.wait_for_selector("[data-state=error]")
        assert says in page.text_content("[role=alert]")


def test_an_error_while_drawing_is_said(visit):
    watched = visit(check=False)
    page = watched.open()
    page.evaluate(
        "() => { const figure = document.querySelector('cnn-network'); figure.state = { ...figure.state, off: 1 }; }"
    )
    page.wait_for_selector("cnn-network[data-state=error] [role=alert]")


# In the page, at once after `forget`: every place where something of the reader's picture could be.
LEFT = """() => {
    const { store } = strata["data/store"], networks = [...document.querySelectorAll("cnn-network")];
    const kept = networks.flatMap(({ base, picture, shown, paper, view }) => [base?.source, "own" in picture,
        shown && "own" in shown, paper, view?.trace.source]);
    const canvases = networks.map((network) => network.base ? 0 : network.querySelector(".cn-maps").width);
    return [store.own, kept.filter((one) => one === "own" || one === "painted" || one === true),
        canvases.filter((width) => width), sessionStorage.length];
}"""
NOTHING = [None, [], [], 0]


@pytest.fixture
def two_networks(visit, every_figure):
    """Two networks that both show the reader's picture."""
    page = open_all(visit(base=every_figure, viewport=WIDE))
    page.set_input_files(
        "#photos input[type=file]", {"name": "p.png", "mimeType": "image/png", "buffer": encoded(scene(90, 60))}
    )
    for figure in ("photos", "clothes"):
        page.wait_for_selector(f'#{figure} button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    page.wait_for_function("() => sessionStorage.length === 1")
    return page


def forget(page, before=""):
    """What is left right after the button of the second figure was pressed."""
    return page.evaluate(
        f"() => {{ {before}; document.querySelector('#clothes own-picture .cn-quiet').click(); return ({LEFT})(); }}"
    )


def test_a_picture_forgotten_in_one_figure_is_gone_from_the_other(two_networks):
    page = two_networks
    page.click("#photos button[data-example=koala]")
    page.wait_for_selector("#photos button[data-example=koala][aria-pressed=true]")
    assert forget(page) == NOTHING
    page.wait_for_function("() => document.querySelector('#clothes cnn-network').trace?.source === 'T-shirt'")
    assert page.evaluate("() => document.querySelector('#photos cnn-network').trace.source") == "koala"
    assert page.locator('button[data-example="own"]').count() == 0 and page.evaluate(LEFT) == NOTHING


def test_a_picture_forgotten_while_an_example_is_on_its_way_is_gone(two_networks):
    page = two_networks
    assert forget(page, "document.querySelector('#photos button[data-example=orange]').click()") == NOTHING
    page.wait_for_selector("#photos button[data-example=orange][aria-pressed=true]")
    assert page.evaluate(LEFT) == NOTHING


def test_a_painting_on_a_picture_goes_with_the_picture(two_networks):
    page = two_networks
    page.click("#photos .cn-paint")
    page.click("picture-brush canvas")
    page.wait_for_function("() => document.querySelector('#photos cnn-network').trace.source === 'painted'")
    assert forget(page) == NOTHING
    page.wait_for_function("() => document.querySelector('#photos cnn-network').trace?.source === 'pizza'")
    assert page.locator("picture-brush").count() == 0 and page.evaluate(LEFT) == NOTHING


def test_the_place_that_the_tab_key_reaches_is_each_figures_own(visit, every_figure):
    page = open_all(visit(base=every_figure, viewport=WIDE))
    page.evaluate("() => { location.hash = '#photos?figure=photos&layer=relu_1_1&channel=3'; }")
    page.wait_for_selector("#photos .st")
    page.click("#clothes button[data-example=dress]")
    page.wait_for_selector("#clothes button[data-example=dress][aria-pressed=true]")
    stops = page.evaluate(
        "() => [...document.querySelectorAll('#clothes :is(.cn-map, .cn-class-open)[tabindex=\"0\"]')].map((map) => "
        "map.dataset.layer)"
    )
    assert stops == ["image"]

"""What readers' systems and other people's pages do to figures: forced colours, translation, two networks on one page,
a page without the site.
"""

from __future__ import annotations

import shutil

import pytest

import build
from tests.engines import served
from tests.node import ROOT

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

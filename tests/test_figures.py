"""The base class of figures: state and address, pictures, keyboard, stills; tested with conv-hyperparameters."""

from __future__ import annotations

import itertools
import json
import shutil

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import build
from tests.engines import served
from tests.node import ROOT
from tests.page import AXE

FIGURES = ROOT / "assets" / "src" / "figures"
LIMITS = {
    name: (option["min"], option["max"])
    for name, option in json.loads(
        (FIGURES / "conv-hyperparameters" / "conv-hyperparameters.json").read_text(encoding="utf-8")
    )["options"].items()
}
LESSON = """---
title: Figures
summary: Several figures on one page.
---

/// conv-hyperparameters | hyper
    padding: 1

A caption.
///

/// cnn-network | pizza
    model: tinyvgg
    example: pizza

One.
///

/// cnn-network | koala
    model: tinyvgg
    example: koala

Two.
///
"""


@pytest.fixture(scope="module")
def page_of_figures(tmp_path_factory):
    """A site in two languages, one page with three figures: two of them show the same network."""
    root = tmp_path_factory.mktemp("figures")
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
        yield {"http": base, "file": f"{(root / 'site').as_uri()}/", "folder": root / "site"}


def settings():
    values = {name: range(low, min(high, low + 3) + 1) for name, (low, high) in LIMITS.items()}
    values["input_size"] = [1, 2, 5, 6, 9, 16]
    values["kernel_size"] = [1, 2, 3, 7]
    names = list(values)
    return [dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*values.values())][::7]


def test_the_window_moves_as_pytorch_has_it(bridge):
    """Output size and the cells under the window, for hundreds of settings, against nn.Conv2d and unfold."""
    chosen = settings()
    answers = bridge(*({"call": "hyperparameters", "setting": setting, "limits": LIMITS} for setting in chosen))
    valid = 0
    for setting, answer in zip(chosen, answers, strict=True):
        n, k = setting["input_size"], setting["kernel_size"]
        window = {name: setting[name] for name in ("padding", "stride", "dilation")}
        padded = n + 2 * setting["padding"]
        if padded < answer["span"]:
            assert answer["output"] == 0, setting
            with pytest.raises(RuntimeError):
                nn.Conv2d(1, 1, k, **window)(torch.zeros(1, 1, n, n))
            continue
        valid += 1
        assert answer["output"] == nn.Conv2d(1, 1, k, **window)(torch.zeros(1, 1, n, n)).shape[-1], setting
        # The rows of the padded input, each cell holding its row's number, as unfold finds them.
        rows = torch.arange(padded).float().view(1, 1, -1, 1)
        found = F.unfold(rows, (k, 1), (setting["dilation"], 1), 0, (setting["stride"], 1))[0].T
        assert found.tolist() == answer["taps"], setting
        covered = max(found.max().item(), 0) + 1
        assert answer["uncovered"] == padded - covered, setting
        for cell, place in enumerate(answer["places"]):
            distance = [abs(at * setting["stride"] + (answer["span"] - 1) / 2 - cell) for at in range(answer["output"])]
            assert distance[place] == min(distance), (setting, cell)
    assert valid > 100 and len(chosen) - valid > 50


def test_the_nearest_settings_that_work_are_the_nearest(bridge):
    chosen = [setting for setting in settings() if _span(setting) > setting["input_size"] + 2 * setting["padding"]]
    answers = bridge(*({"call": "hyperparameters", "setting": setting, "limits": LIMITS} for setting in chosen))
    for setting, answer in zip(chosen, answers, strict=True):
        nearest = {}
        for name, (low, high) in LIMITS.items():
            valid = [v for v in range(low, high + 1) if _fits({**setting, name: v})]
            if valid:
                nearest[name] = min(abs(v - setting[name]) for v in valid)
        fixes = [(fix["name"], abs(fix["value"] - setting[fix["name"]])) for fix in answer["fixes"]]
        assert dict(fixes) == nearest and [d for _, d in fixes] == sorted(nearest.values()), setting


def _span(setting):
    return setting["dilation"] * (setting["kernel_size"] - 1) + 1


def _fits(setting):
    return _span(setting) <= setting["input_size"] + 2 * setting["padding"]


def test_a_template_becomes_markup(bridge):
    written = bridge({"call": "markup"})[0]
    assert (
        " ".join(written.split())
        == '<svg width="4" class="a b" open="" title="&lt;&quot;&amp;"> <p>&lt;</p><p>1</p></svg>'
    )


DECLARED = {
    "summary": "",
    "options": {
        "size": {"type": "number", "min": 1, "max": 9, "default": 4, "state": True},
        "kind": {"type": "choice", "choices": ["max", "mean"], "default": "max", "state": True},
        "fixed": {"type": "number", "default": 3},
    },
    "state": {
        "at": {"type": "unit"},
        "grid": {"type": "switch", "default": True},
        "share": {"type": "number", "min": 0, "max": 1, "step": 0.1, "default": 0.5},
    },
}


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ("", {}),
        (
            "size=7&kind=mean&at=2.3&grid=off&share=0.25",
            {"size": 7, "kind": "mean", "at": [2, 3], "grid": False, "share": 0.25},
        ),
        ("size=10", {}),
        ("size=2.5&share=1.5&size=", {}),
        ("kind=median&at=2&grid=perhaps&fixed=9&unknown=1", {}),
        ("size=4&kind=max&grid=on&share=0.5", {}),
    ],
)
def test_a_state_stands_in_the_address(bridge, values, changed):
    """Defaults are left out, what is wrong is as if it were not there, and what is written is read again as it was."""
    given = {"call": "state", "declared": DECLARED}
    answer = bridge(given | {"hash": f"#a?figure=a&{values}"})[0]
    assert answer["initial"] == {"size": 4, "kind": "max", "at": None, "grid": True, "share": 0.5}
    assert answer["state"] == answer["initial"] | changed and set(answer["written"]) == set(changed)
    again = "&".join(f"{name}={value}" for name, value in answer["written"].items())
    assert bridge(given | {"hash": f"#a?figure=a&{again}"})[0]["state"] == answer["state"]


def test_an_option_of_the_lesson_is_where_the_state_starts(bridge):
    answer = bridge({"call": "state", "declared": DECLARED, "options": {"size": "7"}, "hash": "#a?figure=a&kind=mean"})[
        0
    ]
    assert answer["initial"]["size"] == 7 and answer["written"] == {"kind": "mean"}


@pytest.mark.parametrize("place", ["http", "file"])
def test_two_figures_of_one_network_show_each_its_own_picture(visit, page_of_figures, place):
    """On every one of ten loads, and in neither's address."""
    watched = visit(base=page_of_figures[place], viewport={"width": 1440, "height": 2600})
    for _ in range(10 if place == "http" else 2):
        watched.page.goto("about:blank")
        page = watched.open()
        page.wait_for_function("() => document.querySelectorAll('cnn-network[data-state=ready]').length === 2")
        sources = page.evaluate(
            "() => [...document.querySelectorAll('cnn-network')].map((figure) => figure.trace.source)"
        )
        assert sources == ["pizza", "koala"] and "#" not in page.url
    page.click("#koala button[data-example='orange']")
    page.wait_for_selector("#koala button[data-example='orange'][aria-pressed=true]")
    page.wait_for_function("() => location.hash === '#koala?figure=koala&example=orange'")
    assert page.evaluate("() => document.querySelector('#pizza cnn-network').trace.source") == "pizza"


def hyper(visit, page_of_figures, language="", values="", **context):
    watched = visit(base=page_of_figures["http"], **context)
    return watched.open(f"{language}embed/index/hyper/index.html{values and f'#hyper?figure=hyper&{values}'}")


def output_of(page) -> str:
    return page.text_content("[data-output]")


def test_the_formula_follows_the_sliders_and_the_address_follows_both(visit, page_of_figures):
    page = hyper(visit, page_of_figures)
    assert output_of(page) == "6" and page.text_content("copy-line code").endswith("kernel_size=3, padding=1)")
    page.focus("input[name=stride]")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('[data-output]').textContent === '3'")
    assert "stride=2, padding=1" in page.text_content("copy-line code")
    page.wait_for_function("() => location.hash.endsWith('stride=2')")
    assert page.locator(".ch-uncovered").count() == 15 and "never reaches" in page.inner_text(".ch-note")
    page.reload()
    page.wait_for_selector("[data-state=ready]")
    assert output_of(page) == "3" and page.input_value("input[name=stride]") == "2"


def test_what_does_not_fit_is_explained_and_mended_by_a_click(visit, page_of_figures):
    page = hyper(visit, page_of_figures, values="input_size=1&kernel_size=5&dilation=2")
    assert "9 cells" in page.inner_text(".ch-problem") and page.locator(".ch-result").count() == 0
    assert output_of(page) == "−5"
    page.click("[data-fix=dilation]") if page.locator("[data-fix=dilation]").count() else page.click(
        "[data-fix] >> nth=0"
    )
    page.wait_for_selector(".ch-result")
    assert int(output_of(page)) >= 1


def test_the_kernel_is_moved_by_pointer_keys_and_player(visit, page_of_figures):
    page = hyper(visit, page_of_figures, values="at=1.1", viewport={"width": 1200, "height": 800})

    def said():
        return page.text_content(".ch-said")

    assert "row 1, column 1" in said() and "rows 1, 2, 3" in said()
    box = page.locator(".fig-explorable svg").bounding_box()
    cell = page.locator(".ch-result").bounding_box()
    page.mouse.move(cell["x"] + 2.5 * cell["width"], cell["y"] + 0.5 * cell["height"])  # two places to the right
    page.wait_for_function("() => document.querySelector('.ch-said').textContent.includes('row 1, column 3')")
    page.mouse.move(box["x"] + 5, box["y"] + 30)  # the input's first cell
    page.wait_for_function("() => document.querySelector('.ch-said').textContent.includes('row 0, column 0')")
    page.focus(".fig-explorable")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    assert "row 0, column 2" in said(), "stops at the edge"
    page.wait_for_function("() => location.hash.endsWith('at=0.2')")
    page.keyboard.press("Escape")
    assert page.evaluate("() => !document.activeElement.matches('.fig-explorable')")
    page.click(".st-play")
    page.wait_for_function("() => document.querySelector('.ch-said').textContent.includes('row 1,')", timeout=20_000)
    page.click(".st-play")
    assert page.inner_text(".st-play") == "Play"


def test_the_back_button_takes_back_a_state_of_any_figure(visit, page_of_figures):
    page = visit(base=page_of_figures["http"], viewport={"width": 1440, "height": 2600}).open()
    page.evaluate("() => { location.hash = '#hyper?figure=hyper&stride=2'; }")
    page.wait_for_function("() => document.querySelector('input[name=stride]').value === '2'")
    page.go_back()
    page.wait_for_function("() => document.querySelector('input[name=stride]').value === '1'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["", "zh/"])
def test_a_new_figure_is_for_everybody(visit, page_of_figures, language, scheme):
    page = hyper(visit, page_of_figures, language, color_scheme=scheme, viewport={"width": 390, "height": 844})
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run().then(({ violations }) => violations.map((v) => [v.id, v.nodes[0].html]))")
    assert found == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_every_figure_has_a_still_that_shows_what_the_lesson_sets(page_of_figures):
    stills = sorted((page_of_figures["folder"] / "figures").rglob("*hyper*.svg"))
    assert len(stills) == 2, "one a language"
    english, chinese = (
        next(path for path in stills if f"/{code}/" in str(path)).read_text("utf-8") for code in ("en", "zh")
    )
    assert english.count('class="ch-tap"') == 9 and english.count('class="ch-cell"') == 36
    assert "Input 6 × 6, padded to 8 × 8" in english and "填充后" in chinese
    assert "var(" not in english and "<!--" not in english


def test_a_figure_is_saved_as_it_stands(visit, page_of_figures):
    page = hyper(visit, page_of_figures, values="kernel_size=2&at=3.3")
    page.evaluate("() => { document.querySelector('.cn-share').open = true; }")
    with page.expect_download() as download:
        page.click("[data-share=svg]")
    svg = download.value.path().read_text(encoding="utf-8")
    assert svg.count('class="ch-tap"') == 4 and "var(" not in svg
    assert download.value.suggested_filename == "conv-hyperparameters.svg"

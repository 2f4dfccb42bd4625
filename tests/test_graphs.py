"""Networks with branches, and wide ones: built, drawn, and opened in every view."""

from __future__ import annotations

import json

import pytest

import build
from config import read_site
from generator.cards import read_cards
from tests.conftest import make_project
from tests.engines import served
from tests.graphs import DEPTHWISE, RESIDUAL
from tests.page import OVERFLOW


def wide(channels: int) -> list[dict]:
    return [
        {"name": "conv_1", "kind": "conv", "out_channels": channels, "kernel_size": 3, "padding": 1},
        {"name": "relu_1", "kind": "relu"},
        {"name": "pool_1", "kind": "max_pool"},
        {"name": "conv_2", "kind": "conv", "out_channels": channels, "kernel_size": 3, "padding": 1},
        {"name": "relu_2", "kind": "relu"},
        {"name": "flatten", "kind": "flatten"},
        {"name": "logits", "kind": "linear", "out_features": 3},
    ]


NETWORKS = {"residual": RESIDUAL, "depthwise": DEPTHWISE, "wide32": wide(32), "wide64": wide(64)}
LESSON = "---\ntitle: {0}\nsummary: {0}.\n---\n\n/// cnn-network | net\n    model: {0}\n///\n"


def toml(value) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + " }"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    lessons = ["index", *list(NETWORKS)[1:]]
    lines = ['title = "Graphs"', f"lessons = {toml(lessons)}", '[languages]\nen = { name = "English", tag = "en" }']
    for name, layers in NETWORKS.items():
        classes = [{"name": colour, "folder": colour} for colour in ("red", "blue", "green")]
        network = {"in_channels": 3, "image_size": 32, "layers": layers}
        lines += [f"[models.{name}]", f'title = "{name}"', f"network = {toml(network)}", f"classes = {toml(classes)}"]
        lines += [f'weights = "{name}.safetensors"', 'examples = "pictures"']
    texts = {slug: LESSON.format("residual" if slug == "index" else slug) for slug in lessons}
    root = make_project(tmp_path_factory.mktemp("graphs") / "site", "\n".join(lines), texts, ["red", "blue"])
    assert build.main(["--root", str(root), "--out", str(root / "out")]) == 0
    with served(root / "out") as base:
        yield base, root


def page_of(visit, graphs, name, width, height=900):
    path = "index.html" if name == "residual" else f"{name}/index.html"
    return visit(base=graphs[0], viewport={"width": width, "height": height}).open(path)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", ["residual", "depthwise"])
def test_every_view_of_a_graph_opens(visit, graphs, name, width):
    page = page_of(visit, graphs, name, width)
    page.wait_for_function("() => globalThis.explorer")
    for layer in ["image", *(spec["name"] for spec in NETWORKS[name])]:
        views = page.evaluate(
            """(layer) => { const { manifest } = document.querySelector("cnn-network");
            return layer === "image" || manifest.layers.some(({
                name }) => name === layer) ? explorer.viewsOf(manifest, layer) : []; }""",
            layer,
        )
        assert views or layer.endswith("norm") or layer == "norm_1", "only folded normalisations are gone"
        for view in views:
            page.evaluate("(hash) => { location.hash = hash; }", f"#net?figure=net&layer={layer}&view={view}&at=0.0")
            page.wait_for_selector(f'.st-view[data-view="{view}"]')
            page.wait_for_selector(f'.st-rail [data-rail="{layer}"][aria-current]')
            wide_parts = OVERFLOW.replace('".visually-hidden, .skip, svg"', '".visually-hidden, .skip, svg, .st-rail"')
            assert page.evaluate(wide_parts) == [True], (layer, view)


def test_a_sum_shows_what_each_input_adds(visit, graphs):
    page = page_of(visit, graphs, "residual", 1440)
    page.evaluate("() => { location.hash = '#net?figure=net&layer=add_1&channel=2&view=map&at=5.6'; }")
    page.wait_for_selector(".st-merge")
    page.click(".st-digits input")
    page.wait_for_function("() => /[.]\\d{5}/.test(document.querySelector('.st-formula').textContent)")
    a, b, total = (
        float(part.replace("−", "-")) for part in page.text_content(".st-formula").replace("=", "+").split("+")
    )
    assert a + b == pytest.approx(total, abs=2e-5)
    values = page.evaluate(
        """() => ["gelu_1", "stem_relu", "add_1"].map((name) => {
        const { data } = document.querySelector("cnn-network").trace.layers[name];
        return data[(2 * 32 + 5) * 32 + 6]; })"""
    )
    assert values == pytest.approx([a, b, total], abs=1e-4)


def test_the_links_of_a_sum_come_from_all_its_inputs(visit, graphs):
    page = page_of(visit, graphs, "residual", 1440)
    page.focus('button[data-layer="add_1"][data-channel="3"]')
    page.wait_for_selector(".cn-map[data-parent]")
    parents = page.locator(".cn-map[data-parent]").evaluate_all(
        "(maps) => maps.map((m) => m.dataset.layer + m.dataset.channel)"
    )
    assert sorted(parents) == ["gelu_13", "stem_relu3"]
    page.focus('button[data-layer="concat"][data-channel="5"]')
    page.wait_for_function("() => document.querySelectorAll('.cn-map[data-parent]').length === 1")
    assert page.locator(".cn-map[data-parent]").get_attribute("data-layer") == "side"


@pytest.mark.parametrize("name", ["wide32", "wide64"])
def test_a_wide_network_fits_on_a_screen(visit, graphs, name):
    """At most 1,200 pixels high, class bars together, an opened map with its result in sight, every map in reach of the
    keys.
    """
    page = page_of(visit, graphs, name, 1440)
    height = page.evaluate("() => document.querySelector('.cn-network').clientHeight")
    bars = page.locator(".cn-classes li").evaluate_all("(bars) => bars.map((bar) => bar.getBoundingClientRect().y)")
    assert height <= 1200 and bars[-1] - bars[0] <= 64 * 2
    channels = int(name.removeprefix("wide"))
    page.focus('button[data-layer="conv_1"][data-channel="0"]')
    seen = set()
    for _ in range(channels):
        seen.add(page.evaluate("() => document.activeElement.dataset.channel"))
        page.keyboard.press("ArrowDown")
    assert len(seen) == channels
    page.focus('button[data-layer="conv_1"][data-channel="0"]')
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.matches('.cn-class-open')")
    page.evaluate("() => { location.hash = '#net?figure=net&layer=conv_2&channel=1&view=map'; }")
    page.wait_for_selector(".st-result")
    page.wait_for_function("() => document.querySelector('.st-result').getBoundingClientRect().bottom <= innerHeight")
    assert page.locator(".st-row").count() == 12 and page.locator(".st-rest").count() == 1


def test_a_model_that_is_not_trained_has_no_card_and_stops_no_other(graphs):
    site = read_site(graphs[1])
    path = site.models["wide32"].weights.with_suffix(".json")
    content = path.read_bytes()
    path.unlink()
    try:
        assert read_cards(site) == []
    finally:
        path.write_bytes(content)

"""The network's figure in real browsers: over http under a sub-path and from file://, in every engine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import build
from cache import Cache
from config import read_site
from generator.pictures import read_examples
from model.networks import build_network
from model.weights_file import load_weights
from tests.conftest import make_project
from tests.node import ROOT, close
from tests.page import (
    ENGINES,
    LANGUAGES,
    OVERFLOW,
    OVERLAPS,
    colours,
    page_probabilities,
    page_trace,
    painted,
    python_trace,
    upload,
    used_memory,
)
from tests.pictures import encoded, scene


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_network_is_drawn_from_the_manifest(visit, shipped, engine, place, language):
    page, manifest = visit(engine, place).open(shipped.pages[language]), shipped.manifest
    shown = page.evaluate("""() => {
        const counts = {};
        for (const { dataset } of document.querySelectorAll("button[data-layer]"))
            counts[dataset.layer] = (counts[dataset.layer] ?? 0) + 1;
        return {
            counts,
            classes: document.querySelectorAll("[data-class]").length,
            examples: document.querySelectorAll("button[data-example]").length,
            labels: [...document.querySelectorAll(".cn-class")].map((e) => e.innerText),
            language: document.documentElement.lang,
        };
    }""")
    layers = [{"name": "image", "shape": manifest["input"]["shape"]}, *manifest["layers"][:-2]]
    assert {layer["name"]: shown["counts"].get(layer["name"]) for layer in layers} == {
        layer["name"]: layer["shape"][0] for layer in layers
    }
    assert shown["classes"] == len(manifest["classes"]) and shown["examples"] == len(manifest["examples"])
    assert shown["labels"] == [c["labels"][language] for c in manifest["classes"]]
    assert shown["language"] == {"en": "en", "zh": "zh-Hans"}[language]
    maps = [(layer["name"], c) for layer in manifest["layers"][:-2] for c in range(layer["shape"][0])]
    assert sum(count > 1 for count in colours(page, maps)) > len(maps) / 2, "most maps are blank"


@pytest.mark.parametrize("engine", ENGINES)
def test_every_example_has_pytorchs_activations_and_probabilities(visit, shipped, node, engine):
    page, manifest = visit(engine).open(shipped.pages["en"]), shipped.manifest
    for example in read_examples(
        shipped.examples, [c["name"] for c in manifest["classes"]], node, Cache(ROOT / ".cache")
    ):
        page.click(f'button[data-example="{example.name}"]')
        page.wait_for_selector(f'button[data-example="{example.name}"][aria-pressed="true"]')
        truth = shipped.trace(encoded(example.picture))
        shown = page_trace(page)
        assert list(shown) == ["image", *truth]
        for name, values in truth.items():
            assert np.abs(shown[name] - values).max() <= 1e-3 * max(1, np.abs(values).max()), (example.name, name)
        assert close(shown["logits"], truth["logits"])
        expected = torch.from_numpy(truth["logits"]).softmax(0).numpy()
        assert np.abs(page_probabilities(page) - expected).max() <= 6e-5  # four decimals
        best = manifest["classes"][int(expected.argmax())]["labels"]["en"]
        assert f"{manifest['title']} predicts {best} {100 * expected.max():.1f}%" in " ".join(
            page.inner_text(".cn-summary").split()
        )


def test_a_network_trained_on_photos_gets_most_drawings_right(manifest, built, site, network, node):
    classes = [c["name"] for c in manifest["classes"]]
    examples = read_examples(site.models["tinyvgg"].examples, classes, node, Cache(ROOT / ".cache"))
    right = [classes[python_trace(network, encoded(e.picture))["logits"].argmax()] == e.label for e in examples]
    assert len(examples) == 10 and sum(right) >= 8


@pytest.mark.parametrize("scale", [1, 2])
def test_a_map_is_its_values_a_colour_each(visit, manifest, scale):
    """The larger a value, the further its pixel's colour is from zero's, at any screen resolution."""
    page = visit(device_scale_factor=scale, viewport={"width": 1440, "height": 900}).open()
    layers = page_trace(page)
    for name, channel in (("conv_1_1", 0), ("conv_1_2", 7), ("max_pool_2", manifest["layers"][0]["shape"][0] - 1)):
        pixels = painted(page, name, channel)
        values, (red, _, blue) = layers[name][channel].reshape(-1)[pixels[:, 0]], pixels[:, 1:].T
        # Of a pixel on the edge of two units the browser may show the other one.
        assert (
            np.sum(np.sign(values) * np.sign(blue - red) * (abs(blue - red) > 8) < 0) < 0.03 * len(values)
            and (abs(blue - red) > 8).any()
        )
        assert scale == 1 or len(np.unique(pixels[:, 0])) == layers[name][channel].size, (
            "a fine screen shows every unit"
        )


@pytest.mark.parametrize("engine", ["chromium", "firefox"])
def test_what_the_first_figure_needs_is_asked_for_ahead_and_once(visit, built, engine):
    """Not in the page's head, where it would delay the first paint, but by a script after the first paint."""
    start = visit(engine)
    asked: list[str] = []
    start.page.on("request", lambda request: asked.append(re.sub(r"\?.*", "", request.url)))
    page = start.open()
    ahead = page.locator("head link[rel=preload]").evaluate_all(
        "(links) => links.map((link) => link.href.replace(/[?].*/, ''))"
    )
    assert len(ahead) == 2 and [asked.count(url) for url in ahead] == [1, 1]
    assert 'rel="preload"' not in (built / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_hundred_pictures_leave_memory_where_it_was(visit, engine):
    page = visit(engine).open()
    session = page.context.new_cdp_session(page)
    give = """async ([from, count]) => {
        const element = document.querySelector("cnn-network");
        for (let i = from; i < from + count; i++) {
            const canvas = new OffscreenCanvas(150, 150);
            const context = canvas.getContext("2d");
            context.fillStyle = `hsl(${i * 37} 80% 50%)`;
            context.fillRect(0, 0, 150, 150);
            const before = element.trace;
            await strata['data/store'].store.take(new File([await canvas.convertToBlob()], `${i}.png`, {
                type: "image/png" }));
            while (element.trace === before) await new Promise((done) => setTimeout(done, 2));
            await element.updateComplete;
        }
    }"""

    page.evaluate(give, [0, 20])
    before = used_memory(page, session)
    page.evaluate(give, [20, 100])
    assert used_memory(page, session) - before < 1.0  # one trace alone is 0.9


OTHER_NETWORKS = """
title = "Other networks"
lessons = ["index", "three", "twenty"]
[languages]
en = { name = "English", tag = "en" }
[models.three]
title = "Three layers"
network = { in_channels = 3, image_size = 24, layers = [
  { name = "conv_1", kind = "conv", out_channels = 2, kernel_size = 5 },
  { name = "flatten", kind = "flatten" },
  { name = "logits", kind = "linear", out_features = 2 } ] }
weights = "three.safetensors"
examples = "three"
classes = [{ name = "red" }, { name = "blue" }]
[models.twenty]
title = "Twenty channels"
network = { in_channels = 1, image_size = 28, layers = [
  { name = "conv_1", kind = "conv", out_channels = 20, kernel_size = 3, padding = 1 },
  { name = "tanh_1", kind = "tanh" },
  { name = "avg_pool_1", kind = "avg_pool" },
  { name = "conv_2", kind = "conv", out_channels = 7, kernel_size = 3, stride = 2 },
  { name = "relu_2", kind = "relu" },
  { name = "flatten", kind = "flatten" },
  { name = "hidden", kind = "linear", out_features = 16 },
  { name = "sigmoid", kind = "sigmoid" },
  { name = "logits", kind = "linear", out_features = 3 } ] }
weights = "twenty.safetensors"
examples = "twenty"
classes = [{ name = "red" }, { name = "blue" }, { name = "green" }]
"""


@pytest.fixture(scope="session")
def other(once) -> Path:
    """A project of two other networks, with its site in `out`."""
    lesson = "---\ntitle: {0}\nsummary: {0}.\n---\n\n/// cnn-network | net\n    model: {0}\n///\n"
    second = "\n/// cnn-network | other\n    model: twenty\n    example: blue\n///\n"
    lessons = {
        "index": lesson.format("three") + second,
        "three": lesson.format("three"),
        "twenty": lesson.format("twenty"),
    }

    def make(root: Path) -> None:
        make_project(root, OTHER_NETWORKS, lessons, ["red", "blue"])
        assert build.main(["--root", str(root), "--out", str(root / "out")]) == 0

    return once("other", make)


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(("name", "size", "channels"), [("three", 24, 3), ("twenty", 28, 1)])
def test_other_networks_draw_and_answer_as_well(visit, other, name, size, channels, width):
    page = visit(base=f"{(other / 'out').as_uri()}/", viewport={"width": width, "height": 900}).open(
        f"{name}/index.html"
    )
    manifest = json.loads((other / "out" / "models" / name / "manifest.json").read_text())
    for layer in manifest["layers"]:
        if len(layer["shape"]) == 3:
            assert page.locator(f'button[data-layer="{layer["name"]}"]').count() == layer["shape"][0]
    assert page.locator("[data-class]").count() == len(manifest["classes"])
    assert page.evaluate(OVERFLOW) == [True] and page.evaluate(OVERLAPS) == []
    model = read_site(other).models[name]
    network, _ = build_network(model.network, len(model.classes))
    load_weights(model.weights, network)
    content = encoded(scene(70, 50))
    upload(page, content)
    truth, shown = python_trace(network, content, size, channels), page_trace(page)
    for layer, values in truth.items():
        assert close(shown[layer], values), layer


def test_two_networks_on_one_page_share_the_readers_picture_and_keep_their_examples(visit, other):
    watched = visit(base=f"{(other / 'out').as_uri()}/")
    page = watched.open()
    page.wait_for_selector("#other cnn-network[data-state=ready]")

    def sources():
        return page.evaluate("() => [...document.querySelectorAll('cnn-network')].map((e) => e.trace.source)")

    assert sources() == ["red", "blue"]
    page.click('#other button[data-example="red"]')
    page.wait_for_selector('#other button[data-example="red"][aria-pressed="true"]')
    page.click('#net button[data-example="blue"]')
    page.wait_for_selector('#net button[data-example="blue"][aria-pressed="true"]')
    assert sources() == ["blue", "red"]
    page.set_input_files(
        "#net input[type=file]", {"name": "p.png", "mimeType": "image/png", "buffer": encoded(scene(50, 50))}
    )
    for figure in ("net", "other"):
        page.wait_for_selector(f'#{figure} button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    assert page.evaluate(OVERLAPS) == []

"""The explorer's views: their addresses, and every number on show against PyTorch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from playwright.sync_api import Page
from torch import nn

from model.fold import Normalization
from tests.page import LANGUAGES, page_probabilities, page_trace

STATES = {
    "convolution": "layer=conv_1_2&channel=4",
    "window": "layer=conv_2_1&channel=3&view=window&from=2&at=10.12",
    "relu": "layer=relu_1_1&channel=1&at=7.9",
    "pooling": "layer=max_pool_1&channel=2&at=7.9",
    "flatten": "layer=flatten&channel=3&at=5.5",
    "logit": "layer=logits&channel=5",
    "softmax": "layer=logits&channel=5&view=softmax",
    "field": "layer=max_pool_2&channel=2&view=field&at=3.4",
    "what if": "layer=relu_2_2&channel=2&view=what_if",
    "compare": "layer=conv_1_1&view=compare&with=pizza",
    "picture": "layer=image",
}


def open_state(visit, state: str, engine="chromium", place="http", language="en", **context) -> Page:
    page = visit(engine, place, **context).open(f"{LANGUAGES[language]}#overview?figure=overview&{state}")
    page.wait_for_selector("network-stage .st")
    return page


def select(layer: str, channel: int) -> str:
    """The button of a map in the network."""
    return (
        f'.cn-classes [data-channel="{channel}"]'
        if layer == "logits"
        else f'button[data-layer="{layer}"][data-channel="{channel}"]'
    )


def numbers(text: str) -> list[float]:
    """The numbers of a text, as the page writes them."""
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text.replace("−", "-").replace(",", ""))]


def shown(page: Page, selector: str) -> list[float]:
    return numbers(" ".join(page.locator(selector).all_inner_texts()))


def two(values) -> np.ndarray:
    """As numbers with two decimals stand on the page: off by half of the last digit at most."""
    return pytest.approx(np.asarray(values, dtype=float).reshape(-1), abs=0.00501)


def exact(network: nn.Sequential, page: Page) -> dict[str, torch.Tensor]:
    """PyTorch's activations (without a batch) for the picture on show, normalised where the network wants that."""
    return activations(network, as_input(page, page_trace(page)["image"]))


def as_input(page: Page, image: np.ndarray) -> torch.Tensor:
    """A picture (C, H, W) as the network on the page takes it."""
    x = torch.from_numpy(np.array(image, dtype=np.float32))
    normalization = page.evaluate("() => document.querySelector('cnn-network').manifest.input.normalization")
    return (
        Normalization(tuple(normalization["mean"]), tuple(normalization["std"])).apply(x[None])[0]
        if normalization
        else x
    )


def activations(
    network: nn.Sequential, image: torch.Tensor, off: dict[str, list[int]] | None = None
) -> dict[str, torch.Tensor]:
    """ "image" and each layer's output, without a batch, with the channels of `off` at zero."""
    found, x = {"image": image}, image[None]
    with torch.no_grad():
        for name, layer in network.named_children():
            x = layer(x).clone()
            x[:, (off or {}).get(name, [])] = 0
            found[name] = x[0]
    return found


@dataclass(frozen=True)
class Shown:
    """The view on show, what it is of, and the truth about it."""

    page: Page
    network: nn.Sequential
    layers: dict[str, torch.Tensor]
    layer: str
    channel: int
    view: str
    at: tuple[int, int] | None
    from_: int

    @property
    def before(self) -> str:
        names = list(self.layers)
        return names[names.index(self.layer) - 1]

    @property
    def unit(self) -> float:
        """What PyTorch has at the unit that is looked at."""
        return self.maps(self.layer)[(self.channel, *self.at)].item()

    def maps(self, layer: str) -> torch.Tensor:
        """A layer's activation as the page lays it out: (C, H, W), a vector as one block."""
        x = self.layers[layer]
        return x.reshape(self.page.evaluate("(shape) => strata['arithmetic/explain'].spatial(shape)", list(x.shape)))


def check(page: Page, network: nn.Sequential) -> Shown:
    """Every number of the view on show is PyTorch's; returns what is on show."""
    look = page.evaluate(
        "() => { const { look } = document.querySelector('cnn-network'); return { ...look, at: look.at && "
        "[...look.at] }; }"
    )
    on_show = Shown(
        page,
        network,
        exact(network, page),
        look["layer"],
        look["channel"],
        page.get_attribute(".st-view", "data-view"),
        tuple(look["at"]) if look["at"] else None,
        look["from"],
    )
    module = dict(network.named_children()).get(on_show.layer)
    checks: dict[str, Callable[[Shown], None]] = {
        "window": _window,
        "softmax": _softmax,
        "field": _field,
        "what_if": _what_if,
        "compare": _compare,
    }
    kinds = {
        nn.Conv2d: _convolution,
        nn.MaxPool2d: _pooling,
        nn.AvgPool2d: _pooling,
        nn.Flatten: _flatten,
        nn.Linear: _linear,
    }
    (checks.get(on_show.view) or (kinds.get(type(module), _activation) if module is not None else _picture))(on_show)
    return on_show


def maps(page: Page, selector: str) -> np.ndarray:
    """The values that maps of one size are painted from: (maps, units)."""
    return np.array(page.locator(selector).evaluate_all("(maps) => maps.map((map) => [...map.shown.values])"))


def _convolution(s: Shown) -> None:
    x, conv = s.layers[s.before], getattr(s.network, s.layer)
    with torch.no_grad():
        parts = F.conv2d(x[None], conv.weight[s.channel][:, None], None, conv.stride, conv.padding, groups=len(x))[0]
    assert maps(s.page, ".st-parent heat-map") == pytest.approx(x.flatten(1).numpy(), abs=1e-4)
    assert maps(s.page, ".st-kernel heat-map") == pytest.approx(
        conv.weight.detach()[s.channel].flatten(1).numpy(), abs=1e-6
    )
    assert maps(s.page, ".st-part heat-map") == pytest.approx(parts.flatten(1).numpy(), abs=1e-4)
    faint = parts.abs().amax((1, 2)) < 0.02 * s.page.evaluate(
        "() => document.querySelector('.st-part heat-map').shown.scale.extent"
    )
    assert (
        s.page.locator(".st-part").evaluate_all("(all) => all.map((one) => !!one.querySelector('.st-nothing'))")
        == faint.tolist()
    ), "a map that looks empty says so"
    assert shown(s.page, ".st-bias") == two([conv.bias[s.channel].item()])
    assert maps(s.page, ".st-result heat-map")[0] == pytest.approx(
        s.layers[s.layer][s.channel].flatten().numpy(), abs=1e-4
    )


def _window(s: Shown) -> None:
    conv = getattr(s.network, s.layer)
    x, (row, column) = s.layers[s.before], s.at
    windows = F.unfold(x[None], conv.kernel_size, padding=conv.padding, stride=conv.stride)[0].reshape(
        len(x), -1, *s.layers[s.layer].shape[1:]
    )[:, :, row, column]
    kernels = conv.weight.detach()[s.channel].flatten(1)
    grids = [numbers(text) for text in s.page.locator(".st-numbers").all_inner_texts()]
    assert (
        grids[0] == two(windows[s.from_])
        and grids[1] == two(kernels[s.from_])
        and grids[2] == two(windows[s.from_] * kernels[s.from_])
    )
    parts = (windows * kernels).sum(1)
    assert shown(s.page, "[data-sum]") == two(parts[s.from_])
    assert [numbers(text)[-1] for text in s.page.locator("button.st-addend").all_inner_texts()] == two(parts)
    assert s.page.inner_text("[data-total]").replace("−", "-") == f"{s.unit:.2f}", "to the last digit on show"
    assert f"{s.unit:.2f}".replace("-", "−") in s.page.inner_text(".st-line")


def _activation(s: Shown) -> None:
    assert shown(s.page, ".st-formula")[-2:] == two([s.maps(s.before)[(s.channel, *s.at)], s.unit])


def _pooling(s: Shown) -> None:
    pool, (row, column) = getattr(s.network, s.layer), s.at
    k, top, left = pool.kernel_size, row * pool.stride, column * pool.stride
    values = s.layers[s.before][s.channel, top : top + k, left : left + k].reshape(-1)
    assert numbers(s.page.inner_text(".st-numbers")) == two(values) and shown(s.page, ".st-formula")[-1:] == two(
        [s.unit]
    )
    marked = s.page.evaluate(
        "() => [...document.querySelectorAll('.st-numbers span')].findIndex((span) => 'marked' in span.dataset)"
    )
    assert values[marked] == values.max() if isinstance(pool, nn.MaxPool2d) else marked == -1


def _flatten(s: Shown) -> None:
    _, height, width = s.layers[s.before].shape
    position = (s.channel * height + s.at[0]) * width + s.at[1]
    assert shown(s.page, "[data-total]") == [position]
    assert numbers(s.page.inner_text(".st-middle"))[-1] == pytest.approx(
        s.layers[s.layer][position].item(), abs=0.00501
    )


def _linear(s: Shown) -> None:
    maps_before = s.layers[s.before]
    if isinstance(getattr(s.network, s.before), nn.Flatten):
        names = list(s.layers)
        maps_before = s.layers[names[names.index(s.before) - 1]]
    weights = getattr(s.network, s.layer).weight.detach()[s.channel].reshape(maps_before.shape)
    products = maps_before * weights
    assert shown(s.page, ".st-row-sum") == two(
        products.reshape(len(maps_before) if products.dim() == 3 else 1, -1).sum(1)
    )
    assert s.page.inner_text("[data-total]").replace("−", "-") == f"{s.layers[s.layer][s.channel].item():.2f}"
    if s.at and products.dim() == 3:
        unit, (_, height, width) = (s.from_, *s.at), weights.shape
        assert shown(s.page, ".st-one .st-formula") == two([maps_before[unit], weights[unit], products[unit]])
        assert numbers(s.page.inner_text(".st-vector-at"))[0] == (unit[0] * height + unit[1]) * width + unit[2]
        assert s.page.locator(".st-rows .hm-unit:not([hidden])").count() == 3, (
            "unit, weight and product light up together"
        )


def _softmax(s: Shown) -> None:
    logits = s.layers["logits"]
    cells = np.reshape(
        [numbers(text)[-1] for text in s.page.locator(".st-softmax tbody td").all_inner_texts()], (len(logits), -1)
    )
    exponentials = (logits - logits.max()).exp()
    assert cells[:, 0] == two(logits) and cells[:, 1] == two(logits - logits.max())
    assert cells[:, 2] == two(exponentials) and cells[:, 3] == pytest.approx(
        (100 * logits.softmax(0)).numpy(), abs=0.0501
    )
    assert numbers(s.page.inner_text(".st-terms"))[-1] == two([exponentials.sum()])
    assert (
        s.page.locator(".st-terms [data-here]").count() == 1
        and s.page.inner_text(".st-terms [data-here]") == f"{exponentials[s.channel].item():.4f}"
    ), "bar and term light up together"


def _field(s: Shown) -> None:
    """The outline is where PyTorch's gradient is, with weights that let no path cancel another."""
    x = torch.ones(1, *s.layers["image"].shape, requires_grad=True)
    y = x
    for name, layer in s.network.named_children():
        if isinstance(layer, nn.Conv2d):
            y = F.conv2d(y, torch.ones_like(layer.weight), None, layer.stride, layer.padding)
        elif isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)):
            y = F.avg_pool2d(y, layer.kernel_size, layer.stride, layer.padding)
        if name == s.layer:
            break
    y[(0, s.channel, *s.at)].backward()
    rows, columns = (x.grad[0].sum(0).sum(axis).nonzero().flatten() for axis in (1, 0))
    top, left, height, width = rows.min().item(), columns.min().item(), len(rows), len(columns)
    box, region = (s.page.locator(f".st-reach > figure heat-map{part}").bounding_box() for part in ("", " .hm-region"))
    scale = box["width"] / x.shape[-1]
    found = [
        (region["y"] - box["y"]) / scale,
        (region["x"] - box["x"]) / scale,
        region["height"] / scale,
        region["width"] / scale,
    ]
    assert found == pytest.approx([top, left, height, width], abs=0.2)


def _what_if(s: Shown) -> None:
    off = s.page.evaluate(
        "() => document.querySelector('cnn-network').state.off.map(({ layer, channel }) => [layer, channel])"
    )
    gone = {layer: [c for name, c in off if name == layer] for layer, _ in off}
    now = activations(s.network, s.layers["image"], gone)["logits"].softmax(0)
    assert page_probabilities(s.page) == pytest.approx(now.numpy(), abs=1e-4)
    rows = s.page.locator("[data-rank]").evaluate_all(
        "(rows) => rows.map((row) => [Number(row.dataset.rank), Number(row.dataset.without)])"
    )
    assert sorted(channel for channel, _ in rows) == list(range(len(s.layers[s.layer])))
    for channel, share in rows:
        without = activations(s.network, s.layers["image"], {**gone, s.layer: [*gone.get(s.layer, []), channel]})[
            "logits"
        ].softmax(0)
        assert share == pytest.approx(without[now.argmax()].item(), abs=1e-4)


def _compare(s: Shown) -> None:
    s.page.wait_for_selector(".st-picture-row:nth-of-type(2)")
    assert s.page.locator(".st-picture-row").count() == 2
    for row in (1, 2):
        image = maps(s.page, f".st-picture-row:nth-of-type({row}) figure heat-map").reshape(s.layers["image"].shape)
        truth = activations(s.network, as_input(s.page, image))[s.layer]
        assert maps(s.page, f".st-picture-row:nth-of-type({row}) ol heat-map") == pytest.approx(
            truth.reshape(len(truth) if truth.dim() == 3 else 1, -1).numpy(), abs=2e-3
        )  # examples come as float16
    scales = s.page.locator(".st-picture-row ol heat-map").evaluate_all(
        "(maps) => maps.map((map) => map.shown.scale.extent)"
    )
    assert len(set(scales)) == 1, "the same colours for both"


def _picture(s: Shown) -> None:
    assert shown(s.page, "[data-pixel]") == two(page_trace(s.page)["image"][:, s.at[0], s.at[1]])

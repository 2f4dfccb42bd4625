"""What the browser tests ask of a page: the trace on show, the probabilities, an upload; and the same from PyTorch."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import CDPSession, Page
from torch import nn

from model.fold import Normalization
from model.networks import trace
from model.preprocess import open_picture, preprocess
from tests.node import ROOT

ENGINES = ["chromium", "firefox", "webkit"]
AXE = ROOT / "assets" / "node_modules" / "axe-core" / "axe.min.js"
LANGUAGES = {"en": "index.html", "zh": "zh/index.html"}

OVERFLOW = """() => {
    const wide = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll("body *")]
        .filter((e) => !e.closest(".visually-hidden, .skip, svg") && e.getBoundingClientRect().right > wide + 1);
    return [document.documentElement.scrollWidth <= wide, ...out.map((e) => e.outerHTML.slice(0, 120))];
}"""
OVERLAPS = """() => {
    const parts = ".cn-map, .cn-classes li, .cn-label, .cn-picture, .cn-legend";
    const boxes = [...document.querySelectorAll(parts)].map((e) => [e, e.getBoundingClientRect()]);
    const found = [];
    boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
        if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
            found.push(`${a.outerHTML.slice(0, 90)} | ${b.outerHTML.slice(0, 90)}`);
    }));
    return found;
}"""


def python_trace(network, content: bytes, size=64, channels=3, normalization=None):
    images = torch.from_numpy(preprocess(open_picture(content), size, channels))[None].float() / 255
    return {
        name: x[0].numpy()
        for name, x in trace(network, normalization.apply(images) if normalization else images).items()
    }


@dataclass(frozen=True)
class Shipped:
    """A network that the site ships with: its page in each language, its manifest, its pictures, and what PyTorch
    computes.
    """

    pages: dict[str, str]
    manifest: dict
    examples: Path
    network: nn.Sequential
    normalization: Normalization | None

    def trace(self, content: bytes) -> dict[str, np.ndarray]:
        channels, size, _ = self.manifest["input"]["shape"]
        return python_trace(self.network, content, size, channels, self.normalization)


def page_trace(page: Page) -> dict[str, np.ndarray]:
    """`element.trace`, brought over as base64."""
    packed = page.evaluate("""() => {
        const { layers } = document.querySelector("cnn-network").trace;
        return Object.entries(layers).map(([name, { shape, data }]) => {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        let text = "";
        for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
        return [name, [...shape], btoa(text)];
        });
    }""")
    return {name: np.frombuffer(base64.b64decode(data), "<f4").reshape(shape) for name, shape, data in packed}


def page_probabilities(page: Page) -> np.ndarray:
    return np.array(
        page.evaluate("() => [...document.querySelectorAll('[data-class]')].map((e) => Number(e.dataset.probability))")
    )


def upload(page: Page, content: bytes, name="photo.png", mime="image/png") -> None:
    """Give the page a picture by its button, and wait until it is on show."""
    page.evaluate("() => { window.before = document.querySelector('cnn-network').trace; }")
    page.set_input_files("input[type=file]", {"name": name, "mimeType": mime, "buffer": content})
    page.wait_for_function("() => document.querySelector('cnn-network').trace !== window.before", timeout=60_000)
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]')


# In the page: the pixels of maps as they stand on the network's canvas, which is read once.
PAINTED = """(maps) => {
    const canvas = document.querySelector(".cn-maps"), finest = canvas.width / parseFloat(canvas.style.width);
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    return maps.map(([layer, channel]) => {
        const { style } = document.querySelector(`button[data-layer="${layer}"][data-channel="${channel}"]`);
        const at = (name) => parseFloat(style[name]) * finest, left = Math.round(at("left")),
            top = Math.round(at("top"));
        const width = Math.round(at("left") + at("width")) - left, height = Math.round(at("top") + at("height")) - top;
        const { data } = copy.getImageData(left, top, width, height);
        return EACH(data, width, height, layer);
    });
}"""
COLOURS = PAINTED.replace("EACH", "((data) => new Set(new Uint32Array(data.buffer)).size)")
PIXELS = PAINTED.replace(
    "EACH",
    """((data, width, height, layer) => {
        let text = "";
        for (let i = 0; i < data.length; i += 4096) text += String.fromCharCode(...data.subarray(i, i + 4096));
        return [width, height, [...document.querySelector("cnn-network").trace.layers[layer].shape], btoa(text)];
    })""",
)


def colours(page: Page, maps: list[tuple[str, int]]) -> list[int]:
    """How many colours each of these maps (layer, channel) has on the network's canvas."""
    return page.evaluate(COLOURS, maps)


def painted(page: Page, layer: str, channel: int) -> np.ndarray:
    """A map on the network's canvas: (pixels, 4), of each pixel its unit (flat index), red, green and blue."""
    [[width, height, shape, data]] = page.evaluate(PIXELS, [[layer, channel]])
    h, w = shape[1:] if len(shape) == 3 else (1, shape[0])
    rows = ((np.arange(height) + 0.5) / height * h).astype(int)
    columns = ((np.arange(width) + 0.5) / width * w).astype(int)
    units = rows[:, None] * w + columns
    rgba = np.frombuffer(base64.b64decode(data), np.uint8).reshape(-1, 4)
    return np.column_stack([units.reshape(-1), rgba[:, :3]]).astype(int)


def used_memory(page: Page, session: CDPSession) -> float:
    """Megabytes that the page keeps: the least of several samples, since the browser's own caches come and go."""
    found = []
    for _ in range(6):
        for _ in range(2):
            session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")
        found.append(
            (heap["usedSize"] + heap.get("backingStorageSize", 0) + heap.get("embedderHeapUsedSize", 0)) / 2**20
        )
        page.wait_for_timeout(250)
    return min(found)

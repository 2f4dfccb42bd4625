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
    const out = [...document.querySelectorAll("body *")].filter((e) => !e.closest(".visually-hidden, .skip, svg") && e.getBoundingClientRect().right > wide + 1);
    return [document.documentElement.scrollWidth <= wide, ...out.map((e) => e.outerHTML.slice(0, 120))];
}"""
OVERLAPS = """() => {
    const boxes = [...document.querySelectorAll(".cn-map, .cn-classes li, .cn-label, .cn-picture, .cn-legend")].map((e) => [e, e.getBoundingClientRect()]);
    const found = [];
    boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
        if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1) found.push(`${a.outerHTML.slice(0, 90)} | ${b.outerHTML.slice(0, 90)}`);
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
    """A network that the site ships with: its page in each language, its manifest, its pictures, and what PyTorch computes."""

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
    packed = page.evaluate("""() => Object.entries(document.querySelector("cnn-network").trace.layers).map(([name, { shape, data }]) => {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        let text = "";
        for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
        return [name, [...shape], btoa(text)];
    })""")
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


def painted(page: Page, layer: str, channel: int) -> np.ndarray:
    """A map as it stands on the network's canvas: (pixels, 4), of each pixel the unit that it shows (flat index) and its red, green and blue."""
    pixels = page.evaluate(
        """([layer, channel]) => {
        const map = document.querySelector(`button[data-layer="${layer}"][data-channel="${channel}"]`), canvas = document.querySelector(".cn-maps");
        const { shape } = document.querySelector("cnn-network").trace.layers[layer], [h, w] = shape.length === 3 ? shape.slice(1) : [1, shape[0]];
        const finest = canvas.width / parseFloat(canvas.style.width), at = (name) => parseFloat(map.style[name]) * finest;
        const [left, top] = [Math.round(at("left")), Math.round(at("top"))];
        const [width, height] = [Math.round(at("left") + at("width")) - left, Math.round(at("top") + at("height")) - top];
        const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, -left, -top);
        const { data } = copy.getImageData(0, 0, width, height);
        return Array.from({ length: width * height }, (_, i) =>
            [Math.floor(((Math.floor(i / width) + 0.5) / height) * h) * w + Math.floor((((i % width) + 0.5) / width) * w), ...data.slice(4 * i, 4 * i + 3)]);
    }""",
        [layer, channel],
    )
    return np.array(pixels)


def used_memory(page: Page, session: CDPSession) -> float:
    """Megabytes that the page holds on to: the least of several looks, for what the browser itself keeps comes and goes."""
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

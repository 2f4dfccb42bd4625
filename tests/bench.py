"""`make bench`: measure speed, size and memory against the budgets, in one run of one browser.

    python -m tests.bench [--url ADDRESS --drawn SELECTOR] [--quick]

With --url, another site is measured in the same run, as far as the measures apply to any site; SELECTOR matches once it
is drawn. Lighthouse audits the home page; reasons for lost points are printed below the table. The exit status is 1 if
a budget is missed. Results vary between runs: compare only within a run.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

import build
from generator.node import Node
from tests.conftest import LESSON, PROJECT, make_project
from tests.engines import SUB_PATH, launch, served
from tests.lighthouse import DEVICES, lighthouse
from tests.node import ROOT, auditors
from tests.page import used_memory
from tests.pictures import encoded, scene
from tests.test_serving import serving

DRAWN = "cnn-network[data-state=ready]"
# Lighthouse's "slow 4G": 150 ms there and back, 1.6 Mbit/s down.
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}


@dataclass
class Row:
    """One measurement: our value, its upper or lower limit (if any), and the other site's value if measured."""

    what: str
    unit: str
    ours: float
    most: float | None = None
    peer: float | None = None
    least: float | None = None

    @property
    def missed(self) -> bool:
        return (self.most is not None and self.ours > self.most) or (self.least is not None and self.ours < self.least)

    @property
    def budget(self) -> str:
        return " ".join(
            f"{sign} {bound:g} {self.unit}"
            for sign, bound in (("≥", self.least), ("≤", self.most))
            if bound is not None
        )


WATCH = """
window.long = [];
new PerformanceObserver((list) => list.getEntries().forEach((e) => window.long.push([e.startTime,
    e.duration]))).observe({ type: "longtask", buffered: true });
const look = () => document.querySelector(DRAWN) ? (window.drawnAt = performance.now()) : requestAnimationFrame(look);
requestAnimationFrame(look);
"""


def visit(browser: Browser, url: str, drawn: str, slow: bool = False) -> dict[str, float]:
    """Open a page with an empty cache: bytes, requests and time until it is drawn, and the longest task afterwards."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    if slow:
        session.send("Network.emulateNetworkConditions", SLOW)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    loaded: list[float] = []
    asked: list[str] = []
    session.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    session.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    page.add_init_script(WATCH.replace("DRAWN", repr(drawn)))
    page.goto(url, wait_until="commit", timeout=120_000)
    page.wait_for_selector(drawn, timeout=120_000, state="attached")
    bytes_, requests = sum(loaded), [u for u in asked if u.startswith("http")]
    page.wait_for_timeout(1500)
    at = page.evaluate("() => window.drawnAt")
    longest = page.evaluate(
        "() => Math.max(0, ...window.long.filter(([start]) => start > window.drawnAt).map(([, duration]) => duration))"
    )
    context.close()
    return {
        "kilobytes": bytes_ / 1000,
        "requests": len(requests),
        "hosts": len({urlsplit(u).netloc for u in requests}),
        "drawn": at / 1000,
        "longest": longest,
    }


def repeated(times: int, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """The median of each measure."""
    runs = [measure() for _ in range(times)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


SWITCH = """async (rounds) => {
    const element = document.querySelector("cnn-network"), times = [];
    const names = [...element.querySelectorAll("button[data-example]")].map((b) => b.dataset.example);
    for (let i = 0; i < rounds * names.length; i++) {
        const name = names[(i + 1) % names.length], before = element.trace, start = performance.now();
        element.querySelector(`[data-example="${name}"]`).click();
        while (element.trace === before) await new Promise((done) => { const c = new MessageChannel();
            c.port1.onmessage = done; c.port2.postMessage(0); });
        await element.updateComplete;
        if (i >= names.length) times.push(performance.now() - start);
        await new Promise((done) => setTimeout(done, 20));
    }
    return times;
}"""

UPLOAD = """async ([from, count]) => {
    const element = document.querySelector("cnn-network"), times = [];
    for (let i = from; i < from + count; i++) {
        const canvas = new OffscreenCanvas(400, 300), context = canvas.getContext("2d");
        context.fillStyle = `hsl(${i * 37} 80% 50%)`;
        context.fillRect(0, 0, 300, 200);
        const file = new File([await canvas.convertToBlob()], `${i}.png`, { type: "image/png" }),
            before = element.trace, start = performance.now();
        await strata['data/store'].store.take(file);
        while (element.trace === before) await new Promise((done) => setTimeout(done));
        await element.updateComplete;
        times.push(performance.now() - start);
    }
    return times;
}"""


OPEN = """async () => {
    const { manifest } = document.querySelector("cnn-network"), times = [];
    const next = () => new Promise((done) => { const c = new MessageChannel(); c.port1.onmessage = done;
        c.port2.postMessage(0); });
    const until = async (found) => { while (!found()) await next(); };
    const open = async (name, act, view) => {
        const start = performance.now();
        act();
        await until(() => document.querySelector(view ? `.st-view[data-view="${view}"]` : ".st-view"));
        await document.querySelector("network-stage").updateComplete;
        document.querySelector("network-stage").getBoundingClientRect();
        const { view: shown } = document.querySelector(".st-view").dataset;
        times.push([`${name}, ${shown}`, performance.now() - start]);
        await new Promise((done) => setTimeout(done, 30));
    };
    for (let round = 0; round < 3; round++) for (const layer of manifest.layers.map(({ name }) => name)) {
        const map = document.querySelector(layer === "logits" ? ".cn-class-open" : `button[data-layer="${layer}"]`);
        await open(layer, () => map.click());
        const tab = (view) => document.querySelector(`.st-tabs [data-view="${view}"]`);
        const others = [...document.querySelectorAll('.st-tabs [data-view][aria-pressed="false"]')];
        for (const { view } of others.map(({ dataset }) => dataset)) await open(layer, () => tab(view).click(), view);
        document.querySelector(".st-back").click();
        await until(() => !document.querySelector("network-stage"));
    }
    return times;
}"""

SLIDE = """async () => {
    const next = () => new Promise((done) => requestAnimationFrame(done)), long = [];
    new PerformanceObserver((list) => list.getEntries().forEach((e) => long.push(e.duration))).observe({
        type: "longtask" });
    const map = [...document.querySelectorAll(".st-side heat-map")].at(-1);
    let frames = 0;
    await next();
    const start = performance.now();
    while (performance.now() - start < 3000) {
        const { left, top, width, height } = map.getBoundingClientRect(), at = frames++ / 300;
        map.dispatchEvent(new PointerEvent("pointermove", { pointerType: "mouse",
            clientX: left + width * ((at * 7) % 1), clientY: top + height * (at % 1) }));
        await next();
    }
    const seconds = (performance.now() - start) / 1000;
    await new Promise((done) => setTimeout(done, 200));
    return [frames / seconds, Math.max(0, ...long)];
}"""

PAINT = """async () => {
    const element = document.querySelector("cnn-network"), canvas = document.querySelector("picture-brush canvas"),
        box = canvas.getBoundingClientRect();
    let [shown, trace, moves] = [0, element.trace, 0];
    canvas.setPointerCapture = () => undefined;
    const send = (type, at) => canvas.dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0, buttons: 1,
        clientX: box.left + box.width * at, clientY: box.top + box.height * ((at * 5) % 1) }));
    send("pointerdown", 0);
    const start = performance.now();
    while (performance.now() - start < 3000) {
        send("pointermove", (moves++ % 200) / 200);
        await new Promise((done) => requestAnimationFrame(done));
        if (element.trace !== trace) { trace = element.trace; shown++; }
    }
    send("pointerup", 0);
    return shown / ((performance.now() - start) / 1000);
}"""


def looked_into(page: Page) -> list[Row]:
    """The explorer: opening its views, sliding a window, painting."""
    page.wait_for_function("() => globalThis.explorer && document.querySelector('cnn-network').weights")
    opened: dict[str, list[float]] = {}
    for view, took in page.evaluate(OPEN):
        opened.setdefault(view, []).append(took)
    slowest = max(opened, key=lambda view: statistics.median(opened[view]))
    page.evaluate("() => { location.hash = '#overview?figure=overview&layer=conv_1_1&channel=1&view=window&from=1'; }")
    page.wait_for_selector(".st-view[data-view=window]")
    frames, longest = page.evaluate(SLIDE)
    page.click(".st-back")
    page.click(".cn-paint")
    page.wait_for_selector("picture-brush canvas")
    painted = page.evaluate(PAINT)
    page.click(".cn-paint")
    return [
        Row(f"opening a view (the slowest: {slowest})", "ms", statistics.median(opened[slowest]), 50),
        Row("pointing at a 62 × 62 map: frames per second", "", frames, least=55),
        Row("longest task while pointing", "ms", longest, 50),
        Row("painting: network updates per second", "", painted, least=30),
    ]


def in_use(page: Page) -> list[Row]:
    """Switching examples, uploads cold and warm, and the memory over a hundred pictures."""
    session = page.context.new_cdp_session(page)
    switch = statistics.median(page.evaluate(SWITCH, 3))
    started = time.monotonic()
    page.set_input_files(
        "input[type=file]", {"name": "p.png", "mimeType": "image/png", "buffer": encoded(scene(400, 300))}
    )
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]', timeout=120_000)
    cold = time.monotonic() - started
    page.evaluate(UPLOAD, [0, 20])
    before = used_memory(page, session)
    warm = statistics.median(page.evaluate(UPLOAD, [20, 100]))
    return [
        Row("another example: all maps redrawn", "ms", switch, 50),
        Row("reader's first picture, with loading the engine", "s", cold),
        Row("each further picture", "ms", warm, 100),
        Row("memory growth over 100 pictures", "MB", used_memory(page, session) - before, 1),
    ]


def reports(tools: Node, sites: dict[str, str], times: int) -> tuple[list[Row], list[str]]:
    """Lighthouse's scores of each site from the median run, and the reasons for our lost points."""
    rows, lost = [], []
    for device in DEVICES:
        runs = {
            who: sorted(
                (lighthouse(tools, url, device) for _ in range(times)), key=lambda run: run.scores["performance"]
            )[times // 2]
            for who, url in sites.items()
        }
        rows += [
            Row(
                f"Lighthouse, {device}: {category}",
                "",
                score,
                None,
                runs["peer"].scores[category] if "peer" in runs else None,
                least=100,
            )
            for category, score in runs["ours"].scores.items()
        ]
        lost += [f"{device}, {line}" for line in runs["ours"].lost]
    return rows, lost


def project(folder: Path, site_url: str = "") -> Path:
    """A copy of this project without caches, with a site_url."""
    folder.mkdir()
    for shared in ("content", "site_templates", "assets", "model"):
        (folder / shared).symlink_to(ROOT / shared)
    (folder / "strata.toml").write_text(
        f'site_url = "{site_url}"\n' + (ROOT / "strata.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    return folder


def builds(lessons: int) -> list[Row]:
    """A build with empty caches, a second build, and a build of many lessons."""

    def seconds(root: Path, out: Path) -> float:
        started = time.monotonic()
        with redirect_stdout(StringIO()):
            assert build.main(["--root", str(root), "--out", str(out)]) == 0
        return time.monotonic() - started

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clean = project(folder / "clean")
        first, second = seconds(clean, folder / "site"), seconds(clean, folder / "site")
        slugs = ["index", *(f"lesson-{i}" for i in range(lessons - 1))]
        toml = PROJECT.replace('lessons = ["index"]', f"lessons = {slugs!r}".replace("'", '"'))
        many = make_project(folder / "many", toml, dict.fromkeys(slugs, LESSON), ["red", "blue"])
        return [
            Row("clean build", "s", first, 60),
            Row("second build", "s", second),
            Row(f"build of {lessons:,} lessons", "s", seconds(many, folder / "out")),
        ]


def authoring(browser: Browser, times: int) -> list[Row]:
    """What an author of the shipped site waits for: an edit in the browser while `serve` runs, and `check`."""
    with tempfile.TemporaryDirectory() as name:
        folder = project(Path(name) / "project")
        (folder / "content").unlink()
        shutil.copytree(ROOT / "content", folder / "content")
        lesson = folder / "content" / "en" / "index.md"
        text, edits = lesson.read_text(encoding="utf-8"), []
        with serving(folder) as running:
            page = browser.new_page()
            page.goto(running.address)
            for number in range(2 * times):
                started = time.monotonic()
                lesson.write_text(f"{text}\nEdit number {number}.\n", encoding="utf-8")
                page.wait_for_selector(f"p:has-text('Edit number {number}.')")
                edits.append(time.monotonic() - started)
            page.close()
        started = time.monotonic()
        subprocess.run([sys.executable, ROOT / "build.py", "check", "--root", folder], check=True, capture_output=True)
        return [
            Row("a lesson saved: shown by `serve`", "s", statistics.median(edits), 1),
            Row("`check`, when nothing was trained anew", "s", time.monotonic() - started, 5),
        ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--url", help="another site to measure in the same run")
    parser.add_argument("--drawn", default="body", metavar="SELECTOR", help="what is there once that site is drawn")
    parser.add_argument("--quick", action="store_true", help="once each, and fewer lessons")
    options = parser.parse_args(arguments)
    times = 1 if options.quick else 5
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        out = Path(name) / "site"
        with redirect_stdout(StringIO()):
            assert (
                build.main(
                    [
                        "--root",
                        str(project(Path(name) / "project", f"https://example.org{SUB_PATH}")),
                        "--out",
                        str(out),
                    ]
                )
                == 0
            )
        packed = {
            str(path.relative_to(out)): gzip.compress(path.read_bytes(), 6, mtime=0)
            for path in out.rglob("*")
            if path.suffix in (".html", ".js", ".css", ".svg")
        }
        browser = launch(playwright, "chromium")
        with served(out, packed=packed) as base:
            assert base.endswith(f"{SUB_PATH}/")
            sites = {"ours": (base, DRAWN)} | ({"peer": (options.url, options.drawn)} if options.url else {})
            plain = {who: repeated(times, lambda site=site: visit(browser, *site)) for who, site in sites.items()}
            slow = {
                who: repeated(min(times, 3), lambda site=site: visit(browser, *site, slow=True))
                for who, site in sites.items()
            }
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(base)
            page.wait_for_selector(DRAWN)
            rows = [
                Row(what, unit, source["ours"][name], most, source.get("peer", {}).get(name))
                for what, unit, source, name, most in [
                    ("transferred until the network is drawn", "kB", plain, "kilobytes", 300),
                    ("requests until then", "", plain, "requests", 15),
                    ("hosts asked", "", plain, "hosts", 1),
                    ("network drawn", "s", plain, "drawn", 0.4),
                    ("drawn on slow 4G, a CPU four times slower", "s", slow, "drawn", 2.5),
                    ("longest task after that", "ms", plain, "longest", 50),
                ]
            ]
            rows += looked_into(page)
            rows += in_use(page)
            rows += authoring(browser, times)
            browser.close()
            scores, lost = reports(auditors(print), {who: url for who, (url, _) in sites.items()}, min(times, 3))
            rows += scores
    rows += builds(50 if options.quick else 1000)
    table = Table("", "ours", "budget", *(["peer", "ratio"] if options.url else []))
    for row in rows:
        cells = [row.what, f"{'[red]' if row.missed else ''}{row.ours:,.2f} {row.unit}", row.budget]
        if options.url:
            cells += (
                ["", ""]
                if row.peer is None
                else [f"{row.peer:,.2f} {row.unit}", f"{row.peer / row.ours:.1f}" if row.ours else ""]
            )
        table.add_row(*cells)
    Console().print(table)
    for line in lost:
        print(f"  Lighthouse, {line}")
    return int(any(row.missed for row in rows))


if __name__ == "__main__":
    sys.exit(main())

"""The worker that does what takes longer than a frame: in every engine, from files too, and what happens without it."""

from __future__ import annotations

import base64
import json

import pytest

from tests.engines import served
from tests.node import close
from tests.page import ENGINES, page_trace, python_trace, upload
from tests.pictures import encoded, scene

COUNT = """
window.workers = 0;
window.Worker = class extends Worker { constructor(address) { super(address); window.workers++; } };
"""
# Every script that starts a worker begins with this.
IN_WORKER = """
window.Blob = class extends Blob {
    constructor(parts, options) { super(options?.type === "text/javascript" ? ["%s;", ...parts] : parts, options); }
};
"""
FILE = """(text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    window.file = new File([bytes], "p.png", { type: "image/png" });
}"""
SHOWN = 'button[data-example="own"][aria-pressed="true"]'


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
def test_pictures_and_rankings_are_computed_in_one_worker(visit, network, engine, place):
    page = visit(engine, place).open()
    page.evaluate(f"() => {{ {COUNT} }}")
    content = encoded(scene(90, 70))
    upload(page, content)
    assert close(page_trace(page)["logits"], python_trace(network, content)["logits"])
    page.evaluate("() => { location.hash = '#overview?figure=overview&layer=relu_1_1&channel=0&view=what_if'; }")
    page.wait_for_function("() => document.querySelectorAll('.st-ranking li').length === 10")
    assert page.evaluate("() => window.workers") == 1


@pytest.mark.parametrize("place", ["http", "file"])
def test_no_task_of_the_page_is_long_while_the_first_picture_is_computed(visit, browsers, place):
    """By the processor's time, which does not depend on what else the machine does."""
    page = visit("chromium", place).open()
    page.wait_for_function("() => globalThis.explorer && document.querySelector('cnn-network').weights")
    # That the driver hands a picture over is a long task by itself.
    page.evaluate(FILE, base64.b64encode(encoded(scene(400, 300))).decode())
    page.wait_for_timeout(500)
    browsers["chromium"].start_tracing(page=page, categories=["devtools.timeline", "toplevel"])
    page.evaluate("() => void strata['data/store'].store.take(window.file)")
    page.wait_for_selector(SHOWN, timeout=60_000)
    page.wait_for_timeout(300)
    events = json.loads(browsers["chromium"].stop_tracing())["traceEvents"]
    page_thread = next(
        (event["pid"], event["tid"]) for event in events if "scripts/core.js" in json.dumps(event.get("args", {}))
    )
    tasks = [
        event["tdur"] / 1000
        for event in events
        if "RunTask" in event["name"] and "tdur" in event and (event["pid"], event["tid"]) == page_thread
    ]
    assert len(tasks) > 20 and max(tasks) < 50


@pytest.mark.parametrize("engine", ENGINES)
def test_without_workers_the_page_computes(visit, network, engine):
    page = visit(engine, "file").open()
    page.evaluate("() => { delete globalThis.Worker; }")
    content = encoded(scene(90, 70))
    upload(page, content)
    assert close(page_trace(page)["logits"], python_trace(network, content)["logits"])
    assert page.locator(".cn-message").count() == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_where_the_policy_forbids_workers_the_page_computes(visit, built, network, engine):
    html = (built / "index.html").read_bytes()
    assert b"worker-src blob:" in html
    with served(built, {"index.html": html.replace(b"worker-src blob:", b"worker-src 'none'")}) as base:
        page = visit(engine, base=base, check=False).open()
        content = encoded(scene(90, 70))
        upload(page, content)
        assert close(page_trace(page)["logits"], python_trace(network, content)["logits"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("worker", [True, False])
def test_without_webassembly_the_lessons_own_arithmetic_takes_over(visit, network, engine, worker):
    watched = visit(engine)
    page = watched.open()
    missing = "delete globalThis.WebAssembly"
    page.evaluate(f"() => {{ {missing}; {IN_WORKER % missing if worker else 'delete globalThis.Worker'} }}")
    content = encoded(scene(99, 64))
    upload(page, content)
    truth, shown = python_trace(network, content), page_trace(page)
    for name, values in truth.items():
        assert close(shown[name], values), name
    assert not [url for url in watched.requests if "onnxruntime" in url]


def test_without_the_workers_script_the_page_computes_and_says_so(visit, built, network):
    broken = {"scripts/worker.js": None}
    with served(built, broken) as base:
        page = visit(base=base, check=False).open()
        content = encoded(scene(60, 60))
        upload(page, content)
        page.wait_for_selector('.cn-message:has-text("computes the network itself")')
        assert close(page_trace(page)["logits"], python_trace(network, content)["logits"])
        broken.clear()
        upload(page, encoded(scene(61, 60)))
        page.wait_for_selector('.cn-message:has-text("computes the network itself")', state="detached")


def test_a_job_that_is_cancelled_ends_at_once_and_the_next_one_is_done(visit):
    page = visit().open()
    ended = page.evaluate("""async () => {
        const { run } = strata["data/work"], { store } = strata["data/store"];
        const element = document.querySelector("cnn-network"), { trace } = element;
        const given = { manifest: await store.manifest("tinyvgg"), weights: await store.weights("tinyvgg"), trace,
            layer: "relu_1_1", off: [] };
        await run("rank", given, { signal: new AbortController().signal });
        const controller = new AbortController(), started = performance.now();
        const first = run("rank", given, { signal: controller.signal }).catch((error) => error.name);
        const second = run("rank", given, { signal: new AbortController().signal });
        await Promise.resolve();
        controller.abort();
        const name = await first, took = performance.now() - started;
        return [name, took < 30, (await second).length];
    }""")
    assert ended == ["AbortError", True, 10]


def test_a_worker_that_dies_fails_its_jobs_and_the_next_one_starts_another(visit):
    page = visit(check=False).open()
    page.evaluate(f"() => {{ {COUNT} }}")
    ended = page.evaluate("""async () => {
        const { run } = strata["data/work"], { store } = strata["data/store"];
        const { trace } = document.querySelector("cnn-network"), { signal } = new AbortController();
        const given = { manifest: await store.manifest("tinyvgg"), weights: await store.weights("tinyvgg"), trace,
            layer: "relu_1_1", off: [] };
        const { postMessage } = Worker.prototype;
        Worker.prototype.postMessage = function () { this.onerror({ message: "it died", preventDefault() {} }); };
        const failed = await run("rank", given, { signal }).catch((error) => error.message);
        Worker.prototype.postMessage = postMessage;
        return [failed, (await run("rank", given, { signal })).length, window.workers];
    }""")
    assert ended == ["it died", 10, 2]


def test_who_asks_for_a_trace_leaves_no_listener_behind(visit):
    page = visit().open()
    left = page.evaluate("""async () => {
        const { store } = strata["data/store"], { signal } = new AbortController(), listeners = new Set();
        const { addEventListener } = signal;
        signal.addEventListener = (type, listener, options) => {
            listeners.add(listener);
            options?.signal?.addEventListener("abort", () => listeners.delete(listener));
            addEventListener.call(signal, type, listener, options);
        };
        for (let i = 0; i < 5; i++) await store.trace("tinyvgg", { model: "tinyvgg", example: "pizza" }, signal);
        return listeners.size;
    }""")
    assert left == 0

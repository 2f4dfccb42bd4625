"""The camera, with a test stream: live, photo taken, permission denied, and switched off."""

from __future__ import annotations

import pytest

from tests.engines import watch
from tests.node import close
from tests.page import ENGINES, page_trace, python_trace
from tests.pictures import encoded, scene


@pytest.mark.parametrize("engine", ENGINES)
def test_the_camera_is_followed_and_a_frame_kept(browsers, address, engine):
    """The browser's fake camera."""
    page = browsers[engine].new_context().new_page()
    watched = watch(page, address["http"])
    page.add_init_script("""Object.defineProperty(navigator, "mediaDevices", { value: { getUserMedia: async () => {
        const canvas = document.createElement("canvas");
        canvas.width = 160; canvas.height = 120;
        const context = canvas.getContext("2d");
        let hue = 0;
        setInterval(() => { context.fillStyle = `hsl(${hue += 5} 90% 50%)`; context.fillRect(0, 0, 160, 120); }, 30);
        window.cameraStream = canvas.captureStream(30);
        return window.cameraStream;
    } } })""")
    try:
        watched.open()
        page.click("picture-input button")
        page.wait_for_selector('button[data-example="own"][aria-pressed="true"]', timeout=60_000)
        seen = set()
        for _ in range(100):
            seen.add(tuple(page.evaluate("() => [...document.querySelector('cnn-network').trace.layers.logits.data]")))
            if len(seen) >= 3:
                break
            page.wait_for_timeout(50)
        assert len(seen) >= 3, "the figure does not follow the camera"
        assert page.evaluate("() => sessionStorage.length") == 0
        page.click("picture-input button:has-text('Take')")
        page.wait_for_function("() => strata['data/store'].store.own?.file.name === 'camera.png'")
        page.wait_for_selector("picture-input video", state="detached")
        assert page.evaluate("() => window.cameraStream.getTracks().every((track) => track.readyState === 'ended')")
        assert watched.faults() == []
    finally:
        page.context.close()


CAMERA = """Object.defineProperty(navigator, "mediaDevices", { value: { getUserMedia: async () => {
    await new Promise((done) => setTimeout(done, 300));
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 90;
    const context = canvas.getContext("2d");
    let hue = 0;
    setInterval(() => { context.fillStyle = `hsl(${hue += 5} 90% 50%)`; context.fillRect(0, 0, 90, 90); }, 30);
    (window.streams ??= []).push(canvas.captureStream(30));
    return window.streams.at(-1);
} } })"""
LIVE = (
    "() => (window.streams ?? []).flatMap((stream) => stream.getTracks()).filter((track) => track.readyState === "
    "'live').length"
)


def test_another_picture_switches_the_camera_off(visit, network):
    watched = visit()
    watched.page.add_init_script(CAMERA)
    page = watched.open()

    def camera():
        page.click("picture-input button")
        page.evaluate(
            "() => document.querySelector('picture-input button')?.click()"
        )  # twice, while the first is pending
        page.wait_for_selector("picture-input video")
        page.wait_for_selector('button[data-example="own"][aria-pressed="true"]', timeout=60_000)
        assert page.evaluate(LIVE) == 1

    camera()
    page.click('button[data-example="pizza"]')
    page.wait_for_selector("picture-input video", state="detached")
    page.wait_for_timeout(200)
    assert (
        page.evaluate("() => document.querySelector('cnn-network').trace.source") == "pizza"
        and page.evaluate(LIVE) == 0
    )
    camera()
    content = encoded(scene(60, 60, seed=8))
    page.set_input_files("input[type=file]", {"name": "p.png", "mimeType": "image/png", "buffer": content})
    page.wait_for_selector("picture-input video", state="detached")
    page.wait_for_timeout(300)
    assert close(page_trace(page)["logits"], python_trace(network, content)["logits"]) and page.evaluate(LIVE) == 0
    camera()
    page.click("picture-input button:has-text('Stop')")
    page.wait_for_selector('button[data-example="own"]', state="detached")
    assert page.evaluate(LIVE) == 0 and page.evaluate("() => sessionStorage.length") == 0


def test_what_is_read_out_keeps_its_peace_while_the_camera_runs(visit):
    """Each frame has another answer: a screen reader hears one every few seconds, and the last one."""
    watched = visit()
    watched.page.add_init_script(CAMERA)
    page = watched.open()
    page.click("picture-input button")
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    answers, said = page.evaluate("""async () => {
        const figure = document.querySelector("cnn-network"), said = [], answers = new Set();
        const lines = [...figure.querySelectorAll("[role=status], [aria-live=polite]")];
        if (!lines.length) throw new Error("nothing is read out");
        for (const line of lines) new MutationObserver(() => said.push(line.textContent)).observe(line, {
            subtree: true, childList: true, characterData: true });
        const end = performance.now() + 7000;
        while (performance.now() < end) {
            answers.add(figure.querySelector(".cn-verdict").textContent);
            await new Promise((next) => requestAnimationFrame(next));
        }
        return [answers.size, said];
    }""")
    assert answers > 5 and 1 <= len(said) <= 3
    page.click('button[data-example="pizza"]')
    page.wait_for_function("() => document.querySelector('cnn-network [role=status]').textContent.includes('pizza')")


def test_the_camera_goes_on_while_its_square_is_moved(visit):
    watched = visit()
    watched.page.add_init_script(CAMERA.replace("canvas.height = 90", "canvas.height = 90, canvas.width = 160"))
    page = watched.open()
    page.click("picture-input button")
    page.wait_for_selector("own-picture input[type=range]", timeout=60_000)
    page.focus("own-picture input[type=range]")
    for key, left in (("Home", 0), ("End", 70)):
        page.keyboard.press(key)
        page.wait_for_function(f"() => strata['data/store'].store.own.crop.left === {left}")
        bitmap = page.evaluate_handle("() => strata['data/store'].store.own.bitmap")
        page.wait_for_function("(before) => strata['data/store'].store.own.bitmap !== before", arg=bitmap)
        crop, is_live = page.evaluate(
            "() => { const { crop, isLive } = strata['data/store'].store.own; return [crop, isLive]; }"
        )
        assert crop == {"left": left, "top": 0, "side": 90} and is_live
    assert page.evaluate(LIVE) == 1 and page.evaluate("() => sessionStorage.length") == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_camera_that_is_refused_is_said(visit, engine):
    watched = visit(engine)
    watched.page.add_init_script("""Object.defineProperty(navigator, "mediaDevices", { value: {
        getUserMedia: async () => { throw new DOMException("no", "NotAllowedError"); } } })""")
    page = watched.open()
    page.click("picture-input button")
    page.wait_for_selector('[role=alert]:has-text("permission to use the camera")')

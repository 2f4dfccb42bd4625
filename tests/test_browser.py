"""The built site in real browsers: over http under a sub-path and from file://, in Chromium and in Firefox."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from model.networks import build_network, trace
from model.preprocess import open_picture, preprocess
from model.weights_file import load_weights
from tests.conftest import make_project
from tests.engines import launch, served, watch
from tests.node import ROOT, close
from tests.pictures import SHAPES, encoded, scene

ENGINES = ["chromium", "firefox"]
AXE = ROOT / "assets" / "node_modules" / "axe-core" / "axe.min.js"
LANGUAGES = {"en": "index.html", "zh": "zh/index.html"}


@pytest.fixture(scope="session")
def browsers():
    with sync_playwright() as playwright:
        launched = {engine: launch(playwright, engine) for engine in ENGINES}
        yield launched
        for browser in launched.values():
            browser.close()


@pytest.fixture(scope="session")
def address(built):
    with served(built) as base:
        yield {"http": base, "file": f"{built.as_uri()}/"}


@pytest.fixture
def visit(browsers, address):
    """`visit(engine, place, **context)` gives a watched page; every page must be without fault when the test ends."""
    opened = []

    def start(engine="chromium", place="http", base=None, check=True, **context):
        page = browsers[engine].new_context(**context).new_page()
        watched = watch(page, base or address[place])
        opened.append((watched, check))
        return watched

    yield start
    faults = [fault for watched, check in opened if check for fault in watched.faults()]
    for watched, _ in opened:
        watched.page.context.close()
    assert not faults


@pytest.fixture(scope="session")
def network(site):
    network, _ = build_network(site.models["tinyvgg"].network, 10)
    load_weights(site.models["tinyvgg"].weights, network)
    return network


def python_trace(network, content: bytes, size=64, channels=3):
    pixels = preprocess(open_picture(content), size, channels)
    return {name: x[0].numpy() for name, x in trace(network, torch.from_numpy(pixels)[None].float() / 255).items()}


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
    return np.array(page.evaluate("() => [...document.querySelectorAll('[data-class]')].map((e) => Number(e.dataset.probability))"))


def upload(page: Page, content: bytes, name="photo.png", mime="image/png") -> None:
    """Give the page a picture by its button, and wait until it is on show."""
    before = page.evaluate_handle("() => document.querySelector('cnn-network').trace")
    page.set_input_files("input[type=file]", {"name": name, "mimeType": mime, "buffer": content})
    page.wait_for_function("(before) => document.querySelector('cnn-network').trace !== before", arg=before, timeout=60_000)
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]')




# --- the examples -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_network_is_drawn_from_the_manifest(visit, manifest, engine, place, language):
    page = visit(engine, place).open(LANGUAGES[language])
    for layer in [{"name": "image", "shape": manifest["input"]["shape"]}, *manifest["layers"][:-2]]:
        assert page.locator(f'button[data-layer="{layer["name"]}"]').count() == layer["shape"][0], layer["name"]
    assert page.locator("[data-class]").count() == len(manifest["classes"])
    assert page.locator("button[data-example]").count() == len(manifest["examples"])
    labels = page.locator(".cn-class").all_inner_texts()
    assert labels == [c["labels"][language] for c in manifest["classes"]]
    assert page.evaluate("() => document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]
    painted = page.evaluate("""() => [...document.querySelectorAll(".cn-map canvas")].map((c) =>
        new Set(new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer)).size)""")
    assert sum(colours > 1 for colours in painted) > len(painted) / 2, "most maps are blank"


@pytest.mark.parametrize("engine", ENGINES)
def test_every_example_has_pytorchs_activations_and_probabilities(visit, manifest, network, built, node, site, engine):
    from generator.pictures import read_examples

    page = visit(engine).open()
    for example in read_examples(site.models["tinyvgg"].examples, [c["name"] for c in manifest["classes"]], node, ROOT / ".cache" / "drawings"):
        page.click(f'button[data-example="{example.name}"]')
        page.wait_for_selector(f'button[data-example="{example.name}"][aria-pressed="true"]')
        truth = python_trace(network, encoded(example.picture))
        shown = page_trace(page)
        assert list(shown) == ["image", *truth]
        for name, values in truth.items():
            assert np.abs(shown[name] - values).max() <= 1e-3 * max(1, np.abs(values).max()), (example.name, name)
        assert close(shown["logits"], truth["logits"])
        expected = torch.from_numpy(truth["logits"]).softmax(0).numpy()
        assert np.abs(page_probabilities(page) - expected).max() <= 6e-5  # four decimals
        best = manifest["classes"][int(expected.argmax())]["labels"]["en"]
        assert f"TinyVGG says {best} {100 * expected.max():.1f}%" in " ".join(page.inner_text(".cn-summary").split())


def test_a_network_trained_on_photos_gets_most_drawings_right(manifest, built, site, network, node):
    from generator.pictures import read_examples

    classes = [c["name"] for c in manifest["classes"]]
    examples = read_examples(site.models["tinyvgg"].examples, classes, node, ROOT / ".cache" / "drawings")
    right = [classes[python_trace(network, encoded(e.picture))["logits"].argmax()] == e.label for e in examples]
    assert len(examples) == 10 and sum(right) >= 8


# --- the reader's own picture -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
def test_an_uploaded_picture_gets_pytorchs_trace(visit, network, engine, place):
    page = visit(engine, place).open()
    for content in (encoded(scene(123, 77)), encoded(scene(64, 64, mode="RGBA"))):
        upload(page, content)
        truth, shown = python_trace(network, content), page_trace(page)
        assert list(shown) == ["image", *truth]
        for name, values in truth.items():
            assert close(shown[name], values), name
        assert np.abs(page_probabilities(page) - torch.from_numpy(truth["logits"]).softmax(0).numpy()).max() <= 6e-5
    assert page.evaluate("() => document.querySelector('cnn-network').trace.source") == "own"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
def test_an_uploaded_photo_gets_the_prediction_that_python_gives_it(visit, network, manifest, photos, engine, place):
    import zipfile

    page = visit(engine, place).open()
    with zipfile.ZipFile(photos) as archive:
        names = [name for name in archive.namelist() if name.endswith("_7.JPEG")]
        assert len(names) == 10
        for name in names:
            content = archive.read(name)
            upload(page, content, "photo.jpg", "image/jpeg")
            expected = torch.from_numpy(python_trace(network, content)["logits"]).softmax(0).numpy()
            shown = page_probabilities(page)
            assert shown.argmax() == expected.argmax(), name
            assert np.abs(shown - expected).max() <= 0.02, name  # JPEG decoders may differ by a step of 255


@pytest.mark.parametrize("engine", ENGINES)
def test_preprocessing_is_pillows_to_the_byte(visit, engine):
    page = visit(engine, "file").open()
    for i, shape in enumerate(SHAPES):
        mode = ["RGB", "RGBA", "L", "LA"][i % 4]
        content = encoded(scene(*shape, mode=mode))
        for size, channels in ((64, 3), (28, 1)):
            packed = page.evaluate("""async ([text, size, channels]) => {
                const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                const own = await strata.picture.readPicture(new File([bytes], "p.png", { type: "image/png" }), new AbortController().signal);
                return [...(await strata.picture.pixelsOf(own, size, channels, () => {}))];
            }""", [base64.b64encode(content).decode(), size, channels])
            ours = np.array(packed, dtype=np.uint8).reshape(channels, size, size)
            assert np.array_equal(ours, preprocess(open_picture(content), size, channels)), (shape, mode)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(visit, network, engine, way):
    page = visit(engine, "file").open()
    content = encoded(scene(90, 90, seed=way == "drop"))
    page.evaluate("""([text, way]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "p.png", { type: "image/png" }));
        const event = new Event(way, { bubbles: true, cancelable: true });  // Firefox empties what a script puts into its own kinds
        Object.defineProperty(event, way === "drop" ? "dataTransfer" : "clipboardData", { value: data });
        document.body.dispatchEvent(event);
        if (!event.defaultPrevented) throw new Error("the browser would open the file instead");
    }""", [base64.b64encode(content).decode(), way])
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    assert close(page_trace(page)["logits"], python_trace(network, content)["logits"])


def test_the_engine_loads_when_first_needed_with_visible_progress(visit):
    watched = visit()
    page = watched.open()
    assert not [url for url in watched.requests if "onnxruntime" in url]
    page.evaluate("""() => {
        window.shares = [];
        new MutationObserver(() => {
            const progress = document.querySelector("progress");
            if (progress) window.shares.push(progress.value);
        }).observe(document.querySelector("cnn-network"), { subtree: true, childList: true, attributes: true });
    }""")
    upload(page, encoded(scene(80, 80)))
    shares = page.evaluate("() => window.shares")
    assert len(set(shares)) >= 4 and shares == sorted(shares)
    assert page.locator("progress").count() == 0
    fetched = len([url for url in watched.requests if "onnxruntime" in url])
    upload(page, encoded(scene(81, 80)))
    assert len([url for url in watched.requests if "onnxruntime" in url]) == fetched


def test_the_last_of_two_pictures_wins(visit, network):
    page = visit().open()
    first, second = encoded(scene(2000, 1500)), encoded(scene(70, 70, seed=9))
    page.evaluate("""([first, second]) => {
        const file = (text) => new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "p.png", { type: "image/png" });
        void strata.store.store.take(file(first));
        void strata.store.store.take(file(second));
    }""", [base64.b64encode(content).decode() for content in (first, second)])
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    page.wait_for_timeout(500)
    assert close(page_trace(page)["logits"], python_trace(network, second)["logits"])


def test_an_example_chosen_meanwhile_takes_the_pictures_place(visit):
    page = visit().open()
    page.set_input_files("input[type=file]", {"name": "p.png", "mimeType": "image/png", "buffer": encoded(scene(60, 60))})
    page.wait_for_selector("progress")
    page.click('button[data-example="pizza"]')
    page.wait_for_selector('button[data-example="pizza"][aria-pressed="true"]')
    page.wait_for_timeout(2500)  # the engine arrives, for nobody
    assert page.evaluate("() => document.querySelector('cnn-network').trace.source") == "pizza"
    assert page.locator("progress").count() == 0 and page.locator("[role=alert]").count() == 0
    page.click('button[data-example="own"]')
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]')


def test_many_pictures_at_once_are_computed_one_after_the_other(visit, network):
    page = visit().open()
    contents = [encoded(scene(64, 64, seed=i)) for i in range(5)]
    upload(page, encoded(scene(10, 10)))
    logits = page.evaluate("""async (pictures) => {
        const { store } = strata.store;
        const traces = pictures.map(async (text) => {
            const file = new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "p.png", { type: "image/png" });
            const own = await strata.picture.readPicture(file, new AbortController().signal);
            return store.produce(await store.manifest("tinyvgg"), { own });
        });
        return (await Promise.all(traces)).map((trace) => [...trace.layers.logits.data]);
    }""", [base64.b64encode(content).decode() for content in contents])
    for content, row in zip(contents, logits, strict=True):
        assert close(np.array(row, dtype=np.float32), python_trace(network, content)["logits"])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_is_no_picture_leaves_all_as_it_was(visit, engine):
    page = visit(engine).open()
    before = page_probabilities(page)
    for name, mime, content, says in [("notes.txt", "text/plain", b"hello", "is not a picture"), ("empty.png", "image/png", b"", "is empty"),
                                      ("broken.png", "image/png", b"\x89PNG and no more", "broken.png is cut short")]:
        page.set_input_files("input[type=file]", {"name": name, "mimeType": mime, "buffer": content})
        page.wait_for_selector(f'[role=alert]:has-text("{says}")')
    assert np.array_equal(page_probabilities(page), before)
    upload(page, encoded(scene(50, 50)))
    assert page.locator("[role=alert]").count() == 0


@pytest.mark.parametrize("instead", [None, b"<!doctype html><title>404</title>", b'strata.define("scripts/onnxruntime.wasm.2","AAAA'])
def test_an_engine_that_does_not_arrive_is_said_and_tried_again(visit, built, network, instead):
    broken = {"scripts/onnxruntime.wasm.2.js": instead}
    with served(built, broken) as base:
        page = visit(base=base, check=False).open()
        before = page_probabilities(page)
        page.set_input_files("input[type=file]", {"name": "p.png", "mimeType": "image/png", "buffer": encoded(scene(60, 60))})
        page.wait_for_selector('[role=alert]:has-text("did not arrive whole (scripts/onnxruntime.wasm.2.js)")', timeout=60_000)
        assert np.array_equal(page_probabilities(page), before)
        broken.clear()
        content = encoded(scene(61, 60))
        upload(page, content)
        assert close(page_trace(page)["logits"], python_trace(network, content)["logits"])


def test_without_webassembly_the_pages_own_arithmetic_takes_over(visit, network):
    watched = visit()
    watched.page.add_init_script("delete globalThis.WebAssembly")
    page = watched.open()
    content = encoded(scene(99, 64))
    upload(page, content)
    truth, shown = python_trace(network, content), page_trace(page)
    for name, values in truth.items():
        assert close(shown[name], values), name
    assert not [url for url in watched.requests if "onnxruntime" in url]


# --- any picture ------------------------------------------------------------------------------------------------------

def animation() -> bytes:
    frames = [scene(40, 40, seed=i).quantize(64) for i in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" %s><rect width="90" height="90" fill="red"/></svg>'
SOUND = {  # name -> type, content, what is said of it
    "one.png": ("image/png", encoded(scene(1, 1)), None),
    "small.png": ("image/png", encoded(scene(64, 40)), None),
    "clear.png": ("image/png", encoded(Image.new("RGBA", (30, 30), (9, 9, 9, 0))), None),
    "long.png": ("image/png", encoded(scene(3000, 150)), None),
    "grey16.png": ("image/png", encoded(Image.fromarray((np.arange(4900, dtype=np.uint16) * 13).reshape(70, 70))), None),
    "cmyk.jpg": ("image/jpeg", encoded(scene(80, 60).convert("CMYK"), "JPEG"), None),
    "photo.webp": ("image/webp", encoded(scene(90, 70), "WEBP"), None),
    "photo.avif": ("image/avif", encoded(scene(90, 70), "AVIF"), None),
    "moving.gif": ("image/gif", animation(), "first frame of the animation"),
    "sized.svg": ("image/svg+xml", SVG % b'width="90" height="90"', None),
    "unsized.svg": ("image/svg+xml", SVG % b'viewBox="0 0 90 90"', "no size of its own"),
}
UNSOUND = {
    "cut.png": ("image/png", encoded(scene(90, 90))[:-2000], "is cut short"),
    "cut.jpg": ("image/jpeg", encoded(scene(90, 90), "JPEG")[:-400], "is cut short"),
    "cut.gif": ("image/gif", animation()[:-100], "is cut short"),
    "cut.webp": ("image/webp", encoded(scene(90, 90), "WEBP")[:-100], "is cut short"),
    "photo.heic": ("image/heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "is a HEIC photo"),
    "scan.tiff": ("image/tiff", encoded(scene(30, 30), "TIFF"), "is a TIFF picture"),
    "page.svg": ("image/svg+xml", b"<svg width='9' height='9'><rect", "cannot read page.svg"),
    "essay.png": ("image/png", b"Once upon a time", "is not a picture"),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_any_picture_works_and_what_should_be_known_of_it_is_said(visit, network, engine):
    page = visit(engine, "file").open()
    for name, (mime, content, note) in SOUND.items():
        upload(page, content, name, mime)
        assert len(page_probabilities(page)) == 10 and abs(page_probabilities(page).sum() - 1) < 1e-3
        messages = " ".join(page.locator(".cn-status .cn-message").all_inner_texts())
        assert (note in messages) if note else messages == "", name
        if name.endswith((".png", ".webp")) and "grey16" not in name:
            assert close(page_trace(page)["logits"], python_trace(network, content)["logits"]), name
        if name.endswith(".svg"):
            assert page_trace(page)["image"][:, 32, 32].tolist() == [1, 0, 0], name


@pytest.mark.parametrize("engine", ENGINES)
def test_a_picture_that_cannot_be_used_is_said_and_what_was_on_show_stays(visit, engine):
    page = visit(engine, "file").open()
    before = page_probabilities(page)
    for name, (mime, content, says) in UNSOUND.items():
        page.set_input_files("input[type=file]", {"name": name, "mimeType": mime, "buffer": content})
        page.wait_for_selector(f'[role=alert]:has-text("{says}")')
        assert np.array_equal(page_probabilities(page), before), name


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_the_picture_as_in_python(visit, network, engine, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    page = visit(engine, "file").open()
    content = encoded(scene(96, 64), "JPEG", exif=exif, quality=95, subsampling=0)
    upload(page, content, "photo.jpg", "image/jpeg")
    truth = preprocess(open_picture(content), 64) / 255
    assert np.abs(page_trace(page)["image"] - truth).max() <= 4 / 255  # decoders of JPEG differ by little


def test_a_very_large_picture_shows_progress_and_does_not_freeze_the_page(visit):
    page = visit().open()
    page.evaluate("""() => {
        window.longest = 0;
        let before = performance.now();
        const tick = () => { const now = performance.now(); window.longest = Math.max(window.longest, now - before); before = now; requestAnimationFrame(tick); };
        tick();
        window.steps = [];
        strata.store.store.addEventListener("task", () => window.steps.push(strata.store.store.task.step + ":" + (strata.store.store.task.share ?? "")));
    }""")
    upload(page, encoded(Image.effect_noise((6000, 4500), 60), "JPEG"), "large.jpg", "image/jpeg")
    shares = [float(step.partition(":")[2]) for step in page.evaluate("() => window.steps") if step.startswith("reading:") and step[8:]]
    assert len(shares) > 20 and shares == sorted(shares) and shares[-1] == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_the_square_can_be_moved_and_the_picture_forgotten(visit, network, engine):
    page = visit(engine, "file").open()
    picture = scene(150, 90)
    upload(page, encoded(picture))
    page.focus("own-picture input[type=range]")
    page.keyboard.press("Home")
    page.wait_for_function("() => strata.store.store.own.crop.left === 0")
    left = encoded(picture.crop((0, 0, 90, 90)))
    expected = python_trace(network, left)["logits"]
    for _ in range(40):
        if close(page_trace(page)["logits"], expected):
            break
        page.wait_for_timeout(50)
    assert close(page_trace(page)["logits"], expected)
    page.click("own-picture button")
    page.wait_for_selector('button[data-example="koala"][aria-pressed="true"]')
    assert page.locator('button[data-example="own"]').count() == 0
    assert page.evaluate("() => sessionStorage.length") == 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
def test_the_next_page_shows_the_readers_picture(visit, network, engine, place):
    page = visit(engine, place).open()
    content = encoded(scene(75, 75, seed=5))
    upload(page, content)
    page.wait_for_function("() => sessionStorage.length === 1")
    page.click("nav a[lang=zh-Hans]")
    if (engine, place) == ("firefox", "file"):  # to Firefox every file is a place of its own, with a storage of its own
        page.wait_for_selector('button[data-example="koala"][aria-pressed="true"]')
        return
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    assert "/zh/" in page.url and close(page_trace(page)["logits"], python_trace(network, content)["logits"])


def test_several_files_at_once_show_the_first(visit, network):
    page = visit().open()
    contents = [encoded(scene(40, 40, seed=i)) for i in range(3)]
    page.set_input_files("input[type=file]", [{"name": f"{i}.png", "mimeType": "image/png", "buffer": c} for i, c in enumerate(contents)])
    page.wait_for_selector('.cn-message:has-text("Several files came")', timeout=60_000)
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]')
    assert close(page_trace(page)["logits"], python_trace(network, contents[0])["logits"])


def test_taking_the_figure_out_and_putting_it_back_leaves_it_whole(visit):
    page = visit().open()
    page.evaluate("() => { const e = document.querySelector('cnn-network'), p = e.parentNode; e.remove(); p.prepend(e); }")
    page.wait_for_selector("cnn-network[data-state=ready]")
    page.click('button[data-example="orange"]')
    page.wait_for_selector('button[data-example="orange"][aria-pressed="true"]')


# --- reach ------------------------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_overflows_or_overlaps_at_any_width(visit, engine, language):
    page = visit(engine).open(LANGUAGES[language])
    heights = {}
    for width, height in [(390, 844), (320, 640), (768, 1024), (1024, 768), (1440, 900), (1920, 1080), (2560, 1440)]:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(150)  # a resized window lays it out anew
        assert page.evaluate(OVERFLOW) == [True], width
        assert page.evaluate(OVERLAPS) == [], width
        box = page.locator(".cn-network").bounding_box()
        heights[width] = box["height"]
        assert box["width"] > 0.85 * min(width, 1900)
        assert page.get_attribute(".cn-network", "data-direction") == ("rows" if width < 1200 else "columns")
    assert heights[2560] > heights[1440], "on a wide screen the figure grows"


def test_arrow_keys_move_between_maps(visit):
    page = visit().open()
    page.focus('button[data-layer="image"][data-channel="0"]')
    assert page.locator('.cn-map[tabindex="0"]').count() == 1

    def press(key):
        page.keyboard.press(key)
        return page.evaluate("() => `${document.activeElement.dataset.layer}/${document.activeElement.dataset.channel}`")

    assert press("ArrowDown") == "image/1"
    assert press("ArrowRight").startswith("conv_1_1/")
    assert press("End") == "conv_1_1/9" and press("ArrowDown") == "conv_1_1/9"
    assert press("ArrowRight") == "relu_1_1/9" and press("Home") == "relu_1_1/0"
    assert page.locator('.cn-map[tabindex="0"]').count() == 1
    assert page.locator('[data-parent][data-layer="conv_1_1"]').count() == 1
    assert press("ArrowRight").startswith("conv_1_2/") and page.locator('[data-parent][data-layer="relu_1_1"]').count() == 10
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(150)
    assert press("ArrowLeft") == "conv_1_2/0" and press("ArrowRight") == "conv_1_2/1" and press("ArrowUp") == "relu_1_1/1"
    page.keyboard.press("Escape")
    assert page.locator(".cn-tray[data-open]").count() == 0


def test_on_a_phone_a_tapped_map_is_shown_large_and_stays_in_view(visit):
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open()
    page.locator('button[data-layer="max_pool_1"][data-channel="4"]').scroll_into_view_if_needed()
    above = page.locator(".cn-network").bounding_box()["y"]
    page.tap('button[data-layer="max_pool_1"][data-channel="4"]')
    page.wait_for_selector(".cn-tray")
    page.wait_for_timeout(600)
    tray, tapped = page.locator(".cn-tray").bounding_box(), page.locator('button[data-layer="max_pool_1"][data-channel="4"]').bounding_box()
    assert tapped["y"] + tapped["height"] <= tray["y"] and tray["y"] + tray["height"] <= 844
    assert page.locator(".cn-network").bounding_box()["y"] <= above, "nothing above moves when the tray opens"
    page.tap(".cn-close")
    page.wait_for_selector(".cn-tray", state="detached")
    page.tap('button[data-layer="max_pool_1"][data-channel="4"]')
    page.wait_for_selector(".cn-tray")
    page.tap("h2", position={"x": 5, "y": 5})
    page.wait_for_selector(".cn-tray", state="detached")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_map_says_what_it_shows(visit, language):
    page = visit().open(LANGUAGES[language])
    values = page_trace(page)["conv_1_2"][4]
    says = page.get_attribute('button[data-layer="conv_1_2"][data-channel="4"]', "aria-label")
    for number in (values.min(), values.max()):
        assert f"{number:.2f}".replace("-", "−") in says
    assert f"{100 * (values < 0).mean():.0f}%" in says
    page.hover('button[data-layer="conv_1_2"][data-channel="4"]')
    assert f"{values.max():.2f}" in page.inner_text(".cn-tray[data-open]")
    y, x = np.unravel_index(values.argmax(), values.shape)
    places = {"en": [["top left", "top", "top right"], ["left", "middle", "right"], ["bottom left", "bottom", "bottom right"]],
              "zh": [["左上角", "上方", "右上角"], ["左侧", "中间", "右侧"], ["左下角", "下方", "右下角"]]}
    assert places[language][min(2, 3 * y // 60)][min(2, 3 * x // 60)] in says


@pytest.mark.parametrize("engine", ENGINES)
def test_legends_hold_for_what_is_on_show(visit, engine):
    page = visit(engine).open()
    for example in ("koala", "orange"):
        page.click(f'button[data-example="{example}"]')
        page.wait_for_selector(f'button[data-example="{example}"][aria-pressed="true"]')
        layers = page_trace(page)
        firsts = [name for name in layers if name.startswith("conv")]
        for scale, name in enumerate(firsts, 1):
            low, _, high = page.locator(f'.cn-legend:has([data-legend="{scale}"]) span').all_inner_texts()
            extent = float(high.lstrip("≥\u2009"))
            assert low.lstrip("≤\u2009") == high.lstrip("≥\u2009").join(["−", ""])
            magnitudes = np.abs(layers[name])
            assert (magnitudes > extent + 0.01).mean() <= 0.002, "all but a few values lie within the legend"
            assert extent <= magnitudes.max() + 0.01
            assert high.startswith("≥") == bool(magnitudes.max() > extent + 0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_zero_is_the_pages_own_background(visit, scheme):
    page = visit(color_scheme=scheme).open()
    zeros = page.evaluate("""() => {
        const { layers } = document.querySelector("cnn-network").trace;
        const i = layers.relu_1_1.data.indexOf(0), [, h, w] = layers.relu_1_1.shape;
        const c = Math.floor(i / (h * w)), y = Math.floor(i / w) % h, x = i % w;
        const canvas = document.querySelector(`canvas[data-map="relu_1_1/${c}"]`);
        return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data.slice(0, 3)];
    }""")
    assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == f"rgb({', '.join(map(str, zeros))})"


@pytest.mark.parametrize("path", ["index.html", "zh/index.html", "embed/index/overview/index.html"])
def test_without_javascript_the_figures_still_stands_in_its_place(browsers, address, path):
    """In Chromium alone: Playwright cannot switch Firefox's JavaScript off for one page."""
    page = browsers["chromium"].new_context(java_script_enabled=False, viewport={"width": 1440, "height": 900}).new_page()
    page.goto(address["file"] + path)
    still = page.locator("cnn-network img")
    assert still.count() == 1 and still.bounding_box()["width"] > 1000 and still.bounding_box()["height"] > 400
    assert page.locator(".theme").count() == 0 or not page.locator(".theme").is_visible()
    page.context.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_theme_is_chosen_and_remembered(visit, engine):
    page = visit(engine).open()

    def background():
        return page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")

    system = background()
    names = []
    for theme in ("light", "dark"):
        page.click(".theme")
        assert page.get_attribute("html", "data-theme") == theme
        names.append((page.get_attribute(".theme", "aria-label"), background()))
    assert names[0] == ("Theme: light", "rgb(252, 252, 250)") and names[1] == ("Theme: dark", "rgb(20, 22, 26)")
    zero = page.evaluate("""() => {
        const { relu_1_1 } = document.querySelector("cnn-network").trace.layers;
        const i = relu_1_1.data.indexOf(0), area = 62 * 62;
        const canvas = document.querySelector(`canvas[data-map="relu_1_1/${Math.floor(i / area)}"]`);
        return [...canvas.getContext("2d").getImageData(i % 62, Math.floor((i % area) / 62), 1, 1).data.slice(0, 3)];
    }""")
    assert zero == [20, 22, 26], "the maps follow the theme"
    page.reload()
    page.wait_for_selector("cnn-network[data-state=ready]")
    assert background() == names[1][1]
    page.click(".theme")
    assert background() == system


@pytest.mark.parametrize("engine", ENGINES)
def test_the_camera_is_followed_and_a_frame_kept(browsers, address, engine):
    """A camera of the browser's own making."""
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
        page.wait_for_function("() => strata.store.store.own?.file.name === 'camera.png'")
        page.wait_for_selector("picture-input video", state="detached")
        assert page.evaluate("() => window.cameraStream.getTracks().every((track) => track.readyState === 'ended')")
        assert watched.faults() == []
    finally:
        page.context.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_camera_that_is_refused_is_said(visit, engine):
    watched = visit(engine)
    watched.page.add_init_script("""Object.defineProperty(navigator, "mediaDevices", { value: {
        getUserMedia: async () => { throw new DOMException("no", "NotAllowedError"); } } })""")
    page = watched.open()
    page.click("picture-input button")
    page.wait_for_selector('[role=alert]:has-text("may not use the camera")')


@pytest.mark.parametrize("path", ["index.html", "zh/index.html", "embed/index/overview/index.html", "zh/embed/index/overview/index.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing(visit, path, scheme, width):
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 900}).open(path)
    page.evaluate(AXE.read_text())
    for prepare in (lambda: None, lambda: page.focus('button[data-layer="conv_1_1"][data-channel="0"]')):
        prepare()
        found = page.evaluate("async () => (await axe.run()).violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)} ${v.nodes[0].failureSummary}`)")
        assert found == []


def test_links_between_languages_keep_the_page(visit):
    page = visit("chromium", "file").open()
    page.click("nav a[lang=zh-Hans]")
    page.wait_for_selector("cnn-network[data-state=ready]")
    assert page.url.endswith("/zh/index.html")
    page.click(".wordmark")
    assert page.url.endswith("/zh/index.html")
    page.click("nav a[lang=en]")
    page.wait_for_selector("cnn-network[data-state=ready]")
    assert page.url.endswith("/index.html") and "/zh/" not in page.url


# --- memory -----------------------------------------------------------------------------------------------------------

def test_a_hundred_pictures_leave_memory_where_it_was(visit):
    page = visit().open()
    session = page.context.new_cdp_session(page)
    give = """async ([from, count]) => {
        const element = document.querySelector("cnn-network");
        for (let i = from; i < from + count; i++) {
            const canvas = new OffscreenCanvas(150, 150);
            const context = canvas.getContext("2d");
            context.fillStyle = `hsl(${i * 37} 80% 50%)`;
            context.fillRect(0, 0, 150, 150);
            const before = element.trace;
            await strata.store.store.take(new File([await canvas.convertToBlob()], `${i}.png`, { type: "image/png" }));
            while (element.trace === before) await new Promise((done) => setTimeout(done, 2));
            await element.updateComplete;
        }
    }"""

    def used() -> float:
        for _ in range(3):
            session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")
        return (heap["usedSize"] + heap.get("backingStorageSize", 0) + heap.get("embedderHeapUsedSize", 0)) / 2**20

    page.evaluate(give, [0, 20])
    before = used()
    page.evaluate(give, [20, 100])
    assert used() - before < 1.0  # megabytes; one trace alone is 0.9


# --- other networks ---------------------------------------------------------------------------------------------------

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
def other(tmp_path_factory) -> Path:
    """A site of two other networks, built by the same command."""
    import build

    lesson = "---\ntitle: {0}\nsummary: {0}.\n---\n\n/// cnn-network | net\n    model: {0}\n///\n"
    root = make_project(tmp_path_factory.mktemp("other") / "project", OTHER_NETWORKS,
                        {"index": lesson.format("three") + "\n/// cnn-network | other\n    model: twenty\n    example: blue\n///\n", "three": lesson.format("three"), "twenty": lesson.format("twenty")}, ["red", "blue"])
    assert build.main(["--root", str(root), "--out", str(root / "out")]) == 0
    return root


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(("name", "size", "channels"), [("three", 24, 3), ("twenty", 28, 1)])
def test_other_networks_draw_and_answer_as_well(visit, other, name, size, channels, width):
    from config import read_site

    page = visit(base=f"{(other / 'out').as_uri()}/", viewport={"width": width, "height": 900}).open(f"{name}/index.html")
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
    page.set_input_files("#net input[type=file]", {"name": "p.png", "mimeType": "image/png", "buffer": encoded(scene(50, 50))})
    for figure in ("net", "other"):
        page.wait_for_selector(f'#{figure} button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    assert page.evaluate(OVERLAPS) == []


# --- pictures of the page ---------------------------------------------------------------------------------------------

def test_a_map_is_its_values_one_pixel_each(visit):
    """A heatmap's pixels are told apart as its values are: the larger a value, the further its colour from zero's."""
    page = visit().open()
    layer = page_trace(page)["conv_1_1"][0]
    pixels = page.evaluate("""() => {
        const canvas = document.querySelector('canvas[data-map="conv_1_1/0"]');
        return [canvas.width, canvas.height, ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
    }""")
    height, width = layer.shape
    assert pixels[:2] == [width, height]
    colours = np.array(pixels[2:]).reshape(height, width, 4)[..., :3].astype(float)
    blue, red = colours[..., 2] - colours[..., 0] > 8, colours[..., 0] - colours[..., 2] > 8
    assert (layer[blue] > 0).all() and (layer[red] < 0).all() and blue.any() and red.any()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_thumbnail_of_ones_own_picture_shows_it(visit, engine):
    page = visit(engine).open()
    upload(page, encoded(Image.new("RGB", (90, 60), (200, 30, 60))))
    middle = page.evaluate("""() => [...document.querySelector('canvas[data-map="own"]').getContext("2d").getImageData(56, 56, 1, 1).data]""")
    assert middle == [200, 30, 60, 255]

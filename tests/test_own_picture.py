"""The reader's own picture: all inputs and formats, in every engine."""

from __future__ import annotations

import base64
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from model.preprocess import open_picture, preprocess
from tests.engines import served
from tests.node import close
from tests.page import ENGINES, page_probabilities, page_trace, python_trace, upload
from tests.pictures import SHAPES, encoded, scene

MODES = ["RGB", "RGBA", "L", "LA"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_uploaded_picture_gets_pytorchs_trace(visit, shipped, engine, place, mode):
    page = visit(engine, place).open(shipped.pages["en"])
    content = encoded(scene(123, 77, mode=mode))
    upload(page, content)
    truth, shown = shipped.trace(content), page_trace(page)
    assert list(shown) == ["image", *truth]
    for name, values in truth.items():
        assert close(shown[name], values), name
    assert np.abs(page_probabilities(page) - torch.from_numpy(truth["logits"]).softmax(0).numpy()).max() <= 6e-5
    assert page.evaluate("() => document.querySelector('cnn-network').trace.source") == "own"


@pytest.mark.parametrize("engine", ENGINES)
def test_noise_and_one_colour_are_called_none_of_the_classes_and_drawings_are_not(visit, engine):
    doubts = "() => document.querySelectorAll('.cn-doubt').length"
    page = visit(engine, "file").open()
    assert page.evaluate(doubts) == 0
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for values in (noise, np.full((64, 64, 3), (200, 40, 90), np.uint8)):
        upload(page, encoded(Image.fromarray(values)))
        assert page.evaluate(doubts) == 1
    page = visit(engine, "file").open(
        "index.html#overview?figure=overview&layer=relu_1_1&channel=0&view=what_if&off=relu_1_1.0"
    )
    page.wait_for_selector(".cn-off")
    assert page.evaluate(doubts) == 0, "a map switched off is no doubt about the picture"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
def test_an_uploaded_photo_gets_the_prediction_that_python_gives_it(visit, network, manifest, photos, engine, place):
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
@pytest.mark.parametrize("mode", MODES)
def test_preprocessing_is_pillows_to_the_byte(visit, engine, mode):
    page = visit(engine, "file").open()
    for shape in SHAPES[MODES.index(mode) :: len(MODES)]:
        content = encoded(scene(*shape, mode=mode))
        for size, channels in ((64, 3), (28, 1)):
            packed = page.evaluate(
                """async ([text, size, channels]) => {
                const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                const own = await strata['data/picture'].readPicture(new File([bytes], "p.png", {
                    type: "image/png" }), new AbortController().signal);
                return [...(await strata['data/picture'].pixelsOf(own, size, channels, () => {},
                    new AbortController().signal))];
            }""",
                [base64.b64encode(content).decode(), size, channels],
            )
            ours = np.array(packed, dtype=np.uint8).reshape(channels, size, size)
            assert np.array_equal(ours, preprocess(open_picture(content), size, channels)), shape


@pytest.mark.parametrize("engine", ["webkit"])
def test_where_transparency_costs_precision_it_is_one_step_at_most(visit, engine):
    page = visit(engine, "file").open()
    for content in (encoded(scene(123, 77, mode="RGBA")), encoded(scene(64, 64, mode="LA"))):
        upload(page, content)
        assert np.abs(255 * page_trace(page)["image"] - preprocess(open_picture(content), 64)).max() < 1.5


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(visit, network, engine, way):
    page = visit(engine, "file").open()
    content = encoded(scene(90, 90, seed=way == "drop"))
    page.evaluate(
        """([text, way]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "p.png", { type: "image/png" }));
        const event = new Event(way, { bubbles: true,
            cancelable: true });  // Firefox empties what a script puts into its own kinds
        Object.defineProperty(event, way === "drop" ? "dataTransfer" : "clipboardData", { value: data });
        document.body.dispatchEvent(event);
        if (!event.defaultPrevented) throw new Error("the browser would open the file instead");
    }""",
        [base64.b64encode(content).decode(), way],
    )
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
    page.evaluate(
        """([first, second]) => {
        const file = (text) => new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "p.png", {
            type: "image/png" });
        void strata['data/store'].store.take(file(first));
        void strata['data/store'].store.take(file(second));
    }""",
        [base64.b64encode(content).decode() for content in (first, second)],
    )
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    page.wait_for_timeout(500)
    assert close(page_trace(page)["logits"], python_trace(network, second)["logits"])


def test_an_example_chosen_meanwhile_takes_the_pictures_place(visit):
    page = visit().open()
    page.set_input_files(
        "input[type=file]", {"name": "p.png", "mimeType": "image/png", "buffer": encoded(scene(60, 60))}
    )
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
    logits = page.evaluate(
        """async (pictures) => {
        const { store } = strata['data/store'];
        const traces = pictures.map(async (text) => {
            const file = new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "p.png", {
                type: "image/png" });
            const own = await strata['data/picture'].readPicture(file, new AbortController().signal);
            return store.produce("tinyvgg", { own }, new AbortController().signal);
        });
        return (await Promise.all(traces)).map((trace) => [...trace.layers.logits.data]);
    }""",
        [base64.b64encode(content).decode() for content in contents],
    )
    for content, row in zip(contents, logits, strict=True):
        assert close(np.array(row, dtype=np.float32), python_trace(network, content)["logits"])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_is_no_picture_leaves_all_as_it_was(visit, engine):
    page = visit(engine).open()
    before = page_probabilities(page)
    for name, mime, content, says in [
        ("notes.txt", "text/plain", b"hello", "is not a picture"),
        ("empty.png", "image/png", b"", "is empty"),
        ("broken.png", "image/png", b"\x89PNG and no more", "broken.png is incomplete"),
    ]:
        page.set_input_files("input[type=file]", {"name": name, "mimeType": mime, "buffer": content})
        page.wait_for_selector(f'[role=alert]:has-text("{says}")')
    assert np.array_equal(page_probabilities(page), before)
    upload(page, encoded(scene(50, 50)))
    assert page.locator("[role=alert]").count() == 0


@pytest.mark.parametrize(
    "instead", [None, b"<!doctype html><title>404</title>", b'strata.define("scripts/onnxruntime.wasm.2","AAAA']
)
def test_an_engine_that_does_not_arrive_is_done_without_and_tried_again(visit, built, network, instead):
    """If the engine is blocked, the page computes the network itself and shows a note."""
    broken = {"scripts/onnxruntime.wasm.2.js": instead}
    with served(built, broken) as base:
        page = visit(base=base, check=False).open()
        content = encoded(scene(60, 60))
        upload(page, content)
        page.wait_for_selector('.cn-message:has-text("computes the network itself")')
        assert close(page_trace(page)["logits"], python_trace(network, content)["logits"])
        broken.clear()
        content = encoded(scene(61, 60))
        upload(page, content)
        page.wait_for_selector('.cn-message:has-text("computes the network itself")', state="detached")
        assert close(page_trace(page)["logits"], python_trace(network, content)["logits"])


def test_an_svg_with_html_inside_is_named(visit):
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><foreignObject width="9" height="9"/></svg>'
    page = visit().open()
    page.set_input_files("input[type=file]", {"name": "a.svg", "mimeType": "image/svg+xml", "buffer": svg})
    page.wait_for_selector('[role=alert]:has-text("foreignObject")')


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_an_address_instead_of_a_picture_is_answered(visit, event):
    """A picture dragged from another page arrives as an address; nothing is fetched from there."""
    watched = visit()
    page = watched.open()
    page.evaluate(
        """(name) => {
        const data = new DataTransfer();
        data.setData("text/uri-list", "https://example.org/koala.jpg");
        const init = name === "drop" ? { dataTransfer: data } : { clipboardData: data };
        const event = new (name === "drop" ? DragEvent : ClipboardEvent)(name, { ...init, bubbles: true,
            cancelable: true });
        document.body.dispatchEvent(event);
    }""",
        event,
    )
    page.wait_for_selector('[role=alert]:has-text("Save the picture to your device first")')
    assert not [url for url in watched.requests if "example.org" in url]


def test_a_file_that_is_too_large_is_not_read(visit):
    page = visit().open()
    page.evaluate("""() => {
        const file = new File(["x"], "huge.png", { type: "image/png" });
        Object.defineProperty(file, "size", { value: 2e9 });
        file.arrayBuffer = () => { throw new Error("read"); };
        void strata['data/store'].store.take(file);
    }""")
    page.wait_for_selector('[role=alert]:has-text("100 MB")')


def test_the_key_of_a_kept_picture_is_the_sites_own(visit):
    """Other projects on one origin, as on github.io, have other keys."""
    page = visit().open()
    upload(page, encoded(scene(60, 60)))
    page.wait_for_function("() => sessionStorage.length === 1")
    key = page.evaluate("() => sessionStorage.key(0)")
    assert key.startswith("strata-picture ") and key.split(" ")[1] == page.url.split("index.html")[0]


def test_moving_the_crop_keeps_the_picture_once_when_it_rests(visit):
    page = visit().open()
    upload(page, encoded(scene(400, 200)))
    page.wait_for_function("() => sessionStorage.length === 1")
    written = page.evaluate("""async () => {
        let count = 0;
        const set = Storage.prototype.setItem;
        Storage.prototype.setItem = function (...given) { count++; return set.apply(this, given); };
        for (let left = 0; left <= 200; left += 10) strata['data/store'].store.crop({ left, top: 0, side: 200 });
        await new Promise((done) => setTimeout(done, 1200));
        return [count, JSON.parse(sessionStorage.getItem(sessionStorage.key(0))).crop.left];
    }""")
    assert written == [1, 200]


def animation() -> bytes:
    frames = [scene(40, 40, seed=i).quantize(64) for i in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" %s><rect width="90" height="90" fill="red"/></svg>'
SOUND = {  # name -> type, content, what is said of it
    "one.png": ("image/png", encoded(scene(1, 1)), None),
    "small.png": ("image/png", encoded(scene(64, 40)), None),
    "clear.png": ("image/png", encoded(Image.new("RGBA", (30, 30), (9, 9, 9, 0))), None),
    "long.png": ("image/png", encoded(scene(3000, 150)), None),
    "grey16.png": (
        "image/png",
        encoded(Image.fromarray((np.arange(4900, dtype=np.uint16) * 13).reshape(70, 70))),
        None,
    ),
    "cmyk.jpg": ("image/jpeg", encoded(scene(80, 60).convert("CMYK"), "JPEG"), None),
    "photo.webp": ("image/webp", encoded(scene(90, 70), "WEBP"), None),
    "photo.avif": ("image/avif", encoded(scene(90, 70), "AVIF"), None),
    "moving.gif": ("image/gif", animation(), "only its first frame"),
    "sized.svg": ("image/svg+xml", SVG % b'width="90" height="90"', None),
    "unsized.svg": ("image/svg+xml", SVG % b'viewBox="0 0 90 90"', "no size of its own"),
}
UNSOUND = {
    "cut.png": ("image/png", encoded(scene(90, 90))[:-2000], "is incomplete"),
    "cut.jpg": ("image/jpeg", encoded(scene(90, 90), "JPEG")[:-400], "is incomplete"),
    "cut.gif": ("image/gif", animation()[:-100], "is incomplete"),
    "cut.webp": ("image/webp", encoded(scene(90, 90), "WEBP")[:-100], "is incomplete"),
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
def test_an_svg_that_is_ready_while_the_figure_changes_its_size_disturbs_nothing(visit, engine):
    page = visit(engine).open()
    page.evaluate("""() => {
        const { decode } = HTMLImageElement.prototype;
        HTMLImageElement.prototype.decode = async function () {
            await decode.call(this);
            await new Promise((resolve) => new ResizeObserver((_, observer) => (observer.disconnect(),
                resolve())).observe(document.querySelector("cnn-network")));
        };
    }""")
    for name in ("sized.svg", "unsized.svg", "moving.gif"):  # the next note makes the figure another size
        mime, content, _ = SOUND[name]
        upload(page, content, name, mime)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_picture_that_cannot_be_used_is_said_and_what_was_on_show_stays(visit, engine):
    page = visit(engine, "file").open()
    before = page_probabilities(page)
    for name, (mime, content, says) in UNSOUND.items():
        page.set_input_files("input[type=file]", {"name": name, "mimeType": mime, "buffer": content})
        page.wait_for_selector(f'[role=alert]:has-text("{says}")')
        assert np.array_equal(page_probabilities(page), before), name


@pytest.mark.parametrize("engine", ENGINES)
def test_exif_turns_the_picture_as_in_python(visit, network, engine):
    page = visit(engine, "file").open()
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = encoded(scene(96, 64), "JPEG", exif=exif, quality=95, subsampling=0)
        upload(page, content, "photo.jpg", "image/jpeg")
        truth = preprocess(open_picture(content), 64) / 255
        assert np.abs(page_trace(page)["image"] - truth).max() <= 4 / 255, (
            orientation
        )  # decoders of JPEG differ by little


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("shape", [(12_000, 9_000), (20_000, 1_000)])
def test_a_very_large_picture_shows_progress_and_does_not_freeze_the_page(visit, network, shape):
    page = visit().open()
    page.evaluate("""() => {
        window.steps = [];
        const { store } = strata['data/store'];
        let frames = 0;
        const tick = () => { frames++; requestAnimationFrame(tick); };
        tick();
        store.addEventListener("task",
            () => store.task.step === "reading" && window.steps.push([store.task.share ?? 0, frames]));
    }""")
    gradient = Image.linear_gradient("L").resize(shape)
    content = encoded(Image.merge("RGB", [gradient, gradient.rotate(180), gradient]), "JPEG", quality=95, subsampling=0)
    upload(page, content, "large.jpg", "image/jpeg")
    shares, frames = zip(*page.evaluate("() => window.steps"), strict=True)
    assert len(shares) >= 3 and list(shares) == sorted(shares) and shares[-1] == 1
    if min(shape) > 5000:
        assert len(shares) > 50 and frames[-1] - frames[1] >= 10, "the page was painted meanwhile"
    truth = preprocess(open_picture(content), 64) / 255
    assert np.abs(page_trace(page)["image"] - truth).max() <= 2 / 255


@pytest.mark.parametrize("engine", ENGINES)
def test_the_square_can_be_moved_and_the_picture_forgotten(visit, network, engine):
    page = visit(engine, "file").open()
    picture = scene(150, 90)
    upload(page, encoded(picture))
    page.focus("own-picture input[type=range]")
    page.keyboard.press("Home")
    page.wait_for_function("() => strata['data/store'].store.own.crop.left === 0")
    left = encoded(picture.crop((0, 0, 90, 90)))
    expected = python_trace(network, left)["logits"]
    for _ in range(40):
        if close(page_trace(page)["logits"], expected):
            break
        page.wait_for_timeout(50)
    assert close(page_trace(page)["logits"], expected)
    page.click("own-picture button")
    page.wait_for_selector('button[data-example="red_panda"][aria-pressed="true"]')
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
    page.wait_for_selector('html[lang=zh-Hans] button[data-example="own"][aria-pressed="true"]', timeout=60_000)
    assert "/zh/" in page.url and close(page_trace(page)["logits"], python_trace(network, content)["logits"])


@pytest.mark.parametrize("engine", ["firefox"])
def test_where_files_share_no_storage_the_next_page_shows_its_example(visit, engine):
    page = visit(engine, "file").open()
    upload(page, encoded(scene(75, 75, seed=5)))
    page.wait_for_function("() => sessionStorage.length === 1")
    page.click("nav a[lang=zh-Hans]")
    page.wait_for_selector('html[lang=zh-Hans] button[data-example="red_panda"][aria-pressed="true"]')


def test_a_square_that_is_dragged_is_computed_where_it_comes_to_rest(visit, network):
    """Many moves of a large picture, each overtaking the one before: the last one counts, and none is left running."""
    page = visit().open()
    picture = scene(3000, 2000)
    upload(page, encoded(picture))
    page.evaluate(
        "() => { for (let left = 0; left <= 400; left += 20) strata['data/store'].store.crop({ left, top: 0, side: "
        "2000 }); }"
    )
    expected = python_trace(network, encoded(picture.crop((400, 0, 2400, 2000))))["logits"]
    for _ in range(200):
        if close(page_trace(page)["logits"], expected):
            break
        page.wait_for_timeout(50)
    assert close(page_trace(page)["logits"], expected)
    assert page.evaluate("() => strata['data/store'].store.task.step") == "idle"


def test_several_files_at_once_show_the_first(visit, network):
    page = visit().open()
    contents = [encoded(scene(40, 40, seed=i)) for i in range(3)]
    page.set_input_files(
        "input[type=file]", [{"name": f"{i}.png", "mimeType": "image/png", "buffer": c} for i, c in enumerate(contents)]
    )
    page.wait_for_selector('.cn-message:has-text("You chose several files")', timeout=60_000)
    page.wait_for_selector('button[data-example="own"][aria-pressed="true"]')
    assert close(page_trace(page)["logits"], python_trace(network, contents[0])["logits"])


def test_taking_the_figure_out_and_putting_it_back_leaves_it_whole(visit):
    page = visit().open()
    page.evaluate(
        "() => { const e = document.querySelector('cnn-network'), p = e.parentNode; e.remove(); p.prepend(e); }"
    )
    page.wait_for_selector("cnn-network[data-state=ready]")
    page.click('button[data-example="orange"]')
    page.wait_for_selector('button[data-example="orange"][aria-pressed="true"]')


def test_a_picture_forgotten_at_once_is_not_kept(visit):
    page = visit().open()
    upload(page, encoded(scene(150, 90)))
    page.evaluate(
        "() => { const { store } = strata['data/store']; store.crop({ left: 3, top: 0, side: 90 }); store.forget(); }"
    )
    page.wait_for_timeout(300)
    assert page.evaluate("() => sessionStorage.length") == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_the_thumbnail_of_ones_own_picture_shows_it(visit, engine):
    page = visit(engine).open()
    upload(page, encoded(Image.new("RGB", (90, 60), (200, 30, 60))))
    middle = page.evaluate(
        """() => [...document.querySelector('canvas[data-map="own"]')
            .getContext("2d").getImageData(56, 56, 1, 1).data]"""
    )
    assert middle == [200, 30, 60, 255]

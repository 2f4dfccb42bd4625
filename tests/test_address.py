"""A figure's state in the address: restored from it, written to it, undone, and kept on other pages."""

import io

import pytest
from PIL import Image

from tests.engines import served
from tests.page import ENGINES, page_probabilities, upload
from tests.pictures import encoded, scene
from tests.views import STATES, open_state, select


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", STATES)
def test_every_view_is_restored_from_its_address(visit, name, engine):
    page = open_state(visit, f"example=orange&{STATES[name]}", engine, "file")
    assert page.get_attribute('button[data-example="orange"]', "aria-pressed") == "true"
    values = dict(part.split("=") for part in STATES[name].split("&"))
    assert page.inner_text(".st-name strong") == values["layer"]
    assert page.get_attribute(".st-view", "data-view") == values.get("view", "map")
    if "channel" in values and values["layer"] != "logits":
        assert page.inner_text(".st-which").endswith(values["channel"])


def test_the_back_button_goes_back_a_view_and_language_keeps_it(visit):
    page = visit().open()
    page.click(select("conv_1_2", 4))
    page.wait_for_selector(".st-view[data-view='map']")
    page.click(".st-row[data-from='2']")
    page.wait_for_selector(".st-view[data-view='window']")
    page.hover(".st-side heat-map")
    page.wait_for_timeout(600)  # pointing writes over the step, after a while
    page.click("[data-view='field']")
    page.wait_for_selector(".st-view[data-view='field']")
    for view in ("window", "map"):
        page.go_back()
        page.wait_for_selector(f".st-view[data-view='{view}']")
    page.go_forward()
    page.wait_for_selector(".st-view[data-view='window']")
    page.click("a[hreflang='zh-Hans']")
    page.wait_for_selector(".st-view[data-view='window']")
    assert "/zh/" in page.url and page.inner_text(".st-name strong") == "conv_1_2"
    page.go_back()
    page.wait_for_selector(".st-view[data-view='window']")
    page.go_back()
    page.wait_for_selector(".st-view[data-view='map']")
    page.go_back()
    page.wait_for_selector(".cn-network:not([hidden])")
    assert page.locator("network-stage").count() == 0


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ("example=own", "never left their device"),
        ("example=unicorn", "no longer exists"),
        ("layer=conv_9", "does not exist in this network"),
    ],
)
def test_an_address_that_cannot_be_restored_says_so(visit, values, note):
    page = visit().open(f"index.html#overview?figure=overview&{values}")
    page.wait_for_function("(note) => document.querySelector('.cn-status').textContent.includes(note)", arg=note)
    assert page.locator(".cn-network").is_visible() and page_probabilities(page).sum() == pytest.approx(1, abs=0.01)


def test_a_lesson_links_into_the_figure_and_the_figure_into_the_lesson(visit):
    page = visit().open()
    page.click("a[data-show*='view=window']")
    page.wait_for_selector(".st-view[data-view='window']")
    page.click(".st-line a")
    page.wait_for_function("() => location.hash === '#about-conv'")
    page.wait_for_function("() => Math.abs(document.getElementById('about-conv').getBoundingClientRect().top) < 60")
    page.go_back()
    page.wait_for_selector(".st-view[data-view='window']")
    page.click(".st-back")
    page.click(".cn-label a[href='#about-max_pool'] >> nth=0")
    page.wait_for_function("() => location.hash === '#about-max_pool'")


def test_an_address_keeps_what_the_reader_brought(visit):
    """A link into the figure, the back button and another language keep the reader's picture."""
    page = visit(viewport={"width": 1440, "height": 1000}).open()
    upload(page, encoded(scene(90, 70)))
    page.click("a[data-show*='view=window']")
    page.wait_for_selector(".st-view[data-view='window']")
    assert page.get_attribute('button[data-example="own"]', "aria-pressed") == "true", (
        "a link that names no picture keeps the one on show"
    )
    page.click("[data-view='field']")
    page.wait_for_selector(".st-view[data-view='field']")
    page.wait_for_function("() => location.hash.includes('example=own')")
    page.go_back()
    page.wait_for_selector(".st-view[data-view='window']")
    page.wait_for_timeout(300)
    assert page.get_attribute('button[data-example="own"]', "aria-pressed") == "true"
    page.click("a[hreflang='zh-Hans']")
    page.wait_for_selector('html[lang=zh-Hans] button[data-example="own"][aria-pressed="true"]')
    page.wait_for_selector(".st-view[data-view='window']")


def test_a_painting_stays_when_the_reader_goes_back(visit):
    page = visit(viewport={"width": 1440, "height": 1000}).open()
    page.click(".cn-paint")
    page.click("picture-brush canvas", position={"x": 100, "y": 100})
    page.wait_for_function("() => document.querySelector('cnn-network').trace.source === 'painted'")
    page.click(".cn-paint")
    page.click(select("conv_1_2", 4))
    page.wait_for_selector(".st-view[data-view='map']")
    page.click("[data-view='field']")
    page.wait_for_selector(".st-view[data-view='field']")
    page.go_back()
    page.wait_for_selector(".st-view[data-view='map']")
    page.wait_for_timeout(300)
    assert page.evaluate(
        "() => document.querySelector('cnn-network').trace.source"
    ) == "painted" and "Your painting" in page.inner_text(".cn-summary")


def test_another_place_of_the_page_leaves_the_figure_as_it_is(visit):
    page = open_state(visit, STATES["convolution"] + "&off=relu_1_1.2")
    page.evaluate("() => { location.hash = '#limits'; }")
    page.wait_for_timeout(300)
    assert page.locator(".st-view[data-view='map']").count() == 1 and page.locator(".cn-off").count() == 1


def test_the_address_follows_what_plays_and_a_language_takes_the_place_along(visit):
    page = open_state(visit, STATES["relu"])
    page.click(".st-play")
    page.wait_for_function("() => /at=7[.]1[2-9]/.test(location.hash)")
    page.click(".st-play")
    page.focus(".st-side heat-map")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    at = page.inner_text(".st-player .number")
    page.click("a[hreflang='zh-Hans']")
    page.wait_for_selector("html[lang=zh-Hans] .st-player")
    assert page.inner_text(".st-player .number") == at


def test_back_to_the_whole_network_the_address_names_the_picture(visit):
    page = visit().open()
    assert "#" not in page.url
    page.click(select("conv_1_1", 2))
    page.wait_for_selector(".st-view")
    page.click('button[data-example="pizza"]')
    page.wait_for_function("() => location.hash.includes('example=pizza')")
    page.go_back()
    page.wait_for_selector("network-stage", state="detached")
    page.wait_for_function("() => location.hash.includes('example=pizza') && !location.hash.includes('layer')")


def test_a_state_that_nobody_waits_for_any_more_does_not_come(visit):
    page = visit().open()
    page.evaluate("""() => {
        const figure = document.querySelector("cnn-network"), load = figure.loadExplorer.bind(figure);
        figure.loadExplorer = async () => { await new Promise((done) => setTimeout(done, 600)); return load(); }; }""")
    page.evaluate("() => { location.hash = '#overview?figure=overview&layer=conv_1_1&channel=2&view=window'; }")
    page.wait_for_timeout(100)
    page.go_back()
    page.wait_for_timeout(1200)
    assert page.locator("network-stage").count() == 0 and "layer" not in page.url
    page.click(select("conv_1_1", 2))
    page.wait_for_function("() => location.hash.includes('layer=conv_1_1')")


def test_a_figure_is_taken_along(visit, built):
    page = visit(viewport={"width": 1440, "height": 900}).open(
        "index.html#overview?figure=overview&example=koala&layer=conv_1_2&channel=4"
    )
    page.wait_for_selector("network-stage")
    page.evaluate(
        "() => { document.querySelector('.cn-share').open = true; Object.defineProperty(navigator, 'clipboard', { "
        "value: { writeText: async (text) => { window.copied = text; } } }); }"
    )
    page.click("[data-share=link]")
    page.wait_for_function("() => window.copied")
    assert page.evaluate("() => window.copied").endswith("&layer=conv_1_2&channel=4&view=map")
    files = {}
    for kind in ("svg", "png", "onnx"):
        with page.expect_download() as download:
            page.click(f"[data-share={kind}]")
        files[kind] = download.value.path().read_bytes()
        assert download.value.suggested_filename == ("tinyvgg.onnx" if kind == "onnx" else f"tinyvgg-koala.{kind}")
    assert files["onnx"] == (built / "models" / "tinyvgg" / "model.onnx").read_bytes()
    assert files["svg"].startswith(b"<svg") and files["svg"].count(b"<image") >= 100 and b"koala" in files["svg"]
    page.click(".st-back")
    page.click("[data-sharing=network]")
    page.wait_for_selector("[data-sharing=network][aria-pressed=true]")
    with page.expect_download() as download:
        page.click("[data-share=svg]")
    assert download.value.path().read_bytes() != files["svg"], "it has the colours that are on show"
    picture = Image.open(io.BytesIO(files["png"]))
    assert picture.width == 2 * 1376 and len(picture.convert("RGB").getcolors(1 << 24)) > 300


def test_the_code_for_another_page_shows_this_state_and_sizes_itself(visit, tmp_path):
    page = open_state(visit, STATES["softmax"], viewport={"width": 1440, "height": 900})
    page.wait_for_function("() => document.querySelector('.cn-share textarea').value")
    code = page.evaluate("() => document.querySelector('.cn-share textarea').value")
    (tmp_path / "index.html").write_text(f"<!doctype html><title>Another page</title><h1>Host</h1>{code}")
    with served(tmp_path) as base:
        host = visit(base=base, check=False).page
        host.goto(base + "index.html")
        frame = host.frame_locator("iframe")
        frame.locator("network-stage .st-softmax").wait_for(timeout=30_000)
        host.wait_for_function("() => document.querySelector('iframe').height !== '900'")
        host.wait_for_timeout(500)
        inner = host.frames[1].evaluate("() => [document.documentElement.scrollHeight, innerHeight]")
        assert inner[0] <= inner[1] + 1, "no scroll bar inside"

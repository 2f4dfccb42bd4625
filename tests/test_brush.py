"""Painting on the network's input: strokes, undo, and the explorer."""

import numpy as np
import torch

from tests.page import page_trace, upload
from tests.pictures import encoded, scene
from tests.views import exact, numbers, select, shown, two


def test_one_finger_of_two_draws_and_what_is_undone_is_the_picture_again(visit):
    page = visit(viewport={"width": 1440, "height": 1000}).open()
    page.click(".cn-paint")
    page.wait_for_selector("picture-brush canvas")
    before = page_trace(page)["image"]
    page.evaluate("""() => {
        const canvas = document.querySelector("picture-brush canvas"), box = canvas.getBoundingClientRect();
        canvas.setPointerCapture = () => undefined;
        const send = (type, pointerId, share) => canvas.dispatchEvent(new PointerEvent(type, { bubbles: true,
            pointerId, button: 0, buttons: 1, clientX: box.left + box.width * share,
                clientY: box.top + box.height * share }));
        send("pointerdown", 1, 0.1); send("pointerdown", 2, 0.9); send("pointermove", 2, 0.89); send("pointerup", 2,
            0.89); send("pointermove", 1, 0.12); send("pointerup", 1, 0.12); }""")
    page.wait_for_function("() => document.querySelector('cnn-network').trace.source === 'painted'")
    page.wait_for_timeout(200)
    assert np.array_equal(page_trace(page)["image"][:, 20:, 20:], before[:, 20:, 20:])
    page.focus(".br-actions button:first-child")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('cnn-network').trace.source === 'red_panda'")
    assert "red panda" in page.inner_text(".cn-summary") and page.evaluate(
        "() => document.activeElement.matches('picture-brush canvas')"
    ), "the focus is not lost with the button"
    page.focus(".br-actions button:last-child")
    page.keyboard.press("Enter")
    page.wait_for_selector("picture-brush", state="detached")
    assert page.evaluate("() => document.activeElement.matches('.cn-paint')")


def test_the_brush_takes_the_picture_that_is_chosen(visit):
    page = visit(viewport={"width": 1440, "height": 1000}).open()
    page.click(".cn-paint")
    page.wait_for_selector("picture-brush canvas")
    page.click('button[data-example="pizza"]')
    page.wait_for_selector('button[data-example="pizza"][aria-pressed="true"]')
    before = page_trace(page)["image"]
    page.click("picture-brush canvas", position={"x": 40, "y": 40})
    page.wait_for_function("() => document.querySelector('cnn-network').trace.source === 'painted'")
    page.wait_for_timeout(200)
    assert np.array_equal(page_trace(page)["image"][:, 40:], before[:, 40:]), "it is the pizza that is painted on"


def test_the_brush_paints_on_the_input_and_the_network_follows(visit, network):
    page = visit(viewport={"width": 1440, "height": 1000}).open()
    before = page_trace(page)["image"]
    page.click(".cn-paint")
    page.wait_for_selector("picture-brush canvas")
    box = page.locator("picture-brush canvas").bounding_box()
    at = lambda y, x: (box["x"] + box["width"] * (x + 0.5) / 64, box["y"] + box["height"] * (y + 0.5) / 64)  # noqa: E731
    page.mouse.move(*at(20, 10))
    page.mouse.down()
    page.mouse.move(*at(20, 50), steps=8)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('cnn-network').trace.source === 'painted'")
    page.wait_for_timeout(200)
    painted = page_trace(page)
    red = np.array([0xD8, 0x3A, 0x2B]) / 255
    assert np.allclose(painted["image"][:, 20, 10:51], red[:, None], atol=1e-6), "a stroke has no gaps"
    assert np.array_equal(painted["image"][:, 40:], before[:, 40:])
    x = torch.from_numpy(painted["image"].copy())[None]
    with torch.no_grad():
        assert np.abs(network(x)[0].numpy() - painted["logits"]).max() < 1e-4
    page.click(".br-actions button >> nth=0")
    page.wait_for_function(
        "() => Math.abs(document.querySelector('cnn-network').trace.layers.image.data[20 * 64 + 20] - 0xd8 / 255) > "
        "0.01"
    )
    assert np.allclose(page_trace(page)["image"], before, atol=1e-6), "undone"
    page.focus("picture-brush canvas")
    for key in ("ArrowUp", "ArrowUp", " "):
        page.keyboard.press(key)
    page.wait_for_function(
        "() => Math.abs(document.querySelector('cnn-network').trace.layers.image.data[30 * 64 + 32] - 0xd8 / 255) < "
        "0.001"
    )
    page.click(".br-actions button >> nth=1")
    page.wait_for_timeout(300)
    assert np.allclose(page_trace(page)["image"], before, atol=1e-6), "as it was at first"
    page.click(".cn-paint")
    page.wait_for_selector("picture-brush", state="detached")
    page.click('button[data-example="koala"]')
    page.wait_for_selector('button[data-example="koala"][aria-pressed="true"]')


def test_the_readers_own_picture_can_be_looked_into(visit, network):
    page = visit().open()
    upload(page, encoded(scene(90, 70)))
    page.click(select("conv_1_1", 2))
    page.wait_for_selector(".st-row")
    page.click(".st-row[data-from='1']")
    page.wait_for_selector("[data-total]")
    row, column = numbers(page.inner_text(".st-player .number"))
    assert shown(page, "[data-total]") == two([exact(network, page)["conv_1_1"][2, int(row), int(column)]])

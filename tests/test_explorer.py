"""The explorer in a browser: every view by mouse, keyboard and touch, its numbers against PyTorch."""

import re
from urllib.parse import quote

import numpy as np
import pytest
import torch
from playwright.sync_api import Page

from config import read_site
from model.networks import build_network
from model.weights_file import load_weights
from tests.node import ROOT
from tests.page import AXE, ENGINES, LANGUAGES, OVERFLOW, page_probabilities, page_trace
from tests.test_browser import other  # noqa: F401, a fixture
from tests.views import STATES, activations, check, exact, numbers, open_state, select, shown, two

# The views' numbers


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
def test_a_window_view_adds_up_to_pytorchs_unit(visit, network, engine, place):
    assert check(open_state(visit, STATES["window"], engine, place), network).at == (10, 12)


def test_what_if_says_what_pytorch_says_and_switches_maps_off(visit, network):
    page = open_state(visit, STATES["what if"])
    check(page, network)
    image = torch.from_numpy(page_trace(page)["image"].copy())
    rows = page.locator("[data-rank]").evaluate_all(
        "(rows) => rows.map((row) => [Number(row.dataset.rank), Number(row.dataset.without)])"
    )
    assert [share for _, share in rows] == sorted(share for _, share in rows)
    first = rows[0][0]
    whole, without = (
        activations(network, image, {"relu_2_2": off})["logits"].softmax(0).numpy() for off in ([], [first])
    )
    page.click(f"[data-rank='{first}'] button")
    page.wait_for_selector(".cn-off")
    assert page_probabilities(page) == pytest.approx(without, abs=1e-4)
    assert (page_trace(page)["relu_2_2"][first] == 0).all()
    page.wait_for_function("() => location.hash.includes('off=')")
    page.reload()
    page.wait_for_selector(".cn-off")
    assert page_probabilities(page) == pytest.approx(without, abs=1e-4), "a link keeps maps switched off"
    page.focus(".cn-off button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".cn-off", state="detached")
    assert page_probabilities(page) == pytest.approx(whole, abs=1e-4)
    page.wait_for_function("() => document.activeElement.matches('.st')")


def test_a_receptive_field_is_outlined_in_every_layer(visit):
    page = open_state(visit, STATES["field"])
    # A unit of max_pool_2 sees 2 × 2 of conv_2_2, and so on back to 16 × 16 pixels of the input.
    sizes = dict(page.locator("[data-field]").evaluate_all("(all) => all.map((e) => [e.dataset.field, e.textContent])"))
    assert sizes == {
        "conv_1_1": "14 × 14",
        "relu_1_1": "14 × 14",
        "conv_1_2": "12 × 12",
        "relu_1_2": "12 × 12",
        "max_pool_1": "6 × 6",
        "conv_2_1": "4 × 4",
        "relu_2_1": "4 × 4",
        "conv_2_2": "2 × 2",
        "relu_2_2": "2 × 2",
        "max_pool_2": "1 × 1",
    }
    picture = page.locator(".st-reach > figure heat-map")
    box, region = picture.bounding_box(), picture.locator(".hm-region").bounding_box()
    scale = box["width"] / 64
    assert [
        (region["y"] - box["y"]) / scale,
        (region["x"] - box["x"]) / scale,
        region["height"] / scale,
        region["width"] / scale,
    ] == pytest.approx([12, 16, 16, 16], abs=0.2)


def test_pointing_at_a_unit_outlines_what_it_depends_on(visit):
    page = visit().open()
    page.hover('button[data-layer="conv_2_2"][data-channel="4"]')
    page.wait_for_selector(".cn-field")
    assert "14 × 14" in page.inner_text(".cn-tray")
    # One outline in each map before it: itself, 10 of each of 7 layers, 3 colours and the picture.
    assert page.locator(".cn-field").count() == 1 + 70 + 4
    page.mouse.move(5, 5)
    page.wait_for_selector(".cn-field", state="detached")


def test_the_picture_shows_the_numbers_of_a_pixel(visit, network):
    page = open_state(visit, STATES["picture"] + "&at=10.20")
    assert check(page, network).at == (10, 20) and "64 × 64" in page.inner_text(".st-sentence")


def test_a_maps_name_leads_to_it(visit):
    page = open_state(visit, STATES["window"])
    for layer, name in (("max_pool_1", "channel 2"), ("relu_1_2", "channel 2"), ("conv_1_2", "channel 2")):
        page.click(f"[data-open={layer}]")
        page.wait_for_selector(f".st-rail [data-rail={layer}][aria-current]")
        assert page.inner_text(".st-which") == name


@pytest.mark.parametrize("width", [1440, 390])
def test_a_map_with_the_focus_shows_its_parents_links_and_kernels(visit, network, width):
    page = visit(viewport={"width": width, "height": 900}).open()
    page.wait_for_function("() => document.querySelector('cnn-network').weights")
    page.focus('button[data-layer="conv_1_2"][data-channel="4"]')
    page.wait_for_selector(".cn-kernel")
    assert page.locator(".cn-map[data-parent]").count() == 10 and page.locator(".cn-links .is-active").count() == 1
    shown = page.locator(".cn-kernel").evaluate_all("(kernels) => kernels.map((kernel) => [...kernel.shown.values])")
    assert np.allclose(np.array(shown), network.conv_1_2.weight.detach()[4].reshape(10, 9))
    page.focus('button[data-layer="relu_1_2"][data-channel="4"]')
    page.wait_for_selector(".cn-kernel", state="detached")
    assert page.locator(".cn-map[data-parent]").count() == 1


# Ways in and out


WAYS = [
    ("conv_1_2", 4, "map"),
    ("relu_1_1", 1, "map"),
    ("max_pool_1", 2, "map"),
    ("flatten", 3, "map"),
    ("logits", 5, "map"),
    ("image", 0, "map"),
]


@pytest.mark.parametrize("way", ["mouse", "keyboard", "touch"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_map_opens_and_closes(visit, way, engine):
    page = visit(
        engine,
        **(
            {"has_touch": True, "is_mobile": True, "viewport": {"width": 390, "height": 844}}
            if way == "touch"
            else {"viewport": {"width": 1440, "height": 900}}
        ),
    ).open()
    for layer, channel, view in WAYS:
        map_ = select(layer, channel)
        if way == "keyboard":
            page.focus(map_)
            page.keyboard.press("Enter")
        elif way == "touch":
            page.locator(map_).scroll_into_view_if_needed()
            page.tap(map_)
        else:
            page.click(map_)
        page.wait_for_selector("network-stage .st")
        assert page.get_attribute(".st-view", "data-view") == view
        assert page.inner_text(".st-name strong") == layer
        page.wait_for_function(
            "() => { const { top } = document.querySelector('.st').getBoundingClientRect(); return top > -2 && top < "
            "innerHeight; }"
        )
        assert page.evaluate("() => document.activeElement.classList.contains('st')"), "the stage has the focus"
        assert page.evaluate("() => document.querySelector('.cn-network').getClientRects().length") == 0, (
            "the network steps back"
        )
        if way == "keyboard":
            page.keyboard.press("Escape")
        else:
            (page.tap if way == "touch" else page.click)(".st-back")
        page.wait_for_selector("network-stage", state="detached")
        assert page.evaluate("() => document.querySelector('.cn-network').getClientRects().length") == 1
        page.wait_for_function("(map) => document.activeElement === document.querySelector(map)", arg=map_)


# A view to open: the map, the tab, where to point on what, and the unit that is looked at then.
POINTED = [
    ("conv_1_2", 4, None, None, None),
    ("conv_2_1", 3, "window", "figure.st-side:last-of-type heat-map", (10, 12)),
    ("relu_1_1", 1, None, "figure.st-side:first-of-type heat-map", (30, 40)),
    ("max_pool_1", 2, None, "figure.st-side:last-of-type heat-map", (7, 9)),
    ("flatten", 3, None, ".st-side heat-map", (5, 8)),
    ("logits", 5, None, ".st-row[data-from='0'] .st-parent heat-map", (4, 6)),
    ("logits", 5, "softmax", ".st-softmax tbody tr:nth-child(3) button", None),
    ("max_pool_2", 2, "field", ".st-path heat-map[tabindex]", (3, 4)),
    ("relu_2_2", 2, "what_if", "[data-rank]:first-child button", None),
    ("conv_1_1", 0, "compare", None, None),
    ("image", 0, None, ".st-side heat-map[tabindex='0']", (20, 33)),
]


class Way:
    """One way to use the page: what opens a thing, and what points at a unit of a map."""

    def __init__(self, name: str, page: Page):
        self.name, self.page = name, page

    def press(self, selector: str) -> None:
        self.page.locator(selector).scroll_into_view_if_needed()
        if self.name == "keyboard":
            self.page.focus(selector)
            self.page.keyboard.press("Enter")
        else:
            (self.page.tap if self.name == "touch" else self.page.click)(selector)

    def point(self, selector: str, unit: tuple[int, int]) -> None:
        """At a unit of a map that is `.shown` with as many units; by arrow keys, from where the figure is."""
        map_ = self.page.locator(selector)
        map_.scroll_into_view_if_needed()
        if self.name == "keyboard":
            self.page.focus(selector)
            for key in ("ArrowDown", "ArrowUp"):  # from where the figure begins, which the address does not say
                self.page.keyboard.press(key)
            self.page.wait_for_function("() => document.querySelector('cnn-network').look.at")
            here = self.page.evaluate("() => [...document.querySelector('cnn-network').look.at]")
            for axis, keys in enumerate((("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight"))):
                for _ in range(abs(unit[axis] - here[axis])):
                    self.page.keyboard.press(keys[unit[axis] > here[axis]])
            return
        self.page.wait_for_function(
            "() => document.getAnimations().every((one) => one.playState !== 'running')"
        )  # maps fly to their places
        box = map_.bounding_box()
        height, width = map_.evaluate_all(
            "([map]) => { const { values, width, image } = map.shown; return image ? [image[1], width] : "
            "[values.length / width, width]; }"
        )
        x, y = box["x"] + box["width"] * (unit[1] + 0.5) / width, box["y"] + box["height"] * (unit[0] + 0.5) / height
        self.page.touchscreen.tap(x, y) if self.name == "touch" else self.page.mouse.move(x, y)


@pytest.mark.parametrize("way", ["mouse", "keyboard", "touch"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_view_opens_and_its_numbers_are_pytorchs(visit, network, way, engine):
    page = visit(
        engine,
        **(
            {"has_touch": True, "is_mobile": True, "viewport": {"width": 390, "height": 844}}
            if way == "touch"
            else {"viewport": {"width": 1440, "height": 1000}}
        ),
    ).open()
    hand = Way(way, page)
    for layer, channel, view, target, unit in POINTED:
        hand.press(select(layer, channel))
        page.wait_for_selector("network-stage .st")
        if view:
            hand.press(f".st-tabs [data-view='{view}']")
            page.wait_for_selector(f".st-view[data-view='{view}']")
        if unit:
            hand.point(target, unit)
            page.wait_for_function(
                "(at) => String(document.querySelector('cnn-network').look.at) === at && "
                "(document.querySelector('.st-player .number')?.textContent ?? at).replace(', ', ',') === at",
                arg=f"{unit[0]},{unit[1]}",
            )
        elif target:
            hand.press(target)
        if view == "what_if":
            page.wait_for_selector(".cn-off")
        if view == "compare":
            page.select_option(".st-other select", "orange")
            page.wait_for_function(
                "() => document.querySelectorAll('.st-picture-row figcaption')[1]?.textContent.includes('orange')"
            )
        on_show = check(page, network)
        assert (on_show.layer, on_show.view, on_show.at) == (layer, view or "map", unit)
        assert on_show.channel == (2 if view == "softmax" else channel)
        if view == "what_if":
            hand.press(".cn-off button")
            page.wait_for_selector(".cn-off", state="detached")
        hand.press(".st-back")
        page.wait_for_selector("network-stage", state="detached")


def test_a_finger_that_moves_over_a_map_takes_the_window_along(visit, network):
    page = open_state(visit, STATES["window"], has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    map_ = page.locator("figure.st-side:last-of-type heat-map")
    map_.scroll_into_view_if_needed()
    box, hand = map_.bounding_box(), page.context.new_cdp_session(page)
    for column in (3, 9, 15, 21):
        point = {"x": box["x"] + box["width"] * (column + 0.5) / 28, "y": box["y"] + box["height"] * 12.5 / 28}
        hand.send(
            "Input.dispatchTouchEvent", {"type": "touchStart" if column == 3 else "touchMove", "touchPoints": [point]}
        )
        page.wait_for_function(
            "(at) => document.querySelector('.st-player .number').textContent === at", arg=f"12, {column}"
        )
        assert check(page, network).at == (12, column)
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_the_keyboard_reaches_everything_on_the_stage(visit, network):
    page = open_state(visit, STATES["window"])
    layers = exact(network, page)
    page.focus(".st-side heat-map")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_function("() => document.querySelector('.st-line').textContent.includes('row 11, column 14')")
    assert shown(page, "[data-total]") == two([layers["conv_2_1"][3, 11, 14]])
    page.focus("button.st-addend[data-from='7']")
    page.keyboard.press("Enter")
    page.wait_for_selector("button.st-addend[data-from='7'][aria-pressed='true']")
    page.focus(".st-rail button[data-rail='relu_2_1']")
    page.keyboard.press("Enter")
    page.wait_for_selector(".st-rail button[data-rail='relu_2_1'][aria-current]")
    assert page.inner_text(".st-which") == "channel 3", "the same channel in the other layer"
    page.focus(".st-turn[data-turn='1']")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.st-which').textContent === 'channel 4'")


@pytest.mark.parametrize("engine", ENGINES)
def test_pointing_moves_the_window(visit, network, engine):
    page = open_state(visit, STATES["window"], engine, viewport={"width": 1440, "height": 900})
    layers = exact(network, page)
    for row, column in ((0, 0), (27, 27), (14, 3)):
        page.evaluate(
            """([row, column]) => {
            const map = [...document.querySelectorAll(".st-side heat-map")].at(-1), { left, top, width,
                height } = map.getBoundingClientRect();
            map.dispatchEvent(new PointerEvent("pointermove", { pointerType: "mouse",
                clientX: left + (width * (column + 0.5)) / 28, clientY: top + (height * (row + 0.5)) / 28 }));
        }""",
            [row, column],
        )
        page.wait_for_function(
            "(words) => document.querySelector('.st-line').textContent.includes(words)",
            arg=f"row {row}, column {column},",
        )
        assert shown(page, "[data-total]") == two([layers["conv_2_1"][3, row, column]])
    page.wait_for_function("() => location.hash.includes('at=14.3')")


def test_the_window_plays_steps_and_scrubs(visit):
    page = open_state(visit, STATES["window"])
    place = page.locator(".st-player .number")
    page.click(".st-step >> nth=1")
    page.wait_for_function("() => document.querySelector('.st-player .number').textContent === '10, 13'")
    page.select_option(".st-player select", index=2)
    page.click(".st-play")
    page.wait_for_function(
        "() => Number(document.querySelector('.st-player .number').textContent.split(', ')[0]) > 10", timeout=20_000
    )
    page.click(".st-play")
    stood = place.inner_text()
    page.wait_for_timeout(300)
    assert place.inner_text() == stood, "it stands still"
    page.locator(".st-player input").fill("0")
    page.wait_for_function("() => document.querySelector('.st-player .number').textContent === '0, 0'")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_whole_map_fills_while_the_window_goes_over_all_that_comes_in(visit, engine):
    page = open_state(visit, "layer=conv_2_2&channel=1", engine, viewport={"width": 1440, "height": 1000})

    def clips():
        return page.locator(".st-part heat-map canvas, .st-result heat-map canvas").evaluate_all(
            "(all) => all.map((one) => one.style.clipPath)"
        )

    assert page.locator(".st-parent .hm-region:not([hidden])").count() == 10 and set(clips()) == {""}
    page.select_option(".st-player select", "480 per second")
    page.click(".st-play")
    page.wait_for_function("() => Number(document.querySelector('.st-player .number').textContent.split(', ')[0]) > 3")
    begun = clips()
    assert len(begun) == 11 and len(set(begun)) == 1 and begun[0].startswith("polygon"), (
        "the contributions and their sum grow together"
    )
    page.wait_for_function("() => document.querySelector('.st-player .number').textContent === '25, 25'")
    page.wait_for_function("() => !document.querySelector('.st-result heat-map canvas').style.clipPath")
    assert set(clips()) == {""} and page.inner_text(".st-play") == "Play", (
        "at the end it stands still, and all of it is there"
    )


# What plays, and what is switched off


def test_pointing_at_the_result_changes_nothing_but_the_row_opens_its_window(visit):
    page = open_state(visit, STATES["convolution"], viewport={"width": 1440, "height": 1000})
    steps = page.evaluate("() => history.length")
    page.hover(".st-result heat-map")
    page.wait_for_timeout(600)
    assert page.get_attribute(".st-view", "data-view") == "map" and page.evaluate("() => history.length") == steps
    page.focus(".st-row[data-from='3']")
    page.keyboard.press("Enter")
    page.wait_for_selector(".st-view[data-view='window']")
    assert page.evaluate("() => document.activeElement.classList.contains('st')"), "the focus is not lost with the row"
    page.keyboard.press("Escape")
    page.wait_for_selector("network-stage", state="detached")


def test_maps_switched_off_are_counted_in_and_keep_their_place(visit, network):
    page = open_state(visit, STATES["what if"] + "&off=conv_2_2.4+relu_2_2.7")
    page.wait_for_selector("[data-rank]")
    order = page.locator("[data-rank]").evaluate_all("(rows) => rows.map((row) => row.dataset.rank)")
    assert len(order) == 10 and "switched off" in page.inner_text(".st-with")
    check(page, network)
    page.focus(f"[data-rank='{order[2]}'] button")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(channel) => document.querySelector('.cn-off').textContent.includes(`relu_2_2 ${channel}`)", arg=order[2]
    )
    page.wait_for_timeout(400)
    assert page.locator("[data-rank]").evaluate_all("(rows) => rows.map((row) => row.dataset.rank)") == order
    assert page.evaluate("() => document.activeElement.closest('[data-rank]').dataset.rank") == order[2]


def test_a_map_that_is_switched_off_says_so(visit):
    for state in (
        STATES["window"] + "&off=conv_2_1.3",
        STATES["relu"] + "&off=relu_1_1.1",
        STATES["pooling"] + "&off=max_pool_1.2",
    ):
        page = open_state(visit, state)
        assert "switched off" in page.inner_text(".st-sentence")


def test_what_plays_stands_still_once_something_else_is_on_show(visit):
    page = open_state(visit, STATES["convolution"])
    page.click("[data-rail=max_pool_2]")
    page.wait_for_selector("[data-rail=max_pool_2][aria-current]")
    page.click(".st-play")
    page.wait_for_function("() => document.querySelector('.st-player .number').textContent !== '0, 0'")
    page.go_back()
    page.wait_for_selector("[data-rail=conv_1_2][aria-current]")
    page.wait_for_function("() => document.querySelector('.st-play').textContent === 'Play'")
    assert page.locator(".st-result heat-map canvas").evaluate_all("(all) => all[0].style.clipPath") == "", (
        "the whole map is there"
    )


def test_the_layers_name_stays_in_sight_in_a_narrower_window(visit):
    page = open_state(visit, STATES["field"], viewport={"width": 1440, "height": 900})
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("""() => {
        const rail = document.querySelector(".st-rail").getBoundingClientRect();
        const name = document.querySelector(".st-rail [aria-current]").getBoundingClientRect();
        return name.left >= rail.left - 1 && name.right <= rail.right + 1; }""")


def test_paper_has_whole_maps(visit):
    page = open_state(visit, STATES["convolution"])
    page.click(".st-play")
    page.wait_for_function("() => document.querySelector('.st-result heat-map canvas').style.clipPath")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("() => document.querySelector('.st-result heat-map canvas').style.clipPath") == ""
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")


def test_a_picture_is_compared_with_the_one_that_the_list_names(visit, network):
    page = open_state(visit, "example=red_panda&" + STATES["compare"])

    def said():
        return (
            page.locator(".st-other option:checked").inner_text(),
            page.locator(".st-picture-row figcaption").all_inner_texts()[1],
        )

    page.select_option(".st-other select", "orange")
    page.wait_for_function(
        "() => document.querySelectorAll('.st-picture-row figcaption')[1]?.textContent.includes('orange')"
    )
    page.click('button[data-example="orange"]')
    page.wait_for_function(
        "() => document.querySelectorAll('.st-picture-row figcaption')[0]?.textContent.includes('orange')"
    )
    page.wait_for_function(
        "() => document.querySelectorAll('.st-picture-row figcaption')[1] && "
        "!document.querySelectorAll('.st-picture-row figcaption')[1].textContent.includes('orange')"
    )
    assert said()[0] == said()[1]
    check(page, network)
    page.select_option(".st-other select", "pizza")
    page.wait_for_function(
        "() => document.querySelectorAll('.st-picture-row figcaption')[1]?.textContent.includes('pizza')"
    )
    page.go_back()
    page.wait_for_function(
        "() => !document.querySelectorAll('.st-picture-row figcaption')[1]?.textContent.includes('pizza')"
    )
    assert said()[0] == said()[1]


def test_the_arrow_keys_move_a_window_over_the_padding_step_by_step(visit):
    page = visit().open("fashion/index.html#fashion?figure=fashion&layer=conv_1_1&channel=2&view=window&at=2.0")
    page.wait_for_selector(".st-view[data-view='window']")
    page.focus(".st-side heat-map")
    for row in (1, 0, 0):
        page.keyboard.press("ArrowUp")
        page.wait_for_function(
            "(words) => document.querySelector('.st-player .number').textContent === words", arg=f"{row}, 0"
        )
    for row in (1, 2, 3):
        page.keyboard.press("ArrowDown")
        page.wait_for_function(
            "(words) => document.querySelector('.st-player .number').textContent === words", arg=f"{row}, 0"
        )


# The network as a whole


def test_switches_change_scales_and_details(visit):
    page = visit().open()
    layers = page_trace(page)
    ends = lambda: [numbers(text)[-1] for text in page.locator(".cn-legend span:last-child").all_inner_texts()]  # noqa: E731
    own = ends()
    page.click("[data-sharing=network]")
    page.wait_for_function(
        '() => new Set([...document.querySelectorAll(\'.cn-legend:has(canvas:not([data-legend="0"])) '
        "span:last-child')].map((e) => e.textContent)).size === 1"
    )
    assert ends() == [1] + [max(own[1:])] * (len(own) - 1)
    page.click("[data-sharing=block]")
    page.wait_for_function(
        "() => new Set([...document.querySelectorAll('.cn-legend span:last-child')].map((e) => e.textContent)).size "
        "=== 3"
    )
    assert ends() == [1, max(own[1:3]), max(own[1:3]), max(own[3:]), max(own[3:])]
    before = page.locator(".cn-legend span:last-child").all_inner_texts()[-1]
    page.click('button[data-example="pizza"]')
    page.wait_for_selector('button[data-example="pizza"][aria-pressed="true"]')
    page.wait_for_function(
        "(before) => [...document.querySelectorAll('.cn-legend span:last-child')].at(-1).textContent !== before",
        arg=before,
    )
    fresh = page_trace(page)
    for at, group in ((1, ("conv_1_1", "conv_1_2")), (3, ("conv_2_1", "conv_2_2"))):
        assert (
            max(np.abs(fresh[name]).max() for name in group)
            >= ends()[at] - 0.01
            > 0.2 * max(np.abs(fresh[name]).max() for name in group)
        ), "legends follow the picture"
    assert not np.array_equal(layers["conv_1_1"], fresh["conv_1_1"])
    page.locator(".cn-switches input").uncheck()
    page.wait_for_function("() => location.hash.includes('colours=block') && location.hash.includes('details=off')")
    page.reload()
    page.wait_for_selector("[data-sharing=block][aria-pressed=true]")
    assert (
        page.get_attribute('button[data-example="pizza"]', "aria-pressed") == "true"
        and not page.locator(".cn-switches input").is_checked()
    )
    assert not page.locator(".cn-legend").first.is_visible() and not page.locator(".cn-label small").first.is_visible()


# Everybody, everywhere


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [1440, 390])
def test_no_view_has_a_barrier_or_runs_out_of_the_page(visit, language, width):
    page = visit(viewport={"width": width, "height": 900}).open(LANGUAGES[language])
    page.evaluate(AXE.read_text())
    for name, state in STATES.items():
        page.evaluate("(hash) => { location.hash = hash; }", f"#overview?figure=overview&{state}")
        layer = re.search(r"layer=(\w+)", state)[1]
        page.wait_for_selector(f'.st-rail [data-rail="{layer}"][aria-current]')
        page.wait_for_timeout(350)
        assert page.evaluate(
            OVERFLOW.replace('".visually-hidden, .skip, svg"', '".visually-hidden, .skip, svg, .st-rail"')
        ) == [True], name
        clipped = page.evaluate("""() => {
            const stage = document.querySelector("network-stage").getBoundingClientRect();
            const parts = "network-stage .hm, network-stage .st-numbers, network-stage button, network-stage td";
            return [...document.querySelectorAll(parts)].filter((e) => !e.closest(".st-rail"))
                .filter((e) => { const r = e.getBoundingClientRect();
                    return r.left < stage.left - 1 || r.right > stage.right + 1; }).map((e) => e.outerHTML.slice(0,
                        90)); }""")
        assert clipped == [], name
        for theme in ("light", "dark"):
            page.evaluate(
                "(theme) => { document.documentElement.dataset.theme = theme; document.dispatchEvent(new "
                "Event('themechange')); }",
                theme,
            )
            page.wait_for_timeout(250)
            found = page.evaluate(
                "() => axe.run(document.querySelector('cnn-network')).then((result) => result.violations.map((v) => "
                "[v.id, v.nodes.map((n) => n.html.slice(0, 160))]))"
            )
            assert found == [], (name, theme)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", ["fashion", "three", "twenty"])
def test_all_views_of_other_networks(visit, other, built, name, width):
    """A network of 28 pixels with padding, one of three layers, one of twenty channels with average pooling and a
    hidden linear layer.
    """
    root = built if name == "fashion" else other / "out"
    page = visit(base=f"{root.as_uri()}/", viewport={"width": width, "height": 900}).open(f"{name}/index.html")
    page.wait_for_function("() => globalThis.explorer")
    figure = page.evaluate("() => document.querySelector('cnn-network').closest('figure').id")
    models = read_site(other if name != "fashion" else ROOT).models
    model = models[name]
    network, _ = build_network(model.network, len(model.classes))
    load_weights(model.weights, network)
    for layer, _ in network.named_children():
        for view in page.evaluate(
            "([layer]) => explorer.viewsOf(document.querySelector('cnn-network').manifest, layer)", [layer]
        ):
            page.evaluate(
                "(hash) => { location.hash = hash; }",
                f"#{figure}?figure={quote(figure)}&layer={layer}&view={view}&channel=1&at=1.1",
            )
            page.wait_for_selector(f'.st-view[data-view="{view}"]')
            page.wait_for_selector(f'.st-rail [data-rail="{layer}"][aria-current]')
            assert page.evaluate(
                OVERFLOW.replace('".visually-hidden, .skip, svg"', '".visually-hidden, .skip, svg, .st-rail"')
            ) == [True], (layer, view)
            if view == "what_if":
                page.wait_for_selector("[data-rank]")
            check(page, network)

"""Accessibility: every width, the keyboard, screen readers, both themes, without JavaScript."""

from __future__ import annotations

import numpy as np
import pytest

from tests.page import AXE, ENGINES, LANGUAGES, OVERFLOW, OVERLAPS, page_trace, painted


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


@pytest.mark.parametrize("width", [390, 1440])
def test_what_is_in_view_stays_where_it_is_while_the_figure_is_drawn(visit, width):
    """Only in Chromium, since no other browser reports layout shifts. Lighthouse rates up to 0.1 as good."""
    watched = visit(viewport={"width": width, "height": 900})
    watched.page.add_init_script("""window.shift = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((e) => (window.shift += e.value))).observe({
            type: "layout-shift", buffered: true });""")
    page = watched.open()
    page.wait_for_timeout(300)
    assert page.evaluate("() => window.shift") < 0.02


@pytest.mark.parametrize("engine", ENGINES)
def test_arrow_keys_move_between_maps(visit, engine):
    page = visit(engine).open()
    page.focus('button[data-layer="image"][data-channel="0"]')
    assert page.locator('.cn-map[tabindex="0"]').count() == 1

    def press(key):
        page.keyboard.press(key)
        return page.evaluate(
            "() => `${document.activeElement.dataset.layer}/${document.activeElement.dataset.channel}`"
        )

    assert press("ArrowDown") == "image/1"
    assert press("ArrowRight").startswith("conv_1_1/")
    assert press("End") == "conv_1_1/9" and press("ArrowDown") == "conv_1_1/9"
    assert press("ArrowRight") == "relu_1_1/9" and press("Home") == "relu_1_1/0"
    assert page.locator('.cn-map[tabindex="0"]').count() == 1
    assert page.locator('[data-parent][data-layer="conv_1_1"]').count() == 1
    assert (
        press("ArrowRight").startswith("conv_1_2/")
        and page.locator('[data-parent][data-layer="relu_1_1"]').count() == 10
    )
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(150)
    assert (
        press("ArrowLeft") == "conv_1_2/0" and press("ArrowRight") == "conv_1_2/1" and press("ArrowUp") == "relu_1_1/1"
    )
    page.keyboard.press("Escape")
    assert page.locator(".cn-tray").count() == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_map_says_what_it_shows(visit, language):
    page = visit().open(LANGUAGES[language])
    values = page_trace(page)["conv_1_2"][4]
    page.wait_for_selector(
        'button[data-layer="conv_1_2"][data-channel="4"][aria-label*=":"]'
    )  # words come after the maps
    says = page.get_attribute('button[data-layer="conv_1_2"][data-channel="4"]', "aria-label")
    for number in (values.min(), values.max()):
        assert f"{number:.2f}".replace("-", "−") in says
    assert f"{100 * (values < 0).mean():.0f}%" in says
    page.focus('button[data-layer="conv_1_2"][data-channel="4"]')
    assert f"{values.max():.2f}" in page.inner_text(".cn-tray")
    page.hover('button[data-layer="conv_1_2"][data-channel="4"]')
    said = [part.strip(".。：:") for part in page.inner_text(".cn-tray").replace("−", "-").split()]
    assert any(f"{value:.2f}" in word for value in values[28:32, 28:32].flat for word in said), (
        "of the unit below the pointer, its value"
    )
    y, x = np.unravel_index(values.argmax(), values.shape)
    places = {
        "en": [
            ["top left", "top", "top right"],
            ["left", "middle", "right"],
            ["bottom left", "bottom", "bottom right"],
        ],
        "zh": [["左上角", "上方", "右上角"], ["左侧", "中间", "右侧"], ["左下角", "下方", "右下角"]],
    }
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


def colour_of_zero(page) -> list[int]:
    values = page_trace(page)["relu_1_1"]
    channel = int((values == 0).reshape(len(values), -1).sum(1).argmax())
    pixels = painted(page, "relu_1_1", channel)
    zeros = pixels[values[channel].reshape(-1)[pixels[:, 0]] == 0, 1:]
    return np.median(zeros, axis=0).tolist()  # an engine may take a pixel on the edge of two units for the other one


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_zero_is_the_pages_own_background(visit, engine, scheme):
    page = visit(engine, color_scheme=scheme).open()
    zeros = colour_of_zero(page)
    assert page.evaluate(
        "() => getComputedStyle(document.documentElement).backgroundColor"
    ) == "rgb({:.0f}, {:.0f}, {:.0f})".format(*zeros)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", ["index.html", "zh/index.html", "embed/index/overview/index.html"])
def test_without_javascript_the_figures_still_stands_in_its_place(browsers, address, engine, path):
    page = browsers[engine].new_context(java_script_enabled=False, viewport={"width": 1440, "height": 900}).new_page()
    page.goto(address["file"] + path)
    still = page.locator("cnn-network img")
    assert still.count() == 1 and still.bounding_box()["width"] > 1000 and still.bounding_box()["height"] > 400
    assert page.locator(".theme").count() == 0 or not page.locator(".theme").is_visible()
    page.context.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_on_paper_the_figure_fits_and_is_light(visit, engine):
    page = visit(engine, color_scheme="dark", viewport={"width": 1440, "height": 900}).open()
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.get_attribute(".cn-network", "data-direction") == "rows"
    assert (
        page.evaluate(
            "() => Math.max(...[...document.querySelectorAll('.cn-map, .cn-classes li, .cn-legend, "
            ".cn-picture')].map((e) => e.getBoundingClientRect().right - "
            "document.querySelector('.cn-network').getBoundingClientRect().left))"
        )
        <= 661
    )
    assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == "rgb(252, 252, 250)"
    assert not page.locator("picture-input").is_visible() and page.locator("[data-class]").first.is_visible()
    page.emulate_media(media="screen")
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert page.get_attribute(".cn-network", "data-direction") == "columns"
    assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == "rgb(20, 22, 26)"


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
    assert colour_of_zero(page) == [20, 22, 26], "the maps follow the theme"
    page.reload()
    page.wait_for_selector("cnn-network[data-state=ready]")
    assert background() == names[1][1]
    page.click(".theme")
    assert background() == system


@pytest.mark.parametrize(
    "path", ["index.html", "zh/index.html", "embed/index/overview/index.html", "zh/embed/index/overview/index.html"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing(visit, path, scheme, width):
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 900}).open(path)
    assert axe(page) == []
    page.focus('button[data-layer="conv_1_1"][data-channel="0"]')
    assert axe(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(visit, built, scheme):
    watched = visit(color_scheme=scheme)
    for path in sorted(built.rglob("index.html")):
        page = watched.page
        page.goto(watched.base + str(path.relative_to(built)))
        if page.locator("cnn-network").count():
            page.wait_for_selector("[data-state=ready]")
        assert axe(page) == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_for_lost_addresses(visit, scheme):
    watched = visit(color_scheme=scheme)
    watched.page.goto(f"{watched.base}404.html")
    assert axe(watched.page) == []


def axe(page) -> list[str]:
    """What axe-core complains about, on the page as it is now."""
    page.evaluate(AXE.read_text())
    return page.evaluate(
        "async () => (await axe.run()).violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)} "
        "${v.nodes[0].failureSummary}`)"
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_links_between_languages_keep_the_page(visit, engine):
    page = visit(engine, "file").open("fashion/index.html")
    for link, language, end in [
        ("nav a[lang=zh-Hans]", "zh-Hans", "/zh/fashion/index.html"),
        (".wordmark", "zh-Hans", "/zh/index.html"),
        ("nav a[lang=en]", "en", "/index.html"),
    ]:
        page.click(link)
        page.wait_for_function("(end) => location.pathname.endsWith(end)", arg=end)
        page.wait_for_selector(f"html[lang={language}] cnn-network[data-state=ready]")
    assert "/zh/" not in page.url

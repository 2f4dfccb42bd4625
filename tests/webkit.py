"""WebKitGTK behind those methods of Playwright's pages that the tests use: WebKitWebDriver drives it on a virtual
screen.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import NoSuchFrameException, WebDriverException
from selenium.webdriver import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service
from urllib3.exceptions import HTTPError

from tests.browsers import VIRTUAL_SCREEN, WEBKIT, find

# The driver's browser has a toolbar, and no window is narrower than its toolbar: this makes it narrower than a phone.
NARROW_TOOLBAR = "* { min-width: 0; min-height: 0; padding: 0; margin: 0; font-size: 1px; }"

STARTING, ATTEMPTS = 30, 3  # seconds until a start counts as failed, and how many there are

# Around every function: on a new document it first listens, and runs what `add_init_script` was given; it answers with
# the function's value, what went wrong since the last call, and what was fetched.
CALL = """
if (!window.heard) {
    const heard = window.heard = [];
    addEventListener("error", (event) => heard.push(["pageerror", event.message]));
    addEventListener("unhandledrejection", (event) => heard.push(["pageerror", String(event.reason)]));
    for (const [level, type] of [["error", "error"], ["warn", "warning"]]) {
        const say = console[level];
        console[level] = (...words) => { heard.push(["console", words.join(" "), type]); say.apply(console, words); };
    }
    INIT
}
const all = (selector) => {
    const [, css, text = ""] = selector.match(/^(.*?)(?::has-text\\(["'](.*)["']\\))?$/);
    return [...document.querySelectorAll(css)].filter((e) => e.textContent.replace(/\\s+/g, " ").includes(text));
};
const value = await (FUNCTION).apply(null, arguments);
const fetched = performance.getEntriesByType("resource").map((entry) => entry.name);
performance.clearResourceTimings();
return [value, heard.splice(0), fetched];
"""
STATES = {
    "visible": "(selector) => all(selector).some((e) => e.getClientRects().length)",
    "attached": "(selector) => all(selector).length > 0",
    "detached": "(selector) => !all(selector).length",
}


class WebKit:
    """The engine. Every context is a browser of its own: one starts in half a second and forgets all when it ends."""

    def __init__(self) -> None:
        self.settings = tempfile.TemporaryDirectory()
        for gtk in ("gtk-3.0", "gtk-4.0"):
            (Path(self.settings.name) / gtk).mkdir()
            (Path(self.settings.name) / gtk / "gtk.css").write_text(NARROW_TOOLBAR)
        answer, display = os.pipe()
        self.screen = subprocess.Popen(
            [find(VIRTUAL_SCREEN), "-displayfd", str(display), "-screen", "0", "2700x1600x24", "-nolisten", "tcp"],
            pass_fds=[display],
            stderr=subprocess.DEVNULL,
        )
        os.close(display)
        with os.fdopen(answer) as number:
            shown_on = f":{number.readline().strip()}"
        # Mesa's OpenGL without a graphics card now and then crashes in the threads that WebKit paints with; it still
        # composes by it.
        painting = {"WEBKIT_SKIA_ENABLE_CPU_RENDERING": "1"}
        self.environment = {
            **os.environ,
            **painting,
            "DISPLAY": shown_on,
            "GDK_BACKEND": "x11",
            "NO_AT_BRIDGE": "1",
            "XDG_CONFIG_HOME": self.settings.name,
        }

    def new_context(self, viewport: dict[str, int] | None = None, color_scheme: str = "light") -> Context:
        """A browser with a window of this size, Playwright's if none is said."""
        options = Options()
        for argument in ("--automation", *(["--dark-mode"] if color_scheme == "dark" else [])):
            options.add_argument(argument)
        return Context(self._start(options), viewport or {"width": 1280, "height": 720})

    def _start(self, options: Options) -> webdriver.WebKitGTK:
        """Now and then the browser dies as it starts, and the driver waits for it without an end: then another one is
        started.
        """
        for attempt in range(ATTEMPTS):
            service = Service(find(WEBKIT), env=self.environment, log_output=subprocess.DEVNULL)
            watch = threading.Timer(STARTING, lambda service=service: service.process.kill())
            watch.start()
            try:
                return webdriver.WebKitGTK(options, service)
            except (WebDriverException, HTTPError, OSError):
                if attempt == ATTEMPTS - 1:
                    raise
            finally:
                watch.cancel()
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Switch the screen off."""
        self.screen.terminate()
        self.screen.wait()
        self.settings.cleanup()


class Context:
    """One browser with one page."""

    def __init__(self, driver: webdriver.WebKitGTK, viewport: dict[str, int]) -> None:
        self.driver, self.viewport = driver, viewport
        self.files = tempfile.TemporaryDirectory()

    def new_page(self) -> Page:
        """The one page."""
        page = Page(self)
        page.set_viewport_size(self.viewport)
        return page

    def close(self) -> None:
        """End the browser."""
        self.driver.quit()
        self.files.cleanup()


class Page:
    """The methods have the names, arguments and answers of Playwright's."""

    def __init__(self, context: Context) -> None:
        self.context, self.driver = context, context.driver
        self.driver.set_script_timeout(120)
        self.keyboard = SimpleNamespace(press=self._press)
        self.mouse = SimpleNamespace(move=self._move)
        self._scripts: list[str] = []
        self._handlers: dict[str, Callable[[Any], Any]] = {}

    @property
    def url(self) -> str:
        """The address on show."""
        return self.driver.current_url

    def on(self, event: str, handler: Callable[[Any], Any]) -> None:
        """Call `handler` for every "request", "console" message and "pageerror" that came to light."""
        self._handlers[event] = handler

    def add_init_script(self, script: str) -> None:
        """Run `script` on every new document, once it has loaded: the driver knows no earlier moment."""
        self._scripts.append(script)

    def goto(self, url: str) -> None:
        """Open `url` and wait until it has loaded."""
        self.driver.get(url)
        self.evaluate("() => 0")

    def reload(self) -> None:
        """Load the page again."""
        self.driver.refresh()

    def evaluate(self, function: str, arg: Any = None) -> Any:
        """What `function`, given `arg`, returns or promises."""
        # No eval: the text is the body of the driver's own function, which the page's policy lets pass.
        call = CALL.replace("INIT", "\n".join(self._scripts)).replace("FUNCTION", function)
        body = f"return (async function () {{ {call} }}).apply(null, arguments)"
        value, heard, fetched = self.driver.execute_script(body, arg)
        for url in fetched:
            self._tell("request", SimpleNamespace(url=url))
        for event, text, *level in heard:
            self._tell(event, SimpleNamespace(text=text, type=level[0]) if level else text)
        return value

    def wait_for_function(self, function: str, arg: Any = None, timeout: float = 30_000) -> Any:
        """Wait until `function` returns a true value, on this document or one that follows it; return the value."""
        end = time.monotonic() + timeout / 1000
        while True:
            try:
                if value := self.evaluate(function, arg):
                    return value
            except NoSuchFrameException:  # the document was left while it was asked, as after a click on a link
                pass
            if time.monotonic() > end:
                raise TimeoutError(f"{timeout / 1000:.0f} s for {function} {json.dumps(arg)} at {self.url}")
            time.sleep(0.03)

    def wait_for_selector(self, selector: str, state: str = "visible", timeout: float = 30_000) -> None:
        """Wait until an element is visible, attached or detached."""
        self.wait_for_function(STATES[state], selector, timeout)

    def wait_for_timeout(self, milliseconds: float) -> None:
        """Let the page be for a while."""
        time.sleep(milliseconds / 1000)

    def locator(self, selector: str) -> Locator:
        """All elements that `selector` finds whenever they are asked for."""
        return Locator(self, selector)

    def get_attribute(self, selector: str, name: str) -> str | None:
        """An attribute of the first such element."""
        self.wait_for_selector(selector, "attached")
        return self.evaluate("([selector, name]) => all(selector)[0].getAttribute(name)", [selector, name])

    def inner_text(self, selector: str) -> str:
        """The text of the first such element."""
        self.wait_for_selector(selector, "attached")
        return self.locator(selector).all_inner_texts()[0]

    def focus(self, selector: str) -> None:
        """Give the first such element the focus."""
        self.wait_for_selector(selector, "attached")
        self.evaluate("(selector) => all(selector)[0].focus()", selector)

    def click(self, selector: str) -> None:
        """Click the first such element with the mouse."""
        self._element(selector).click()

    def hover(self, selector: str) -> None:
        """Put the mouse on the first such element."""
        ActionChains(self.driver).move_to_element(self._element(selector)).perform()

    def select_option(self, selector: str, value: str) -> None:
        """Choose an option of a list as a reader does, by its value or its words."""
        options = Select(self._element(selector)).options
        next(option for option in options if value in (option.get_attribute("value"), option.text.strip())).click()

    def set_input_files(self, selector: str, files: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Choose these files, as Playwright takes them; WebKit finds their types by their names."""
        self.wait_for_selector(selector, "attached")
        folder = Path(
            tempfile.mkdtemp(dir=self.context.files.name)
        )  # one each time, and there as long as the page may read it
        paths = []
        for file in files if isinstance(files, list) else [files]:
            paths.append(folder / file["name"])
            paths[-1].write_bytes(file["buffer"])
        self.evaluate("(selector) => all(selector)[0]", selector).send_keys("\n".join(map(str, paths)))

    def set_viewport_size(self, size: dict[str, int]) -> None:
        """Make the page's own part of the window exactly this large."""
        target = [size["width"], size["height"]]
        wanted, end = target, time.monotonic() + 10
        while True:
            self.driver.set_window_rect(0, 0, *wanted)
            time.sleep(0.05)  # the page hears of it a little later
            inner = self.evaluate("() => [innerWidth, innerHeight]")
            if inner == target:
                return
            assert time.monotonic() < end, f"the page is {inner}, not {target}"
            window = self.driver.get_window_size()
            wanted = [target[0] + window["width"] - inner[0], target[1] + window["height"] - inner[1]]

    def screenshot(self, path: str) -> None:
        """Write what is on show to a PNG."""
        self.driver.save_screenshot(path)

    def _press(self, key: str) -> None:
        ActionChains(self.driver).send_keys(getattr(Keys, re.sub("(?<=[a-z])(?=[A-Z])", "_", key).upper())).perform()

    def _move(self, x: float, y: float) -> None:
        actions = ActionBuilder(self.driver)
        actions.pointer_action.move_to_location(round(x), round(y))
        actions.perform()

    def _element(self, selector: str) -> WebElement:
        return self.wait_for_function("(selector) => all(selector).find((e) => e.getClientRects().length)", selector)

    def _tell(self, event: str, what: Any) -> None:
        if event in self._handlers:
            self._handlers[event](what)


class Locator:
    """All elements that a selector finds."""

    def __init__(self, page: Page, selector: str) -> None:
        self.page, self.selector = page, selector

    def count(self) -> int:
        """How many there are now."""
        return self.page.evaluate("(selector) => all(selector).length", self.selector)

    def all_inner_texts(self) -> list[str]:
        """The texts of all."""
        return self.page.evaluate("(selector) => all(selector).map((e) => e.innerText)", self.selector)

    def bounding_box(self) -> dict[str, float]:
        """Where in the window the first one lies."""
        self.page.wait_for_selector(self.selector, "attached")
        return self.page.evaluate(
            "(selector) => { const { x, y, width, height } = all(selector)[0].getBoundingClientRect(); return { x, y, "
            "width, height }; }",
            self.selector,
        )

    def evaluate_all(self, function: str) -> Any:
        """What `function`, given all of them, returns."""
        return self.page.evaluate(f"(selector) => ({function})(all(selector))", self.selector)

    def scroll_into_view_if_needed(self) -> None:
        """Have the first one in the window."""
        self.page.wait_for_selector(self.selector, "attached")
        self.page.evaluate(
            "(selector) => all(selector)[0].scrollIntoView({ block: 'nearest', behavior: 'instant' })", self.selector
        )

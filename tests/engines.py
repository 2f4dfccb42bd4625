"""The fixture for all browser tests: an engine, an address of the site, and a page that records its faults."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Playwright

from tests.browsers import CHROMIUM, FIREFOX, find
from tests.webkit import Page as WebKitPage
from tests.webkit import WebKit

QUIET = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Without the first preference file:// tests pass that fail for a reader.
FIREFOX_PREFERENCES = {"security.fileuri.strict_origin_policy": True}
SUB_PATH = "/any/sub/path"

# What an engine, or what drives it, cannot do: test, or test[value of a parameter] -> why it is skipped there.
_MULTIPLIED = (
    "WebKitGTK keeps colours multiplied by their transparency, which costs up to one step of 255: a test of "
    "its own holds it to that"
)
_NO_PHONE = "Playwright cannot make the system's Firefox a phone"
_NO_TOUCH = "WebKitWebDriver cannot touch"
_HEAP = "only Chromium lets a test collect garbage and weigh the heap"
LIMITS = {
    "firefox": {
        "test_the_next_page_shows_the_readers_picture[file]": "to Firefox every file is a place of its own, with a "
        "storage of its own",
        "test_without_javascript_the_figures_still_stands_in_its_place": "Playwright cannot switch the JavaScript of "
        "the system's Firefox off",
        "test_zero_is_the_pages_own_background[dark]": "Playwright cannot make the system's Firefox prefer a dark page",
        "test_on_paper_the_figure_fits_and_is_light": "Playwright cannot show a page of the system's Firefox as on "
        "paper",
        "test_every_map_opens_and_closes[touch]": _NO_PHONE,
        "test_every_view_opens_and_its_numbers_are_pytorchs[touch]": _NO_PHONE,
        "test_a_hundred_pictures_leave_memory_where_it_was": _HEAP,
        "test_requests_are_seen[file]": "Playwright tells of no request for a file in the system's Firefox",
    },
    "webkit": {
        "test_an_uploaded_picture_gets_pytorchs_trace[RGBA]": _MULTIPLIED,
        "test_preprocessing_is_pillows_to_the_byte[RGBA]": _MULTIPLIED,
        "test_preprocessing_is_pillows_to_the_byte[LA]": _MULTIPLIED,
        "test_without_javascript_the_figures_still_stands_in_its_place": "WebKitWebDriver asks a page by JavaScript, "
        "so it needs it on",
        "test_on_paper_the_figure_fits_and_is_light": "WebKitWebDriver cannot show a page as on paper",
        "test_every_map_opens_and_closes[touch]": _NO_TOUCH,
        "test_every_view_opens_and_its_numbers_are_pytorchs[touch]": _NO_TOUCH,
        "test_a_hundred_pictures_leave_memory_where_it_was": _HEAP,
        "test_a_fault_while_the_page_loads_is_seen": "WebKitWebDriver lets a test listen to a page once it has "
        "loaded, not before",
        "test_requests_are_seen[file]": "WebKit keeps no times of files, by which requests are seen there",
    },
}


def limit(engine: str, test: str, values: Iterable[Any]) -> str | None:
    """The reason why this test, with these parameters, cannot run in an engine."""
    if engine == "webkit" and sys.platform != "linux":
        return "WebKitGTK is made for Linux alone"
    names = [test, *(f"{test}[{value}]" for value in values)]
    return next((reason for name, reason in LIMITS.get(engine, {}).items() if name in names), None)


def launch(playwright: Playwright, engine: str) -> Browser | WebKit:
    """The system's browser, without a window."""
    if engine == "webkit":
        return WebKit()
    if engine == "chromium":
        return playwright.chromium.launch(executable_path=find(CHROMIUM), chromium_sandbox=False, args=QUIET)
    return playwright.firefox.launch(
        channel="moz-firefox", executable_path=find(FIREFOX), firefox_user_prefs=FIREFOX_PREFERENCES
    )


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder below SUB_PATH, with the replacements in `broken`."""

    broken: ClassVar[dict[str, bytes | None]] = {}
    packed: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not path.startswith(f"{SUB_PATH}/"):
            return self.send_error(404)
        self.path = path.removeprefix(SUB_PATH)
        name = self.path.lstrip("/")
        if name in self.broken:
            content = self.broken[name]
            if content is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Type", self.guess_type(name))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return None
        name = name or "index.html"
        if name in self.packed:
            self.send_response(200)
            self.send_header("Content-Type", self.guess_type(name))
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(self.packed[name])))
            self.end_headers()
            self.wfile.write(self.packed[name])
            return None
        return super().do_GET()

    def log_message(self, *arguments: Any) -> None:
        """Nothing: the tests look at the browser."""


@contextmanager
def served(
    folder: Path, broken: dict[str, bytes | None] | None = None, packed: dict[str, bytes] | None = None
) -> Iterator[str]:
    """The address of `folder` served under a sub-path.

    `broken` maps a file to other bytes, or to None for 404; `packed` maps a file to itself compressed, as most servers
    send it.
    """
    handler = type("Handler", (_Handler,), {"broken": broken if broken is not None else {}, "packed": packed or {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{SUB_PATH}/"
    finally:
        server.shutdown()
        thread.join()


@dataclass
class Watched:
    """A page that records its faults: see `faults`."""

    page: Page | WebKitPage
    base: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, path: str = "index.html") -> Page | WebKitPage:
        """Open a page of the site and wait until its figures are drawn."""
        self.page.goto(self.base + path)
        self.page.wait_for_selector("[data-state=ready]", timeout=30_000)
        return self.page

    def faults(self) -> list[str]:
        """Requests to elsewhere, violations of the policy, errors on the console or uncaught."""
        origin = self.base if self.base.startswith("file:") else "{0.scheme}://{0.netloc}/".format(urlsplit(self.base))
        away = [f"request to {url}" for url in self.requests if not url.startswith((origin, "data:", "blob:"))]
        violations = self.page.evaluate("() => window.violations ?? []")
        return away + [f"violation: {v}" for v in violations] + self.errors


VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
    (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def watch(page: Page | WebKitPage, base: str) -> Watched:
    """Record the events of `page` from now on."""
    watched = Watched(page, base)
    page.add_init_script(VIOLATIONS)
    page.on("request", lambda request: watched.requests.append(request.url))
    page.on(
        "console",
        lambda message: message.type in ("error", "warning") and watched.errors.append(f"console: {message.text}"),
    )
    page.on("pageerror", lambda error: watched.errors.append(f"uncaught: {error}"))
    return watched

"""One small fixture for all browser tests: an engine, a place to open the site from, and a page that tells on itself."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Playwright

from tests.browsers import CHROMIUM, FIREFOX, find

QUIET = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Without the first preference file:// tests pass that fail for a reader.
FIREFOX_PREFERENCES = {"security.fileuri.strict_origin_policy": True}
SUB_PATH = "/any/sub/path"


def launch(playwright: Playwright, engine: str) -> Browser:
    """The system's browser, without a window."""
    if engine == "chromium":
        return playwright.chromium.launch(executable_path=find(CHROMIUM), chromium_sandbox=False, args=QUIET)
    return playwright.firefox.launch(channel="moz-firefox", executable_path=find(FIREFOX), firefox_user_prefs=FIREFOX_PREFERENCES)


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder below SUB_PATH, and what `broken` says instead of a file."""

    broken: dict[str, bytes | None] = {}
    packed: dict[str, bytes] = {}

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
def served(folder: Path, broken: dict[str, bytes | None] | None = None, packed: dict[str, bytes] | None = None) -> Iterator[str]:
    """The address of `folder` served under a sub-path.

    `broken` maps a file to other bytes, or to None for 404; `packed` maps a file to itself compressed, as most servers send it.
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
    """A page, and everything it did that it should not: see `faults`."""

    page: Page
    base: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, path: str = "index.html") -> Page:
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
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


def watch(page: Page, base: str) -> Watched:
    """Listen to everything that `page` does from now on."""
    watched = Watched(page, base)
    page.add_init_script(VIOLATIONS)
    page.on("request", lambda request: watched.requests.append(request.url))
    page.on("console", lambda message: message.type in ("error", "warning") and watched.errors.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: watched.errors.append(f"uncaught: {error}"))
    return watched

"""`build.py serve`: the site on this machine, built again when a file is saved, and shown anew in the browser."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from errors import BuildError
from terminal import say

Built = tuple[dict[str, bytes], list[str]]  # files by their path in the site, and faults

WATCHED = ("strata.toml", "content", "site_templates", "assets", "model", "generator", "*.py")
UNWATCHED = {"node_modules", "__pycache__", ".cache"}
EVERY = 0.15  # seconds between two looks at the files
TRIES = 10  # ports, one after the other
OWN = "-/"  # below it lies what is not the site's
TYPES = {".js": "text/javascript", ".webp": "image/webp", ".woff2": "font/woff2", ".onnx": "application/octet-stream"}
NO_SITE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not built yet</title></head><body><p>The site could not be built yet.</p></body></html>
"""


def serve(root: Path, base: str, port: int, build: Callable[[], Built], say_notes: Callable[[], None]) -> None:
    """Build, serve under the path `base`, and build again after each change, until Ctrl-C. Port 0 is any free one.

    Raises BuildError when no port is free.
    """
    state = State(base)
    server = _listen(state, port)
    before = _look(root)
    started = time.monotonic()
    files, faults = build()
    state.show(files, faults)
    say_notes()
    for fault in faults:
        say(fault)
    address = f"http://127.0.0.1:{server.server_address[1]}{base}"
    say(f"{_outcome(files, None, faults, time.monotonic() - started)}. Open {address} (Ctrl-C ends)")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        while True:
            time.sleep(EVERY)
            now = _look(root)
            changed = sorted(path for path in now.keys() | before.keys() if now.get(path) != before.get(path))
            if not changed:
                continue
            before = now
            names = _listed([path.relative_to(root).as_posix() for path in changed if path.is_relative_to(root)])
            if any(path.suffix == ".py" for path in changed):
                say(f"{_clock()}  {names} changed: starting again")
                server.server_close()
                os.execv(sys.executable, sys.orig_argv)
            started = time.monotonic()
            files, faults = build()
            rebuilt = state.show(files, faults)
            say(f"{_clock()}  {names} changed: {_outcome(files, rebuilt, faults, time.monotonic() - started)}")
            for fault in faults:
                say(f"  {fault}")
    finally:
        server.server_close()


class State:
    """What is served: the last site that could be built, and the faults of the last build."""

    def __init__(self, base: str):
        self.base, self.files, self.faults, self.number = base, dict[str, bytes](), list[str](), 0
        self.changed = threading.Condition()

    def show(self, files: dict[str, bytes], faults: list[str]) -> list[str]:
        """Serve these files, or with faults go on with those of before. Returns the paths that are new or different."""
        rebuilt = [] if faults else [path for path in files if self.files.get(path) != files[path]]
        with self.changed:
            self.files, self.faults, self.number = self.files if faults else files, faults, self.number + 1
            self.changed.notify_all()
        return rebuilt

    def find(self, path: str) -> tuple[str, int]:
        """The file for a path below `base`, as GitHub Pages finds it, and the status."""
        for name in (path, f"{path}index.html") if not path or path.endswith("/") else (path,):
            if name in self.files:
                return name, 200
        return "404.html", 404

    def version(self, path: str) -> str:
        """Changes with a page."""
        return hashlib.sha256(self.files.get(self.find(path)[0], b"")).hexdigest()[:16]

    def events(self, path: str) -> Iterator[bytes]:
        """An event now and after each build, and a comment every few seconds, to notice readers who left."""
        seen = -1
        while True:
            with self.changed:
                if self.number == seen and not self.changed.wait(timeout=5):
                    yield b": \n\n"
                    continue
                seen = self.number
                event = {"page": self.version(path), "faults": self.faults}
            yield f"data: {json.dumps(event)}\n\n".encode()


class Handler(BaseHTTPRequestHandler):
    """Answers GET from memory; subclasses have the `state`."""

    state: State

    def do_GET(self) -> None:
        """A file of the site, a page with the reloading script in it, or the events of builds."""
        address = urlsplit(self.path)
        path = unquote(address.path)
        if not path.startswith(self.state.base):
            return self._redirect(self.state.base)
        path = path.removeprefix(self.state.base)
        if path == f"{OWN}events":
            return self._send_events(parse_qs(address.query).get("page", [""])[0])
        if path in (f"{OWN}serve.js", f"{OWN}serve.css"):
            own = Path(__file__).resolve().parents[1] / "assets" / "serve" / path.removeprefix(OWN)
            return self._send(200, own.name, own.read_bytes())
        if f"{path}/index.html" in self.state.files:
            return self._redirect(f"{self.state.base}{path}/")
        name, status = self.state.find(path)
        content = self.state.files.get(name, NO_SITE.encode())
        self._send(status, name, self._with_script(content, path) if name.endswith(".html") else content)

    def _with_script(self, page: bytes, path: str) -> bytes:
        base, version = self.state.base, self.state.version(path)
        script = (
            f'<link rel="stylesheet" href="{base}{OWN}serve.css"><script src="{base}{OWN}serve.js" '
            f'data-page="{version}" data-events="{base}{OWN}events?page={quote(path)}"></script></body>'
        )
        return page.replace(b"</body>", script.encode(), 1)

    def _send_events(self, path: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        try:
            for event in self.state.events(path):
                self.wfile.write(event)
                self.wfile.flush()
        except OSError:
            pass  # the page was left

    def _send(self, status: int, name: str, content: bytes) -> None:
        kind = TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(content)

    def _redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", quote(to))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are not told: the terminal is for builds."""


def _listen(state: State, port: int) -> ThreadingHTTPServer:
    handler = type("SiteHandler", (Handler,), {"state": state})
    for each in range(port, port + TRIES if port else 1):
        try:
            server = ThreadingHTTPServer(("127.0.0.1", each), handler)
        except OSError:
            continue
        server.daemon_threads = True
        return server
    raise BuildError(f"the ports {port} to {port + TRIES - 1} are in use; choose another with --port")


def _look(root: Path) -> dict[Path, tuple[int, int]]:
    """When each watched file was changed last, and its size."""
    found = {}
    for top in (path for pattern in WATCHED for path in root.glob(pattern)):
        walk = os.walk(top) if top.is_dir() else [(str(top.parent), list[str](), [top.name])]
        for folder, folders, names in walk:
            folders[:] = [name for name in folders if name not in UNWATCHED]
            for name in names:
                path = Path(folder) / name
                try:
                    status = path.stat()
                except OSError:
                    continue  # deleted at this moment
                if not name.startswith(".") and not name.endswith("~"):
                    found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _outcome(files: dict[str, bytes], rebuilt: list[str] | None, faults: list[str], seconds: float) -> str:
    if faults:
        return f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
    if rebuilt is None:
        return f"{len(files)} files in {seconds:.2f} s"
    if not rebuilt:
        return "no page has changed by that"
    pages = [path for path in rebuilt if path.endswith(".html")]
    rest = len(rebuilt) - len(pages)
    parts = [_listed(pages)] * bool(pages) + [f"{rest} other file{'' if rest == 1 else 's'}"] * bool(rest)
    return f"{' and '.join(parts)} in {seconds:.2f} s"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _clock() -> str:
    return time.strftime("%H:%M:%S")

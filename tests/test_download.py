"""Downloading, against a server on loopback that breaks off, lies about its length, and sends something else."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from config import Data
from errors import BuildError
from model.download import download

CONTENT = np.random.default_rng(0).bytes(3_000_000)
NAME = f"{hashlib.md5(CONTENT).hexdigest()[:8]}-set.zip"


class Server:
    """Serves CONTENT; `how` says what is wrong with each answer, one after the other, then nothing is."""

    def __init__(self, *how: str):
        self.how, self.ranges = list(how), []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *arguments):
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        fault = self.how.pop(0) if self.how else ""
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked[6:-1]) if asked and fault != "no_ranges" else 0
        body = CONTENT[start:]
        if fault == "missing":
            return request.send_error(404)
        if fault == "page":
            body = b"<!doctype html><title>Moved</title>"
        if fault == "other":
            body = bytes(len(body))
        request.send_response(206 if start else 200)
        if fault != "no_length":
            request.send_header("Content-Length", str(len(body) + (1000 if fault == "lies" else 0)))
        request.end_headers()
        if fault == "breaks":
            request.wfile.write(body[:700_000])
        elif fault == "nothing":
            pass
        elif fault == "endless":
            request.wfile.write(body + b"more")
        else:
            request.wfile.write(body)
        if fault in ("breaks", "nothing", "no_length", "endless"):
            request.close_connection = True

    def data(self, **changes) -> Data:
        known = {
            "title": "Set",
            "url": f"http://127.0.0.1:{self.server.server_port}/set.zip",
            "bytes": len(CONTENT),
            "md5": hashlib.md5(CONTENT).hexdigest(),
        }
        return Data(**{**known, **changes})


@pytest.fixture
def serve():
    started = []

    def start(*how):
        started.append(Server(*how))
        return started[-1]

    yield start
    for one in started:
        one.server.shutdown()


def get(server, folder, **changes):
    seen = []
    path = download(server.data(**changes), folder, seen.append, pause=0.01)
    return path, seen


def test_it_comes_whole_and_is_kept(serve, tmp_path):
    server = serve()
    path, seen = get(server, tmp_path)
    assert path.read_bytes() == CONTENT and seen[-1] == len(CONTENT) and seen == sorted(seen)
    assert get(server, tmp_path)[0] == path and len(server.ranges) == 1
    assert [p.name for p in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize(
    "faults", [("breaks",), ("breaks", "breaks", "nothing", "breaks"), ("breaks", "no_ranges"), ("no_length",)]
)
def test_a_broken_connection_is_resumed(serve, tmp_path, faults):
    server = serve(*faults)
    path, _ = get(server, tmp_path)
    assert path.read_bytes() == CONTENT
    if "breaks" in faults:
        assert server.ranges[1] == "bytes=700000-"


def test_a_dead_connection_is_said_and_what_came_is_gone_on_from(serve, tmp_path):
    server = serve("breaks", *["nothing"] * 5)
    with pytest.raises(BuildError, match="broke off 5 times.*resumes the download"):
        get(server, tmp_path)
    assert (tmp_path / f"{NAME}.part").stat().st_size == 700_000
    assert get(server, tmp_path)[0].read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=700000-"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("lies", "another file: 3,001,000 bytes"),
        ("page", "another file: 35 bytes"),
        ("missing", "answers 404"),
        ("other", "MD5 differs"),
    ],
)
def test_another_file_is_refused(serve, tmp_path, fault, says):
    with pytest.raises(BuildError, match=says):
        get(serve(fault), tmp_path)
    assert not (tmp_path / NAME).exists()


def test_more_than_was_promised_is_refused(serve, tmp_path):
    server = serve("no_length")
    with pytest.raises(BuildError, match="sends more than the 2,000,000 bytes"):
        get(server, tmp_path, bytes=2_000_000)


def test_the_command_names_a_server_that_is_not_there(project, capfd):
    import build

    toml = project / "strata.toml"
    toml.write_text(
        toml.read_text().replace(
            'examples = "examples"',
            'examples = "examples"\ndata = { title = "Set", url = "http://127.0.0.1:9/set.zip", bytes = 5, md5 = "x" }',
        )
    )
    assert build.main(["--root", str(project), "--out", str(project / "out"), "--download"]) == 1
    error = capfd.readouterr().err
    assert error.startswith("http://127.0.0.1:9/set.zip: the connection broke off 5 times") and error.count("\n") == 1

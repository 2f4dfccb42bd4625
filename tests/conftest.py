"""Shared fixtures: the built site, Node, the browsers, and the committed networks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Playwright, sync_playwright

import build
from config import read_site
from generator.node import Node
from model.networks import build_network
from model.weights_file import load_weights
from tests.engines import launch, limit, served, watch
from tests.node import ROOT, Bridge, auditors
from tests.page import LANGUAGES, Shipped
from tests.webkit import WebKit

os.environ.pop("GITHUB_ACTIONS", None)  # it gives every site an address; a test that wants one sets it
WORKER = os.environ.get("PYTEST_XDIST_WORKER")  # "gw0", "gw1", …; None without parallel workers
# How WebKitWebDriver reports that its browser crashed.
CRASHES = ["InvalidSessionIdException", "Could not parse script result"]
PHOTOS = ROOT.parent / "shared" / "data" / "tiny-imagenet-10.zip"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what an engine does not support, with the reason from the table of limits; rerun tests in which WebKit
    crashed.
    """
    for item in items:
        values = item.callspec.params if hasattr(item, "callspec") else {}
        engine = values.get("engine")
        if engine and (reason := limit(engine, item.originalname, values.values())):
            item.add_marker(pytest.mark.skip(reason=f"{engine}: {reason}"))
        elif engine == "webkit":
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=CRASHES))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before parallel workers start: install the npm packages, and give each worker's PyTorch one thread."""
    if session.config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        Node(ROOT / "assets")
        auditors()


Once = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Once:
    """`once(name, make)`: a folder that `make(folder)` fills when the first of the parallel workers asks for it."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if WORKER else root  # each worker has a folder of its own in that of the run

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        made = shared / f"{name}.made"
        with FileLock(shared / f"{name}.lock"):
            if not made.exists():
                make(shared / name)
                made.touch()
        return shared / name

    return folder


@pytest.fixture(scope="session")
def node() -> Node:
    return Node(ROOT / "assets")


@pytest.fixture(scope="session")
def tools() -> Node:
    return auditors()


@pytest.fixture(scope="session")
def bridge(node, tmp_path_factory):
    bridge = Bridge(node, tmp_path_factory.mktemp("bridge"))
    yield bridge
    bridge.close()


@pytest.fixture(scope="session")
def site():
    """strata.toml of this project."""
    return read_site(ROOT)


@pytest.fixture(scope="session")
def built(once) -> Path:
    """The site as `make site` builds it; tests must not write to it."""

    def make(folder: Path) -> None:
        assert build.main(["--out", str(folder / "site")]) == 0

    return once("built", make) / "site"


@pytest.fixture(scope="session")
def manifest(built) -> dict:
    return json.loads((built / "models" / "tinyvgg" / "manifest.json").read_text())


@pytest.fixture(scope="session")
def photos() -> Path:
    """The data set beside the project, if there is one."""
    if not PHOTOS.exists():
        pytest.skip("needs the photos of tiny-imagenet beside the project")
    return PHOTOS


class Browsers(dict[str, Browser | WebKit]):
    """One browser of each engine, launched when it is first asked for."""

    def __init__(self, playwright: Playwright):
        self.playwright = playwright

    def __missing__(self, engine: str) -> Browser | WebKit:
        self[engine] = launch(self.playwright, engine)
        return self[engine]


@pytest.fixture(scope="session")
def browsers():
    with sync_playwright() as playwright:
        launched = Browsers(playwright)
        yield launched
        for browser in launched.values():
            browser.close()


@pytest.fixture(scope="session")
def address(built):
    with served(built) as base:
        yield {"http": base, "file": f"{built.as_uri()}/"}


@pytest.fixture
def visit(browsers, address):
    """`visit(engine, place, **context)` gives a watched page; no page may have faults when the test ends."""
    opened = []

    def start(engine="chromium", place="http", base=None, check=True, **context):
        page = browsers[engine].new_context(**context).new_page()
        watched = watch(page, base or address[place])
        opened.append((watched, check))
        return watched

    yield start
    faults = [fault for watched, check in opened if check for fault in watched.faults()]
    for watched, _ in opened:
        watched.page.context.close()
    assert not faults


@pytest.fixture(scope="session")
def network(site):
    network, _ = build_network(site.models["tinyvgg"].network, 10)
    load_weights(site.models["tinyvgg"].weights, network)
    return network


@pytest.fixture(scope="module", params=["tinyvgg", "fashion"])
def shipped(request, built, site) -> Shipped:
    """Each network of the site."""
    model = site.models[request.param]
    network, _ = build_network(model.network, len(model.classes))
    _, normalization = load_weights(model.weights, network)
    folder = "" if request.param == "tinyvgg" else f"{request.param}/"
    pages = {language: page.replace("index.html", f"{folder}index.html") for language, page in LANGUAGES.items()}
    return Shipped(
        pages,
        json.loads((built / "models" / request.param / "manifest.json").read_text()),
        model.examples,
        network,
        normalization,
    )


CASES = ROOT / "tests" / "cases"
PROJECT = (CASES / "base" / "input" / "strata.toml").read_text(encoding="utf-8")
LESSON = (CASES / "base" / "input" / "content" / "en" / "index.md").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path) -> Path:
    """A complete separate project: one small network with random weights, two pictures, one lesson in English."""
    return make_project(tmp_path / "project", PROJECT, {"index": LESSON}, ["red", "blue"])


def make_project(root: Path, toml: str, lessons: dict[str, str], pictures: list[str]) -> Path:
    """Write a project that shares this one's templates and assets; weights are random, from a fixed seed."""
    import torch

    from model.networks import parameter_count
    from model.weights_file import save_weights
    from tests.pictures import scene

    (root / "content" / "en").mkdir(parents=True)
    (root / "strata.toml").write_text(toml)
    for slug, text in lessons.items():
        (root / "content" / "en" / f"{slug}.md").write_text(text)
    (root / "content" / "en" / "ui.toml").write_bytes((ROOT / "content" / "en" / "ui.toml").read_bytes())
    for shared in ("site_templates", "assets"):
        (root / shared).symlink_to(ROOT / shared)
    for kept in ("scripts", "gzip", "fonts", "formulas", "drawings", "stills"):  # the same in every project
        (ROOT / ".cache" / "tests" / kept).mkdir(parents=True, exist_ok=True)
        (root / ".cache").mkdir(exist_ok=True)
        (root / ".cache" / kept).symlink_to(ROOT / ".cache" / "tests" / kept)
    for model in read_site(root).models.values():
        torch.manual_seed(0)
        network, _ = build_network(model.network, len(model.classes))
        card = {
            "parameters": parameter_count(network),
            "normalization": None,
            "photos": {"training": 0, "validation": 0},
            "recipe": {},
            "history": [],
            "figures": None,
        }
        save_weights(model.weights, network, card)
        model.examples.mkdir(exist_ok=True)
        for i, name in enumerate(pictures):
            scene(40, 40, seed=i).save(model.examples / f"{name}.png")
    return root

"""What the tests share: the built site, Node, and the committed network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from playwright.sync_api import sync_playwright

import build
from config import read_site
from generator.node import Node
from model.networks import build_network
from model.weights_file import load_weights
from tests.engines import launch, limit, served, watch
from tests.node import ROOT, Bridge, auditors
from tests.page import ENGINES, LANGUAGES, Shipped

os.environ.pop("GITHUB_ACTIONS", None)  # which would give every site an address; a test that wants one says so
DEATHS = (
    "InvalidSessionIdException",
    "Could not parse script result",
)  # how WebKitWebDriver says that its browser crashed
PHOTOS = ROOT.parent / "shared" / "data" / "tiny-imagenet-10.zip"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what an engine cannot do, with the reason that the table of limits gives."""
    for item in items:
        values = item.callspec.params if hasattr(item, "callspec") else {}
        if "engine" in values and (reason := limit(values["engine"], item.originalname, values.values())):
            item.add_marker(pytest.mark.skip(reason=f"{values['engine']}: {reason}"))


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A test whose WebKit died under it, which is the engine's fault and not the page's, has one more chance, and says so."""
    if getattr(item, "callspec", None) is None or item.callspec.params.get("engine") != "webkit":
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed and any(death in report.longreprtext for death in DEATHS) for report in reports):
        print(f"\nWebKit died under {item.nodeid}: once more")
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


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
def built(tmp_path_factory) -> Path:
    """The site as `make site` builds it, in a folder of its own."""
    out = tmp_path_factory.mktemp("built") / "site"
    assert build.main(["--out", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def manifest(built) -> dict:
    return json.loads((built / "models" / "tinyvgg" / "manifest.json").read_text())


@pytest.fixture(scope="session")
def photos() -> Path:
    """The set of photos beside the project, where there is one."""
    if not PHOTOS.exists():
        pytest.skip("needs the photos of tiny-imagenet beside the project")
    return PHOTOS


@pytest.fixture(scope="session")
def browsers():
    with sync_playwright() as playwright:
        launched = {engine: launch(playwright, engine) for engine in ENGINES if limit(engine, "", []) is None}
        yield launched
        for browser in launched.values():
            browser.close()


@pytest.fixture(scope="session")
def address(built):
    with served(built) as base:
        yield {"http": base, "file": f"{built.as_uri()}/"}


@pytest.fixture
def visit(browsers, address):
    """`visit(engine, place, **context)` gives a watched page; every page must be without fault when the test ends."""
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
    """Each network of the site: what is tested of one holds for the other."""
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
    """A whole project of its own: one small network with random weights, two pictures, one lesson in English."""
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

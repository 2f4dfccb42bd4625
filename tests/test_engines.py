"""The fixture of the browser tests: faults that it must detect in every engine, and the list of limits."""

from __future__ import annotations

import pytest

from tests.engines import LIMITS, served
from tests.node import ROOT
from tests.page import ENGINES

FAULTS = {
    "uncaught": "() => { setTimeout(() => { throw new Error('on purpose: uncaught'); }); }",
    "rejected": "() => { void Promise.reject(new Error('on purpose: rejected')); }",
    "said": "() => console.error('on purpose: said')",
    "elsewhere.js": "() => { document.head.append(Object.assign(document.createElement('script'), { src: "
    "'http://127.0.0.1:1/elsewhere.js' })); }",
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
def test_every_fault_is_seen(visit, engine, place):
    watched = visit(engine, place, check=False)
    page = watched.open()
    assert watched.faults() == []
    for name, fault in FAULTS.items():
        page.evaluate(fault)
        for _ in range(100):
            if any(name in seen for seen in watched.faults()):
                break
            page.wait_for_timeout(50)
        assert any(name in seen for seen in watched.faults()), name


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fault_while_the_page_loads_is_seen(visit, built, engine):
    with served(built, broken={"scripts/page.js": b"throw new Error('on purpose')"}) as base:
        watched = visit(engine, base=base, check=False)
        watched.page.goto(f"{base}index.html")
        assert any("on purpose" in seen for seen in watched.faults())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", ["http", "file"])
def test_requests_are_seen(visit, engine, place):
    watched = visit(engine, place)
    watched.open()
    assert [url for url in watched.requests if "scripts/cnn-network.js" in url]


@pytest.mark.parametrize("engine", ENGINES)
def test_waiting_goes_on_when_the_page_is_left_meanwhile(visit, engine):
    page = visit(engine, "http").open()
    asking_for_long = (
        "async (lesson) => { await new Promise((done) => setTimeout(done, 1000)); return "
        "location.pathname.includes(lesson); }"
    )
    page.evaluate("() => { setTimeout(() => document.querySelector('a[href*=fashion]').click(), 300); }")
    page.wait_for_function(asking_for_long, arg="fashion")
    page.wait_for_selector("[data-state=ready]")


def test_every_limit_names_a_test_and_a_value_that_there_is():
    source = "".join(path.read_text() for path in sorted((ROOT / "tests").glob("test_*.py")))
    for engine, limits in LIMITS.items():
        assert engine in ENGINES
        for name in limits:
            test, _, value = name.rstrip("]").partition("[")
            assert f"def {test}(" in source and (not value or f'"{value}"' in source), name

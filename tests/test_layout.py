"""The network's layout: no overlap or overflow, for any network and any width."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from model.networks import TinyVGG, build_graph
from tests.node import pack
from tests.test_export import EVERY_KIND
from tests.test_ops import describe

NETWORKS = {
    "default": (lambda: TinyVGG(), (3, 64, 64), 10),
    "grey": (lambda: TinyVGG(1, 10, 10, 28, 1), (1, 28, 28), 10),
    "twenty": (lambda: TinyVGG(3, 20, 3, 40, 1), (3, 40, 40), 3),
    "every_kind": (lambda: build_graph(EVERY_KIND, (3, 24, 24)), (3, 24, 24), 4),
}


def test_work_goes_in_slices_and_stops_when_it_is_stale(bridge):
    """The first slice runs at once; what follows waits for a task of its own, and is dropped when nobody wants it any
    more.
    """
    assert bridge({"call": "slices", "stale": False}, {"call": "slices", "stale": True}) == [
        [True, "ab|cd"],
        [False, "ab|"],
    ]


def manifest_of(name):
    make, shape, classes = NETWORKS[name]
    return {**describe(make(), shape, None), "classes": [{"name": str(i)} for i in range(classes)]}


def boxes(layout):
    found = [place for band in layout["bands"] for place in band["places"]] + layout["classes"]
    return found + ([layout["picture"]] if layout["picture"] else [])


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_overlaps_or_leaves_the_figure(bridge, name):
    manifest = manifest_of(name)
    widths = [20, 100, 200, 320, 358, 736, 1000, 1200, 1376, 1840, 4000]
    for width, layout in zip(
        widths,
        bridge(*({"call": "layout", "manifest": manifest, "width": w, "room": 600} for w in widths)),
        strict=True,
    ):
        for box in boxes(layout):
            assert box["width"] > 0 and box["height"] > 0
            assert (
                box["x"] >= -0.5
                and box["x"] + box["width"] <= max(width, 200) + 0.5
                and box["y"] + box["height"] <= layout["height"] + 0.5
            ), (width, box)
        for a, b in itertools.combinations(boxes(layout), 2):
            apart = (
                a["x"] + a["width"] <= b["x"] + 0.5
                or b["x"] + b["width"] <= a["x"] + 0.5
                or a["y"] + a["height"] <= b["y"] + 0.5
                or b["y"] + b["height"] <= a["y"] + 0.5
            )
            assert apart, (width, a, b)
        assert [band["layer"] for band in layout["bands"]] == [
            "image",
            *[layer["name"] for layer in manifest["layers"][:-1]],
        ]
        assert len(layout["legends"]) == len({band["scale"] for band in layout["bands"]})


def test_every_link_is_drawn(bridge):
    """A convolution's map has a link from every map before it; any other layer's from its own."""
    links = bridge({"call": "links", "manifest": manifest_of("default"), "width": 1376, "room": 600})[0]
    assert [path.count("M") for path in links] == [30, 10, 100, 10, 10, 100, 10, 100, 10, 10, 10, 100, 3]


def test_arrow_keys_reach_every_map_and_class(bridge):
    manifest = manifest_of("every_kind")
    for width in (358, 1376):
        layout = bridge({"call": "layout", "manifest": manifest, "width": width, "room": 600})[0]
        places = [(place["layer"], place["channel"]) for band in layout["bands"] for place in band["places"]] + [
            ("logits", i) for i in range(len(layout["classes"]))
        ]
        keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
        calls = [
            {
                "call": "neighbour",
                "manifest": manifest,
                "width": width,
                "room": 600,
                "place": {"layer": layer, "channel": channel},
                "key": key,
            }
            for layer, channel in places
            for key in keys
        ]
        answers = iter(bridge(*calls))
        next_to = {place: [(a["layer"], a["channel"]) for a in (next(answers) for _ in keys) if a] for place in places}
        seen, queue = {places[0]}, [places[0]]
        while queue:
            for other in next_to[queue.pop()]:
                if other not in seen:
                    seen.add(other)
                    queue.append(other)
        assert seen == set(places)


def test_what_is_said_of_a_map_and_its_scale(bridge):
    values = np.zeros((9, 12), dtype=np.float32)
    values[7, 1], values[0, 11] = 3, -1
    extent_of = np.concatenate([np.full(9990, 2.0), np.full(10, 50.0)]).astype(np.float32)
    summary, extent, zero = bridge(
        {"call": "summary", "x": pack(values), "width": 12},
        {"call": "extent", "x": pack(extent_of)},
        {"call": "extent", "x": pack(np.zeros(5, np.float32))},
    )
    assert summary == {"min": -1, "max": 3, "below": 1 / 108, "zero": 106 / 108, "where": "at_bottom_left"}
    assert 2 <= extent["extent"] <= 2.1 and extent["clipped"] and zero == {"extent": 0, "clipped": False}

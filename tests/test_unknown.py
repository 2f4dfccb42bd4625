"""The rule for pictures of none of the classes: how it is chosen, and that the page applies it."""

import numpy as np
import pytest
import torch
from torch import nn

from model.evaluate import Network
from model.networks import Graph
from model.unknown import (
    MEASURES,
    channel_means,
    choose_measure,
    fit_range,
    looks_unknown,
    made_pictures,
    outside,
    range_of,
    unknown_figures,
)
from tests.made import a_network, answers, some_photos  # noqa: F401
from tests.node import pack
from tests.pictures import scene


def test_none_of_the_classes_is_told_by_the_measure_that_tells_best():
    random = np.random.default_rng(0)
    known = random.normal(0, 1, (200, 4))
    known[:, 0] += 9
    level = known.max(1, keepdims=True)
    unknowns = {
        "probability": known + np.array([0, 1, 1, 1]) * (level - known),  # as high as the known ones, and undecided
        "logit": known - 8,  # as decided, and low
        "energy": np.concatenate(
            [level - 3, known[:, 1:] - 30], axis=1
        ),  # as decided, a little lower, and nothing beside it
    }
    for name, unknown in unknowns.items():
        chosen = choose_measure(known, unknown)
        told = {
            name: float((measure(unknown) < np.quantile(measure(known), 0.1)).mean())
            for name, measure in MEASURES.items()
        }
        assert told[chosen["measure"]] == max(told.values()) > min(told.values()), (name, told)
        assert (MEASURES[chosen["measure"]](known) < chosen["threshold"]).mean() == pytest.approx(0.1, abs=0.01)
    assert len({choose_measure(known, unknown)["measure"] for unknown in unknowns.values()}) > 1


@pytest.mark.parametrize("name", MEASURES)
def test_the_page_tells_the_unknown_as_python_does(bridge, answers, name):
    logits = answers[0][:60]
    maps = np.random.default_rng(3).gamma(2, 1, (60, 3, 4, 5)).astype(np.float32)
    means = channel_means(maps)
    rule = {
        "measure": name,
        "threshold": float(np.quantile(MEASURES[name](logits), 0.3)),
        "layer": "relu_1",
        "least": np.quantile(means, 0.05, axis=0).tolist(),
        "most": np.quantile(means, 0.95, axis=0).tolist(),
    }
    told = looks_unknown({"relu_1": maps, "logits": logits}, rule)
    shown = bridge(
        *(
            {"call": "looks_unknown", "rule": rule, "layers": {"relu_1": pack(m), "logits": pack(row)}}
            for m, row in zip(maps, logits, strict=True)
        )
    )
    assert shown == told.tolist()
    unusual = ((means < rule["least"]) | (means > rule["most"])).any(1)
    dull = MEASURES[name](logits) < rule["threshold"]
    assert all(
        some.sum() > 5 for some in (unusual & ~dull, dull & ~unusual, told, ~told)
    )  # each half of the rule decides somewhere


def test_what_no_photo_does_to_the_maps_is_unusual():
    """The first layer's kernels are one of a single colour and one for upright edges."""
    network = a_network()
    with torch.no_grad():
        network.layers.conv_1_1.weight.zero_()
        network.layers.conv_1_1.bias.zero_()
        network.layers.conv_1_1.weight[0, 0, 1, 1] = 1
        network.layers.conv_1_1.weight[1, :, 1, 0] = -1
        network.layers.conv_1_1.weight[1, :, 1, 2] = 1
    photos = np.stack([np.asarray(scene(20, 20, seed=i)).transpose(2, 0, 1) for i in range(320)]).astype(np.uint8)
    rule = {
        **fit_range(network, photos[:300], made_pictures(20, 3, seed=1)),
        "measure": "probability",
        "threshold": 0.0,
    }

    def unusual(images):
        return looks_unknown(network.trace(images, [rule["layer"], "logits"]), rule)

    assert not unusual(photos[:300]).any() and unusual(photos[300:]).mean() < 0.3
    made = made_pictures(20, 3)
    assert (
        unusual(made["noise"]).all()
        and unusual(made["text"]).all()
        and unusual(np.full((1, 3, 20, 20), 99, np.uint8)).all()
    )


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)],
        [nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 4), nn.ReLU()],
        [nn.Flatten(), nn.Linear(192, 7), nn.ReLU()],
    ],
)
def test_the_layer_is_the_one_that_tells_most_pictures_of_nothing(layers):
    torch.manual_seed(0)
    for layer in layers:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    network = Network(Graph({f"layer_{i}": layer for i, layer in enumerate(layers)}).eval(), None)
    images = np.random.default_rng(0).integers(100, 120, (9, 3, 8, 8), dtype=np.uint8)
    made = made_pictures(8, 3, seed=1)
    rule = fit_range(network, images, made)
    maps = [
        f"layer_{at}"
        for at, layer in enumerate(layers)
        if at < next((i for i, one in enumerate(layers) if isinstance(one, nn.Flatten)), len(layers))
    ]

    def told(fitted):
        return np.mean(
            [
                outside(network.trace(pictures, [fitted["layer"]])[fitted["layer"]], fitted).mean()
                for pictures in made.values()
            ]
        )

    if maps:
        shares = [told(range_of(network, layer, images)) for layer in maps]
        assert (
            len(set(shares)) > 1
            and rule == range_of(network, maps[int(np.argmax(shares))], images)
            and len(rule["least"]) == len(rule["most"]) == 4
        )
        return
    assert rule == {"layer": None, "least": [], "most": []}
    last = Graph({"flatten": nn.Flatten(), "logits": nn.Linear(3 * 20 * 20, 3)}).eval()
    figures = unknown_figures(Network(last, None), some_photos(), None, some_photos().images[:2])
    assert figures["layer"] is None and len(figures["said"]) == 5
    assert looks_unknown(
        {"logits": np.array([[0.0, 0.2], [0.9, 0.0]])}, {"measure": "logit", "threshold": 0.5, **rule}
    ).tolist() == [True, False]


def test_few_photos_do_not_make_the_rest_unusual():
    network, random = a_network(), np.random.default_rng(4)
    images = np.stack([np.asarray(scene(20, 20, seed=i)).transpose(2, 0, 1) for i in range(120)]).astype(np.uint8)
    for count in (6, 20, 60):
        rule = {
            **fit_range(network, images[random.permutation(60)[:count]], made_pictures(20, 3, seed=1)),
            "measure": "probability",
            "threshold": 0.0,
        }
        assert looks_unknown(network.trace(images[60:], [rule["layer"], "logits"]), rule).mean() <= 0.1, count


def test_what_chooses_does_not_measure():
    network, photos = a_network(), some_photos()
    others = np.random.default_rng(2).integers(0, 256, (30, 3, 20, 20), dtype=np.uint8)
    found = unknown_figures(network, photos, others, photos.images[:2])
    assert [(entry["of"], entry["pictures"]) for entry in found["said"]] == [
        ("known", 20),
        ("others", 15),
        ("drawings", 2),
        ("noise", 100),
        ("text", 100),
        ("blank", 100),
    ]
    swapped = others.copy()
    swapped[1::2] = 0  # what only measures is changed: the choice stays
    again = unknown_figures(network, photos, swapped, photos.images[:2])
    assert (again["measure"], again["threshold"]) == (found["measure"], found["threshold"])


def test_made_pictures_are_of_nothing():
    made = made_pictures(64, 3)
    assert all(x.shape == (100, 3, 64, 64) and x.dtype == np.uint8 for x in made.values())
    assert (made["blank"].reshape(100, 3, -1).std(2) == 0).all() and made["noise"].std() > 60
    assert all(0.02 < (page.min(0) < 128).mean() < 0.98 for page in made["text"])

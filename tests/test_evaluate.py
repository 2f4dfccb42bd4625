"""The results in a model card against direct definitions, on synthetic logits and pictures."""

from __future__ import annotations

import json
import re
import tomllib
from html import unescape

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import build
from model.data import Photos
from model.evaluate import (
    CHANGES,
    calibration_error,
    confusion,
    fit_temperature,
    fold_temperature,
    likelihood,
    mistakes,
    reliability,
    silent_channels,
    softmax,
    wilson,
)
from tests.made import a_network, answers, some_photos  # noqa: F401
from tests.pictures import encoded, scene, write_photos


def test_softmax_and_likelihood_are_pytorchs(answers):
    logits, labels = answers
    assert np.allclose(softmax(logits), torch.from_numpy(logits).softmax(1).numpy(), atol=1e-6)
    assert likelihood(logits, labels) == pytest.approx(
        F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)).item(), rel=1e-5
    )
    assert np.isfinite(softmax(np.array([[1e4, 0, -1e4]]))).all() and np.isfinite(
        likelihood(np.array([[1e4, -1e4]]), np.array([1]))
    )


def test_the_interval_of_a_share():
    low, high = wilson(425, 500)  # the textbook's formula, by hand
    assert (round(low, 4), round(high, 4)) == (0.816, 0.8786)
    assert wilson(0, 20)[0] == pytest.approx(0, abs=1e-12) and wilson(20, 20)[1] == pytest.approx(1)


def test_calibration_is_zero_where_sure_is_as_often_right():
    labels = np.array([0] * 7 + [1] * 3)
    logits = np.log(np.tile([[0.7, 0.3]], (10, 1)))
    assert calibration_error(logits, labels) == pytest.approx(0, abs=1e-3)
    assert calibration_error(logits * 100, labels) == pytest.approx(0.3, abs=1e-3), (
        "quite sure, and right seven times of ten"
    )
    assert sum(b["photos"] for b in reliability(logits, labels)) == 10


def test_the_temperature_is_the_best_there_is(answers):
    logits, labels = answers
    temperature = fit_temperature(logits, labels)
    best = min(np.linspace(0.3, 4.9, 400), key=lambda t: likelihood(logits / t, labels))
    assert temperature == pytest.approx(best, abs=0.02) and temperature > 1
    assert calibration_error(logits / temperature, labels) < calibration_error(logits, labels)
    network = a_network()
    before = network.logits(some_photos().images)
    fold_temperature(network.layers, 2.5)
    assert np.allclose(network.logits(some_photos().images), before / 2.5, atol=1e-6)


def test_confusion_counts_and_mistakes_come_surest_first():
    logits = np.log(np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.99, 0.01]]))
    labels = np.array([0, 0, 1, 1])
    assert confusion(logits, labels, 2) == [[1, 1], [1, 1]]
    photos = Photos(np.zeros((4, 1, 2, 2), np.uint8), labels, list("abcd"), np.zeros(4, np.uint8))
    assert [(m["file"], m["said"], m["probability"]) for m in mistakes(logits, photos)] == [
        ("d", 0, 0.99),
        ("b", 1, 0.8),
    ]


def test_silent_channels_are_counted():
    network = a_network()
    assert next(entry["silent"] for entry in silent_channels(network, some_photos().images)) == 0
    with torch.no_grad():
        network.layers.conv_1_1.bias[2] = -1e3
    found = {entry["layer"]: entry for entry in silent_channels(network, some_photos().images)}
    assert found["relu_1_1"] == {"layer": "relu_1_1", "channels": 4, "silent": 1}


def test_changes_are_what_they_are_called():
    images = np.stack([np.asarray(scene(64, 64, seed=i)).transpose(2, 0, 1) for i in range(3)]).astype(np.uint8)
    changed = {name: change(images) for name, change in CHANGES.items()}
    assert all(x.shape == images.shape and x.dtype == np.uint8 for x in changed.values())
    assert (changed["grey"][:, 0] == changed["grey"][:, 1]).all() and np.abs(
        changed["dark"] - images * 0.6
    ).max() <= 0.5
    assert (
        np.abs(np.diff(changed["blur"].astype(float), axis=3)).mean()
        < 0.9 * np.abs(np.diff(images.astype(float), axis=3)).mean()
    )
    assert np.abs(changed["enlarged"].astype(float) - images).mean() < 12
    one_channel = {name: change(images[:, :1]) for name, change in CHANGES.items() if name != "grey"}
    assert (
        all(x.shape == (3, 1, 64, 64) and x.dtype == np.uint8 for x in one_channel.values())
        and np.abs(one_channel["enlarged"].astype(float) - images[:, :1]).mean() < 12
    )
    spot = np.zeros((1, 3, 64, 64), np.uint8)
    spot[:, :, 30:34, 50:54] = 255  # to the right of the middle: turned to the left it rises
    ys = {name: np.argwhere(CHANGES[name](spot)[0, 0] > 60).mean(0)[0] for name in ("left", "right")}
    assert ys["left"] < 28 and ys["right"] > 35
    assert np.argwhere(CHANGES["zoom"](spot)[0, 0] > 60).mean(0)[1] == pytest.approx(31.5 + (51.5 - 31.5) * 1.25, abs=1)


def test_the_card_is_written_by_one_command_and_says_what_it_measured(project, capfd):
    write_photos(project / "photos", 30)
    others = project / "others"
    others.mkdir()
    for i in range(24):
        (others / f"{i}.png").write_bytes(encoded(scene(24, 24, seed=50 + i)))
    arguments = ["evaluate", "small", "--root", str(project), "--data", str(project / "photos")]
    site = ["build", "--root", str(project), "--out", str(project / "out")]
    weights = (project / "weights.safetensors").read_bytes()
    assert build.main([*arguments, "--others", str(others)]) == 0
    first = (project / "weights.json").read_bytes()
    card = json.loads(first)
    assert card["figures"]["photos"] == 6 and {e["of"] for e in card["unknown"]["said"]} >= {
        "known",
        "others",
        "drawings",
        "noise",
    }
    assert (project / "weights.safetensors").read_bytes() == weights
    assert build.main(site) == 0
    manifest = json.loads((project / "out" / "models" / "small" / "manifest.json").read_text())
    assert (
        manifest["figures"]["accuracy"] == card["figures"]["accuracy"]
        and manifest["unknown"]["threshold"] == card["unknown"]["threshold"]
    )
    assert build.main([*arguments, "--others", str(others)]) == 0 and (project / "weights.json").read_bytes() == first
    assert "without --others" not in capfd.readouterr().out
    assert build.main(arguments) == 0 and "without --others its card does not say any more" in capfd.readouterr().out
    (others / "23.png").unlink(), [(others / f"{i}.png").unlink() for i in range(9)]
    assert build.main([*arguments, "--others", str(others)]) == 1
    assert "14 pictures; --others needs twenty or more" in capfd.readouterr().err
    assert build.main(arguments[:4]) == 1 and "--data PATH" in capfd.readouterr().err
    old = json.loads(first)
    del old["unknown"]["layer"]
    (project / "weights.json").write_text(json.dumps(old))
    assert build.main(site) == 1 and "python build.py evaluate small" in capfd.readouterr().err


def test_a_card_says_what_takes_from_its_figures(project, capfd):
    """Photos that are not those of the training, a run that was stopped, and a network that made no mistake."""
    write_photos(project / "photos", 30)
    site = ["build", "--root", str(project), "--out", str(project / "out")]
    arguments = ["small", "--root", str(project), "--data", str(project / "photos")]
    assert build.main(["train", *arguments]) == 0 and build.main(site) == 0
    labels = tomllib.loads((project / "content" / "en" / "ui.toml").read_text())
    page, path = project / "out" / "models" / "small" / "index.html", project / "weights.json"
    said = ["card_other_photos", "card_no_mistakes", "card_same", "card_unfinished"]

    def says() -> list[str]:
        text = unescape(re.sub("(?s)<script.*?</script>", "", page.read_text()))
        return [name for name in said if labels[name].format(epochs=2) in text]

    assert says() == [
        *(["card_no_mistakes"] if not json.loads(path.read_text())["figures"]["mistakes"] else []),
        "card_same",
    ]
    (project / "photos" / "red" / "one_more.png").write_bytes(encoded(scene(24, 24, seed=99)))
    assert (
        build.main(["evaluate", *arguments]) == 0
        and "not the photos that it was trained with" in capfd.readouterr().out
    )
    card = json.loads(path.read_text())
    path.write_text(
        json.dumps(
            {**card, "finished": False, "history": card["history"][:1], "figures": {**card["figures"], "mistakes": []}}
        )
    )
    assert build.main(site) == 0 and says() == ["card_other_photos", "card_no_mistakes", "card_unfinished"]


@pytest.mark.parametrize(
    ("folder", "task", "says"),
    [
        ("n03662601", "train", "there are no photos of fashion there, but of tinyvgg; name that model"),
        (
            "robins",
            "evaluate",
            'no folder has the name that strata.toml gives for a class of a model (tinyvgg: "n03662601", ',
        ),
    ],
)
def test_photos_of_another_model_are_told_apart(tmp_path, capfd, folder, task, says):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "1.png").write_bytes(encoded(scene(24, 24, seed=1)))
    assert build.main([task, "fashion", "--data", str(tmp_path)]) == 1
    assert says in capfd.readouterr().err

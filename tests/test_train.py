"""Training on pictures that the tests make: the same seed, interruptions, and what is written."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import build
from errors import BuildError
from model.data import Photos, held_out
from model.networks import TinyVGG
from model.recipe import Recipe
from model.train import augment, evaluate, train
from model.weights_file import load_weights
from tests.pictures import encoded, scene

RECIPE = Recipe(epochs=4, batch_size=16, learning_rate=5e-3, dropout=0.1)


def made_photos(count=60) -> Photos:
    """Two classes that colour alone tells apart."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = random.integers(0, 120, (count, 3, 20, 20), dtype=np.uint8)
    images[labels == 0, 0] += 110
    images[labels == 1, 2] += 110
    return Photos(images, labels.astype(np.int64), [f"{i}.png" for i in range(count)])


def run(tmp_path, name, recipe=RECIPE, on_epoch=lambda epoch: None):
    network = TinyVGG(3, 4, 2, 20, 0)
    card = train(network, made_photos(), recipe, tmp_path / f"{name}.safetensors", tmp_path / f"{name}.checkpoint", on_epoch)
    return network, card


def test_the_same_seed_gives_the_same_weights(tmp_path):
    run(tmp_path, "first")
    run(tmp_path, "second")
    run(tmp_path, "other", Recipe(**{**vars(RECIPE), "seed": 1}))
    first, second, other = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("first", "second", "other"))
    assert first == second != other


def test_it_learns_and_says_so(tmp_path):
    seen = []
    network, card = run(tmp_path, "run", on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [1, 2, 3, 4] and seen[-1].seconds_left == 0
    assert card["figures"]["accuracy"] == 1.0 and card["finished"]
    assert json.loads((tmp_path / "run.json").read_text()) == card
    photos = made_photos()
    accuracy, likelihood = evaluate(network, photos[held_out(photos)])
    assert accuracy == card["figures"]["accuracy"] and round(likelihood, 4) == card["figures"]["likelihood"]
    assert not (tmp_path / "run.checkpoint").exists(), "a finished run leaves nothing to resume"


def test_interrupted_and_resumed_it_ends_where_an_uninterrupted_run_does(tmp_path):
    run(tmp_path, "whole")

    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match=r"stopped after epoch 2; the best weights so far \(epoch [12], .* are in .*broken.safetensors"):
        run(tmp_path, "broken", on_epoch=stop)
    kept = json.loads((tmp_path / "broken.json").read_text())
    assert kept["finished"] is False and 1 <= kept["epoch"] <= 2
    load_weights(tmp_path / "broken.safetensors", TinyVGG(3, 4, 2, 20, 0))
    seen = []
    run(tmp_path, "broken", on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [3, 4]
    assert (tmp_path / "broken.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert (tmp_path / "broken.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_the_best_epoch_survives_an_interruption_after_it(tmp_path, monkeypatch):
    """The epoch that scores best comes first; stopped and resumed after a worse one, its weights are still those that ship."""
    import model.train

    likelihoods = iter([0.1, 0.5, 0.6, 0.7, 0.1, 0.5, 0.6, 0.7])
    monkeypatch.setattr(model.train, "evaluate", lambda network, photos: (0.9, next(likelihoods)))
    run(tmp_path, "whole")

    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match="best weights so far \\(epoch 1,"):
        run(tmp_path, "broken", on_epoch=stop)
    run(tmp_path, "broken")
    assert json.loads((tmp_path / "whole.json").read_text())["epoch"] == 1
    assert (tmp_path / "broken.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_stopped_later_it_leaves_finished_weights_alone(tmp_path):
    run(tmp_path, "run")
    before = (tmp_path / "run.safetensors").read_bytes()

    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match="keeps what an earlier run finished"):
        run(tmp_path, "run", Recipe(**{**vars(RECIPE), "seed": 7}), stop)
    assert (tmp_path / "run.safetensors").read_bytes() == before and json.loads((tmp_path / "run.json").read_text())["finished"]
    seen = []
    run(tmp_path, "run", Recipe(**{**vars(RECIPE), "seed": 7}), seen.append)
    assert [epoch.epoch for epoch in seen] == [3, 4] and (tmp_path / "run.safetensors").read_bytes() != before


def test_stopped_in_the_first_epoch_it_leaves_older_weights_alone(tmp_path, monkeypatch):
    run(tmp_path, "run")
    before = (tmp_path / "run.safetensors").read_bytes()

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("model.train.augment", stop)
    with pytest.raises(BuildError, match="first epoch; nothing was written"):
        run(tmp_path, "run", Recipe(**{**vars(RECIPE), "seed": 7}))
    assert (tmp_path / "run.safetensors").read_bytes() == before


def test_ctrl_c_reaches_a_real_process(project):
    """SIGINT to `build.py --train` in a process of its own: one line, the weights kept, and a rerun that goes on."""
    import signal
    import subprocess
    import sys

    from tests.node import ROOT

    for label, colour in enumerate(("red", "blue")):
        for i in range(20):
            path = project / "photos" / colour / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(scene(24, 24, seed=label)))
    toml = project / "strata.toml"
    toml.write_text(toml.read_text().replace("epochs = 2", "epochs = 2000"))
    command = [sys.executable, str(ROOT / "build.py"), "--root", str(project), "--out", str(project / "out"), "--train", "small", "--data", str(project / "photos")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("epoch 3/"):
            break
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and error.count("\n") == 1 and "training stopped after epoch" in error and "goes on from here" in error
    card = json.loads((project / "weights.json").read_text())
    assert card["finished"] is False and len(card["history"]) >= 3
    again = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = next(line for line in again.stdout if line.startswith("epoch "))
    again.send_signal(signal.SIGINT)
    again.communicate(timeout=60)
    # One epoch may be done again: when the signal comes between its end and its checkpoint.
    assert int(first.split()[1].split("/")[0]) - len(card["history"]) in (0, 1)


def test_another_recipe_does_not_resume(tmp_path):
    def stop(epoch):
        raise KeyboardInterrupt

    with pytest.raises(BuildError, match="stopped after epoch 1"):
        run(tmp_path, "run", on_epoch=stop)
    seen = []
    run(tmp_path, "run", Recipe(**{**vars(RECIPE), "epochs": 2}), on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [1, 2]


def test_what_is_trained_is_what_ships(tmp_path):
    """Branches, batch normalisation, dropout and input normalisation are gone, and the accuracy is that of the plain network."""
    run(tmp_path, "run")
    assert load_file(tmp_path / "run.safetensors").keys() == TinyVGG(3, 4, 2, 20, 0).state_dict().keys()
    card, normalization = load_weights(tmp_path / "run.safetensors", TinyVGG(3, 4, 2, 20, 0))
    assert normalization is None and card["parameters"] == sum(t.numel() for t in load_file(tmp_path / "run.safetensors").values())


def test_normalisation_is_kept_for_a_padded_network(tmp_path):
    network = TinyVGG(3, 4, 2, 20, 1)
    card = train(network, made_photos(), Recipe(epochs=2, batch_size=16), tmp_path / "w.safetensors", tmp_path / "c", lambda epoch: None)
    _, normalization = load_weights(tmp_path / "w.safetensors", TinyVGG(3, 4, 2, 20, 1))
    assert normalization is not None and normalization.mean == card["normalization"]["mean"] and len(normalization.std) == 3


def test_augmentation_keeps_shape_and_range_and_follows_its_generator():
    images = torch.rand(9, 3, 24, 24)
    first, again = (augment(images, Recipe(), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, again) and first.shape == images.shape and first.min() >= 0 and first.max() <= 1
    still = Recipe(flip=False, shift=0, zoom=0, rotation=0, jitter=0, grey=0, blur=0)
    assert torch.allclose(augment(images, still, torch.Generator()), images, atol=1e-5)


@pytest.mark.parametrize(("table", "says"), [
    ({"epoch": 3}, 'unknown field "epoch".*did you mean "epochs"'), ({"epochs": "3"}, "must be a whole number"), ({"epochs": 0}, "1 or more"),
    ({"epochs": True}, "must be a whole number"), ({"dropout": 2}, "from 0 to 0.95"), ({"flip": 1}, "true or false"), ({"threads": 0}, "1 or more"),
    ({"branches": -1}, "0 or more"), ({"learning_rate": "high"}, "must be a number"),
])
def test_a_wrong_recipe_is_refused(table, says):
    with pytest.raises(BuildError, match=says):
        Recipe.read(table)
    assert Recipe.read({"learning_rate": 1, "weight_decay": 0}).learning_rate == 1


def test_what_cannot_be_trained_is_said(tmp_path):
    photos = made_photos(2)
    with pytest.raises(BuildError, match="one photo alone"):
        train(TinyVGG(3, 4, 2, 20, 0), photos, RECIPE, tmp_path / "w.safetensors", tmp_path / "c", lambda epoch: None)
    (tmp_path / "run.checkpoint").write_bytes(b"garbage")
    run(tmp_path, "run", Recipe(**{**vars(RECIPE), "epochs": 1}))
    assert (tmp_path / "run.safetensors").exists()


def test_the_command_trains_and_then_builds(project, capfd):
    """`build.py --train NAME --data PATH`, on a project of the test's own."""
    for label, colour in enumerate(("red", "blue")):
        for i in range(20):
            path = project / "photos" / colour / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(scene(24, 24, seed=label)))
    arguments = ["--root", str(project), "--out", str(project / "out"), "--data", str(project / "photos")]
    assert build.main([*arguments, "--train", "small"]) == 0
    printed = capfd.readouterr().out
    assert "epoch 2/2" in printed and "held out" in printed and "left" in printed
    assert (project / "out" / "models" / "small" / "model.onnx").exists()
    assert build.main([*arguments, "--train", "smal"]) == 1
    assert 'unknown model "smal"; models are small; did you mean "small"?' in capfd.readouterr().err
    (project / "weights.safetensors").unlink()
    assert build.main(arguments) == 0 and (project / "weights.safetensors").exists(), "trained without being told, as the data is at hand"

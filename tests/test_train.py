"""Training on pictures that the tests make: the same seed, interruptions, and what is written."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import build
from errors import BuildError
from model.augment import augment, change
from model.data import TEST, VALIDATION
from model.evaluate import Network, fit_temperature, likelihood
from model.fold import Branches
from model.networks import TinyVGG
from model.recipe import Recipe
from model.run import optimizers, validate
from model.train import history_file, train
from model.weights_file import load_weights
from tests.conftest import LESSON, PROJECT, make_project
from tests.made import RECIPE, made_photos, run
from tests.pictures import write_photos


def test_the_same_seed_gives_the_same_weights(tmp_path):
    run(tmp_path, "first")
    run(tmp_path, "second")
    run(tmp_path, "other", Recipe(**{**vars(RECIPE), "seed": 1}))
    first, second, other = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("first", "second", "other"))
    assert first == second != other


def test_it_learns_and_says_so(tmp_path):
    seen = []
    network, card = run(tmp_path, "run", Recipe(**{**vars(RECIPE), "epochs": 20}), seen.append)
    assert [epoch.epoch for epoch in seen] == list(range(1, 21)) and seen[-1].seconds_left == 0
    assert (
        card["history"][-1]["accuracy"] == 1.0
        and card["finished"]
        and card["photos"] == {"training": 36, "validation": 12, "digest": made_photos().digest()}
    )
    assert json.loads((tmp_path / "run.json").read_text()) == card
    accuracy, _ = validate(network, made_photos().part(TEST))
    assert accuracy == 1.0
    assert sorted(path.name for path in tmp_path.glob("run*")) == [
        "run.history.safetensors",
        "run.json",
        "run.safetensors",
    ], "a finished run leaves nothing to resume"


@pytest.mark.parametrize("matrix_learning_rate", [0.0, 0.02])
def test_interrupted_and_resumed_it_ends_where_an_uninterrupted_run_does(tmp_path, matrix_learning_rate):
    recipe = Recipe(**{**vars(RECIPE), "matrix_learning_rate": matrix_learning_rate})
    run(tmp_path, "whole", recipe)

    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match=r"stopped after epoch 2; the weights so far .* are in .*broken.safetensors"):
        run(tmp_path, "broken", recipe, stop)
    kept = json.loads((tmp_path / "broken.json").read_text())
    assert kept["finished"] is False and len(kept["history"]) == 2
    load_weights(tmp_path / "broken.safetensors", TinyVGG(3, 4, 2, 20, 0))
    seen = []
    run(tmp_path, "broken", recipe, seen.append)
    assert [epoch.epoch for epoch in seen] == [3, 4]
    assert (tmp_path / "broken.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    for suffix in (".json", ".history.safetensors"):
        assert (tmp_path / f"broken{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


def test_muon_moves_the_kernels_and_the_last_layer_and_adamw_the_rest():
    """Jordan et al.'s step: about as large in every direction of the matrix, whatever the gradient's size."""
    model = nn.Sequential(Branches(nn.Conv2d(1, 4, 3), 2), nn.Flatten(), nn.Linear(16, 4))
    adamw, muon = optimizers(model, Recipe(matrix_learning_rate=0.1, linear_decay=0.0))
    matrices = [*model[0].wide, model[2].weight]
    assert [id(p) for group in muon.param_groups for p in group["params"]] == [id(matrix) for matrix in matrices]
    assert {id(p) for group in adamw.param_groups for p in group["params"]} == {id(p) for p in model.parameters()} - {
        id(matrix) for matrix in matrices
    }
    before = [matrix.detach().clone() for matrix in matrices]
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 1e-4
    muon.step()
    for was, matrix in zip(before, matrices, strict=True):
        moved = torch.linalg.svdvals(was - matrix.detach()) / 0.1
        assert moved.min() > 0.5 and moved.max() < 1.3
    assert len(optimizers(model, Recipe(matrix_learning_rate=0.0))) == 1


def test_linear_layers_are_kept_small_and_kernels_are_not():
    """Without a gradient only the decay moves a weight: by the learning rate times linear_decay."""
    model = nn.Sequential(Branches(nn.Conv2d(1, 4, 3), 2), nn.Flatten(), nn.Linear(16, 4))
    _, muon = optimizers(model, Recipe(matrix_learning_rate=0.1, linear_decay=0.5))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    muon.step()
    for was, parameter in zip(before, model.parameters(), strict=True):
        assert torch.allclose(parameter, was * 0.95 if parameter is model[2].weight else was)


def test_history_holds_the_weights_on_the_way(tmp_path):
    network, card = run(tmp_path, "run")
    saved = load_file(history_file(tmp_path / "run.safetensors"))
    steps = sorted({int(name.split(".")[0]) for name in saved})
    assert steps[0] == 0 and steps[-1] == 4 * (36 // 16) and len(steps) >= 5
    for step in steps:
        early = TinyVGG(3, 4, 2, 20, 0)
        early.load_state_dict(
            {name.split(".", 1)[1]: tensor.float() for name, tensor in saved.items() if name.startswith(f"{step}.")}
        )
        accuracy, _ = validate(early, made_photos().part(VALIDATION))
        assert step != 0 or accuracy < 1
    assert round(accuracy, 4) == card["history"][-1]["accuracy"], (
        "the last ones are those that ship, but for the temperature"
    )
    assert torch.allclose(early.conv_1_1.weight, network.conv_1_1.weight, atol=2e-3)


def test_the_temperature_is_folded_into_the_last_layer(tmp_path):
    photos = made_photos(200)
    photos.labels[np.random.default_rng(1).random(200) < 0.3] = (
        0  # what nobody can tell: there is a best temperature, and it is not the least
    )
    network = TinyVGG(3, 4, 2, 20, 0)
    card = train(network, photos, RECIPE, tmp_path / "run.safetensors", tmp_path / "run.checkpoint", lambda epoch: None)
    validation = photos.part(VALIDATION)
    logits = Network(network, None).logits(validation.images)
    assert (
        abs(fit_temperature(logits, validation.labels) - 1) < 0.02
        and 0.25 < card["temperature"] < 4
        and abs(card["temperature"] - 1) > 0.05
    )
    saved = load_file(history_file(tmp_path / "run.safetensors"))
    last = max(int(name.split(".")[0]) for name in saved)
    assert torch.allclose(
        saved[f"{last}.logits.weight"].float() / card["temperature"], network.logits.weight, rtol=2e-3, atol=2e-3
    )


def test_a_loss_that_is_not_a_number_is_said(tmp_path):
    with pytest.raises(
        BuildError, match="the loss of the network is not a number any more in epoch 1; lower learning_rate"
    ):
        run(tmp_path, "run", replace(RECIPE, learning_rate=1.0, matrix_learning_rate=1.0, weight_decay=1e30))


def test_of_several_starts_the_likeliest_on_the_validation_photos_is_kept(tmp_path):
    """Each is that of its seed, as in a run of its own. Photos that cannot all be told apart make them differ."""
    photos = made_photos(200)
    photos.labels[np.random.default_rng(1).random(200) < 0.3] = 0
    validation = photos.part(VALIDATION)

    def learn(name, recipe, on_epoch=lambda epoch: None):
        network = TinyVGG(3, 4, 2, 20, 0)
        card = train(
            network, photos, recipe, tmp_path / f"{name}.safetensors", tmp_path / f"{name}.checkpoint", on_epoch
        )
        return likelihood(Network(network, None).logits(validation.images), validation.labels), card

    alone = [learn(f"alone{start}", replace(RECIPE, seed=1_000 * start)) for start in range(3)]
    best = min(range(3), key=lambda start: alone[start][0])
    stages = []

    def stop(epoch):
        stages.append((epoch.stage, epoch.epoch))
        if stages[-1] == ("network 2", 3):
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match="stopped after epoch 3 of network 2 of 3; the best so far"):
        learn("three", replace(RECIPE, starts=3), stop)
    assert json.loads((tmp_path / "three.json").read_text())["finished"] is False
    stages.clear()
    measured, card = learn("three", replace(RECIPE, starts=3), stop)
    assert stages == [("network 2", 4), *(("network 3", epoch) for epoch in range(1, 5))]
    assert measured == alone[best][0] and len({figure for figure, _ in alone}) == 3
    assert (
        card["finished"]
        and card["history"] == alone[best][1]["history"]
        and card["recipe"]["starts"] == 3
        and card["start"] == best
    )
    assert (tmp_path / "three.safetensors").read_bytes() == (tmp_path / f"alone{best}.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.glob("three*")) == [
        "three.history.safetensors",
        "three.json",
        "three.safetensors",
    ]


def test_the_likeliest_is_kept_wherever_it_stands(tmp_path, monkeypatch):
    run(tmp_path, "alone", replace(RECIPE, seed=1_000))
    said = iter([0.3, 0.1, 0.2])
    monkeypatch.setattr("model.train.likelihood", lambda logits, labels: next(said))
    _, card = run(tmp_path, "three", replace(RECIPE, starts=3))
    assert (
        card["start"] == 1
        and (tmp_path / "three.safetensors").read_bytes() == (tmp_path / "alone.safetensors").read_bytes()
    )


def test_stopped_within_an_epoch_it_keeps_the_one_before(tmp_path, monkeypatch):
    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match="after epoch 2"):
        run(tmp_path, "between", on_epoch=stop)
    batches = 0

    def stop_in_the_third(*arguments):
        nonlocal batches
        batches += 1
        if batches == 2 * (36 // 16) + 2:
            raise KeyboardInterrupt
        return augment(*arguments)

    monkeypatch.setattr("model.batches.augment", stop_in_the_third)
    with pytest.raises(BuildError, match="after epoch 2"):
        run(tmp_path, "within")
    assert (tmp_path / "within.safetensors").read_bytes() == (tmp_path / "between.safetensors").read_bytes()


def test_stopped_later_it_leaves_finished_weights_alone(tmp_path):
    run(tmp_path, "run")
    before = (tmp_path / "run.safetensors").read_bytes()

    def stop(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match="keeps what an earlier run finished"):
        run(tmp_path, "run", Recipe(**{**vars(RECIPE), "seed": 7}), stop)
    assert (tmp_path / "run.safetensors").read_bytes() == before and json.loads((tmp_path / "run.json").read_text())[
        "finished"
    ]
    seen = []
    run(tmp_path, "run", Recipe(**{**vars(RECIPE), "seed": 7}), seen.append)
    assert [epoch.epoch for epoch in seen] == [3, 4] and (tmp_path / "run.safetensors").read_bytes() != before


def test_stopped_in_the_first_epoch_it_leaves_older_weights_alone(tmp_path, monkeypatch):
    run(tmp_path, "run")
    before = (tmp_path / "run.safetensors").read_bytes()

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("model.batches.augment", stop)
    with pytest.raises(BuildError, match="first epoch; nothing was written"):
        run(tmp_path, "run", Recipe(**{**vars(RECIPE), "seed": 7}))
    assert (tmp_path / "run.safetensors").read_bytes() == before


def test_ctrl_c_reaches_a_real_process(project):
    """SIGINT to `build.py train` in a process of its own: one line, the weights kept, and a rerun that goes on."""
    import signal
    import subprocess
    import sys

    from tests.node import ROOT

    write_photos(project / "photos", 20)
    toml = project / "strata.toml"
    toml.write_text(toml.read_text().replace("epochs = 2", "epochs = 2000"))
    command = [
        sys.executable,
        str(ROOT / "build.py"),
        "train",
        "small",
        "--root",
        str(project),
        "--data",
        str(project / "photos"),
    ]
    # What runs in a shell's background ignores the signal, and so would its children.
    piped = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    }
    process = subprocess.Popen(command, **piped)
    for line in process.stdout:
        if line.startswith("network 3/"):
            break
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert (
        process.returncode == 1
        and error.count("\n") == 1
        and "training stopped after epoch" in error
        and "goes on from here" in error
    )
    card = json.loads((project / "weights.json").read_text())
    assert card["finished"] is False and len(card["history"]) >= 3
    again = subprocess.Popen(command, **piped)
    first = next(line for line in again.stdout if line.startswith("network "))
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
    run(tmp_path, "run", on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen[2:]] == [2, 3, 4], "and leaves the other run's state alone"
    photos = made_photos()
    photos.images[0] ^= 1
    for changed, shape in ((photos, (3, 4, 2, 20, 0)), (made_photos(), (3, 5, 2, 20, 0))):
        with pytest.raises(BuildError, match="training stopped"):
            run(tmp_path, "again", on_epoch=stop)
        train(
            TinyVGG(*shape), changed, RECIPE, tmp_path / "again.safetensors", tmp_path / "again.checkpoint", seen.append
        )
        assert [epoch.epoch for epoch in seen[-4:]] == [1, 2, 3, 4]


def test_what_is_trained_is_what_ships(tmp_path):
    """Branches, batch normalisation, dropout and input normalisation are gone, and the accuracy is that of the plain
    network.
    """
    network, card = run(tmp_path, "run", replace(RECIPE, epochs=2, learning_rate=1e-3))
    assert round(validate(network, made_photos().part(VALIDATION))[0], 4) == card["history"][-1]["accuracy"]
    assert load_file(tmp_path / "run.safetensors").keys() == TinyVGG(3, 4, 2, 20, 0).state_dict().keys()
    card, normalization = load_weights(tmp_path / "run.safetensors", TinyVGG(3, 4, 2, 20, 0))
    assert normalization is None and card["parameters"] == sum(
        t.numel() for t in load_file(tmp_path / "run.safetensors").values()
    )


def test_normalisation_is_kept_for_a_padded_network(tmp_path):
    network = TinyVGG(3, 4, 2, 20, 1)
    card = train(
        network,
        made_photos(),
        Recipe(epochs=2, batch_size=16),
        tmp_path / "w.safetensors",
        tmp_path / "c",
        lambda epoch: None,
    )
    validation = made_photos().part(VALIDATION)
    _, normalization = load_weights(tmp_path / "w.safetensors", network)
    logits = Network(network, normalization).logits(validation.images)
    assert round(float((logits.argmax(1) == validation.labels).mean()), 4) == card["history"][-1]["accuracy"]
    assert likelihood(logits, validation.labels) <= card["history"][-1]["likelihood"] + 1e-4, "the temperature helps"
    assert (
        normalization is not None
        and normalization.mean == card["normalization"]["mean"]
        and len(normalization.std) == 3
    )


def test_augmentation_keeps_shape_and_range_and_follows_its_generator():
    images = torch.rand(9, 3, 24, 24)
    first, again = (augment(images, Recipe(), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, again) and first.shape == images.shape and first.min() >= 0 and first.max() <= 1
    still = Recipe(flip=False, shift=0, zoom=0, rotation=0, jitter=0, grey=0, blur=0)
    assert torch.allclose(augment(images, still, torch.Generator()), images, atol=1e-5)


def test_a_picture_that_is_moved_stays_as_sharp_as_those_asked_about_later():
    wave = (0.5 + 0.25 * torch.cos(torch.arange(64) * torch.pi / 2)).expand(1, 3, 64, 64)
    moved = change(wave, torch.tensor([[1, 0, 1 / 64, 0, 1, 0, 1, 1, 1, 1]]))  # by half a pixel, and nothing else
    assert not torch.allclose(moved, wave, atol=0.01)
    assert moved[..., 8:-8].std() > 0.95 * wave.std(), "bilinear leaves 0.71 of it"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"epoch": 3}, 'unknown field "epoch".*did you mean "epochs"'),
        ({"epochs": "3"}, "must be a whole number"),
        ({"epochs": 0}, "1 or more"),
        ({"epochs": True}, "must be a whole number"),
        ({"dropout": 2}, "from 0 to 0.95"),
        ({"flip": 1}, "true or false"),
        ({"threads": 0}, "1 or more"),
        ({"branches": -1}, "0 or more"),
        ({"learning_rate": "high"}, "must be a number"),
    ],
)
def test_a_wrong_recipe_is_refused(table, says):
    with pytest.raises(BuildError, match=says):
        Recipe.read(table)
    assert Recipe.read({"learning_rate": 1, "weight_decay": 0}).learning_rate == 1


def test_what_cannot_be_trained_is_said(tmp_path):
    photos = made_photos(2)
    with pytest.raises(BuildError, match="no photos left to train on"):
        train(TinyVGG(3, 4, 2, 20, 0), photos, RECIPE, tmp_path / "w.safetensors", tmp_path / "c", lambda epoch: None)


def test_a_broken_checkpoint_is_not_continued(tmp_path):
    def stop(epoch):
        raise KeyboardInterrupt

    for garbage in (b"garbage", b"\x02\0\0\0\0\0\0\0{}", b""):
        with pytest.raises(BuildError, match="stopped after epoch 1"):
            run(tmp_path, "run", on_epoch=stop)
        [state] = tmp_path.glob("run.network.*")
        state.write_bytes(garbage)
        seen = []
        run(tmp_path, "run", on_epoch=seen.append)
        assert seen[0].epoch == 1


def test_the_command_trains_and_writes_the_card(project, capfd):
    """`build.py train NAME --data PATH`, on a project of the test's own."""
    write_photos(project / "photos", 20)
    data = ["--root", str(project), "--data", str(project / "photos")]
    site = ["build", "--root", str(project), "--out", str(project / "out")]
    assert build.main(["train", "small", *data]) == 0
    printed = capfd.readouterr().out
    assert "network 2/2" in printed and "left" in printed and "of 4 test photos" in printed
    assert not (project / "out").exists() and json.loads((project / "weights.json").read_text())["figures"]
    assert build.main(["train", "smal", *data]) == 1
    assert 'unknown model "smal"; models are small; did you mean "small"?' in capfd.readouterr().err
    toml = project / "strata.toml"
    before = toml.read_text()
    toml.write_text(before.replace('"red"', '"other"').replace('"blue"', '"red"').replace('"other"', '"blue"'))
    assert toml.read_text() != before and build.main(site) == 1
    assert (
        'output 1 of these weights was trained on the folder "red", and strata.toml has "blue" there'
        in capfd.readouterr().err
    )


def test_a_build_trains_what_has_no_weights_where_the_photos_are_at_hand(project, capfd):
    write_photos(project / "photos", 20)
    arguments = ["--root", str(project), "--data", str(project / "photos"), "--out"]
    (project / "weights.safetensors").unlink()
    lesson = project / "content" / "en" / "index.md"
    written = lesson.read_text()
    lesson.write_text(written.replace("title:", "titel:", 1))
    assert build.main([*arguments, str(project / "out")]) == 1
    told = capfd.readouterr()
    assert 'unknown field "titel"' in told.err and "network 1/2" not in told.out, "a fault is told before the training"
    lesson.write_text(written)
    (project / "elsewhere").mkdir()
    (project / "elsewhere" / "letter.txt").write_text("not of a site")
    assert build.main([*arguments, str(project / "elsewhere")]) == 1
    assert "network 1/2" not in capfd.readouterr().out and (project / "elsewhere" / "letter.txt").exists()
    assert build.main([*arguments, str(project / "out")]) == 0 and (project / "weights.safetensors").exists()
    assert (project / "out" / "models" / "small" / "model.onnx").exists()


def test_two_new_models_train_by_one_command_and_get_examples_and_cards(tmp_path, capfd):
    """Neither has weights, a card or an example picture yet; afterwards the site builds without the photos."""
    small = PROJECT[PROJECT.index("[models.small]") :]
    second = (
        small.replace("models.small", "models.second")
        .replace('"weights.', '"second.')
        .replace('"examples"', '"others"')
    )
    second = second.replace('title = "Small"', 'title = "Second"')
    lesson = LESSON.replace("model: small", "model: second")
    root = make_project(tmp_path / "project", f"{PROJECT}\n{second}", {"index": lesson}, [])
    for name in ("weights", "second"):
        (root / f"{name}.safetensors").unlink()
        (root / f"{name}.json").unlink()
    (root / "others").rmdir()
    (root / "docs").mkdir()
    (root / "docs" / "cards.md").touch()
    write_photos(root / "photos", 20)
    assert build.main(["train", "--root", str(root), "--data", str(root / "photos")]) == 0, capfd.readouterr().err
    said = capfd.readouterr().out
    assert said.count("40 photos, 24 × 24 pixels") == 2 and "2 test photos are its examples now" in said
    assert "Small | Second" in (root / "docs" / "cards.md").read_text()
    for folder in ("examples", "others"):
        assert sorted(path.name for path in (root / folder).iterdir()) == ["blue.png", "red.png"]
    assert build.main(["--root", str(root), "--out", str(root / "out")]) == 0
    assert {path.name for path in (root / "out" / "models").iterdir()} == {"small", "second"}

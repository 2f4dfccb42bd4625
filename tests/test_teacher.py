"""What teachers say of views of the training photos, and a small network that learns it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from errors import BuildError
from model.augment import change
from model.batches import photo_batches, view_batches
from model.data import TRAINING, VALIDATION, Photos
from model.evaluate import fit_temperature
from model.fold import Normalization
from model.recipe import Recipe
from model.teacher import teach
from model.views import draw_views, keep_views, label_views
from tests.made import made_photos, run

TAUGHT = Recipe(epochs=3, batch_size=16, learning_rate=5e-3, dropout=0.0, teacher_epochs=2, views=3)


@pytest.mark.parametrize("stop_at", [("views", 2), ("teacher", 1), ("teacher", 2), ("answers", 2), ("network", 1)])
def test_a_taught_run_interrupted_anywhere_ends_where_an_uninterrupted_one_does(tmp_path, whole_taught_run, stop_at):
    def stop(epoch):
        if (epoch.stage, epoch.epoch) == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match="training stopped .*(goes on from here|makes them from the beginning)"):
        run(tmp_path, "taught", TAUGHT, stop)
    seen = []
    run(tmp_path, "taught", TAUGHT, seen.append)
    again, order = [epoch.stage for epoch in seen], ["views", "teacher", "answers", "network"]
    assert again[0] == (stop_at[0] if stop_at != ("teacher", 2) else "answers") and again == sorted(
        again, key=order.index
    ), "what was finished is not done again"
    assert stop_at[0] not in ("teacher", "network") or stop_at == ("teacher", 2) or seen[0].epoch == stop_at[1] + 1
    assert (tmp_path / "taught.safetensors").read_bytes() == (whole_taught_run / "taught.safetensors").read_bytes()
    assert [path.name for path in sorted(tmp_path.glob("taught*"))] == [
        "taught.history.safetensors",
        "taught.json",
        "taught.safetensors",
    ]


@pytest.fixture(scope="module")
def whole_taught_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught")
    seen = []
    run(folder, "taught", TAUGHT, seen.append)
    assert [(e.stage, e.epoch) for e in seen] == [
        ("views", 1),
        ("views", 2),
        ("views", 3),
        ("teacher", 1),
        ("teacher", 2),
        ("answers", 1),
        ("answers", 2),
        ("answers", 3),
        ("network", 1),
        ("network", 2),
        ("network", 3),
    ]
    return folder


def test_several_teachers_answer_together_and_each_is_that_of_its_seed(tmp_path):
    """Their logits are averaged, and the average is calibrated, not each of them."""
    photos, two, stages = made_photos(), replace(TAUGHT, teachers=2), []
    training, validation = photos.part(TRAINING), photos.part(VALIDATION)
    pictures = keep_views(training.images, draw_views(len(training.images), two), tmp_path / "views.npy")
    said, files = teach(
        pictures, photos, two, tmp_path / "taught.checkpoint", lambda epoch: stages.append((epoch.stage, epoch.epoch))
    )
    assert stages == [
        (f"{stage} {number}", epoch)
        for number in (1, 2)
        for stage, last in (("teacher", 2), ("answers", 3))
        for epoch in range(1, last + 1)
    ]
    assert sorted([*files, tmp_path / "views.npy"]) == sorted(tmp_path.iterdir()) and len(files) == 4
    kept = [load_file(path) for path in files if ".answers." in path.name]
    assert not torch.equal(kept[0]["views"], kept[1]["views"])
    mean, held_out = ((kept[0][name] + kept[1][name]) / 2 for name in ("views", "validation"))
    temperature = fit_temperature(held_out.numpy(), validation.labels)
    assert torch.allclose(said, (mean / temperature).softmax(2), atol=1e-6) and abs(temperature - 1) > 0.01
    assert torch.equal(
        teach(
            pictures,
            photos,
            two,
            tmp_path / "taught.checkpoint",
            lambda epoch: pytest.fail("what was answered is not learned again"),
        )[0],
        said,
    )
    for seed in (0, 1):
        (tmp_path / str(seed)).mkdir()
        _, alone = teach(
            pictures, photos, replace(TAUGHT, seed=seed), tmp_path / str(seed) / "taught.checkpoint", lambda epoch: None
        )
        answers = load_file(next(path for path in alone if ".answers." in path.name))
        assert torch.equal(answers["views"], kept[seed]["views"]), "the second teacher is the first of the next seed"


def test_views_are_the_same_for_the_same_seed_and_are_made_once(tmp_path):
    images = made_photos().images[:8]
    drawn = draw_views(8, TAUGHT)
    assert torch.equal(drawn, draw_views(8, TAUGHT)) and not torch.equal(drawn, draw_views(8, replace(TAUGHT, seed=1)))
    kept = keep_views(images, drawn, tmp_path / "views.npy")
    assert kept.dtype == np.uint8 and kept.shape == (3, 8, 3, 20, 20)
    alone = change(torch.from_numpy(images[5:6]) / 255, drawn[2, 5:6])
    assert np.array_equal(kept[2, 5], (alone[0] * 255).round().byte().numpy()), "a view does not depend on its batch"
    assert len({view.tobytes() for view in kept[:, 5]}) == 3, "each view is another"
    assert np.array_equal(
        keep_views(
            images, drawn, tmp_path / "views.npy", lambda done, total: pytest.fail("what is kept is not made again")
        ),
        kept,
    )
    answers = label_views(kept, lambda x: x.mean((2, 3)))
    assert answers.shape == (3, 8, 3) and torch.allclose(
        answers[1, 2], torch.from_numpy(kept[1, 2] / 255).float().mean((1, 2)), atol=1e-5
    )


def test_views_that_cannot_be_kept_leave_nothing(tmp_path, monkeypatch):
    images, drawn = made_photos().images[:8], draw_views(8, TAUGHT)
    (tmp_path / "run.views.of-another-recipe.npy").write_bytes(b"gigabytes")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("model.views.Path.replace", full)
        with pytest.raises(
            BuildError,
            match=r"the views need 0\.0 GB there, and cannot be written \(No space left on device\); make room, or "
            r"lower `views`",
        ):
            keep_views(images, drawn, tmp_path / "run.views.npy")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_views(images, drawn, tmp_path / "run.views.npy", stop)
    assert not list(tmp_path.iterdir())


def test_a_teacher_learns_from_as_much_of_each_photo_as_the_target_says():
    shades = np.arange(6, dtype=np.uint8) * 50
    photos = Photos(
        np.broadcast_to(shades.reshape(6, 1, 1, 1), (6, 1, 16, 16)).copy(),
        np.arange(6),
        [f"{i}.png" for i in range(6)],
        np.full(6, TRAINING, np.uint8),
    )
    still = Recipe(batch_size=6, label_smoothing=0, flip=False, shift=0, zoom=0, rotation=0, jitter=0, grey=0, blur=0)
    batches = photo_batches(photos, still, Normalization((0.0,), (1.0,)), mix=True)
    mixed = 0
    for epoch in range(8):
        images, targets = next(iter(batches.of(epoch)))
        assert torch.allclose(
            images * 255, (targets @ torch.from_numpy(shades).float()).view(-1, 1, 1, 1).expand_as(images), atol=1e-3
        )
        assert torch.allclose(targets.sum(1), torch.ones(6))
        mixed += int((targets.max(1).values < 0.99).sum())
    assert mixed > 8, "of most batches some photos are mixed with another"


def test_views_are_softened_by_degrees_and_what_is_learned_of_them_stays():
    pictures = np.random.default_rng(3).integers(0, 256, (1, 200, 3, 20, 20), dtype=np.uint8)
    recipe, plain = Recipe(batch_size=200, flip=False, soften=0.4), Normalization((0.0,) * 3, (1.0,) * 3)
    images, which = next(view_batches(pictures, torch.arange(200.0).view(1, 200, 1), recipe, plain).of(0))
    sharp = torch.from_numpy(pictures[0]).float()[which.flatten().int()] / 255
    means = nn.functional.avg_pool2d(sharp, 3, 1, 1, count_include_pad=False)
    amount = ((images - sharp) * (means - sharp)).sum((1, 2, 3)) / (means - sharp).square().sum((1, 2, 3))
    assert torch.allclose(images, torch.lerp(sharp, means, amount.view(-1, 1, 1, 1)), atol=1e-5)
    softened = amount[amount > 1e-4]
    assert (
        0.3 < len(softened) / 200 < 0.5
        and softened.max() <= 1
        and torch.allclose(
            softened.quantile(torch.tensor([0.25, 0.5, 0.75])), torch.tensor([0.25, 0.5, 0.75]), atol=0.15
        )
    )
    assert torch.equal(
        sharp,
        next(view_batches(pictures, torch.arange(200.0).view(1, 200, 1), replace(recipe, soften=0.0), plain).of(0))[0],
    ), "the same views in the same order"


def test_what_acts_on_the_small_network_alone_needs_no_other_teacher(tmp_path, whole_taught_run):
    def stop(epoch):
        if epoch.stage == "network":
            raise KeyboardInterrupt

    with pytest.raises(BuildError, match="training stopped"):
        run(
            tmp_path,
            "taught",
            replace(
                TAUGHT,
                epochs=5,
                dropout=0.2,
                branches=0,
                label_share=0.9,
                learning_rate=1e-3,
                linear_decay=0.1,
                matrix_learning_rate=0.0,
                soften=0.5,
            ),
            stop,
        )
    seen = []
    run(tmp_path, "taught", TAUGHT, seen.append)
    assert [(epoch.stage, epoch.epoch) for epoch in seen] == [("network", 1), ("network", 2), ("network", 3)]
    assert (tmp_path / "taught.safetensors").read_bytes() == (whole_taught_run / "taught.safetensors").read_bytes()
    with pytest.raises(BuildError, match="training stopped"):
        run(tmp_path, "taught", replace(TAUGHT, views=4), lambda epoch: (seen.append(epoch), stop(epoch)))
    assert ("teacher", 1) in [(epoch.stage, epoch.epoch) for epoch in seen[3:]], (
        "and a finished run takes its teacher away"
    )

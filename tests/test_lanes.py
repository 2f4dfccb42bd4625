"""The compiled training step against PyTorch: the same logits, gradients and running statistics, and the fallback."""

import copy
import shutil
import subprocess

import pytest
import torch
import torch.nn.functional as F

from model import lanes
from model.lanes import accelerate, load_functions
from model.networks import TinyVGG, build_graph
from model.recipe import Recipe
from model.run import Batches, Run, State
from model.train import training_network

TINY = {"in_channels": 3, "hidden_units": 10, "classes": 10, "image_size": 32, "padding": 0}
ODD = [
    {"name": "a", "kind": "conv", "out_channels": 7, "kernel_size": 5, "padding": 1},
    {"name": "b", "kind": "relu"},
    {"name": "c", "kind": "conv", "out_channels": 3, "kernel_size": 1},
    {"name": "d", "kind": "relu"},
    {"name": "e", "kind": "max_pool"},
    {"name": "f", "kind": "conv", "out_channels": 6, "kernel_size": 2, "padding": 1},
    {"name": "g", "kind": "relu"},
    {"name": "h", "kind": "flatten"},
    {"name": "logits", "kind": "linear", "out_features": 4},
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    return tmp_path_factory.mktemp("lanes")


@pytest.mark.parametrize(
    "network",
    [
        TinyVGG(**TINY),
        TinyVGG(**{**TINY, "in_channels": 1, "padding": 1, "image_size": 28}),
        TinyVGG(**{**TINY, "hidden_units": 4, "image_size": 21}),
        build_graph(ODD, (2, 19, 19)),
    ],
    ids=["tiny", "padded", "small", "odd"],
)
def test_a_step_is_that_of_pytorch(cache, network):
    """Sizes that fill the blocks of the C code and sizes that do not; padding; pools that leave a row out; two steps, since memory is kept."""
    ours = training_network(network, Recipe(dropout=0.0)).train()
    theirs = copy.deepcopy(ours)
    fast = accelerate(ours, cache)
    first = next(iter(network.children()))
    size = {3: 32, 1: 28, 2: 19}[first.in_channels] if first.out_channels != 4 else 21
    for step in range(2):
        random = torch.Generator().manual_seed(step)
        images = torch.randn(32, first.in_channels, size, size, generator=random)
        images[:, :, 3:7] = 0.5  # flat: the largest of a pool is there more than once
        targets = torch.rand(32, network.logits.out_features, generator=random).softmax(1)
        for model, logits in ((ours, fast(images)), (theirs, theirs(images))):
            model.zero_grad()
            F.cross_entropy(logits, targets).backward()
            model.logits_seen = logits.detach()
        assert torch.allclose(ours.logits_seen, theirs.logits_seen, rtol=1e-4, atol=1e-5)
        for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            assert (
                mine.grad is other.grad is None
                or (mine.grad - other.grad).abs().max() <= 1e-4 * other.grad.abs().max() + 1e-6
            ), name
        for (name, mine), other in zip(ours.named_buffers(), theirs.buffers(), strict=True):
            assert torch.allclose(mine, other, rtol=1e-4, atol=1e-5), name
    assert all(block.branches.norm.num_batches_tracked == 2 for block in fast.blocks)


def test_the_gradient_of_a_pool_goes_to_the_first_of_the_largest(cache):
    network = build_graph(
        [
            {"name": "a", "kind": "conv", "out_channels": 1, "kernel_size": 1},
            {"name": "b", "kind": "relu"},
            {"name": "c", "kind": "max_pool"},
            {"name": "d", "kind": "flatten"},
            {"name": "logits", "kind": "linear", "out_features": 2},
        ],
        (1, 4, 4),
    )
    ours = training_network(network, Recipe(dropout=0.0)).train()
    theirs = copy.deepcopy(ours)
    images = torch.randint(
        0, 2, (16, 1, 4, 4), generator=torch.Generator().manual_seed(0)
    ).float()  # two values alone: ties everywhere
    copies = [images.clone().requires_grad_() for _ in range(2)]
    for run, pictures in zip((accelerate(ours, cache), theirs), copies, strict=True):
        run(pictures).square().sum().backward()
    assert torch.allclose(copies[0].grad, copies[1].grad, rtol=1e-4, atol=1e-5) and copies[1].grad.abs().max() > 0.01


@pytest.mark.parametrize(
    "layer",
    [
        {"kind": "conv", "out_channels": 2, "kernel_size": 3, "stride": 2},
        {"kind": "conv", "out_channels": 2, "kernel_size": 1, "padding": 1},
        {"kind": "conv", "out_channels": 65, "kernel_size": 3},
        {"kind": "leaky_relu"},
        {"kind": "avg_pool"},
        {"kind": "max_pool", "kernel_size": 3},
    ],
)
def test_other_networks_are_left_to_pytorch(cache, layer):
    before = [{"name": "a", "kind": "conv", "out_channels": 2, "kernel_size": 3}, {"name": "b", "kind": "relu"}]
    after = [{"name": "y", "kind": "flatten"}, {"name": "logits", "kind": "linear", "out_features": 2}]
    middle = [{"name": "x", **layer}, *([{"name": "w", "kind": "relu"}] if layer["kind"] == "conv" else [])]
    whole = training_network(build_graph([*before, *middle, *after], (3, 16, 16)), Recipe())
    assert accelerate(whole, cache) is None and accelerate(
        training_network(build_graph([*before, *after], (3, 16, 16)), Recipe()), cache
    )
    assert accelerate(training_network(TinyVGG(), Recipe(branches=0)), cache) is None


def test_the_number_of_threads_does_not_change_the_result(cache):
    images, seen = torch.rand(64, 3, 32, 32), []
    for threads in (1, 3):
        model = training_network(TinyVGG(**TINY), Recipe(dropout=0.0)).train()
        accelerate(model, cache, threads)(images).square().sum().backward()
        seen.append([p.grad for p in model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*seen, strict=True))


def test_what_is_not_a_number_stays_so(cache):
    """As in PyTorch, or a training that went wrong would go on."""
    for part in ("kernel", "beta"):
        model = training_network(TinyVGG(**TINY), Recipe(dropout=0.0)).train()
        with torch.no_grad():
            (model.conv_1_2.wide[0] if part == "kernel" else model.conv_2_2.norm.bias)[0] = torch.nan
        assert (
            accelerate(model, cache)(torch.rand(32, 3, 32, 32)).isnan().all()
            and model(torch.rand(32, 3, 32, 32)).isnan().all()
        )


def test_training_uses_it_for_whole_groups_alone(cache):
    model = training_network(TinyVGG(**TINY), Recipe(dropout=0.0))
    run = Run(model, Recipe(dropout=0.0), Batches(1, lambda epoch: iter(())), copy.deepcopy, State(cache / "none", ""))
    asked = []
    fast = run.lanes

    class Spy:
        takes = staticmethod(fast.takes)

        def __call__(self, images):
            asked.append(len(images))
            return fast(images)

    run.lanes = Spy()
    for count in (32, 20):
        images = torch.rand(count, 3, 32, 32)
        assert torch.allclose(run._logits(images), model(images), rtol=1e-4, atol=1e-5)
    assert asked == [32]


def test_without_a_compiler_pytorch_does_it(tmp_path, monkeypatch):
    monkeypatch.setattr(lanes.shutil, "which", lambda name: None)
    assert load_functions(tmp_path) is None and accelerate(training_network(TinyVGG(), Recipe()), tmp_path) is None
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(lanes.shutil, "which", lambda name: str(broken))
    assert load_functions(tmp_path) is None and not list(tmp_path.glob("*.so"))


def test_it_is_compiled_once(cache, tmp_path, monkeypatch):
    load_functions(tmp_path)
    [library] = tmp_path.iterdir()
    written, run = library.stat().st_mtime_ns, subprocess.run
    monkeypatch.setattr(
        lanes.subprocess,
        "run",
        lambda command, **options: pytest.fail("compiled again") if "-o" in command else run(command, **options),
    )
    assert load_functions(tmp_path) is not None and library.stat().st_mtime_ns == written

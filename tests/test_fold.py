"""Folding changes how a network is written, never what it computes."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from model.fold import Branches, Normalization, deployed, fold_normalization
from model.kinds import Affine
from model.networks import TinyVGG, trace
from tests.graphs import DEPTHWISE, RESIDUAL, normalized


def lively(module: nn.Module, seed: int) -> nn.Module:
    """Batch normalisation with statistics and weights far from its defaults, in evaluation mode."""
    torch.manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, -2, 2)
            nn.init.normal_(layer.bias)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.2, 3)
    return module.eval()


@pytest.mark.parametrize("seed", range(8))
def test_branches_fold_into_one_convolution(seed):
    """What they fold into is the sum of convolutions, each scaled, that they stand for: the 1 x 1 one sees the middle
    of every window.
    """
    kernel, stride, padding = [(3, 1, 0), (3, 1, 1), (5, 1, 0), (5, 2, 2), (3, 2, 0), (1, 1, 0), (2, 1, 0), (4, 2, 1)][
        seed
    ]
    branches = lively(Branches(nn.Conv2d(3, 5, kernel, stride, padding), 3), seed)
    nn.init.uniform_(branches.wide_scale, -1, 1), nn.init.uniform_(branches.point_scale, -1, 1)
    x = torch.randn(2, 3, 17, 17)
    with torch.no_grad():
        trained, folded = branches(x), branches.fold()(x)
        padded = F.pad(x, [padding] * 4)
        summed = sum(
            F.conv2d(padded, matrix.view(5, 3, kernel, kernel), stride=stride) * scale.view(1, -1, 1, 1)
            for matrix, scale in zip(branches.wide, branches.wide_scale, strict=True)
        )
        if branches.point is not None:
            trimmed = padded[
                ..., kernel // 2 : padded.shape[2] - kernel // 2, kernel // 2 : padded.shape[3] - kernel // 2
            ]
            summed = summed + F.conv2d(trimmed, branches.point, stride=stride) * branches.point_scale.view(1, -1, 1, 1)
        expected = branches.norm(summed)
    for computed in (trained, folded):
        assert computed.shape == expected.shape
        assert (computed - expected).abs().max() <= 1e-5 + 1e-5 * expected.abs().max()


@pytest.mark.parametrize("seed", range(4))
def test_normalisation_folds_into_an_unpadded_first_layer(seed):
    torch.manual_seed(seed)
    network = TinyVGG(3, 4, 3, 32, 0).eval()
    normalization = Normalization(tuple(torch.rand(3).tolist()), tuple((torch.rand(3) + 0.1).tolist()))
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        expected = network(normalization.apply(x))
        assert fold_normalization(network, normalization) is None
        assert torch.allclose(network(x), expected, rtol=1e-5, atol=1e-5)


def test_normalisation_stays_where_folding_would_not_be_exact():
    network = TinyVGG(3, 4, 3, 32, 1)
    before = network.conv_1_1.weight.clone()
    normalization = Normalization((0.5,) * 3, (0.2,) * 3)
    assert fold_normalization(network, normalization) is normalization
    assert torch.equal(network.conv_1_1.weight, before)


@pytest.mark.parametrize(("specs", "size"), [(RESIDUAL, 20), (DEPTHWISE, 24)])
def test_what_is_shipped_computes_what_was_trained(specs, size):
    """Batch normalisation folds where a convolution comes before it and nobody else uses that; elsewhere it stays,
    affine.
    """
    torch.manual_seed(7)
    trained = normalized(specs, (3, size, size))
    images = torch.rand(4, 3, size, size)
    after = deployed(trained)
    assert torch.allclose(trace(after, images)["logits"], trace(trained, images)["logits"], atol=1e-5)
    left = [name for name, layer in after.named_children() if isinstance(layer, Affine)]
    assert left == (["norm_2"] if specs is RESIDUAL else []) and "stem_norm" not in after.inputs
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in after.modules())


def test_a_convolution_that_somebody_else_uses_is_left_as_it_is():
    specs = [
        {"name": "conv", "kind": "conv", "out_channels": 2, "kernel_size": 3},
        {"name": "norm", "kind": "batch_norm"},
        {"name": "add", "kind": "add", "inputs": ["norm", "conv"]},
        {"name": "flatten", "kind": "flatten"},
        {"name": "logits", "kind": "linear", "out_features": 2},
    ]
    torch.manual_seed(8)
    trained = normalized(specs, (1, 8, 8))
    images = torch.rand(3, 1, 8, 8)
    after = deployed(trained)
    assert list(after.inputs) == ["conv", "norm", "add", "flatten", "logits"]
    assert torch.allclose(trace(after, images)["logits"], trace(trained, images)["logits"], atol=1e-5)

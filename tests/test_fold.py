"""Folding changes how a network is written, never what it computes."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from model.fold import Branches, Normalization, fold_batch_norm, fold_normalization
from model.networks import TinyVGG


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
    kernel, stride, padding = [(3, 1, 0), (3, 1, 1), (5, 1, 0), (5, 2, 2), (3, 2, 0), (1, 1, 0), (2, 1, 0), (4, 2, 1)][seed]
    branches = lively(Branches(nn.Conv2d(3, 5, kernel, stride, padding), 3), seed)
    x = torch.randn(2, 3, 17, 17)
    with torch.no_grad():
        expected, folded = branches(x), branches.fold()(x)
    assert folded.shape == expected.shape
    assert (folded - expected).abs().max() <= 1e-5 + 1e-5 * expected.abs().max()


@pytest.mark.parametrize("seed", range(4))
def test_batch_normalisation_folds_into_the_convolution_before_it(seed):
    network = lively(nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 4, 3, bias=seed % 2 == 0), norm=nn.BatchNorm2d(4), relu=nn.ReLU())), seed)
    folded = fold_batch_norm(network)
    x = torch.randn(3, 2, 9, 9)
    assert [name for name, _ in folded.named_children()] == ["conv", "relu"]
    with torch.no_grad():
        assert torch.allclose(folded(x), network(x), rtol=1e-5, atol=1e-5)


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

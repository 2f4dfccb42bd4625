"""Exact folding of batch normalisation, parallel branches and input normalisation into plain weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from model.kinds import Affine
from model.networks import IMAGE, Graph


@dataclass(frozen=True)
class Normalization:
    """The mean and standard deviation that normalise the input, one value per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) in [0, 1] -> normalised, the same shape."""
        mean, std = (torch.tensor(v, dtype=images.dtype).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return (images - mean) / std


class Normalize(nn.Module):
    """Normalisation as a layer, if it cannot be folded into the network."""

    def __init__(self, normalization: Normalization):
        super().__init__()
        self.normalization = normalization

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.normalization.apply(images)


class Branches(nn.Module):
    """A convolution whose kernel is, in training, a sum of full-size kernels and a 1 x 1, scaled per output channel.

    After RepVGG (Ding et al., 2021) with its sums taken over the kernels instead of the maps (OREPA, Hu et al., 2022):
    the same network with one convolution's work, and exact at any padding. Batch normalisation follows. The kernels of
    full size are kept as matrices (O, I * k * k), which is how Muon takes them.
    """

    def __init__(self, conv: nn.Conv2d, branches: int):
        super().__init__()
        self.shape = outputs, inputs, height, width = conv.weight.shape
        self.options = {name: getattr(conv, name) for name in ("stride", "padding", "dilation", "groups")}
        is_odd = height % 2 and width % 2 and height * width > 1
        self.wide = nn.ParameterList(torch.empty(outputs, inputs * height * width) for _ in range(branches))
        self.wide_scale = nn.Parameter(torch.full((branches, outputs, 1, 1, 1), branches**-0.5))
        self.point = nn.Parameter(torch.empty(outputs, inputs, 1, 1)) if is_odd else None
        self.point_scale = nn.Parameter(torch.ones(outputs, 1, 1, 1))
        for weight in [*self.wide, *([self.point] if self.point is not None else [])]:
            nn.init.kaiming_normal_(weight)
        self.norm = nn.BatchNorm2d(outputs)

    def kernel(self) -> torch.Tensor:
        """(O, I, k, k)"""
        weight = (torch.stack([matrix.view(self.shape) for matrix in self.wide]) * self.wide_scale).sum(0)
        if self.point is None:
            return weight
        height, width = self.shape[2:]
        border = [width // 2, width // 2, height // 2, height // 2]
        return weight + F.pad(self.point * self.point_scale, border)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, C, H, W) -> (B, O, H', W')
        return self.norm(F.conv2d(x, self.kernel(), None, **self.options))

    def fold(self) -> nn.Conv2d:
        """The one convolution that computes the same in evaluation mode; summed in float64."""
        weight, (scale, shift) = self.kernel(), _scale_and_shift(self.norm)
        outputs, inputs, height, width = self.shape
        conv = nn.Conv2d(inputs * self.options["groups"], outputs, (height, width), **self.options)
        with torch.no_grad():
            conv.weight.copy_((weight.double() * scale.view(-1, 1, 1, 1)).float())
            conv.bias = nn.Parameter(shift.float())
        return conv


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Factor and summand of each channel in a batch normalisation in evaluation mode: (C,) each, float64."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None  # it has kept both since it was made
    with torch.no_grad():
        scale = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)
        return scale, norm.bias.double() - mean.double() * scale


def deployed(network: Graph) -> Graph:
    """The network as it is shipped: batch normalisation folded into the convolution before it, where nobody else uses
    that convolution's activation; else a weight and a bias for each channel. A copy; summed in float64.
    """
    network = copy.deepcopy(network).eval()
    for name, norm in list(network.named_children()):
        if type(norm) is not nn.BatchNorm2d:
            continue
        scale, shift = _scale_and_shift(norm)
        (source,) = network.inputs[name]
        conv = dict(network.named_children()).get(source)
        with torch.no_grad():
            if type(conv) is nn.Conv2d and network.users(source) == [name]:
                bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias
                conv.weight.copy_((conv.weight.double() * scale.view(-1, 1, 1, 1)).float())
                conv.bias = nn.Parameter((bias.double() * scale + shift).float())
                network = network.without(name)
            else:
                affine = Affine(norm.num_features)
                affine.weight.copy_(scale.float())
                affine.bias.copy_(shift.float())
                network = network.replaced({name: affine})
    return network.eval()


def fold_normalization(network: Graph, normalization: Normalization | None) -> Normalization | None:
    """Fold (x - mean) / std into the first layer, in place, where that is exact; returns what is left to apply.

    It is exact for a first convolution without padding. With padding it is not: the zeros of the border
    stand for the mean colour before, and for black after.
    """
    users = network.users(IMAGE)
    first = dict(network.named_children())[users[0]]
    if normalization is None or len(users) > 1 or type(first) is not nn.Conv2d:
        return normalization
    if first.padding != (0, 0) or first.groups != 1:
        return normalization
    mean, std = (
        torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (normalization.mean, normalization.std)
    )
    with torch.no_grad():
        weight = first.weight.double() / std
        bias = -(weight * mean).sum((1, 2, 3))
        if first.bias is None:
            first.bias = nn.Parameter(torch.zeros(first.out_channels))
        first.weight.copy_(weight.float())
        first.bias.copy_((first.bias.double() + bias).float())
    return None

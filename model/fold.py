"""Exact rewritings of trained layers: batch normalisation, parallel branches and input normalisation become plain weights."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Normalization:
    """What a network subtracts from and divides its input by, a value a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) in [0, 1] -> normalised, the same shape."""
        mean, std = (torch.tensor(v, dtype=images.dtype).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return (images - mean) / std


class Branches(nn.Module):
    """A convolution that trains as several 3 x 3 branches and one 1 x 1, each with batch normalisation, and folds into one.

    After RepVGG (Ding et al., 2021). With less than "same" padding the 1 x 1 branch sees the input cropped,
    so that it stands at the middle of the other branches' windows.
    """

    def __init__(self, conv: nn.Conv2d, branches: int):
        super().__init__()
        self.out_channels, self.branches = conv.out_channels, branches
        k, p = conv.kernel_size[0], conv.padding[0]
        # All wide branches are one convolution with as many times the channels: the same sums, faster.
        self.wide = nn.Conv2d(conv.in_channels, branches * conv.out_channels, k, conv.stride, p, bias=False)
        self.wide_norm = nn.BatchNorm2d(branches * conv.out_channels)
        self.margin = k // 2 - p
        self.point = nn.Conv2d(conv.in_channels, conv.out_channels, 1, conv.stride, bias=False) if k % 2 and k > 1 and self.margin >= 0 else None
        self.point_norm = nn.BatchNorm2d(conv.out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, C, H, W) -> (B, O, H', W')
        y = self.wide_norm(self.wide(x)).unflatten(1, (self.branches, self.out_channels)).sum(1)
        if self.point is None:
            return y
        m = self.margin
        cropped = x[..., m : x.shape[-2] - m, m : x.shape[-1] - m]
        return y + self.point_norm(self.point(cropped))[..., : y.shape[-2], : y.shape[-1]]

    def fold(self) -> nn.Conv2d:
        """The one convolution that computes the same in evaluation mode."""
        weight, bias = _scaled(self.wide, self.wide_norm)
        weight = weight.unflatten(0, (self.branches, self.out_channels)).sum(0)
        bias = bias.unflatten(0, (self.branches, self.out_channels)).sum(0)
        k = self.wide.kernel_size[0]
        if self.point is not None:
            point_weight, point_bias = _scaled(self.point, self.point_norm)
            weight = weight + F.pad(point_weight, [k // 2] * 4)
            bias = bias + point_bias
        return _conv_like(self.wide, weight, bias)


def fold_batch_norm(network: nn.Sequential) -> nn.Sequential:
    """The same network without its batch normalisations, each folded into the convolution before it; branches folded too."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in network.named_children():
        last = next(reversed(layers), None)
        if isinstance(layer, Branches):
            layers[name] = layer.fold()
        elif isinstance(layer, nn.BatchNorm2d) and last is not None and type(layers[last]) is nn.Conv2d:
            layers[last] = _conv_like(layers[last], *_scaled(layers[last], layer))
        else:
            layers[name] = layer
    return nn.Sequential(layers).eval()


def fold_normalization(network: nn.Sequential, normalization: Normalization | None) -> Normalization | None:
    """Fold (x - mean) / std into the first layer, in place, where that is exact; returns what is left to apply.

    It is exact for a first convolution without padding. With padding it is not: the zeros of the border
    stand for the mean colour before, and for black after.
    """
    first = next(iter(network.children()))
    if normalization is None or type(first) is not nn.Conv2d or first.padding != (0, 0):
        return normalization
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (normalization.mean, normalization.std))
    with torch.no_grad():
        weight = first.weight.double() / std
        bias = -(weight * mean).sum((1, 2, 3))
        if first.bias is None:
            first.bias = nn.Parameter(torch.zeros(first.out_channels))
        first.weight.copy_(weight.float())
        first.bias.copy_((first.bias.double() + bias).float())
    return None


def _scaled(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (O, C, k, k) and bias (O,) of `norm(conv(x))` in evaluation mode, in float64."""
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    bias = conv.bias.double() if conv.bias is not None else 0.0
    return conv.weight.double() * scale.view(-1, 1, 1, 1), norm.bias.double() + (bias - norm.running_mean.double()) * scale


def _conv_like(conv: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor) -> nn.Conv2d:
    folded = nn.Conv2d(conv.in_channels, weight.shape[0], conv.kernel_size, conv.stride, conv.padding)
    with torch.no_grad():
        folded.weight.copy_(weight.float())
        folded.bias.copy_(bias.float())
    return folded

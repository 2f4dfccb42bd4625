"""A larger network that learns the photos first, and then tells the small one how sure it is of each (Hinton et al., 2015).

The small one sees, for each photo, many views with the teacher's own answer to that view: the same view for both, some of
them mixed from two photos, for very long (Beyer et al., 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from model.augment import augment
from model.recipe import Recipe

WIDTHS = (24, 48, 96, 192)


class _Block(nn.Module):
    """Two convolutions and a way round them (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        way: list[nn.Module] = [nn.AvgPool2d(stride, ceil_mode=True)] if stride > 1 else []
        way += [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)] if inputs != outputs else []
        self.way = nn.Sequential(*way)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.way(x))


def build_teacher(in_channels: int, image_size: int, classes: int) -> nn.Sequential:
    """A residual network of 1.6 million parameters. Input (B, in_channels, image_size, image_size), output logits (B, classes)."""
    layers: list[nn.Module] = [nn.Conv2d(in_channels, WIDTHS[0], 3, 2 if image_size > 40 else 1, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()]
    inputs = WIDTHS[0]
    for width in WIDTHS:
        for block in range(2):
            stride = 2 if width != WIDTHS[0] and block == 0 else 1
            layers.append(_Block(inputs, width, stride))
            inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(inputs, classes)).to(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Views:
    """`images` uint8 (V, N, C, H, W): V views of each of N photos; `targets` float32 (V, N, K): how probable each class is in each of them."""

    images: np.ndarray
    targets: torch.Tensor


def make_views(images: np.ndarray, labels: np.ndarray, recipe: Recipe) -> Views:
    """V views of each of the photos, uint8 (N, C, H, W), and whose they are: augmented, and a share of them mixed with another photo. All chance follows from the seed."""
    views = np.empty((recipe.views, *images.shape), dtype=np.uint8)
    whose = F.one_hot(torch.from_numpy(labels)).float()
    targets = whose.repeat(recipe.views, 1, 1)
    mixed = set(np.linspace(0, recipe.views - 1, round(recipe.mix * recipe.views)).round().astype(int).tolist())
    for v in range(recipe.views):
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + v)
        for chosen in np.array_split(np.arange(len(images)), -(-len(images) // 250)):
            view = augment(torch.from_numpy(images[chosen]).float() / 255, recipe, random)
            if v in mixed:
                others = torch.randint(0, len(images), (len(chosen),), generator=random).numpy()
                share = torch.rand(len(chosen), 1, 1, 1, generator=random) / 2 + 0.5
                view = view * share + augment(torch.from_numpy(images[others]).float() / 255, recipe, random) * (1 - share)
                targets[v, chosen] = torch.lerp(whose[others], whose[chosen], share.view(-1, 1))
            views[v, chosen] = (view * 255).round().to(torch.uint8).numpy()
    return Views(views, targets)


def label_views(views: np.ndarray, teacher: Callable[[torch.Tensor], torch.Tensor], on_progress: Callable[[int, int], None] = lambda done, total: None) -> torch.Tensor:
    """The logits (V, N, K) of a teacher that takes images (B, C, H, W) in [0, 1]."""
    labelled = []
    with torch.no_grad():
        for done, view in enumerate(views):
            labelled.append(torch.cat([teacher(torch.from_numpy(part).float() / 255) for part in np.array_split(view, -(-len(view) // 250))]))
            on_progress(done + 1, len(views))
    return torch.stack(labelled)

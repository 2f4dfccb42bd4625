"""Augmentation: each picture mirrored, moved, turned, scaled, and its colours varied, by chance."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from model.recipe import Recipe


def augment(images: torch.Tensor, recipe: Recipe, random: torch.Generator) -> torch.Tensor:
    """(B, C, H, W) in [0, 1] -> the same shape, each picture changed in its own way."""
    batch = len(images)

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(batch, generator=random) * (high - low) + low

    angle = torch.deg2rad(uniform(-recipe.rotation, recipe.rotation))
    scale = torch.exp(uniform(-1, 1) * math.log1p(recipe.zoom))
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0) if recipe.flip else torch.ones(batch)
    dx, dy = uniform(-2, 2) * recipe.shift, uniform(-2, 2) * recipe.shift
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack([torch.stack([cos * mirror, -sin, dx], 1), torch.stack([sin * mirror, cos, dy], 1)], 1)  # (B, 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

    def blend(other: torch.Tensor, images: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        return other + (images - other) * amount.view(-1, 1, 1, 1)

    j = recipe.jitter
    images = images * uniform(1 - 1.3 * j, 1 + j).view(-1, 1, 1, 1)
    images = blend(images.mean((1, 2, 3), keepdim=True), images, uniform(1 - j, 1 + j))
    grey = images.mean(1, keepdim=True)
    saturation = torch.where(uniform(0, 1) < recipe.grey, torch.zeros(batch), uniform(1 - j, 1 + j))
    images = blend(grey.expand_as(images), images, saturation)
    blurred = F.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    images = blend(blurred, images, (uniform(0, 1) >= recipe.blur).float())
    return images.clamp(0, 1)

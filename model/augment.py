"""Augmentation: random flips, shifts, rotations, scaling and colour changes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from model.recipe import Recipe

DRAWN = 10  # random numbers per picture


def augment(images: torch.Tensor, recipe: Recipe, random: torch.Generator) -> torch.Tensor:
    """(B, C, H, W) in [0, 1] -> the same shape, each picture changed at random."""
    return change(images, draw(len(images), recipe, random))


def draw(batch: int, recipe: Recipe, random: torch.Generator) -> torch.Tensor:
    """Random changes (B, DRAWN): the 2 x 3 matrix of the sampling grid, brightness, contrast, saturation, sharpness."""

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(batch, generator=random) * (high - low) + low

    angle = torch.deg2rad(uniform(-recipe.rotation, recipe.rotation))
    scale = torch.exp(uniform(-1, 1) * math.log1p(recipe.zoom))
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0) if recipe.flip else torch.ones(batch)
    dx, dy = uniform(-2, 2) * recipe.shift, uniform(-2, 2) * recipe.shift
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    j = recipe.jitter
    brightness, contrast = uniform(1 - 1.3 * j, 1 + j), uniform(1 - j, 1 + j)
    saturation = torch.where(uniform(0, 1) < recipe.grey, torch.zeros(batch), uniform(1 - j, 1 + j))
    sharpness = (uniform(0, 1) >= recipe.blur).float()
    return torch.stack([cos * mirror, -sin, dx, sin * mirror, cos, dy, brightness, contrast, saturation, sharpness], 1)


def change(images: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Apply changes (B, DRAWN) to pictures (B, C, H, W) in [0, 1]."""
    brightness, contrast, saturation, sharpness = (column.view(-1, 1, 1, 1) for column in drawn[:, 6:].unbind(1))
    grid = F.affine_grid(drawn[:, :6].reshape(-1, 2, 3), list(images.shape), align_corners=False)
    # Bilinear sampling would blur all training pictures, while the network is used on sharp ones.
    images = F.grid_sample(images, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    images = images * brightness
    images = _blend(images.mean((1, 2, 3), keepdim=True), images, contrast)
    images = _blend(images.mean(1, keepdim=True), images, saturation)
    return soften(images, sharpness).clamp(0, 1)


def soften(images: torch.Tensor, sharpness: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W), each picture with a sharpness (B, 1, 1, 1): 1 leaves it, 0 makes each pixel the mean of the 3 x 3
    around it.
    """
    return _blend(F.avg_pool2d(images, 3, 1, 1, count_include_pad=False), images, sharpness)


def _blend(other: torch.Tensor, images: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    return other + (images - other) * amount

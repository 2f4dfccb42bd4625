"""Training batches: photos with augmentation, or stored views."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

from model.augment import augment, soften
from model.data import Photos
from model.fold import Normalization
from model.recipe import Recipe
from model.run import Batches, to_input


def photo_batches(photos: Photos, recipe: Recipe, normalization: Normalization, mix: bool = False) -> Batches:
    """Augmented photos with smoothed labels; with `mix`, mixup within each batch (Zhang et al., 2018)."""
    count, classes = len(photos.labels), int(photos.labels.max()) + 1
    steps = max(1, count // recipe.batch_size)

    def of(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
        for chosen in _batches_of(count, recipe, random):
            images = augment(to_input(photos.images[chosen.numpy()]), recipe, random)
            targets = smoothed(F.one_hot(torch.from_numpy(photos.labels)[chosen], classes).float(), recipe)
            if mix:
                share = float(np.random.default_rng([recipe.seed, epoch, int(chosen[0])]).beta(0.3, 0.3))
                other = torch.randperm(len(chosen), generator=random)
                images, targets = (share * x + (1 - share) * x[other] for x in (images, targets))
            yield normalization.apply(images), targets

    return Batches(steps, of)


def view_batches(pictures: np.ndarray, targets: torch.Tensor, recipe: Recipe, normalization: Normalization) -> Batches:
    """One view per photo of uint8 (V, N, C, H, W), randomly flipped and softened, with the targets (V, N, K)."""
    count = pictures.shape[1]
    steps = max(1, count // recipe.batch_size)

    def of(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
        for chosen in _batches_of(count, recipe, random):
            view = torch.randint(0, len(pictures), (len(chosen),), generator=random)
            images = to_input(pictures[view.numpy(), chosen.numpy()])
            if recipe.flip:
                mirrored = torch.rand(len(chosen), generator=random) < 0.5
                images[mirrored] = images[mirrored].flip(3)
            if recipe.soften:
                softened = torch.rand(len(chosen), generator=random) < recipe.soften
                images[softened] = soften(images[softened], torch.rand(int(softened.sum()), 1, 1, 1, generator=random))
            yield normalization.apply(images), targets[view, chosen]

    return Batches(steps, of)


def _batches_of(count: int, recipe: Recipe, random: torch.Generator) -> tuple[torch.Tensor, ...]:
    """The photos of each batch; all batches have the same size, so each epoch leaves out a few at random."""
    size = min(count, recipe.batch_size)
    return torch.randperm(count, generator=random)[: count // size * size].split(size)


def smoothed(targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    return targets * (1 - recipe.label_smoothing) + recipe.label_smoothing / targets.shape[-1]


def normalization_of(photos: Photos) -> Normalization:
    """Mean and standard deviation of each channel over the training photos."""
    pixels = photos.images.transpose(1, 0, 2, 3).reshape(photos.images.shape[1], -1)
    return Normalization(
        tuple(float(c.mean() / 255) for c in pixels), tuple(float(max(c.std() / 255, 1e-3)) for c in pixels)
    )

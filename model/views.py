"""Augmented views of the training photos, computed once and stored, for the teachers to label."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from errors import BuildError
from model.augment import DRAWN, change, draw
from model.recipe import Recipe
from model.run import to_input


def draw_views(count: int, recipe: Recipe) -> torch.Tensor:
    """Random changes for each view of `count` photos, (V, count, DRAWN); they depend only on the seed."""
    return draw(recipe.views * count, recipe, torch.Generator().manual_seed(recipe.seed)).view(
        recipe.views, count, DRAWN
    )


def keep_views(
    photos: np.ndarray,
    drawn: torch.Tensor,
    path: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """The views of photos uint8 (N, C, H, W), drawn (V, N, DRAWN): uint8 (V, N, C, H, W) in a file, since making them
    takes longer than learning from them.
    """
    shape = (len(drawn), *photos.shape)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(
            f"{path.name.split('.')[0]}.views.*"
        ):  # views for other settings or photos: gigabytes, computed again if needed
            left.unlink()
        unfinished = path.with_suffix(".part")
        try:
            with unfinished.open("wb") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
                for view in range(shape[0]):
                    for some in torch.arange(shape[1]).split(250):
                        images = change(to_input(photos[some.numpy()]), drawn[view, some])
                        file.write((images * 255).round().byte().numpy().tobytes())
                    on_progress(view + 1, shape[0])
            unfinished.replace(path)
        except OSError as error:
            raise BuildError(
                f"the views need {math.prod(shape) / 1e9:.1f} GB there, and cannot be written ({error.strerror}); "
                "make room, or lower `views` in the recipe",
                path.parent,
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")


def label_views(
    pictures: np.ndarray,
    teacher: Callable[[torch.Tensor], torch.Tensor],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> torch.Tensor:
    """The logits (V, N, K) of a teacher that takes images (B, C, H, W) in [0, 1], for views uint8 (V, N, C, H, W)."""
    said = []
    with torch.no_grad():
        for view in pictures:
            said.append(
                torch.cat([teacher(to_input(some.copy())) for some in np.array_split(view, -(-len(view) // 250))])
            )
            on_progress(len(said), len(pictures))
    return torch.stack(said)

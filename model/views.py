"""Views of the training photos: moved, recoloured and, where `mix` asks for it, blended; made once and kept, so that teachers can say what each shows."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from errors import BuildError
from model.augment import DRAWN, change, draw
from model.recipe import Recipe
from model.run import to_input


@dataclass(frozen=True)
class Views:
    """V views of each of N photos: how each is made.

    A view is a photo as `drawn` (V, N, DRAWN), of weight `share` (V, N), and the rest another one, `partner` (V, N), as `partner_drawn`;
    where nothing is mixed the share is 1.
    """

    photos: np.ndarray  # uint8 (N, C, H, W)
    drawn: torch.Tensor
    partner: torch.Tensor
    partner_drawn: torch.Tensor
    share: torch.Tensor

    def images(self, view: torch.Tensor | int, photo: torch.Tensor) -> torch.Tensor:
        """Views of the photos (B,): the same one of each, or one of its own for each (B,) -> float32 (B, C, H, W) in [0, 1]."""
        images = change(self._photos(photo), self.drawn[view, photo])
        share = self.share[view, photo]
        mixed = share < 1
        if mixed.any():
            others = change(self._photos(self.partner[view, photo][mixed]), self.partner_drawn[view, photo][mixed])
            images[mixed] = torch.lerp(others, images[mixed], share[mixed].view(-1, 1, 1, 1))
        return images

    def targets(self, labels: torch.Tensor, classes: int) -> torch.Tensor:
        """Which classes the views show, as probabilities (V, N, K), for the labels (N,) of the photos."""
        whose = F.one_hot(labels, classes).float()
        return torch.lerp(whose[self.partner], whose, self.share.unsqueeze(2))

    def _photos(self, chosen: torch.Tensor) -> torch.Tensor:
        return to_input(self.photos[chosen.numpy()])


def draw_views(photos: np.ndarray, recipe: Recipe) -> Views:
    """Views of photos uint8 (N, C, H, W), a share of them blended with another photo (Zhang et al., 2018); all chance follows from the seed."""
    count = len(photos)
    random = torch.Generator().manual_seed(recipe.seed)
    drawn, partner_drawn = (draw(recipe.views * count, recipe, random).view(recipe.views, count, DRAWN) for _ in range(2))
    partner = torch.randint(0, count, (recipe.views, count), generator=random)
    share = torch.rand(recipe.views, count, generator=random) / 2 + 0.5
    mixed = np.linspace(0, recipe.views - 1, round(recipe.mix * recipe.views)).round().astype(int)
    share[np.setdiff1d(np.arange(recipe.views), mixed)] = 1
    return Views(photos, drawn, partner, partner_drawn, share)


def keep_views(views: Views, path: Path, on_progress: Callable[[int, int], None] = lambda done, total: None) -> np.ndarray:
    """The pictures of the views, uint8 (V, N, C, H, W), in a file: making them takes longer than learning from them."""
    shape = (len(views.drawn), *views.photos.shape)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{path.name.split('.')[0]}.views.*"):  # made with other settings or photos: gigabytes, made again if they are asked for
            left.unlink()
        unfinished = path.with_suffix(".part")
        try:
            with unfinished.open("wb") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
                for view in range(shape[0]):
                    for some in torch.arange(shape[1]).split(250):
                        file.write((views.images(view, some) * 255).round().byte().numpy().tobytes())
                    on_progress(view + 1, shape[0])
            os.replace(unfinished, path)
        except OSError as error:
            raise BuildError(f"the views need {math.prod(shape) / 1e9:.1f} GB there, and cannot be written ({error.strerror}); make room, or lower `views` in the recipe", path.parent) from error
        finally:
            unfinished.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")


def label_views(pictures: np.ndarray, teacher: Callable[[torch.Tensor], torch.Tensor], on_progress: Callable[[int, int], None] = lambda done, total: None) -> torch.Tensor:
    """The logits (V, N, K) of a teacher that takes images (B, C, H, W) in [0, 1], for views uint8 (V, N, C, H, W)."""
    said = []
    with torch.no_grad():
        for view in pictures:
            said.append(torch.cat([teacher(to_input(some.copy())) for some in np.array_split(view, -(-len(view) // 250))]))
            on_progress(len(said), len(pictures))
    return torch.stack(said)

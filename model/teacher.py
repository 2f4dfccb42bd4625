"""Knowledge distillation: larger networks learn the photos first and teach the small one (Hinton et al., 2015).

The small one sees, for each photo, many views, by chance mirrored and softened, with the teachers' answer to each as it
was before that, for very long (as Beyer et al., 2022, where both see the same).
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from errors import BuildError
from model.batches import normalization_of, photo_batches, smoothed
from model.data import TRAINING, VALIDATION, Photos
from model.evaluate import fit_temperature
from model.fold import Normalize
from model.recipe import Recipe
from model.run import MAKING, Progress, Run, State, answers
from model.views import draw_views, keep_views, label_views

WIDTHS = (24, 48, 96, 192)


class _Block(nn.Module):
    """A residual block of two convolutions (He et al., 2016)."""

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
    """A residual network of 1.6 million parameters.

    Input (B, in_channels, image_size, image_size), output logits (B, classes).
    """
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, WIDTHS[0], 3, 2 if image_size > 40 else 1, 1, bias=False),
        nn.BatchNorm2d(WIDTHS[0]),
        nn.ReLU(),
    ]
    inputs = WIDTHS[0]
    for width in WIDTHS:
        for block in range(2):
            stride = 2 if width != WIDTHS[0] and block == 0 else 1
            layers.append(_Block(inputs, width, stride))
            inputs = width
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(inputs, classes)]
    model: Any = nn.Sequential(*layers, *end)  # torch's types do not know the memory format of a module
    return model.to(memory_format=torch.channels_last)


def taught_views(
    photos: Photos, recipe: Recipe, checkpoint: Path, on_epoch: Callable[[Progress], None]
) -> tuple[np.ndarray, torch.Tensor, list[Path]]:
    """The views of the training photos uint8 (V, N, C, H, W), what is to be learned of them (V, N, K), and the files to
    delete once the run is finished.
    """
    training = photos.part(TRAINING)
    drawn = draw_views(len(training.images), recipe)
    kept = State.of(
        checkpoint, "views", MAKING, hashlib.sha256(drawn.numpy().tobytes()).hexdigest(), photos.digest()
    ).path.with_suffix(".npy")
    try:
        pictures = keep_views(training.images, drawn, kept, _counts("views", on_epoch))
    except KeyboardInterrupt:
        raise BuildError(
            "training stopped while the views were made; the same command makes them from the beginning"
        ) from None
    said, files = teach(pictures, photos, recipe, checkpoint, on_epoch)
    labels = smoothed(F.one_hot(torch.from_numpy(training.labels), said.shape[2]).float(), recipe)
    return pictures, torch.lerp(said, labels, recipe.label_share), [kept, *files]


def _counts(stage: str, on_epoch: Callable[[Progress], None]) -> Callable[[int, int], None]:
    """Reports progress and the remaining time to `on_epoch`."""
    started = time.monotonic()
    return lambda done, total: on_epoch(
        Progress(stage, done, total, None, (time.monotonic() - started) / done * (total - done))
    )


def teach(
    pictures: np.ndarray, photos: Photos, recipe: Recipe, checkpoint: Path, on_epoch: Callable[[Progress], None]
) -> tuple[torch.Tensor, list[Path]]:
    """Train the teachers: the probabilities (V, N, K) that they give these views together, and the files that keep them
    until the run is finished.

    The probabilities are of the mean of their logits, calibrated: trained on mixed photos, a teacher is less sure than
    it is right.
    """
    said, asked, files = zip(
        *(_teach_one(which, pictures, photos, recipe, checkpoint, on_epoch) for which in range(recipe.teachers)),
        strict=True,
    )
    temperature = fit_temperature(torch.stack(asked).mean(0).numpy(), photos.part(VALIDATION).labels)
    return (torch.stack(said).mean(0) / temperature).softmax(2), [path for pair in files for path in pair]


def _teach_one(
    which: int,
    pictures: np.ndarray,
    photos: Photos,
    recipe: Recipe,
    checkpoint: Path,
    on_epoch: Callable[[Progress], None],
) -> tuple[torch.Tensor, torch.Tensor, tuple[Path, Path]]:
    """Train one teacher; its logits for the views (V, N, K) and for the validation photos (M, K), and the files that
    keep its state and these logits.
    """
    training, validation = photos.part(TRAINING), photos.part(VALIDATION)
    normalization = normalization_of(training)
    # Settings that affect only the small network do not require training the teacher again.
    plan = replace(
        recipe,
        epochs=recipe.teacher_epochs,
        learning_rate=4e-3,
        weight_decay=0.05,
        matrix_learning_rate=0.0,
        linear_decay=0.0,
        dropout=0.0,
        branches=0,
        label_share=0.0,
        soften=0.0,
        averaging=0.998,
        batch_size=64,
        teachers=1,
        starts=1,
        seed=recipe.seed + which,
    )
    answered = State.of(
        checkpoint, "answers", MAKING, asdict(plan), recipe.seed, photos.digest()
    )  # the views follow from the recipe's own seed
    header, said = answered.read()
    state = State.of(checkpoint, "teacher", MAKING, asdict(replace(plan, views=1)), photos.digest())
    files = (state.path, answered.path)
    if header is not None:
        return said["views"], said["validation"], files
    number = f" {which + 1}" if recipe.teachers > 1 else ""
    torch.manual_seed(plan.seed)
    model = build_teacher(training.images.shape[1], training.images.shape[2], int(training.labels.max()) + 1)
    run = Run(
        model,
        plan,
        photo_batches(training, plan, normalization, mix=True),
        lambda model: nn.Sequential(Normalize(normalization), copy.deepcopy(model)).eval(),
        state,
    )
    try:
        run.go(validation, f"teacher{number}", on_epoch)
        teacher = run.ready(run.average)
        said = {
            "views": label_views(pictures, teacher, _counts(f"answers{number}", on_epoch)),
            "validation": answers(teacher, validation),
        }
    except KeyboardInterrupt:
        raise BuildError(
            f"training stopped while teacher{number} was "
            f"{'answering' if run.epoch == plan.epochs else f'learning (after epoch {run.epoch})'}; the same command "
            "goes on from here"
        ) from None
    answered.write(said)
    return said["views"], said["validation"], files

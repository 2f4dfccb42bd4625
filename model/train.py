"""Training: one recipe, one seed, one result on one machine; interrupted at any point it goes on where it was.

What helps a network this small without changing what it computes afterwards: branches that fold into one
kernel (RepVGG, Ding et al., 2021; OREPA, Hu et al., 2022), a larger teacher (`model/teacher.py`), label smoothing (Szegedy
et al., 2016), Muon for the kernels (Jordan et al., 2024), one cycle of the learning rate (Smith, 2018), an average of the
weights (Polyak and Juditsky, 1992), mild augmentation, and in the end a temperature that makes it as sure as it is right
(Guo et al., 2017).
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import nn

from errors import BuildError
from model.augment import augment
from model.data import TRAINING, VALIDATION, Photos
from model.evaluate import fit_temperature, fold_temperature, likelihood
from model.fold import Branches, Normalization, fold_normalization
from model.networks import parameter_count
from model.recipe import Recipe
from model.run import Batches, Progress, Run, State, answers, to_input
from model.teacher import build_teacher, draw_views, keep_views, label_views
from model.weights_file import save_weights, write_atomically

SNAPSHOTS = 16  # of the weights on the way
MAKING = 4  # raised when batches are made in another way: checkpoints of the way before are not continued


def train(network: nn.Sequential, photos: Photos, recipe: Recipe, weights: Path, checkpoint: Path,
          on_epoch: Callable[[Progress], None]) -> dict[str, Any]:
    """Train `network` on the training photos; write `weights`, the history of them, and a card, and return the card.

    The state is written beside `checkpoint` after every epoch, in a file whose name follows from recipe, data and network, and
    continued from when they are the same; a run with others has a file of its own. Ctrl-C keeps the weights so far, and a
    BuildError says where: they are written with `"finished": false`, or stay in that file when `weights` holds those of a finished run.
    """
    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True)
    training, validation = photos.part(TRAINING), photos.part(VALIDATION)
    lacking = np.setdiff1d(photos.labels, training.labels)
    if len(lacking) or not validation.names:
        name = f'class "{photos.classes[lacking[0]]}"' if len(lacking) and photos.classes else "a class"
        raise BuildError(f"{name} has no photo left to train on; give each class at least three, better a hundred")
    normalization = _normalization(training)
    batches: Callable[[Recipe], Batches] = partial(_photo_batches, training, normalization=normalization)
    files: list[Path] = []
    if recipe.teacher_epochs:
        pictures, targets, files = _taught_views(photos, recipe, checkpoint, on_epoch)
        batches = partial(_view_batches, pictures, targets, normalization=normalization)
    runs = []
    for start in range(recipe.starts):
        own = replace(recipe, starts=1, seed=recipe.seed + 1_000 * start)
        state = State.of(checkpoint, "network", MAKING, asdict(own), recipe.seed, photos.digest(), str(network))  # views and teachers follow from the recipe's own seed
        runs.append(Run(training_network(network, own), own, batches(own), partial(_folded, normalization=normalization), state, SNAPSHOTS))
    try:
        for number, run in enumerate(runs, 1):
            run.go(validation, f"network {number}" if len(runs) > 1 else "network", on_epoch)
            run.lanes = None  # and its memory
    except KeyboardInterrupt:
        raise BuildError(_stopped(network, runs, recipe, normalization, weights, photos)) from None
    card = _write(network, runs, recipe, normalization, weights, photos)
    for path in (*files, *(run.state.path for run in runs)):
        with suppress(PermissionError):  # Windows keeps the views' file until the process ends
            path.unlink(missing_ok=True)
    return card


def _stopped(network: nn.Sequential, runs: list[Run], recipe: Recipe, normalization: Normalization, weights: Path, photos: Photos) -> str:
    """Keep what the runs have come to, and say where it is."""
    for run in runs:
        run.resume()  # what the epoch that was not finished has changed is given up
    begun = [run for run in runs if run.epoch]
    if not begun:
        return "training stopped in its first epoch; nothing was written"
    stopped = f"training stopped after epoch {begun[-1].epoch}" + (f" of network {len(begun)} of {len(runs)}" if len(runs) > 1 else "")
    if _is_finished(weights):
        return f"{stopped}; {weights} keeps what an earlier run finished, and the weights so far are in {begun[-1].state.path}; the same command goes on from here"
    card = _write(network, runs, recipe, normalization, weights, photos)
    return (f"{stopped}; the {'best' if len(begun) > 1 else 'weights'} so far ({card['history'][-1]['accuracy']:.1%} "
            f"of the validation photos) are in {weights}; the same command goes on from here")


def _photo_batches(photos: Photos, recipe: Recipe, normalization: Normalization, mix: bool = False) -> Batches:
    """The photos themselves, augmented, with their labels smoothed; with `mix`, each batch mixed with itself (Zhang et al., 2018)."""
    count, classes = len(photos.labels), int(photos.labels.max()) + 1
    steps = max(1, count // recipe.batch_size)

    def of(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
        for chosen in _batches_of(count, recipe, random):
            images = augment(to_input(photos.images[chosen.numpy()]), recipe, random)
            targets = _smoothed(F.one_hot(torch.from_numpy(photos.labels)[chosen], classes).float(), recipe)
            if mix:
                share = float(np.random.default_rng([recipe.seed, epoch, int(chosen[0])]).beta(0.3, 0.3))
                other = torch.randperm(len(chosen), generator=random)
                images, targets = (share * x + (1 - share) * x[other] for x in (images, targets))
            yield normalization.apply(images), targets

    return Batches(steps, of)


def _view_batches(pictures: np.ndarray, targets: torch.Tensor, recipe: Recipe, normalization: Normalization) -> Batches:
    """Of each photo one of its views uint8 (V, N, C, H, W), by chance mirrored, with the targets (V, N, K)."""
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
            yield normalization.apply(images), targets[view, chosen]

    return Batches(steps, of)


def _batches_of(count: int, recipe: Recipe, random: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Which photos each batch holds: all of the same number, so that each epoch leaves others out, fewer than a batch."""
    size = min(count, recipe.batch_size)
    return torch.randperm(count, generator=random)[: count // size * size].split(size)


def _smoothed(targets: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    return targets * (1 - recipe.label_smoothing) + recipe.label_smoothing / targets.shape[-1]


def _taught_views(photos: Photos, recipe: Recipe, checkpoint: Path, on_epoch: Callable[[Progress], None]) -> tuple[np.ndarray, torch.Tensor, list[Path]]:
    """The views of the training photos uint8 (V, N, C, H, W), what is to be learned of them (V, N, K), and the files that keep both."""
    training = photos.part(TRAINING)
    views = draw_views(training.images, recipe)
    drawn = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in (views.drawn, views.partner, views.partner_drawn, views.share, views.corner)))
    kept = State.of(checkpoint, "views", MAKING, drawn.hexdigest(), photos.digest()).path.with_suffix(".npy")
    try:
        pictures = keep_views(views, kept, _counts("views", on_epoch))
    except KeyboardInterrupt:
        raise BuildError("training stopped while the views were made; the same command makes them again and goes on from here") from None
    said, files = teach(pictures, photos, recipe, checkpoint, on_epoch)
    labels = _smoothed(views.targets(torch.from_numpy(training.labels), said.shape[2]), recipe)
    return pictures, torch.lerp(said, labels, recipe.label_share), [kept, *files]


def _counts(stage: str, on_epoch: Callable[[Progress], None]) -> Callable[[int, int], None]:
    """Tells `on_epoch` how many are done of how many, with the time that is left."""
    started = time.monotonic()
    return lambda done, total: on_epoch(Progress(stage, done, total, None, (time.monotonic() - started) / done * (total - done)))


def teach(pictures: np.ndarray, photos: Photos, recipe: Recipe, checkpoint: Path, on_epoch: Callable[[Progress], None]) -> tuple[torch.Tensor, list[Path]]:
    """Train the teachers: the probabilities (V, N, K) that they give these views together, and the files that keep them until the run is finished.

    The probabilities are of the mean of their logits, calibrated: trained on mixed photos, a teacher is less sure than it is right.
    """
    said, asked, files = zip(*(_teach_one(which, pictures, photos, recipe, checkpoint, on_epoch) for which in range(recipe.teachers)), strict=True)
    temperature = fit_temperature(torch.stack(asked).mean(0).numpy(), photos.part(VALIDATION).labels)
    return (torch.stack(said).mean(0) / temperature).softmax(2), [path for pair in files for path in pair]


def _teach_one(which: int, pictures: np.ndarray, photos: Photos, recipe: Recipe, checkpoint: Path,
               on_epoch: Callable[[Progress], None]) -> tuple[torch.Tensor, torch.Tensor, tuple[Path, Path]]:
    """Train one teacher; its logits for the views (V, N, K) and for the validation photos (M, K), and the files of its state and of those."""
    training, validation = photos.part(TRAINING), photos.part(VALIDATION)
    normalization = _normalization(training)
    # What acts on the small network alone is nothing to a teacher: with another of those settings it need not learn again.
    plan = replace(recipe, epochs=recipe.teacher_epochs, learning_rate=4e-3, weight_decay=0.05, matrix_learning_rate=0.0,
                   linear_decay=0.0, dropout=0.0, branches=0, label_share=0.0, averaging=0.998, batch_size=64, teachers=1, starts=1, seed=recipe.seed + which)
    answered = State.of(checkpoint, "answers", MAKING, asdict(plan), recipe.seed, photos.digest())  # the views follow from the recipe's own seed
    header, said = answered.read()
    state = State.of(checkpoint, "teacher", MAKING, asdict(replace(plan, views=1, mix=0.0)), photos.digest())
    files = (state.path, answered.path)
    if header is not None:
        return said["views"], said["validation"], files
    number = f" {which + 1}" if recipe.teachers > 1 else ""
    torch.manual_seed(plan.seed)
    model = build_teacher(training.images.shape[1], training.images.shape[2], int(training.labels.max()) + 1)
    run = Run(model, plan, _photo_batches(training, plan, normalization, mix=True), lambda model: nn.Sequential(_Normalize(normalization), copy.deepcopy(model)).eval(), state)
    try:
        run.go(validation, f"teacher{number}", on_epoch)
        teacher = run.ready(run.average)
        said = {"views": label_views(pictures, teacher, _counts(f"answers{number}", on_epoch)), "validation": answers(teacher, validation)}
    except KeyboardInterrupt:
        raise BuildError(f"training stopped while the teacher was learning (epoch {run.epoch}); the same command goes on from here") from None
    answered.write(said)
    return said["views"], said["validation"], files


def _folded(model: nn.Sequential, normalization: Normalization) -> nn.Sequential:
    """A training network as it ships: no branches, no batch normalisation, no dropout; and no normalisation where that folds."""
    layers = [(name, layer) for name, layer in copy.deepcopy(model).named_children() if name != _DROPOUT]
    plain = nn.Sequential(OrderedDict((name, layer.fold() if isinstance(layer, Branches) else layer) for name, layer in layers)).eval()
    left = fold_normalization(plain, normalization)
    return plain if left is None else nn.Sequential(OrderedDict([(_NORMALIZE, _Normalize(left)), *plain.named_children()]))


def _write(network: nn.Sequential, runs: list[Run], recipe: Recipe, normalization: Normalization, path: Path, photos: Photos) -> dict[str, Any]:
    """Put the weights of the best run so far into `network`, calibrate it, write it with its history and card, and return the card."""
    training, validation = photos.part(TRAINING), photos.part(VALIDATION)
    judged = []
    for run in runs:
        if run.epoch:
            logits = answers(run.ready(run.average), validation).numpy()
            temperature = fit_temperature(logits, validation.labels)
            judged.append((likelihood(logits / temperature, validation.labels), temperature, run))
    _, temperature, run = min(judged, key=lambda one: one[0])
    shipped = run.ready(run.average)
    folds = _NORMALIZE not in dict(shipped.named_children())
    network.load_state_dict(shipped.state_dict())
    fold_temperature(network, temperature)
    card = {
        "parameters": parameter_count(network),
        "normalization": None if folds else asdict(normalization),
        "temperature": round(temperature, 4),
        "classes": list(photos.classes),
        "photos": {"training": len(training.names), "validation": len(validation.names), "digest": photos.digest()},
        "finished": all(run.epoch == recipe.epochs for run in runs),
        "recipe": asdict(recipe),
        "start": runs.index(run),
        "history": run.history,
    }
    save_weights(path, network, card)
    steps = sorted({int(name.split(".")[0]) for name in run.snapshots})
    header = json.dumps({"steps": steps, "steps_an_epoch": run.batches.steps})  # one field: safetensors shuffles them
    write_atomically(history_file(path), save(run.snapshots, {"training": header}))
    return card


def history_file(weights: Path) -> Path:
    """Where the weights at some steps of the training stand, float16, named "STEP.TENSOR"; they are not calibrated."""
    return weights.with_suffix(".history.safetensors")


def _is_finished(weights: Path) -> bool:
    """Whether `weights` are those of a run that came to its end."""
    try:
        return weights.exists() and json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))["finished"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


_DROPOUT, _NORMALIZE = "training_dropout", "normalization"


class _Normalize(nn.Module):
    """Normalisation as a layer, for a network into which it does not fold."""

    def __init__(self, normalization: Normalization):
        super().__init__()
        self.normalization = normalization

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.normalization.apply(images)


def training_network(network: nn.Sequential, recipe: Recipe) -> nn.Sequential:
    """A copy with branches for convolutions, fresh weights, and dropout before the last layer."""
    torch.manual_seed(recipe.seed)
    layers: list[tuple[str, nn.Module]] = []
    for name, layer in network.named_children():
        layer = copy.deepcopy(layer)
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
        if type(layer) is nn.Conv2d and recipe.branches:
            layer = Branches(layer, recipe.branches)
        layers.append((name, layer))
    layers.insert(len(layers) - 1, (_DROPOUT, nn.Dropout(recipe.dropout)))
    return nn.Sequential(OrderedDict(layers))


def _normalization(photos: Photos) -> Normalization:
    """Mean and standard deviation of each channel over the training photos."""
    pixels = photos.images.transpose(1, 0, 2, 3).reshape(photos.images.shape[1], -1)
    return Normalization(tuple(float(c.mean() / 255) for c in pixels), tuple(float(max(c.std() / 255, 1e-3)) for c in pixels))

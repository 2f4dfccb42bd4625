"""Training: reproducible for a recipe and a seed on one machine, and resumable at any point.

Techniques that improve a small network without changing its architecture: branches that fold into one kernel (RepVGG,
Ding et al., 2021; OREPA, Hu et al., 2022), larger teachers (`model/teacher.py`), the best of several starts, label
smoothing (Szegedy et al., 2016), Muon for the kernels (Jordan et al., 2024), one cycle of the learning rate (Smith,
2018), an average of the weights (Polyak and Juditsky, 1992), mild augmentation, and temperature scaling at the end (Guo
et al., 2017).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from errors import BuildError
from model.batches import normalization_of, photo_batches, view_batches
from model.data import TRAINING, VALIDATION, Photos
from model.evaluate import fit_temperature, fold_temperature, likelihood
from model.fold import Branches, Normalization, Normalize, fold_normalization
from model.networks import Graph, parameter_count
from model.recipe import Recipe
from model.run import MAKING, Batches, Progress, Run, State, answers
from model.teacher import taught_views
from model.weights_file import save_weights, write_atomically

SNAPSHOTS = 16  # of the weights during training


def train(
    network: Graph,
    photos: Photos,
    recipe: Recipe,
    weights: Path,
    checkpoint: Path,
    on_epoch: Callable[[Progress], None],
) -> dict[str, Any]:
    """Train `network` on the training photos; write `weights`, the history of them, and a card, and return the card.

    Each start, and each teacher, has a state beside `checkpoint`, written after every epoch in a file whose name
    follows from all that it depends on, and continued from when that is the same. They and the views are deleted once
    all is finished. Ctrl-C keeps the weights so far, and a BuildError says where: they are written with `"finished":
    false`, or stay in that file when `weights` holds those of a finished run.
    """
    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True)
    training, validation = photos.part(TRAINING), photos.part(VALIDATION)
    lacking = np.setdiff1d(photos.labels, training.labels)
    if len(lacking) or not validation.names:
        name = f'class "{photos.classes[lacking[0]]}"' if len(lacking) and photos.classes else "a class"
        raise BuildError(f"{name} has no photos left to train on; use at least three per class, preferably a hundred")
    normalization = normalization_of(training)
    batches: Callable[[Recipe], Batches] = partial(photo_batches, training, normalization=normalization)
    files: list[Path] = []
    if recipe.teacher_epochs:
        pictures, targets, files = taught_views(photos, recipe, checkpoint, on_epoch)
        batches = partial(view_batches, pictures, targets, normalization=normalization)
    runs = []
    for start in range(recipe.starts):
        own = replace(recipe, starts=1, seed=recipe.seed + 1_000 * start)
        state = State.of(
            checkpoint, "network", MAKING, asdict(own), recipe.seed, photos.digest(), str(network)
        )  # views and teachers follow from the recipe's own seed
        runs.append(
            Run(
                training_network(network, own),
                own,
                batches(own),
                partial(_folded, normalization=normalization),
                state,
                SNAPSHOTS,
            )
        )
    try:
        for number, run in enumerate(runs, 1):
            run.go(validation, f"network {number}" if len(runs) > 1 else "network", on_epoch)
    except KeyboardInterrupt:
        raise BuildError(_stopped(network, runs, recipe, normalization, weights, photos)) from None
    card = _write(network, runs, recipe, normalization, weights, photos)
    for path in (*files, *(run.state.path for run in runs)):
        with suppress(PermissionError):  # Windows keeps the views' file open until the process ends
            path.unlink(missing_ok=True)
    return card


def _stopped(
    network: Graph, runs: list[Run], recipe: Recipe, normalization: Normalization, weights: Path, photos: Photos
) -> str:
    """Save the weights so far, and say where they are."""
    for run in runs:
        run.resume()  # discard changes from the unfinished epoch
    begun = [run for run in runs if run.epoch]
    if not begun:
        return "training stopped in its first epoch; nothing was written"
    stopped = f"training stopped after epoch {begun[-1].epoch}" + (
        f" of network {len(begun)} of {len(runs)}" if len(runs) > 1 else ""
    )
    if _is_finished(weights):
        return (
            f"{stopped}; {weights} keeps what an earlier run finished, and the weights so far are in "
            f"{begun[-1].state.path}; the same command goes on from here"
        )
    card = _write(network, runs, recipe, normalization, weights, photos)
    return (
        f"{stopped}; the {'best' if len(begun) > 1 else 'weights'} so far ({card['history'][-1]['accuracy']:.1%} "
        f"of the validation photos) are in {weights}; the same command goes on from here"
    )


def _folded(model: Graph, normalization: Normalization) -> Graph:
    """A training network as it ships: without branches and dropout, with the normalisation folded where it can be."""
    plain = copy.deepcopy(model).without(_DROPOUT)
    folded = {name: layer.fold() for name, layer in plain.named_children() if isinstance(layer, Branches)}
    plain = plain.replaced(folded).eval()
    left = fold_normalization(plain, normalization)
    return plain if left is None else plain.with_first(_NORMALIZE, Normalize(left))


def _write(
    network: Graph, runs: list[Run], recipe: Recipe, normalization: Normalization, path: Path, photos: Photos
) -> dict[str, Any]:
    """Put the weights of the best run so far into `network`, calibrate it, write it with its history and card, and
    return the card.
    """
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
        "start": runs.index(run),  # from 0; its seed is the recipe's and 1,000 for each
        "history": run.history,
    }
    save_weights(path, network, card)
    steps = sorted({int(name.split(".")[0]) for name in run.snapshots})
    header = json.dumps({"steps": steps, "steps_an_epoch": run.batches.steps})  # one field: safetensors shuffles them
    write_atomically(history_file(path), save(run.snapshots, {"training": header}))
    return card


def history_file(weights: Path) -> Path:
    """The file of the weights at some steps of the training: float16, named "STEP.TENSOR", not calibrated."""
    return weights.with_suffix(".history.safetensors")


def _is_finished(weights: Path) -> bool:
    """Whether `weights` are those of a finished run."""
    try:
        return weights.exists() and json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))["finished"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


_DROPOUT, _NORMALIZE = "training_dropout", "normalization"


def training_network(network: Graph, recipe: Recipe) -> Graph:
    """A copy with branches for convolutions, fresh weights, and dropout before the last layer."""
    torch.manual_seed(recipe.seed)
    fresh: dict[str, nn.Module] = {}
    for name, layer in network.named_children():
        layer = copy.deepcopy(layer)
        if isinstance(reset := getattr(layer, "reset_parameters", None), MethodType):
            reset()
        if type(layer) is nn.Conv2d and recipe.branches and not _is_normalized(network, name):
            layer = Branches(layer, recipe.branches)
        fresh[name] = layer
    return network.replaced(fresh).with_before(network.last, _DROPOUT, nn.Dropout(recipe.dropout))


def _is_normalized(network: Graph, name: str) -> bool:
    """Whether batch normalisation follows; branches have their own and would normalise twice."""
    layers = dict(network.named_children())
    return any(isinstance(layers[user], nn.BatchNorm2d) for user in network.users(name))

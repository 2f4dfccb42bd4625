"""Training: one recipe, one seed, one result; interrupted at any point it goes on where it was.

What helps a network this small without changing what it computes afterwards: branches that fold into one
kernel (RepVGG, Ding et al., 2021), label smoothing (Szegedy et al., 2016), one cycle of the learning rate
(Smith, 2018), an average of the weights over the last epochs (Polyak and Juditsky, 1992), mild augmentation.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from errors import BuildError
from model.data import Photos, held_out
from model.fold import Branches, Normalization, fold_batch_norm, fold_normalization
from model.networks import parameter_count
from model.recipe import Recipe
from model.weights_file import save_weights, write_atomically


@dataclass(frozen=True)
class Progress:
    """What one epoch came to. `accuracy` and `likelihood` (mean negative log) are of the photos held out."""

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    likelihood: float
    seconds_left: float


def train(network: nn.Sequential, photos: Photos, recipe: Recipe, weights: Path, checkpoint: Path,
          on_epoch: Callable[[Progress], None]) -> dict[str, Any]:
    """Train `network` on all photos but those held out; write `weights` and its card, and return the card.

    `checkpoint` is written after every epoch and continued from when recipe, data and network are the same.
    Ctrl-C keeps the best weights so far, and a BuildError says where: they are written with `"finished": false`, or stay
    in the checkpoint when `weights` holds those of a finished run.
    """
    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True)
    test = held_out(photos)
    training, testing = photos[~test], photos[test]
    if len(np.unique(training.labels)) < len(np.unique(photos.labels)):
        raise BuildError("a class has one photo alone, and it is held out; give each class at least two, better a hundred")
    run = _Run(network, recipe, _normalization(training), len(training.labels))
    identity = json.dumps([asdict(recipe), photos.digest(), str(network)])
    run.resume(checkpoint, identity)
    try:
        while run.epoch < recipe.epochs:
            started = time.monotonic()
            loss = run.train_epoch(training)
            if not math.isfinite(loss):
                raise BuildError(f"the loss is not a number any more in epoch {run.epoch + 1}; lower learning_rate in the recipe")
            accuracy, likelihood = evaluate(run.folded(), testing)
            run.end_epoch(loss, accuracy, likelihood)
            run.save(checkpoint, identity)
            left = (time.monotonic() - started) * (recipe.epochs - run.epoch)
            on_epoch(Progress(run.epoch, recipe.epochs, loss, accuracy, likelihood, left))
    except KeyboardInterrupt:
        if not run.best:
            raise BuildError("training stopped in its first epoch; nothing was written") from None
        if _is_finished(weights):
            raise BuildError(f"training stopped after epoch {run.epoch}; {weights} keeps what an earlier run finished, and the best weights "
                             f"so far (epoch {run.best_epoch}) are in {checkpoint}; the same command goes on from here") from None
        card = run.write_best(network, weights, training, testing)
        raise BuildError(f"training stopped after epoch {run.epoch}; the best weights so far (epoch {card['epoch']}, {card['figures']['accuracy']:.1%} "
                         f"of the photos held out) are in {weights}; the same command goes on from here") from None
    card = run.write_best(network, weights, training, testing)
    checkpoint.unlink(missing_ok=True)
    return card


def _is_finished(weights: Path) -> bool:
    """Whether `weights` are those of a run that came to its end."""
    try:
        return weights.exists() and json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))["finished"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def evaluate(network: nn.Sequential, photos: Photos) -> tuple[float, float]:
    """Accuracy and mean negative log-likelihood of a folded network on photos."""
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(to_input(images)) for images in np.array_split(photos.images, -(-len(photos.names) // 250))])
    labels = torch.from_numpy(photos.labels)
    return (logits.argmax(1) == labels).float().mean().item(), F.cross_entropy(logits, labels).item()


def to_input(images: np.ndarray) -> torch.Tensor:
    """uint8 (B, C, H, W) -> float32 in [0, 1]."""
    return torch.from_numpy(images).float() / 255


def augment(images: torch.Tensor, recipe: Recipe, random: torch.Generator) -> torch.Tensor:
    """Each picture of (B, C, H, W) in [0, 1] mirrored, moved, turned, scaled, and its colours varied, by chance."""
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
    images = images * uniform(1 - j, 1 + j).view(-1, 1, 1, 1)
    images = blend(images.mean((1, 2, 3), keepdim=True), images, uniform(1 - j, 1 + j))
    grey = images.mean(1, keepdim=True)
    saturation = torch.where(uniform(0, 1) < recipe.grey, torch.zeros(batch), uniform(1 - j, 1 + j))
    images = blend(grey.expand_as(images), images, saturation)
    blurred = F.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    images = blend(blurred, images, (uniform(0, 1) >= recipe.blur).float())
    return images.clamp(0, 1)


class _Run:
    """The state of a training run: everything that the next epoch depends on, and nothing else."""

    def __init__(self, network: nn.Sequential, recipe: Recipe, normalization: Normalization, count: int):
        torch.manual_seed(recipe.seed)
        self.recipe, self.normalization, self.count = recipe, normalization, count
        self.model = _training_network(network, recipe)
        self.average = copy.deepcopy(self.model)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_epoch = 0

    def train_epoch(self, photos: Photos) -> float:
        """One pass over the photos; returns the mean loss. All chance follows from the seed and the epoch."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed * 1_000_003 + self.epoch)  # dropout
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.count, generator=random).numpy()
        steps = max(1, self.count // recipe.batch_size)
        self.model.train()
        total = 0.0
        for step, chosen in enumerate(np.array_split(order, steps)):
            done = (self.epoch + step / steps) / recipe.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _one_cycle(done)
            images = augment(to_input(photos.images[chosen]), recipe, random)
            logits = self.model(self.normalization.apply(images))
            loss = F.cross_entropy(logits, torch.from_numpy(photos.labels[chosen]), label_smoothing=recipe.label_smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self._average_weights(self.epoch * steps + step)
            total += loss.item() * len(chosen)
        return total / self.count

    def _average_weights(self, step: int) -> None:
        # Early on the average follows closely, else it would remember the random start for long.
        decay = min(self.recipe.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, value in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
                mean.lerp_(value, 1 - decay) if mean.is_floating_point() else mean.copy_(value)

    def folded(self) -> nn.Sequential:
        """The averaged network as it ships: no branches, no batch normalisation, no dropout."""
        network = copy.deepcopy(self.average).eval()
        plain = fold_batch_norm(nn.Sequential(OrderedDict((n, m) for n, m in network.named_children() if n != _DROPOUT)))
        left = fold_normalization(plain, self.normalization)
        return plain if left is None else nn.Sequential(OrderedDict([("normalization", _Normalize(left)), *plain.named_children()]))

    def end_epoch(self, loss: float, accuracy: float, likelihood: float) -> None:
        """Count the epoch, and keep its weights when they are the best so far: by likelihood, which is less noisy than accuracy."""
        self.epoch += 1
        if likelihood <= min((h["likelihood"] for h in self.history), default=math.inf):
            self.best_epoch = self.epoch
            self.best = {n: t.clone() for n, t in self.folded().state_dict().items()}
        self.history.append({"epoch": self.epoch, "loss": round(loss, 4), "accuracy": round(accuracy, 4), "likelihood": round(likelihood, 4)})

    def write_best(self, network: nn.Sequential, path: Path, training: Photos, testing: Photos) -> dict[str, Any]:
        """Put the best weights into `network`, write them with their card, and return the card."""
        network.load_state_dict(self.best)
        figures = self.history[self.best_epoch - 1]
        folds = fold_normalization(copy.deepcopy(network), self.normalization) is None
        card = {
            "parameters": parameter_count(network),
            "normalization": None if folds else asdict(self.normalization),
            "figures": {"accuracy": figures["accuracy"], "likelihood": figures["likelihood"], "held_out": len(testing.names)},
            "trained_on": len(training.names),
            "epoch": self.best_epoch,
            "finished": self.epoch == self.recipe.epochs,
            "recipe": asdict(self.recipe),
            "history": self.history,
            "note": "The epoch was chosen on the photos held out, so their figures flatter it a little.",
        }
        save_weights(path, network, card)
        return card

    def save(self, path: Path, identity: str) -> None:
        tensors = {f"{part}.{name}": tensor.contiguous() for part, state in self._states().items() for name, tensor in state.items()}
        metadata = {"identity": identity, "epoch": str(self.epoch), "best_epoch": str(self.best_epoch), "history": json.dumps(self.history)}
        write_atomically(path, save(tensors, metadata))

    def resume(self, path: Path, identity: str) -> None:
        """Continue from `path` when it is of the same run; another run's checkpoint is left to be overwritten."""
        if not path.exists():
            return
        content = path.read_bytes()
        try:
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
            saved = load(content)
        except (ValueError, KeyError, SafetensorError):
            return  # not a checkpoint of ours, or half of one
        if header["identity"] != identity:
            return
        parts: dict[str, dict[str, torch.Tensor]] = {"model": {}, "average": {}, "optimizer": {}, "best": {}}
        for key, tensor in saved.items():
            part, name = key.split(".", 1)
            parts[part][name] = tensor
        self.model.load_state_dict(parts["model"])
        self.average.load_state_dict(parts["average"])
        self.best = parts["best"]
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            index, field = name.split(".")
            state.setdefault(int(index), {})[field] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.epoch, self.best_epoch = int(header["epoch"]), int(header["best_epoch"])
        self.history = json.loads(header["history"])

    def _states(self) -> dict[str, dict[str, torch.Tensor]]:
        optimizer = {f"{i}.{field}": torch.as_tensor(value) for i, fields in self.optimizer.state_dict()["state"].items()
                     for field, value in fields.items()}
        return {"model": self.model.state_dict(), "average": self.average.state_dict(), "optimizer": optimizer, "best": self.best}


_DROPOUT = "training_dropout"


class _Normalize(nn.Module):
    """Normalisation as a layer, for a network into which it does not fold."""

    def __init__(self, normalization: Normalization):
        super().__init__()
        self.normalization = normalization

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.normalization.apply(images)


def _training_network(network: nn.Sequential, recipe: Recipe) -> nn.Sequential:
    """A copy with branches for convolutions, fresh weights, and dropout before the last layer."""
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


def _one_cycle(done: float) -> float:
    """The share of the peak learning rate when `done` (0 to 1) of the run is over: up for 0.3, then down along a cosine."""
    if done < 0.3:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * done / 0.3)) / 2
    return (1 + math.cos(math.pi * (done - 0.3) / 0.7)) / 2

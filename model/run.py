"""A training run: it averages the weights, and saves its state after every epoch."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from errors import BuildError
from model.data import Photos
from model.fold import Branches
from model.recipe import Recipe
from model.weights_file import write_atomically

MAKING = 5  # increase it when batches change: older checkpoints are then not resumed


@dataclass(frozen=True)
class Figures:
    """The mean loss of an epoch; accuracy and likelihood (mean negative log) of the validation photos after it."""

    loss: float
    accuracy: float
    likelihood: float


@dataclass(frozen=True)
class Progress:
    """Progress of a stage: epochs of a "teacher" or "network" with the last results, "views" or "answers".

    Where there are several teachers or networks, the stage has their number.
    """

    stage: str
    epoch: int
    epochs: int
    figures: Figures | None
    seconds_left: float


@dataclass(frozen=True)
class Batches:
    """`steps` an epoch; `of(epoch)` yields that many times normalised images (B, C, H, W) and targets (B, K),
    probabilities.
    """

    steps: int
    of: Callable[[int], Iterator[tuple[torch.Tensor, torch.Tensor]]]


@dataclass(frozen=True)
class State:
    """A file of tensors that only the same run resumes: `identity` holds everything that determines their values."""

    path: Path
    identity: str

    @staticmethod
    def of(checkpoint: Path, part: str, *identity: Any) -> State:
        """That of a part of the training whose files begin with `checkpoint`; its name follows from the identity, so
        that no other's is overwritten.
        """
        text = json.dumps(identity)
        return State(
            checkpoint.with_name(
                f"{checkpoint.stem}.{part}.{hashlib.sha256(text.encode()).hexdigest()[:12]}.safetensors"
            ),
            text,
        )

    def read(self) -> tuple[dict[str, str] | None, dict[str, torch.Tensor]]:
        """The header and the tensors, or (None, {})."""
        if not self.path.exists():
            return None, {}
        content = self.path.read_bytes()
        try:
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
            return (header, load(content)) if header["identity"] == self.identity else (None, {})
        except (ValueError, KeyError, SafetensorError):
            return None, {}  # not a state file, or incomplete

    def write(self, tensors: dict[str, torch.Tensor], **header: str) -> None:
        write_atomically(self.path, save(tensors, {"identity": self.identity, **header}))


class Run:
    """The state of a training run: exactly what the next epoch depends on.

    `ready` makes of the averaged model a network that takes images in [0, 1], as it would ship. So many `snapshots` of
    it are kept, the first before the first step, dense at first. It goes on from `state` when that is there.
    """

    def __init__(
        self,
        model: nn.Sequential,
        recipe: Recipe,
        batches: Batches,
        ready: Callable[[nn.Module], nn.Module],
        state: State,
        snapshots: int = 0,
    ):
        self.model, self.recipe, self.batches, self.ready, self.state = model, recipe, batches, ready, state
        self.average = copy.deepcopy(self.model)
        self.optimizers = optimizers(self.model, recipe)
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.snapshots: dict[str, torch.Tensor] = {}  # "STEP.NAME" -> float16, a tensor of the network that would ship
        self._worth_keeping = (
            {0, *np.geomspace(1, recipe.epochs * batches.steps, snapshots - 1).round().astype(int).tolist()}
            if snapshots
            else set()
        )
        self.resume()

    def go(self, validation: Photos, stage: str, on_epoch: Callable[[Progress], None]) -> None:
        """Train to the last epoch, saving the state after each one."""
        while self.epoch < self.recipe.epochs:
            started = time.monotonic()
            loss = self.train_epoch()
            accuracy, likelihood = validate(self.ready(self.average), validation)
            if not math.isfinite(loss + likelihood):
                advice = (
                    "lower learning_rate or matrix_learning_rate"
                    if stage.startswith("network")
                    else "try another seed, or teacher_epochs = 0"
                )
                raise BuildError(
                    f"the loss of the {stage} is not a number any more in epoch {self.epoch + 1}; {advice} in the "
                    "recipe"
                )
            self.epoch += 1
            self.history.append(
                {
                    "epoch": self.epoch,
                    "loss": round(loss, 4),
                    "accuracy": round(accuracy, 4),
                    "likelihood": round(likelihood, 4),
                }
            )
            self.save()
            left = (time.monotonic() - started) * (self.recipe.epochs - self.epoch)
            on_epoch(Progress(stage, self.epoch, self.recipe.epochs, Figures(loss, accuracy, likelihood), left))

    def train_epoch(self) -> float:
        """One epoch; returns the mean loss. All randomness depends only on the seed and the epoch."""
        recipe, steps = self.recipe, self.batches.steps
        torch.manual_seed(recipe.seed * 1_000_003 + self.epoch)  # dropout
        self.model.train()
        total, count = 0.0, 0
        for at, (images, targets) in enumerate(_ahead(self.batches.of(self.epoch), recipe.threads)):
            step = self.epoch * steps + at
            self._keep(step)
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = optimizer.defaults["lr"] * _one_cycle(step / (steps * recipe.epochs))
            # Channels last: for a few channels PyTorch's convolutions take two thirds of the time.
            logits = self.model(images.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, targets)
            self.model.zero_grad(set_to_none=True)
            loss.backward()
            for optimizer in self.optimizers:
                optimizer.step()
            self._average_weights(step)
            total, count = total + loss.item() * len(images), count + len(images)
        self._keep((self.epoch + 1) * steps)
        return total / count

    def _average_weights(self, step: int) -> None:
        # Early on, the average is short, so that the random initial weights are forgotten.
        decay = min(self.recipe.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            pairs = list(zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True))
            means, values = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
            torch._foreach_lerp_(means, values, 1 - decay)
            for mean, value in pairs:
                if not mean.is_floating_point():
                    mean.copy_(value)

    def _keep(self, step: int) -> None:
        if step in self._worth_keeping:
            self.snapshots |= {
                f"{step}.{name}": tensor.half() for name, tensor in self.ready(self.average).state_dict().items()
            }

    def save(self) -> None:
        tensors = {
            f"{part}.{name}": tensor.contiguous()
            for part, state in self._states().items()
            for name, tensor in state.items()
        }
        self.state.write(tensors, epoch=str(self.epoch), history=json.dumps(self.history))

    def resume(self) -> None:
        """Restore the last saved state, if there is one."""
        header, saved = self.state.read()
        if header is None:
            return
        parts: dict[str, dict[str, torch.Tensor]] = {"model": {}, "average": {}, "optimizer": {}, "snapshots": {}}
        for key, tensor in saved.items():
            part, name = key.split(".", 1)
            parts[part][name] = tensor
        self.model.load_state_dict(parts["model"])
        self.average.load_state_dict(parts["average"])
        self.snapshots = parts["snapshots"]
        states: list[dict[int, dict[str, torch.Tensor]]] = [{} for _ in self.optimizers]
        for name, tensor in parts["optimizer"].items():
            which, index, field = name.split(".")
            states[int(which)].setdefault(int(index), {})[field] = tensor
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        self.epoch, self.history = int(header["epoch"]), json.loads(header["history"])

    def _states(self) -> dict[str, dict[str, torch.Tensor]]:
        optimizer = {
            f"{which}.{i}.{field}": torch.as_tensor(value)
            for which, optimizer in enumerate(self.optimizers)
            for i, fields in optimizer.state_dict()["state"].items()
            for field, value in fields.items()
        }
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": optimizer,
            "snapshots": self.snapshots,
        }


def _ahead(
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]], threads: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The same batches, each prepared in the background during the step before."""
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(threads,)) as background:
        coming = background.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = background.submit(next, batches, None)
            yield batch


def optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """AdamW and, if the recipe says so, Muon for the matrices (Jordan et al., 2024), whose steps are orthogonalised.

    Muon shrinks linear layers by `linear_decay`: their singular values end near 1 / linear_decay at most. Kernels need
    none of that, since batch normalisation follows them.
    """
    linear = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    kernels = [kernel for module in model.modules() if isinstance(module, Branches) for kernel in module.wide]
    matrices = [*kernels, *linear] if recipe.matrix_learning_rate else []
    rest = [p for p in model.parameters() if not any(p is matrix for matrix in matrices)]
    adamw = torch.optim.AdamW(rest, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    if not matrices:
        return [adamw]
    groups = [{"params": kernels, "weight_decay": 0.0}, {"params": linear, "weight_decay": recipe.linear_decay}]
    return [
        adamw,
        torch.optim.Muon([group for group in groups if group["params"]], lr=recipe.matrix_learning_rate, momentum=0.9),
    ]


def validate(network: nn.Module, photos: Photos) -> tuple[float, float]:
    """Accuracy and mean negative log-likelihood of a network that takes images in [0, 1]."""
    logits = answers(network.eval(), photos)
    labels = torch.from_numpy(photos.labels)
    return (logits.argmax(1) == labels).float().mean().item(), F.cross_entropy(logits, labels).item()


def answers(network: nn.Module, photos: Photos) -> torch.Tensor:
    """The network's logits (N, K)."""
    with torch.no_grad():
        # A hundred at a time and channels last: three times as fast as larger parts in the default layout.
        parts = np.array_split(photos.images, -(-len(photos.names) // 100))
        return torch.cat([network(to_input(images).contiguous(memory_format=torch.channels_last)) for images in parts])


def to_input(images: np.ndarray) -> torch.Tensor:
    """uint8 (B, C, H, W) -> float32 in [0, 1]."""
    return torch.from_numpy(images).float() / 255


def _one_cycle(done: float) -> float:
    """The share of the peak learning rate when `done` (0 to 1) of the run is over: up for 0.2, then down along a
    cosine.
    """
    if done < 0.2:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * done / 0.2)) / 2
    return (1 + math.cos(math.pi * (done - 0.2) / 0.8)) / 2

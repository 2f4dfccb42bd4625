"""Weights on disk: safetensors for the numbers, JSON beside it for the recipe and the figures. No pickle anywhere."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from errors import BuildError
from model.fold import Normalization


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file, then rename it, so that a reader never sees a partial file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def save_weights(path: Path, network: nn.Sequential, card: dict[str, Any]) -> None:
    """`path` (safetensors) and `path` with .json: `card` holds the recipe, the figures and any normalisation left."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(path, save(tensors))
    write_card_file(path, card)


def write_card_file(path: Path, card: dict[str, Any]) -> None:
    """`path` with .json: one line for each field of the card and each entry of its lists, for readable diffs."""
    lines = [f"{json.dumps(name)}: {_lines(value)}" for name, value in card.items()]
    write_atomically(path.with_suffix(".json"), ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def _lines(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        return "[\n " + ",\n ".join(json.dumps(item, ensure_ascii=False) for item in value) + "\n]"
    if isinstance(value, dict) and any(isinstance(item, (dict, list)) for item in value.values()):
        return "{\n" + ",\n".join(f" {json.dumps(name)}: {_lines(item)}" for name, item in value.items()) + "\n}"
    return json.dumps(value, ensure_ascii=False)


def load_weights(
    path: Path, network: nn.Sequential, classes: list[str] | None = None
) -> tuple[dict[str, Any], Normalization | None]:
    """Fill `network` from `path`; returns its card and the normalisation that the graph has to apply.

    Raises BuildError if a file is missing, truncated, of another shape, or contains NaN or infinity, and if the weights
    were trained on other `classes` (their folders) or another order of them.
    """
    if not path.exists():
        raise BuildError("the weights are missing", path)
    try:
        tensors = load(path.read_bytes())
    except SafetensorError as error:
        raise BuildError(f"not a whole safetensors file ({error}); restore it from git or train again", path) from error
    expected = network.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        have, want = (tuple(t[name].shape) if name in t else None for t in (tensors, expected))
        if have != want:
            raise BuildError(
                f'"{name}" has shape {have or "(missing)"}, the network needs {want or "no such tensor"}; '
                "train again or restore the network in strata.toml",
                path,
            )
        if not torch.isfinite(tensors[name]).all():
            raise BuildError(f'"{name}" holds values that are not numbers; restore it from git or train again', path)
    network.load_state_dict(tensors)
    network.eval()
    card_path = path.with_suffix(".json")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        norm = card.get("normalization")
        _check_classes(card.get("classes") or classes, classes, card_path)
        return card, Normalization(tuple(norm["mean"]), tuple(norm["std"])) if norm else None
    except FileNotFoundError:
        raise BuildError(
            "the recipe and figures of the weights are missing; restore them from git or train again", card_path
        ) from None
    except (ValueError, KeyError, AttributeError) as error:
        raise BuildError(f"not the JSON that training writes ({error})", card_path) from error


def _check_classes(learned: list[str] | None, classes: list[str] | None, card: Path) -> None:
    for at, (theirs, ours) in enumerate(zip(learned or [], classes or [], strict=False)):
        if theirs != ours:
            raise BuildError(
                f'output {at + 1} of these weights was trained on the folder "{theirs}", and strata.toml has "{ours}" '
                "there; restore the order and the "
                "folders of the classes, or train again",
                card,
            )

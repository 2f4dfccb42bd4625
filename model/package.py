"""Everything that the browser gets about one model: manifest, ONNX, weights, and a trace of each example."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from config import Model
from errors import BuildError
from model.export import check_export, export
from model.fold import Normalization, deployed
from model.kinds import Shape, kind_of, options_of
from model.networks import Graph, build_network, parameter_count, trace
from model.photos import choose_photos
from model.preprocess import central_square, flatten, preprocess
from model.weights_file import load_weights
from package import Package

MANIFEST_VERSION = 2
THUMBNAIL = 112  # pixels: twice the size at which the strip shows it


@dataclass(frozen=True)
class Example:
    """A picture shown by default.

    `label` is its class's name; `source` says what it is, "drawing", "picture" or "photo".
    """

    name: str
    label: str
    source: str
    picture: Image.Image
    path: Path
    file: str = ""  # of a photo: its name in the set that it comes from


def outline(model: Model, examples: list[tuple[str, str]]) -> dict[str, Any]:
    """What a manifest says of a network before its weights are read: enough to check lessons, in a tenth of the time.

    `examples` are names and labels.
    """
    network, shape = _network(model)
    network = deployed(network)
    activations = trace(network, torch.zeros(1, *shape))
    return {
        "name": model.name,
        "input": {"name": "image", "shape": list(shape)},
        "layers": _layers(network, activations),
        "examples": [{"name": name, "label": label} for name, label in examples],
    }


def _network(model: Model) -> tuple[Graph, Shape]:
    try:
        return build_network(model.network, len(model.classes))
    except BuildError as error:
        raise BuildError(f"[models.{model.name}] {error.message}", "strata.toml") from error


def package(model: Model, examples: list[Example], data: Path | None = None) -> Package:
    """Load the weights, export, trace every example, and check that ONNX and PyTorch agree on each.

    With `data`, test photos are added to the examples.
    """
    network, shape = _network(model)
    card, normalization = load_weights(model.weights, network, [c.folder for c in model.classes])
    network = deployed(network)
    if data:
        examples = [*examples, *_photos(model, data, network, shape, normalization)]
    return package_network(model, network, shape, card, normalization, examples)


def _photos(
    model: Model, data: Path, network: Graph, shape: Shape, normalization: Normalization | None
) -> list[Example]:
    names: dict[str, int] = {}
    examples = []
    for photo in choose_photos(model, data, network, shape, normalization):
        label = model.classes[photo.label].name
        names[label] = names.get(label, 0) + 1
        name = f"{label.replace(' ', '_')}-photo-{names[label]}"
        examples.append(Example(name, label, "photo", photo.picture, data, photo.file))
    return examples


def package_network(
    model: Model,
    network: Graph,
    shape: Shape,
    card: dict[str, Any],
    normalization: Normalization | None,
    examples: list[Example],
) -> Package:
    """Like `package`, for a network that is already loaded."""
    if not examples:
        raise BuildError("no example pictures; put at least one there, named after its class", model.examples)
    onnx_bytes = export(network, shape, normalization)
    pixels = np.stack([preprocess(example.picture, shape[1], shape[0]) for example in examples])  # (N, C, H, W)
    images = torch.from_numpy(pixels).float() / 255
    check_export(onnx_bytes, network, images, normalization)
    activations = trace(network, normalization.apply(images) if normalization else images)
    layers = _layers(network, activations)
    stored, figures = _stored(network), card.get("figures")
    manifest = {
        "version": MANIFEST_VERSION,
        "name": model.name,
        "title": model.title,
        "parameters": parameter_count(network),
        "input": {
            "name": "image",
            "shape": list(shape),
            "normalization": {"mean": normalization.mean, "std": normalization.std} if normalization else None,
        },
        "classes": [{"name": c.name, "labels": c.labels} for c in model.classes],
        "layers": layers,
        "weights": [{"name": name, "shape": list(tensor.shape)} for name, tensor in network.state_dict().items()],
        "trace": [{"name": name, "dtype": dtype} for name, dtype in stored.items()],
        "examples": [
            {"name": e.name, "key": _key(e.name), "label": e.label, "source": e.source, "file": e.file}
            for e in examples
        ],
        "data": model.data.title if model.data else None,
        "figures": {name: figures[name] for name in ("accuracy", "likelihood", "photos")} if figures else None,
        "unknown": _rule(card["unknown"], layers, model) if "unknown" in card else None,
    }
    files = {"model.onnx": onnx_bytes}
    files["weights"] = b"".join(t.numpy().astype("<f4").tobytes() for t in network.state_dict().values())
    for i, example in enumerate(examples):
        parts = [pixels[i].tobytes()]
        for name, dtype in list(stored.items())[1:]:
            values = activations[name][i].numpy().astype(np.dtype(dtype).newbyteorder("<"))
            if not np.isfinite(values).all():
                raise BuildError(f'layer "{name}" leaves the range of {dtype} on this picture', example.path)
            parts.append(values.tobytes())
        files[f"examples/{_key(example.name)}"] = b"".join(parts)
    files["examples.webp"] = _thumbnails(examples)
    return Package(manifest, files)


def _key(name: str) -> str:
    """The name of an example's file in the site, which every server and file system can have."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f"example-{sha256(name.encode()).hexdigest()[:8]}"


def _layers(network: Graph, activations: dict[str, torch.Tensor]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": kind_of(layer, name).name,
            "inputs": network.inputs[name],
            "shape": list(activations[name].shape[1:]),
            **options_of(layer, name),
            "parameters": parameter_count(layer),
        }
        for name, layer in network.named_children()
    ]


def _stored(network: Graph) -> dict[str, str]:
    """The contents of a trace file and their types: the picture, every layer with weights, and the exact logits.

    The page computes all other layers from these.
    """
    names = [name for name, layer in network.named_children() if kind_of(layer, name).has_weights]
    return {"image": "uint8", **dict.fromkeys(names, "float16"), network.last: "float32"}


def _rule(unknown: dict[str, Any], layers: list[dict[str, Any]], model: Model) -> dict[str, Any]:
    """The rule for pictures of none of the classes, for `unknown.looks_unknown`."""
    rule = {name: unknown.get(name) for name in ("measure", "threshold", "layer", "least", "most")}
    channels = {layer["name"]: layer["shape"][0] for layer in layers} | {None: 0}
    if rule["least"] is None or channels.get(rule["layer"]) != len(rule["least"]):
        raise BuildError(
            "the card is from an earlier version or another network; update it with: python build.py evaluate "
            f"{model.name} --data PATH",
            model.weights.with_suffix(".json"),
        )
    return rule


def _thumbnails(examples: list[Example]) -> bytes:
    strip = Image.new("RGB", (THUMBNAIL * len(examples), THUMBNAIL))
    for i, example in enumerate(examples):
        small = central_square(flatten(ImageOps.exif_transpose(example.picture))).resize(
            (THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS
        )
        strip.paste(small, (i * THUMBNAIL, 0))
    buffer = io.BytesIO()
    strip.save(buffer, "WEBP", quality=82, method=6)
    return buffer.getvalue()

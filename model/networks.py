"""Networks: an nn.Sequential of named layers, from TinyVGG or from a list of layers in strata.toml."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from errors import BuildError, nearest
from model.kinds import Shape, build_layer


def TinyVGG(
    in_channels: int = 3, hidden_units: int = 10, classes: int = 10, image_size: int = 64, padding: int = 0
) -> nn.Sequential:
    """The small VGG of CNN Explainer (Wang et al., 2020): two blocks of two 3 x 3 convolutions, then one linear layer.

    Input (B, in_channels, image_size, image_size), output logits (B, classes). The default has 19,920 parameters;
    (1, 10, 10, 28, 1) is the usual PyTorch tutorial's, with 10 * 7 * 7 inputs to its linear layer.
    """
    specs: list[dict[str, Any]] = []
    for block in (1, 2):
        for conv in (1, 2):
            specs.append(
                {
                    "name": f"conv_{block}_{conv}",
                    "kind": "conv",
                    "out_channels": hidden_units,
                    "kernel_size": 3,
                    "padding": padding,
                }
            )
            specs.append({"name": f"relu_{block}_{conv}", "kind": "relu"})
        specs.append({"name": f"max_pool_{block}", "kind": "max_pool"})
    specs += [{"name": "flatten", "kind": "flatten"}, {"name": "logits", "kind": "linear", "out_features": classes}]
    return sequential(specs, (in_channels, image_size, image_size))


def sequential(specs: list[dict[str, Any]], shape: Shape) -> nn.Sequential:
    """A network from layer specs `{name, kind, …options}`; input channels and features follow from `shape` (C, H, W).

    Raises BuildError when a layer does not fit what comes before it, or the last one is not `logits`.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise BuildError('layers is a list of tables: [{ name = "conv_1", kind = "conv", … }, …]')
    x = torch.zeros(1, *shape)
    for spec in specs:
        name = spec.get("name", "")
        if not isinstance(name, str) or not name.replace("_", "").isalnum() or name in layers or name == "image":
            raise BuildError(
                f'layer name "{name}" must be made of letters, digits and _, used once, and not be "image"'
            )
        layers[name] = build_layer(spec, tuple(x.shape[1:]))
        try:
            with torch.no_grad():
                y = layers[name].eval()(x)
            if 0 in y.shape:
                raise ValueError("nothing would be left of it")
        except (RuntimeError, ValueError) as error:
            hint = str(error)
            if spec["kind"] == "linear" and x.dim() != 2:
                hint = "put a flatten before it"
            elif x.dim() == 4 and spec.get("kernel_size", 2) > min(x.shape[2:]) + 2 * spec.get("padding", 0):
                hint = "its kernel is larger than that; take a larger image_size, or a smaller kernel_size"
            raise BuildError(
                f'layer "{name}" cannot follow an activation of shape {tuple(x.shape[1:])}: {hint}'
            ) from error
        x = y
    if not specs or specs[-1]["name"] != "logits" or specs[-1]["kind"] != "linear":
        raise BuildError('the last layer must be named "logits" and be of kind linear, which gives one number a class')
    return nn.Sequential(layers)


NETWORKS: dict[str, Callable[..., nn.Sequential]] = {"TinyVGG": TinyVGG}


def build_network(network: dict[str, Any], classes: int) -> tuple[nn.Sequential, Shape]:
    """The network that strata.toml describes and the shape of its input (C, H, W).

    `network` is `{type = "TinyVGG", in_channels, hidden_units, image_size, padding}` or
    `{in_channels, image_size, layers = [{name, kind, …}]}`.
    """
    options = dict(network)
    for field in ("in_channels", "image_size"):
        if not isinstance(options.get(field), int) or options[field] < 1:
            raise BuildError(f"network needs {field}, a whole number above 0")
    if options["in_channels"] not in (1, 3):
        raise BuildError("network: in_channels is 1 (grey) or 3 (colour)")
    shape = (options["in_channels"], options["image_size"], options["image_size"])
    if "layers" in options:
        unknown = set(options) - {"in_channels", "image_size", "layers"}
        if unknown:
            raise BuildError(f'network: "{sorted(unknown)[0]}" has no meaning beside layers')
        built = sequential(options["layers"], shape)
    else:
        name = str(options.pop("type", ""))
        if name not in NETWORKS:
            raise BuildError(
                f'unknown network "{name}"; networks are {", ".join(NETWORKS)}, or give "layers"{nearest(name, NETWORKS)}'
            )
        try:
            built = NETWORKS[name](classes=classes, **options)
        except TypeError as error:
            raise BuildError(f"network {name}: {error}") from error
    if built.logits.out_features != classes:
        raise BuildError(f"the network gives {built.logits.out_features} logits for {classes} classes")
    return built, shape


def parameter_count(network: nn.Module) -> int:
    """The number of weights and biases."""
    return sum(p.numel() for p in network.parameters())


def trace(network: nn.Sequential, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every layer's activation for images (B, C, H, W) in [0, 1]: `{name: (B, …)}`, in the network's order."""
    activations: dict[str, torch.Tensor] = {}
    network.eval()
    with torch.no_grad():
        x = images
        for name, layer in network.named_children():
            x = layer(x)
            activations[name] = x
    return activations


__all__ = ["NETWORKS", "TinyVGG", "build_network", "parameter_count", "sequential", "trace"]

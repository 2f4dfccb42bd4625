"""Networks: graphs of named layers, from TinyVGG or from a list of layers in strata.toml."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from errors import BuildError, nearest
from model.kinds import Shape, build_layer, pair

IMAGE = "image"  # the name of the network's input among its layers' inputs


class Graph(nn.Sequential):
    """Named layers in execution order; `inputs` names each one's inputs: "image" or earlier layers.

    Without `inputs` each layer follows the one before it, as in an nn.Sequential.
    """

    def __init__(self, layers: Mapping[str, nn.Module], inputs: Mapping[str, list[str]] | None = None):
        super().__init__(OrderedDict(layers))
        names = list(layers)
        before = dict(zip(names, [IMAGE, *names], strict=False))
        self.inputs = {name: list((inputs or {}).get(name, [before[name]])) for name in names}

    def activations(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every layer's activation for images (B, C, H, W): `{name: (B, …)}`, in the network's order."""
        found = {IMAGE: images}
        for name, layer in self.named_children():
            found[name] = layer(*(found[source] for source in self.inputs[name]))
        del found[IMAGE]
        return found

    def forward(self, images: torch.Tensor) -> torch.Tensor:  # (B, C, H, W) -> (B, classes)
        return self.activations(images)[self.last]

    @property
    def last(self) -> str:
        """The layer whose activation is the network's output."""
        return next(reversed(self.inputs))

    def users(self, name: str) -> list[str]:
        """The layers that have this layer, or the image, as an input."""
        return [user for user, sources in self.inputs.items() if name in sources]

    def replaced(self, layers: Mapping[str, nn.Module]) -> Graph:
        """A copy of the graph with some modules replaced."""
        return Graph({**dict(self.named_children()), **layers}, self.inputs)

    def without(self, name: str) -> Graph:
        """A copy without a layer that has one input; the layer's users get that input instead."""
        (source,) = self.inputs[name]
        rest = {other: layer for other, layer in self.named_children() if other != name}
        inputs = {other: [source if one == name else one for one in self.inputs[other]] for other in rest}
        return Graph(rest, inputs)

    def with_first(self, added: str, layer: nn.Module) -> Graph:
        """A copy with an additional first layer."""
        inputs = {name: [added if one == IMAGE else one for one in own] for name, own in self.inputs.items()}
        return Graph({added: layer, **dict(self.named_children())}, {added: [IMAGE], **inputs})

    def with_before(self, name: str, added: str, layer: nn.Module) -> Graph:
        """A copy with a layer inserted between `name` and its only input; other users of the input are unchanged."""
        layers: dict[str, nn.Module] = {}
        for other, own in self.named_children():
            layers |= {added: layer, other: own} if other == name else {other: own}
        return Graph(layers, {**self.inputs, added: self.inputs[name], name: [added]})


def TinyVGG(
    in_channels: int = 3, hidden_units: int = 10, classes: int = 10, image_size: int = 64, padding: int = 0
) -> Graph:
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
    return build_graph(specs, (in_channels, image_size, image_size))


def build_graph(specs: list[dict[str, Any]], shape: Shape) -> Graph:
    """A network from layer specs `{name, kind, inputs, …options}`; input channels and features follow from `shape` (C,
    H, W).

    `inputs` defaults to the layer before. Raises BuildError if a layer does not fit its inputs, an activation is
    unused, or the last layer is not `logits`.
    """
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise BuildError('layers is a list of tables: [{ name = "conv_1", kind = "conv", … }, …]')
    layers: dict[str, nn.Module] = {}
    inputs: dict[str, list[str]] = {}
    found = {IMAGE: torch.zeros(1, *shape)}
    for spec in specs:
        name = spec.get("name", "")
        if not isinstance(name, str) or not name.replace("_", "").isalnum() or name in found:
            raise BuildError(
                f'layer name "{name}" must be made of letters, digits and _, used once, and not be "{IMAGE}"'
            )
        inputs[name] = _inputs_of(spec, list(found))
        taken = [found[source] for source in inputs[name]]
        shapes = [tuple(x.shape[1:]) for x in taken]
        layers[name] = build_layer({key: value for key, value in spec.items() if key != "inputs"}, shapes)
        try:
            with torch.no_grad():
                found[name] = layers[name].eval()(*taken)
            if 0 in found[name].shape:
                raise ValueError("nothing would be left of it")
        except (RuntimeError, ValueError) as error:
            raise BuildError(
                f'layer "{name}" cannot follow {_named(shapes)}: {_hint(spec, taken[0], error)}'
            ) from error
    if not specs or specs[-1]["name"] != "logits" or specs[-1]["kind"] != "linear":
        raise BuildError('the last layer must be named "logits" and be of kind linear, which gives one number a class')
    graph = Graph(layers, inputs)
    unused = next((name for name in layers if name != graph.last and not graph.users(name)), None)
    if unused:
        raise BuildError(f'"{unused}" is not an input of any layer; add it to the inputs of one, or remove it')
    return graph


def _inputs_of(spec: dict[str, Any], known: list[str]) -> list[str]:
    """The names in `inputs`, checked; the layer before by default."""
    inputs = spec.get("inputs", [known[-1]])
    if not isinstance(inputs, list) or not inputs or not all(isinstance(source, str) for source in inputs):
        raise BuildError(f'layer "{spec["name"]}": inputs is a list of layers before it: inputs = ["relu_1", "conv_2"]')
    for source in inputs:
        if source not in known:
            raise BuildError(
                f'layer "{spec["name"]}": there is no layer "{source}" before it; there are {", ".join(known)}'
                f"{nearest(source, known)}"
            )
    return inputs


def _named(shapes: list[Shape]) -> str:
    text = " and ".join(str(shape) for shape in shapes)
    return f"an activation of shape {text}" if len(shapes) == 1 else f"activations of shapes {text}"


def _hint(spec: dict[str, Any], x: torch.Tensor, error: Exception) -> str:
    """A hint for a layer that does not fit its inputs."""
    if spec["kind"] == "linear" and x.dim() != 2:
        return "put a flatten before it"
    if x.dim() == 4 and spec["kind"] in ("conv", "max_pool", "avg_pool"):
        kernel, padding, dilation = (
            pair(spec.get(name, default)) for name, default in (("kernel_size", 2), ("padding", 0), ("dilation", 1))
        )
        sizes = zip(kernel, padding, dilation, x.shape[2:], strict=True)
        if any(d * (k - 1) + 1 > size + 2 * p for k, p, d, size in sizes):
            return "its kernel is larger than that; take a larger image_size, or a smaller kernel_size"
    return str(error)


NETWORKS: dict[str, Callable[..., Graph]] = {"TinyVGG": TinyVGG}


def build_network(network: dict[str, Any], classes: int) -> tuple[Graph, Shape]:
    """The network that strata.toml describes and the shape of its input (C, H, W).

    `network` is `{type = "TinyVGG", in_channels, hidden_units, image_size, padding}` or
    `{in_channels, image_size, layers = [{name, kind, inputs, …}]}`.
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
            raise BuildError(f'network: "{sorted(unknown)[0]}" cannot be combined with layers')
        built = build_graph(options["layers"], shape)
    else:
        name = str(options.pop("type", ""))
        if name not in NETWORKS:
            raise BuildError(
                f'unknown network "{name}"; networks are {", ".join(NETWORKS)}, or give '
                f'"layers"{nearest(name, NETWORKS)}'
            )
        try:
            built = NETWORKS[name](classes=classes, **options)
        except TypeError as error:
            raise BuildError(f"network {name}: {error}") from error
    logits = built.get_submodule(built.last).out_features
    if logits != classes:
        raise BuildError(f"the network gives {logits} logits for {classes} classes")
    return built, shape


def parameter_count(network: nn.Module) -> int:
    """The number of weights and biases."""
    return sum(p.numel() for p in network.parameters())


def trace(network: Graph, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every layer's activation for images (B, C, H, W) in [0, 1]: `{name: (B, …)}`, in the network's order."""
    network.eval()
    with torch.no_grad():
        return network.activations(images)


__all__ = ["IMAGE", "NETWORKS", "Graph", "TinyVGG", "build_graph", "build_network", "parameter_count", "trace"]

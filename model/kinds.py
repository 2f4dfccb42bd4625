"""The kinds of layers: how each is built, described in the manifest, and exported to ONNX.

`assets/src/arithmetic/kinds.ts` is this table's counterpart in the browser; a new kind is one entry in each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from onnx import NodeProto, helper
from torch import nn

from errors import BuildError, nearest

Shape = tuple[int, ...]  # one activation without the batch: (C, H, W) or (N,)
Options = dict[str, Any]


class Add(nn.Module):
    """Element-wise sum of activations of the same shape, as in a residual connection (He et al., 2016)."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return torch.stack(inputs).sum(0) if len(inputs) > 2 else inputs[0] + inputs[1]


class Concat(nn.Module):
    """Concatenation of several activations along the channels."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat(inputs, 1)


class Affine(nn.Module):
    """A weight and a bias for each channel: batch normalisation after training."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # (B, C, H, W)
        return x * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


@dataclass(frozen=True)
class Written:
    """Writes a layer to ONNX: its name, the names of its inputs, its options, and `constant(suffix, values)`."""

    name: str
    inputs: list[str]
    options: Options
    constant: Callable[[str, np.ndarray], str]

    def node(self, op: str, inputs: list[str], output: str = "", **attributes: Any) -> NodeProto:
        """A node; its output is the layer's, or an intermediate one named `output`."""
        name = f"{self.name}.{output}" if output else self.name
        return helper.make_node(op, inputs, [name], name=name, **attributes)

    def inner(self, output: str) -> str:
        """The name of an intermediate output."""
        return f"{self.name}.{output}"


@dataclass(frozen=True)
class Kind:
    """One kind of layer. `options` maps the manifest's fields to their defaults (None: must be given)."""

    name: str
    module: type[nn.Module]
    build: Callable[[Options, list[Shape]], nn.Module]
    nodes: Callable[[Written], list[NodeProto]]
    options: Options = field(default_factory=dict)
    has_weights: bool = False
    many_inputs: bool = False


def pair(value: Any) -> tuple[Any, Any]:
    """An option in height and width; one number stands for both."""
    return (value[0], value[1]) if isinstance(value, (list, tuple)) and len(value) == 2 else (value, value)


def _op(
    op: str, attributes: Callable[[Options], dict[str, Any]] = lambda options: {}
) -> Callable[..., list[NodeProto]]:
    return lambda layer: [layer.node(op, layer.inputs, **attributes(layer.options))]


def _window(options: Options) -> dict[str, Any]:
    kernel, stride, padding = (pair(options[name]) for name in ("kernel_size", "stride", "padding"))
    return {"kernel_shape": list(kernel), "strides": list(stride), "pads": [*padding, *padding]}


def _conv_window(options: Options) -> dict[str, Any]:
    return {**_window(options), "dilations": list(pair(options["dilation"])), "group": options["groups"]}


def _as_given(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _pool(module: type[nn.Module]) -> Callable[[Options, list[Shape]], nn.Module]:
    return lambda o, shapes: module(*(_as_given(o[name]) for name in ("kernel_size", "stride", "padding")))


def _conv(o: Options, shapes: list[Shape]) -> nn.Module:
    window: dict[str, Any] = {name: pair(o[name]) for name in ("kernel_size", "stride", "padding", "dilation")}
    return nn.Conv2d(shapes[0][0], o["out_channels"], groups=o["groups"], **window)


def _affine(layer: Written) -> list[NodeProto]:
    x, weight, bias = layer.inputs
    return [layer.node("Mul", [x, weight], "scaled"), layer.node("Add", [layer.inner("scaled"), bias])]


def _gelu(layer: Written) -> list[NodeProto]:
    """x · (1 + erf(x / √2)) / 2; ONNX has an operator of its own only from opset 20 on."""
    (x,) = layer.inputs
    root, one, half = (
        layer.constant(name, np.array(value)) for name, value in (("root", math.sqrt(2)), ("one", 1.0), ("half", 0.5))
    )
    return [
        layer.node("Div", [x, root], "divided"),
        layer.node("Erf", [layer.inner("divided")], "erf"),
        layer.node("Add", [layer.inner("erf"), one], "added"),
        layer.node("Mul", [x, layer.inner("added")], "multiplied"),
        layer.node("Mul", [layer.inner("multiplied"), half]),
    ]


def _silu(layer: Written) -> list[NodeProto]:
    (x,) = layer.inputs
    return [layer.node("Sigmoid", [x], "sigmoid"), layer.node("Mul", [x, layer.inner("sigmoid")])]


def _same_shapes(o: Options, shapes: list[Shape]) -> nn.Module:
    if len(shapes) < 2 or len(set(shapes)) != 1:
        raise BuildError(f"add takes two or more inputs of one shape, not {', '.join(map(str, shapes))}")
    return Add()


def _same_maps(o: Options, shapes: list[Shape]) -> nn.Module:
    if len(shapes) < 2 or any(len(shape) != 3 for shape in shapes) or len({shape[1:] for shape in shapes}) != 1:
        raise BuildError(f"concat takes two or more inputs with maps of one size, not {', '.join(map(str, shapes))}")
    return Concat()


_POOL = {"kernel_size": 2, "stride": 2, "padding": 0}
_CONV = {"out_channels": None, "kernel_size": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}

# No activation works in place, because the trace keeps the output of the layer before it.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("conv", nn.Conv2d, _conv, _op("Conv", _conv_window), _CONV, has_weights=True),
        Kind(
            "linear",
            nn.Linear,
            lambda o, s: nn.Linear(s[0][0], o["out_features"]),
            _op("Gemm", lambda o: {"transB": 1}),
            {"out_features": None},
            has_weights=True,
        ),
        Kind("batch_norm", nn.BatchNorm2d, lambda o, s: nn.BatchNorm2d(s[0][0]), _affine, has_weights=True),
        Kind("relu", nn.ReLU, lambda o, s: nn.ReLU(), _op("Relu")),
        Kind(
            "leaky_relu",
            nn.LeakyReLU,
            lambda o, s: nn.LeakyReLU(o["negative_slope"]),
            _op("LeakyRelu", lambda o: {"alpha": o["negative_slope"]}),
            {"negative_slope": 0.01},
        ),
        Kind("gelu", nn.GELU, lambda o, s: nn.GELU(), _gelu),
        Kind("silu", nn.SiLU, lambda o, s: nn.SiLU(), _silu),
        Kind("sigmoid", nn.Sigmoid, lambda o, s: nn.Sigmoid(), _op("Sigmoid")),
        Kind("tanh", nn.Tanh, lambda o, s: nn.Tanh(), _op("Tanh")),
        Kind("max_pool", nn.MaxPool2d, _pool(nn.MaxPool2d), _op("MaxPool", _window), _POOL),
        Kind(
            "avg_pool",
            nn.AvgPool2d,
            _pool(nn.AvgPool2d),
            _op("AveragePool", lambda o: {**_window(o), "count_include_pad": 1}),
            _POOL,
        ),
        Kind("global_avg_pool", nn.AdaptiveAvgPool2d, lambda o, s: nn.AdaptiveAvgPool2d(1), _op("GlobalAveragePool")),
        Kind("dropout", nn.Dropout, lambda o, s: nn.Dropout(o["p"]), _op("Identity"), {"p": 0.5}),
        Kind("flatten", nn.Flatten, lambda o, s: nn.Flatten(), _op("Flatten", lambda o: {"axis": 1})),
        Kind("add", Add, _same_shapes, _op("Sum"), many_inputs=True),
        Kind("concat", Concat, _same_maps, _op("Concat", lambda o: {"axis": 1}), many_inputs=True),
    )
}


def kind_of(module: nn.Module, name: str) -> Kind:
    """The kind of `module`; BuildError when Strata has none for it."""
    if type(module) is Affine:
        return KINDS["batch_norm"]
    for kind in KINDS.values():
        if type(module) is kind.module:
            return kind
    raise BuildError(f'layer "{name}" is a {type(module).__name__}; kinds are {", ".join(KINDS)}')


def options_of(module: nn.Module, name: str) -> Options:
    """The manifest's fields of a layer, read from its module: one number for height and width, or [height, width] where
    they differ. BuildError for what the figures cannot show."""
    if getattr(module, "ceil_mode", False) or getattr(module, "padding_mode", "zeros") != "zeros":
        raise BuildError(f'layer "{name}": pad with zeros, and without ceil_mode')
    if isinstance(module, nn.MaxPool2d) and pair(module.dilation) != (1, 1):
        raise BuildError(f'layer "{name}": a pooling has no dilation here')
    values = {}
    for option in kind_of(module, name).options:
        value = getattr(module, option)
        if isinstance(value, tuple):
            value = value[0] if len(set(value)) == 1 else list(value)
        values[option] = value
    return values


_RANGES = {  # option -> (least, most, whole)
    "out_channels": (1, 512, True),
    "out_features": (1, 10_000, True),
    "kernel_size": (1, 64, True),
    "stride": (1, 64, True),
    "padding": (0, 32, True),
    "dilation": (1, 32, True),
    "groups": (1, 512, True),
    "negative_slope": (0, 1, False),
    "p": (0, 0.95, False),
}
_PAIRS = {"kernel_size", "stride", "padding", "dilation"}


def build_layer(spec: dict[str, Any], shapes: list[Shape]) -> nn.Module:
    """A module from `{name, kind, …options}` for inputs of `shapes`; BuildError names a wrong option."""
    name, kind_name = spec["name"], str(spec.get("kind", ""))
    kind = KINDS.get(kind_name)
    if kind is None:
        raise BuildError(
            f'layer "{name}": unknown kind "{kind_name}"; kinds are {", ".join(KINDS)}{nearest(kind_name, KINDS)}'
        )
    unknown = set(spec) - {"name", "kind"} - set(kind.options)
    if unknown:
        option = sorted(unknown)[0]
        raise BuildError(f'layer "{name}": {kind_name} has no option "{option}"{nearest(option, kind.options)}')
    options = {**kind.options, **{k: v for k, v in spec.items() if k in kind.options}}
    missing = [option for option, value in options.items() if value is None]
    if missing:
        raise BuildError(f'layer "{name}": {kind_name} needs {", ".join(missing)}')
    for option, value in options.items():
        _check_option(name, option, value)
    if not kind.many_inputs and len(shapes) > 1:
        raise BuildError(f'layer "{name}": {kind_name} takes one input, not {len(shapes)}')
    maps = ("conv", "max_pool", "avg_pool", "global_avg_pool", "batch_norm")
    if kind_name in maps and len(shapes[0]) != 3:
        raise BuildError(f'layer "{name}": {kind_name} needs feature maps, and there is a vector of {shapes[0][0]}')
    sizes = zip(pair(options.get("padding", 0)), pair(options.get("kernel_size", 1)), strict=True)
    if kind_name != "conv" and any(2 * padding > kernel for padding, kernel in sizes):
        raise BuildError(f'layer "{name}": padding may be half of kernel_size at most')
    if kind_name == "conv" and (shapes[0][0] % options["groups"] or options["out_channels"] % options["groups"]):
        raise BuildError(
            f'layer "{name}": groups must divide the {shapes[0][0]} channels that come in and the '
            f"{options['out_channels']} that go out"
        )
    try:
        return kind.build(options, shapes)
    except BuildError as error:
        raise BuildError(f'layer "{name}": {error.message}') from error


def _check_option(name: str, option: str, value: Any) -> None:
    low, high, whole = _RANGES[option]
    values = value if option in _PAIRS and isinstance(value, list) and len(value) == 2 else [value]
    for one in values:
        if isinstance(one, bool) or not isinstance(one, int if whole else (int, float)) or not low <= one <= high:
            number = "a whole number" if whole else "a number"
            both = ", or [height, width]" if option in _PAIRS else ""
            raise BuildError(f'layer "{name}": {option} must be {number} from {low} to {high}{both}, not {value!r}')

"""The layer kinds that Strata knows: how each is built, described in the manifest, and written to ONNX.

`assets/src/arithmetic/kinds.ts` is this table's counterpart in the browser; a new kind is one entry in each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from errors import BuildError, nearest

Shape = tuple[int, ...]  # one activation without the batch: (C, H, W) or (N,)


@dataclass(frozen=True)
class Kind:
    """One kind of layer. `options` maps the manifest's fields to (module attribute, default)."""

    name: str
    module: type[nn.Module]
    build: Callable[[dict[str, Any], Shape], nn.Module]  # options, input shape -> module
    op: str  # the ONNX operator
    attributes: Callable[[dict[str, Any]], dict[str, Any]] = lambda options: {}
    options: dict[str, Any] = field(default_factory=dict)  # field -> default (None: must be given)
    has_weights: bool = False


def _window(options: dict[str, Any]) -> dict[str, Any]:
    k, s, p = options["kernel_size"], options["stride"], options["padding"]
    return {"kernel_shape": [k, k], "strides": [s, s], "pads": [p, p, p, p]}


def _pool(module: type[nn.Module]) -> Callable[[dict[str, Any], Shape], nn.Module]:
    return lambda o, shape: module(o["kernel_size"], o["stride"], o["padding"])


_WINDOW = {"kernel_size": None, "stride": 1, "padding": 0}
_POOL = {"kernel_size": 2, "stride": 2, "padding": 0}

# No activation works in place: the trace keeps the output of the layer before it.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "conv",
            nn.Conv2d,
            lambda o, s: nn.Conv2d(s[0], o["out_channels"], o["kernel_size"], o["stride"], o["padding"]),
            "Conv",
            _window,
            {"out_channels": None, **_WINDOW},
            has_weights=True,
        ),
        Kind(
            "linear",
            nn.Linear,
            lambda o, s: nn.Linear(s[0], o["out_features"]),
            "Gemm",
            lambda o: {"transB": 1},
            {"out_features": None},
            has_weights=True,
        ),
        Kind("relu", nn.ReLU, lambda o, s: nn.ReLU(), "Relu"),
        Kind(
            "leaky_relu",
            nn.LeakyReLU,
            lambda o, s: nn.LeakyReLU(o["negative_slope"]),
            "LeakyRelu",
            lambda o: {"alpha": o["negative_slope"]},
            {"negative_slope": 0.01},
        ),
        Kind("sigmoid", nn.Sigmoid, lambda o, s: nn.Sigmoid(), "Sigmoid"),
        Kind("tanh", nn.Tanh, lambda o, s: nn.Tanh(), "Tanh"),
        Kind("max_pool", nn.MaxPool2d, _pool(nn.MaxPool2d), "MaxPool", _window, _POOL),
        Kind(
            "avg_pool",
            nn.AvgPool2d,
            _pool(nn.AvgPool2d),
            "AveragePool",
            lambda o: {**_window(o), "count_include_pad": 1},
            _POOL,
        ),
        Kind("dropout", nn.Dropout, lambda o, s: nn.Dropout(o["p"]), "Identity", options={"p": 0.5}),
        Kind("flatten", nn.Flatten, lambda o, s: nn.Flatten(), "Flatten", lambda o: {"axis": 1}),
    )
}


def kind_of(module: nn.Module, name: str) -> Kind:
    """The kind of `module`; BuildError when Strata has none for it."""
    for kind in KINDS.values():
        if type(module) is kind.module:
            return kind
    raise BuildError(f'layer "{name}" is a {type(module).__name__}; kinds are {", ".join(KINDS)}')


def options_of(module: nn.Module, name: str) -> dict[str, Any]:
    """The manifest's fields of a layer, read from its module; BuildError for what the figures cannot show."""
    if getattr(module, "groups", 1) != 1 or getattr(module, "dilation", 1) not in (1, (1, 1)):
        raise BuildError(f'layer "{name}": groups and dilation must be 1')
    if getattr(module, "ceil_mode", False) or getattr(module, "padding_mode", "zeros") != "zeros":
        raise BuildError(f'layer "{name}": pad with zeros, and without ceil_mode')
    values = {}
    for option in kind_of(module, name).options:
        value = getattr(module, option)
        if isinstance(value, tuple):
            if len(set(value)) != 1:
                raise BuildError(f'layer "{name}": {option} must be the same in both directions, not {value}')
            value = value[0]
        values[option] = value
    return values


_RANGES = {  # option -> (least, most, whole)
    "out_channels": (1, 512, True),
    "out_features": (1, 10_000, True),
    "kernel_size": (1, 64, True),
    "stride": (1, 64, True),
    "padding": (0, 32, True),
    "negative_slope": (0, 1, False),
    "p": (0, 0.95, False),
}


def build_layer(spec: dict[str, Any], shape: Shape) -> nn.Module:
    """A module from `{name, kind, …options}` for an input of `shape`; BuildError names a wrong option."""
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
        low, high, whole = _RANGES[option]
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not low <= value <= high:
            raise BuildError(
                f'layer "{name}": {option} must be {"a whole number" if whole else "a number"} from {low} to {high}, not {value!r}'
            )
    if options.get("padding", 0) * 2 > options.get("kernel_size", 1) and kind_name != "conv":
        raise BuildError(f'layer "{name}": padding may be half of kernel_size at most')
    return kind.build(options, shape)

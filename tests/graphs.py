"""Networks that are graphs, for the tests: a residual one and a depthwise one."""

from __future__ import annotations

from typing import Any

from torch import nn

from model.fold import deployed
from model.networks import Graph, build_graph

# Two ways that meet in a sum, two that stand side by side, batch normalisation that folds and one that does not.
RESIDUAL: list[dict[str, Any]] = [
    {"name": "stem", "kind": "conv", "out_channels": 6, "kernel_size": 3, "padding": 1},
    {"name": "stem_norm", "kind": "batch_norm"},
    {"name": "stem_relu", "kind": "relu"},
    {"name": "conv_1", "kind": "conv", "out_channels": 6, "kernel_size": 3, "padding": 1},
    {"name": "norm_1", "kind": "batch_norm"},
    {"name": "gelu_1", "kind": "gelu"},
    {"name": "add_1", "kind": "add", "inputs": ["gelu_1", "stem_relu"]},
    {"name": "pool", "kind": "max_pool"},
    {"name": "norm_2", "kind": "batch_norm"},
    {"name": "conv_2", "kind": "conv", "out_channels": 4, "kernel_size": 3, "padding": 1},
    {"name": "silu_2", "kind": "silu"},
    {"name": "side", "kind": "conv", "out_channels": 3, "kernel_size": 1, "inputs": ["pool"]},
    {"name": "concat", "kind": "concat", "inputs": ["silu_2", "side", "norm_2"]},
    {"name": "mean", "kind": "global_avg_pool"},
    {"name": "flatten", "kind": "flatten"},
    {"name": "logits", "kind": "linear", "out_features": 3},
]

# Depthwise and pointwise convolutions, groups, dilation, and windows that differ in height and width.
DEPTHWISE: list[dict[str, Any]] = [
    {"name": "conv_1", "kind": "conv", "out_channels": 8, "kernel_size": [3, 5], "stride": [1, 2], "padding": [1, 2]},
    {"name": "relu_1", "kind": "relu"},
    {
        "name": "depthwise",
        "kind": "conv",
        "out_channels": 8,
        "kernel_size": 3,
        "padding": 2,
        "dilation": 2,
        "groups": 8,
    },
    {"name": "pointwise", "kind": "conv", "out_channels": 6, "kernel_size": 1},
    {"name": "silu", "kind": "silu"},
    {"name": "grouped", "kind": "conv", "out_channels": 4, "kernel_size": 3, "dilation": [1, 2], "groups": 2},
    {"name": "pool", "kind": "avg_pool", "kernel_size": [2, 1], "stride": [2, 1]},
    {"name": "flatten", "kind": "flatten"},
    {"name": "logits", "kind": "linear", "out_features": 3},
]


def normalized(specs: list[dict[str, Any]], shape: tuple[int, ...]) -> Graph:
    """The network with figures in its batch normalisations as if it had been trained."""
    network = build_graph(specs, shape)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values, low, high in ((layer.running_mean, -1, 1), (layer.running_var, 0.5, 2), (layer.bias, -1, 1)):
                nn.init.uniform_(values, low, high)
            nn.init.uniform_(layer.weight, -1.5, 1.5)
    return network.eval()


def shipped(specs: list[dict[str, Any]], shape: tuple[int, ...]) -> Graph:
    """The same as it is exported."""
    return deployed(normalized(specs, shape))

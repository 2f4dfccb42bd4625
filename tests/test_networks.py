"""TinyVGG and networks made of layers."""

import pytest
import torch
from torch import nn

from errors import BuildError
from model.networks import TinyVGG, build_graph, build_network, parameter_count, trace

LAYERS = [
    "conv_1_1",
    "relu_1_1",
    "conv_1_2",
    "relu_1_2",
    "max_pool_1",
    "conv_2_1",
    "relu_2_1",
    "conv_2_2",
    "relu_2_2",
    "max_pool_2",
    "flatten",
    "logits",
]


def test_the_default_is_cnn_explainers():
    network = TinyVGG()
    assert [name for name, _ in network.named_children()] == LAYERS
    assert parameter_count(network) == 19_920
    shapes = {name: tuple(x.shape) for name, x in trace(network, torch.rand(2, 3, 64, 64)).items()}
    assert shapes["conv_1_1"] == (2, 10, 62, 62) and shapes["max_pool_1"] == (2, 10, 30, 30)
    assert shapes["max_pool_2"] == (2, 10, 13, 13) and shapes["flatten"] == (2, 1690) and shapes["logits"] == (2, 10)


def test_with_padding_on_28_pixels_it_is_the_tutorials():
    network = TinyVGG(1, 10, 10, 28, 1)
    assert network.logits.in_features == 10 * 7 * 7
    assert trace(network, torch.rand(1, 1, 28, 28))["conv_1_1"].shape == (1, 10, 28, 28)


@pytest.mark.parametrize("arguments", [(3, 2, 5, 32, 0), (1, 20, 3, 40, 1)])
def test_the_trace_is_what_the_network_computes(arguments):
    network = TinyVGG(*arguments).eval()
    images = torch.rand(3, arguments[0], arguments[3], arguments[3])
    kept = trace(network, images)
    with torch.no_grad():
        assert torch.equal(kept["logits"], network(images))
        assert torch.equal(kept["relu_1_1"], kept["conv_1_1"].clamp(min=0))
    assert (kept["conv_1_1"] < 0).any(), "ReLU works in place and has overwritten the layer before it"


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        ([{"name": "conv_1", "kind": "convv", "out_channels": 2, "kernel_size": 3}], 'did you mean "conv"'),
        ([{"name": "conv_1", "kind": "conv", "out_channels": 2, "kernal_size": 3}], 'did you mean "kernel_size"'),
        ([{"name": "conv_1", "kind": "conv", "out_channels": 2}], "needs kernel_size"),
        ([{"name": "conv_1", "kind": "conv", "out_channels": 2, "kernel_size": 9}], "cannot follow"),
        (
            [{"name": "conv_1", "kind": "conv", "out_channels": 2.5, "kernel_size": 3}],
            "out_channels must be a whole number",
        ),
        (
            [{"name": "conv_1", "kind": "conv", "out_channels": 2, "kernel_size": "3"}],
            "kernel_size must be a whole number",
        ),
        ([{"name": "pool", "kind": "max_pool", "kernel_size": 2, "padding": 2}], "padding may be half"),
        ([{"name": "drop", "kind": "dropout", "p": 2}], "p must be a number from 0 to 0.95"),
        ([{"name": "logits", "kind": "linear", "out_features": 2}], "put a flatten before it"),
        ([{"name": 3, "kind": "relu"}], "letters, digits"),
        (["conv"], "layers is a list of tables"),
        ("conv", "layers is a list of tables"),
        ([{"name": "a", "kind": "relu"}, {"name": "a", "kind": "relu"}], "used once"),
        ([{"name": "flatten", "kind": "flatten"}], 'must be named "logits"'),
        ([{"name": "logits", "kind": "relu"}], "one number a class"),
    ],
)
def test_a_wrong_list_of_layers_says_what_is_wrong(specs, says):
    with pytest.raises(BuildError, match=says):
        build_graph(specs, (3, 8, 8))


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ({"type": "TinyVG", "in_channels": 3, "image_size": 64}, 'did you mean "TinyVGG"'),
        ({"type": "TinyVGG", "in_channels": 3}, "needs image_size"),
        ({"type": "TinyVGG", "in_channels": 3, "image_size": "64"}, "needs image_size"),
        ({"type": "TinyVGG", "in_channels": 4, "image_size": 64}, "in_channels is 1"),
        ({"type": 3, "in_channels": 3, "image_size": 64}, 'unknown network "3"'),
        ({"type": "TinyVGG", "in_channels": 3, "image_size": 64, "hidden_units": 0}, "out_channels must be"),
        ({"in_channels": 3, "image_size": 8, "layers": [], "padding": 1}, '"padding" cannot be combined with layers'),
        ({"type": "TinyVGG", "in_channels": 3, "image_size": 64, "depth": 2}, "depth"),
    ],
)
def test_a_wrong_network_says_what_is_wrong(network, says):
    with pytest.raises(BuildError, match=says):
        build_network(network, 10)


def test_every_kind_is_described_by_its_options():
    from model.kinds import kind_of, options_of

    network = build_graph(
        [
            {"name": "conv", "kind": "conv", "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1},
            {"name": "leaky", "kind": "leaky_relu", "negative_slope": 0.2},
            {"name": "sigmoid", "kind": "sigmoid"},
            {"name": "tanh", "kind": "tanh"},
            {"name": "relu", "kind": "relu"},
            {"name": "max_pool", "kind": "max_pool", "kernel_size": 3, "stride": 1, "padding": 1},
            {"name": "avg_pool", "kind": "avg_pool"},
            {"name": "dropout", "kind": "dropout", "p": 0.25},
            {"name": "flatten", "kind": "flatten"},
            {"name": "logits", "kind": "linear", "out_features": 3},
        ],
        (2, 16, 16),
    )
    described = {kind_of(layer, name).name: options_of(layer, name) for name, layer in network.named_children()}
    conv = {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "dilation": 1, "groups": 1}
    assert described["conv"] == conv
    assert described["leaky_relu"] == {"negative_slope": 0.2} and described["avg_pool"] == {
        "kernel_size": 2,
        "stride": 2,
        "padding": 0,
    }


@pytest.mark.parametrize(
    "layer",
    [
        nn.ELU(),
        nn.MaxPool2d(2, dilation=2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_a_layer_that_the_figures_cannot_show_is_refused(layer):
    from model.kinds import options_of

    with pytest.raises(BuildError, match='layer "odd"'):
        options_of(layer, "odd")

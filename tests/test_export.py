"""ONNX: the contract of the file, and that it computes what PyTorch does."""

import onnx
import pytest
import torch

from errors import BuildError
from model.export import check_export, export
from model.fold import Normalization
from model.networks import TinyVGG, build_graph
from tests.graphs import DEPTHWISE, RESIDUAL, shipped

EVERY_KIND = [
    {"name": "conv", "kind": "conv", "out_channels": 5, "kernel_size": 5, "stride": 2, "padding": 2},
    {"name": "leaky", "kind": "leaky_relu", "negative_slope": 0.1},
    {"name": "avg", "kind": "avg_pool", "kernel_size": 3, "stride": 2, "padding": 1},
    {"name": "sigmoid", "kind": "sigmoid"},
    {"name": "max", "kind": "max_pool", "kernel_size": 3, "stride": 1, "padding": 1},
    {"name": "tanh", "kind": "tanh"},
    {"name": "dropout", "kind": "dropout"},
    {"name": "relu", "kind": "relu"},
    {"name": "flatten", "kind": "flatten"},
    {"name": "hidden", "kind": "linear", "out_features": 7},
    {"name": "logits", "kind": "linear", "out_features": 4},
]
NETWORKS = [
    (lambda: TinyVGG(), (3, 64, 64), None),
    (lambda: TinyVGG(1, 10, 10, 28, 1), (1, 28, 28), Normalization((0.3,), (0.2,))),
    (lambda: TinyVGG(3, 20, 6, 40, 1), (3, 40, 40), Normalization((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))),
    (lambda: build_graph(EVERY_KIND, (2, 24, 24)), (2, 24, 24), None),
    (lambda: shipped(RESIDUAL, (3, 24, 24)), (3, 24, 24), None),
    (lambda: shipped(RESIDUAL, (3, 24, 24)), (3, 24, 24), Normalization((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))),
    (lambda: shipped(DEPTHWISE, (3, 28, 28)), (3, 28, 28), None),
]


@pytest.mark.parametrize(("make", "shape", "normalization"), NETWORKS)
def test_onnx_agrees_with_pytorch_on_every_layer(make, shape, normalization):
    torch.manual_seed(1)
    network = make()
    check_export(export(network, shape, normalization), network, torch.rand(5, *shape), normalization)


def test_the_file_keeps_its_contract():
    torch.manual_seed(2)
    network = TinyVGG()
    model = onnx.load_from_string(export(network, (3, 64, 64)))
    assert model.ir_version == 10 and [(o.domain, o.version) for o in model.opset_import] == [("", 18)]
    assert [i.name for i in model.graph.input] == ["image"]
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert dims[0].dim_param == "batch" and [d.dim_value for d in dims[1:]] == [3, 64, 64]
    assert [o.name for o in model.graph.output] == [name for name, _ in network.named_children()]
    assert {node.op_type for node in model.graph.node} == {"Conv", "Relu", "MaxPool", "Flatten", "Gemm"}
    assert not any(tensor.external_data for tensor in model.graph.initializer) and not model.metadata_props


def test_the_same_weights_give_the_same_bytes():
    network = TinyVGG()
    assert export(network, (3, 64, 64)) == export(network, (3, 64, 64))


def test_a_wrong_export_is_noticed():
    network = TinyVGG()
    model = export(network, (3, 64, 64))
    with torch.no_grad():
        network.conv_2_1.bias[3] += 1e-3
    with pytest.raises(BuildError, match='disagree at layer "conv_2_1"'):
        check_export(model, network, torch.rand(2, 3, 64, 64))

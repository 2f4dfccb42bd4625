"""ONNX export: one file with an output for each layer, and a check against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from errors import BuildError
from model.fold import Normalization
from model.kinds import Shape, Written, kind_of, options_of
from model.networks import IMAGE, Graph, trace

OPSET, IR_VERSION = 18, 10


def export(network: Graph, shape: Shape, normalization: Normalization | None = None) -> bytes:
    """The model as ONNX: input `image` float32 (batch, C, H, W) in [0, 1]; one output a layer, named as the layer.

    Built node by node, so that the bytes depend on the weights and on nothing else.
    """
    nodes, constants, outputs = [], [], []
    first = IMAGE

    def constant(name: str, values: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float32), name))
        return name

    if normalization:
        for op, field in (("Sub", "mean"), ("Div", "std")):
            values = np.array(getattr(normalization, field)).reshape(1, -1, 1, 1)
            nodes.append(helper.make_node(op, [first, constant(f"image.{field}", values)], [f"image.{op.lower()}"]))
            first = f"image.{op.lower()}"
    activations = trace(network, torch.zeros(1, *shape))
    for name, layer in network.named_children():
        kind = kind_of(layer, name)
        inputs = [first if source == IMAGE else source for source in network.inputs[name]]
        for parameter, tensor in layer.named_parameters():
            per_channel = kind.name == "batch_norm"  # one number a channel, for maps (C, H, W)
            own_values = tensor.detach().numpy().reshape((-1, 1, 1) if per_channel else tensor.shape)
            inputs.append(constant(f"{name}.{parameter}", own_values))
        own = partial(_named_constant, constant, name)
        nodes += kind.nodes(Written(name, inputs, options_of(layer, name), own))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *activations[name].shape[1:]]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *shape])
    graph = helper.make_graph(nodes, "strata", [image], outputs, constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="strata"
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _named_constant(constant: Callable[[str, np.ndarray], str], layer: str, name: str, values: np.ndarray) -> str:
    return constant(f"{layer}.{name}", values)


def check_export(
    model: bytes, network: Graph, images: torch.Tensor, normalization: Normalization | None = None
) -> None:
    """Run both on images (B, C, H, W) in [0, 1]; BuildError when any layer differs by more than 1e-5 + 1e-5 max|x|."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    expected = trace(network, normalization.apply(images) if normalization else images)
    for name, values in zip(names, session.run(names, {"image": images.numpy()}), strict=True):
        truth = expected[name].numpy()
        difference = np.abs(values - truth).max()
        if not difference <= 1e-5 + 1e-5 * np.abs(truth).max():
            raise BuildError(f'ONNX and PyTorch disagree at layer "{name}" by {difference:.2g}')

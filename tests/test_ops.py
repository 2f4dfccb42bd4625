"""The page's own arithmetic against PyTorch: every kind on random cases, and whole networks."""

import base64

import numpy as np
import pytest
import torch
from torch import nn

from model.fold import Normalization
from model.kinds import KINDS, Affine, build_layer, kind_of, options_of
from model.networks import Graph, TinyVGG, build_graph, parameter_count, trace
from tests.graphs import DEPTHWISE, RESIDUAL, shipped
from tests.node import close, pack, text, unpack
from tests.test_export import EVERY_KIND, NETWORKS


def layer_call(layer: nn.Module, *inputs: torch.Tensor) -> dict:
    """A call of the bridge for one layer and its inputs (without a batch)."""
    with torch.no_grad():
        shape = list(layer(*(x[None] for x in inputs))[0].shape)
    fields = {
        "name": "layer",
        "kind": kind_of(layer, "layer").name,
        "shape": shape,
        "inputs": [f"input_{i}" for i in range(len(inputs))],
        "parameters": parameter_count(layer),
        **options_of(layer, "layer"),
    }
    tensors = {name: pack(value.detach().numpy()) for name, value in layer.named_parameters()}
    packed = [pack(x.numpy()) for x in inputs]
    return {"call": "layer", "layer": fields, "x": packed[0], "xs": packed, **tensors}


def random_cases(kind: str, count: int):
    """Layers of a kind with random options, and random inputs for them.

    Windows differ in height and width, half of the time.
    """
    random = np.random.default_rng(len(kind))

    def pair(low: int, high: int) -> int | list[int]:
        both = [int(n) for n in random.integers(low, high, 2)]
        return both if random.random() < 0.5 else both[0]

    for _ in range(count):
        size = int(random.integers(10, 21)), int(random.integers(10, 21))
        kernel = pair(1, 6)
        least = min(kernel) if isinstance(kernel, list) else kernel
        window = {"kernel_size": kernel, "stride": pair(1, 5), "padding": int(random.integers(0, least // 2 + 1))}
        groups = int(random.choice([1, 1, 2, 3]))
        channels = int(random.integers(1, 4)) * (groups if kind == "conv" else 1)
        options = {
            "conv": {
                "out_channels": int(random.integers(1, 4)) * groups,
                "dilation": pair(1, 3),
                "groups": groups,
                **window,
            },
            "max_pool": window,
            "avg_pool": window,
            "leaky_relu": {"negative_slope": 0.3},
            "linear": {"out_features": 9},
        }.get(kind, {})
        shape = (int(random.integers(1, 40)),) if kind == "linear" else (channels, *size)
        shapes = [shape] * (int(random.integers(2, 4)) if kind in ("add", "concat") else 1)
        if kind == "concat":
            shapes = [(int(random.integers(1, 5)), *size) for _ in shapes]
        layer = build_layer({"name": "layer", "kind": kind, **options}, shapes).eval()
        if kind == "batch_norm":  # as the page has it: a weight and a bias for each channel
            layer = Affine(channels)
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
        yield layer, *(3 * torch.randn(one) for one in shapes)


COUNTS = {
    "conv": 120,
    "max_pool": 40,
    "avg_pool": 40,
    "linear": 10,
    "add": 10,
    "concat": 10,
    "dropout": 3,
    "flatten": 3,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_pytorchs(bridge, kind):
    torch.manual_seed(len(kind))
    cases = list(random_cases(kind, COUNTS.get(kind, 5)))
    for (layer, *inputs), answer in zip(cases, bridge(*(layer_call(*case) for case in cases)), strict=True):
        with torch.no_grad():
            truth = layer(*(x[None] for x in inputs))[0].numpy()
        assert answer["ruled"] == list(truth.shape), (layer, inputs[0].shape)
        assert close(unpack(answer), truth), (layer, inputs[0].shape)


def test_the_error_function_is_pytorchs(bridge):
    x = torch.linspace(-8, 8, 4001)
    answer = np.array(bridge({"call": "erf", "x": pack(x.numpy())})[0])
    assert np.abs(answer - torch.erf(x.double()).numpy()).max() < 1e-12


def test_softmax_is_pytorchs_and_stays_finite(bridge):
    cases = [torch.randn(10) * 3, torch.tensor([1000.0, 999.0, -1000.0]), torch.tensor([-1e4, -1e4]), torch.zeros(4)]
    for logits, answer in zip(cases, bridge(*({"call": "softmax", "x": pack(c.numpy())} for c in cases)), strict=True):
        assert close(unpack(answer), logits.softmax(0).numpy())


def describe(network: Graph, shape, normalization) -> dict:
    activations = trace(network, torch.zeros(1, *shape))
    return {
        "input": {"name": "image", "shape": shape, "normalization": vars(normalization) if normalization else None},
        "layers": [
            {
                "name": n,
                "kind": kind_of(m, n).name,
                "shape": list(activations[n].shape[1:]),
                "inputs": network.inputs[n],
                **options_of(m, n),
            }
            for n, m in network.named_children()
        ],
        "weights": [{"name": n, "shape": list(t.shape)} for n, t in network.state_dict().items()],
    }


@pytest.mark.parametrize(("make", "shape", "normalization"), NETWORKS)
def test_forward_agrees_with_pytorch_on_every_layer(bridge, make, shape, normalization):
    torch.manual_seed(3)
    network = make().eval()
    pixels = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    weights = b"".join(t.numpy().astype("<f4").tobytes() for t in network.state_dict().values())
    ours = bridge(
        {
            "call": "forward",
            "manifest": describe(network, shape, normalization),
            "bytes": text(weights),
            "pixels": text(pixels.tobytes()),
        }
    )[0]
    images = torch.from_numpy(pixels)[None].float() / 255
    truth = trace(network, normalization.apply(images) if normalization else images)
    assert list(ours) == ["image", *truth]
    for name, values in truth.items():
        assert close(unpack(ours[name]), values[0].numpy()), name


@pytest.mark.parametrize(
    ("specs", "normalization"),
    [
        (EVERY_KIND, None),
        (EVERY_KIND, Normalization((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))),
        (
            [
                {"name": "pool", "kind": "avg_pool"},
                {"name": "flatten", "kind": "flatten"},
                {"name": "logits", "kind": "linear", "out_features": 2},
            ],
            Normalization((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)),
        ),
    ],
)
def test_a_trace_file_gives_every_layer(bridge, site, specs, normalization):
    """Layers with weights as float16, everything else from them; the logits exactly.

    Also where no weights come first.
    """
    from model.package import Example, package_network
    from tests.pictures import scene

    torch.manual_seed(4)
    network = build_graph(specs, (3, 24, 24)).eval()
    example = Example("koala", "koala", "picture", scene(50, 40), site.root)
    package = package_network(site.models["tinyvgg"], network, (3, 24, 24), {}, normalization, [example])
    ours = bridge({"call": "decode_trace", "manifest": package.manifest, "bytes": text(package.trace("koala"))})[0]
    pixels = np.frombuffer(package.trace("koala")[: 3 * 24 * 24], np.uint8).reshape(1, 3, 24, 24)
    images = torch.from_numpy(pixels.copy()).float() / 255
    truth = trace(network, normalization.apply(images) if normalization else images)
    assert np.array_equal(unpack(ours["logits"]), truth["logits"][0].numpy())
    for name, values in truth.items():
        assert np.abs(unpack(ours[name]) - values[0].numpy()).max() <= 2e-3 * max(1.0, values.abs().max().item()), name


def test_a_picture_is_its_8_bit_values(bridge):
    network = TinyVGG(3, 2, 2, 20, 0)
    manifest = describe(network, (3, 20, 20), None)
    pixels = np.arange(1200, dtype=np.uint32).astype(np.uint8).reshape(3, 20, 20)
    weights = b"".join(t.numpy().astype("<f4").tobytes() for t in network.state_dict().values())
    image = bridge(
        {
            "call": "forward",
            "manifest": manifest,
            "bytes": text(weights),
            "pixels": base64.b64encode(pixels.tobytes()).decode(),
        }
    )[0]["image"]
    assert np.array_equal(unpack(image), torch.from_numpy(pixels).float().div(255).numpy())


def test_every_float16_is_numpys(bridge):
    """All 63,488 finite values, read as one activation of a trace file."""
    bits = np.array([b for b in range(65536) if (b >> 10) & 31 != 31], dtype=np.uint16)
    manifest = {
        "input": {"name": "image", "shape": [1, 1, 1], "normalization": None},
        "layers": [{"name": "logits", "kind": "linear", "shape": [len(bits)], "inputs": ["image"], "parameters": 0}],
        "trace": [{"name": "image", "dtype": "uint8"}, {"name": "logits", "dtype": "float16"}],
    }
    ours = bridge(
        {"call": "decode_trace", "manifest": manifest, "bytes": text(b"\x07" + bits.astype("<u2").tobytes())}
    )[0]
    assert np.array_equal(unpack(ours["logits"]), bits.view(np.float16).astype(np.float32))


@pytest.mark.parametrize(("specs", "size"), [(RESIDUAL, 20), (DEPTHWISE, 24)])
def test_what_follows_a_layer_is_computed_from_all_that_it_needs(bridge, specs, size):
    """From every layer on, given its own activation, the logits are what they were: also where a way leads past it."""
    torch.manual_seed(6)
    network = shipped(specs, (3, size, size))
    manifest = describe(network, (3, size, size), None)
    pixels = np.random.default_rng(6).integers(0, 256, (3, size, size), dtype=np.uint8)
    weights = b"".join(t.numpy().astype("<f4").tobytes() for t in network.state_dict().values())
    given = {"manifest": manifest, "bytes": text(weights), "pixels": text(pixels.tobytes())}
    answers = bridge({"call": "forward_from", **given})[0]
    truth = trace(network, torch.from_numpy(pixels)[None].float() / 255)["logits"][0].numpy()
    assert len(answers) == len(manifest["layers"]) + 1
    for answer in answers:
        assert close(unpack(answer), truth)

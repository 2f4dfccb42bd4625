"""The explorer's arithmetic against PyTorch: every term of every sum, receptive fields, and switched-off maps."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from model.kinds import Add, Concat, pair
from model.networks import Graph, TinyVGG, build_graph, trace
from tests.graphs import DEPTHWISE, RESIDUAL, shipped
from tests.node import ROOT, close, pack, text, unpack
from tests.test_ops import describe, layer_call, random_cases

NETWORKS = {
    "tinyvgg": (lambda: TinyVGG(3, 10, 10, 64, 0), (3, 64, 64)),
    "padded": (lambda: TinyVGG(1, 10, 10, 28, 1), (1, 28, 28)),
    "three layers": (
        lambda: build_graph(
            [
                {"name": "conv", "kind": "conv", "out_channels": 3, "kernel_size": 5, "stride": 2, "padding": 1},
                {"name": "flatten", "kind": "flatten"},
                {"name": "logits", "kind": "linear", "out_features": 4},
            ],
            (3, 20, 20),
        ),
        (3, 20, 20),
    ),
    "dropout after flatten": (
        lambda: build_graph(
            [
                {"name": "conv", "kind": "conv", "out_channels": 4, "kernel_size": 7, "padding": 3},
                {"name": "flatten", "kind": "flatten"},
                {"name": "drop", "kind": "dropout"},
                {"name": "relu", "kind": "relu"},
                {"name": "logits", "kind": "linear", "out_features": 3},
            ],
            (3, 12, 9),
        ),
        (3, 12, 9),
    ),
    "residual": (lambda: shipped(RESIDUAL, (3, 20, 20)), (3, 20, 20)),
    "depthwise": (lambda: shipped(DEPTHWISE, (1, 24, 24)), (1, 24, 24)),
    "twenty channels": (
        lambda: build_graph(
            [
                {"name": "conv", "kind": "conv", "out_channels": 20, "kernel_size": 3},
                {"name": "tanh", "kind": "tanh"},
                {"name": "pool", "kind": "avg_pool", "kernel_size": 3, "stride": 2, "padding": 1},
                {"name": "flatten", "kind": "flatten"},
                {"name": "hidden", "kind": "linear", "out_features": 7},
                {"name": "logits", "kind": "linear", "out_features": 2},
            ],
            (3, 16, 16),
        ),
        (3, 16, 16),
    ),
}


@pytest.fixture(params=NETWORKS)
def case(request):
    """A network with random weights, a random picture, and how the bridge is told of both."""
    make, shape = NETWORKS[request.param]
    torch.manual_seed(5)
    network = make().eval()
    pixels = np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)
    weights = b"".join(t.numpy().astype("<f4").tobytes() for t in network.state_dict().values())
    classes = list(network.children())[-1].out_features
    manifest = describe(network, shape, None) | {
        "classes": [{"name": f"class {i}", "labels": {}} for i in range(classes)],
        "unknown": None,
        "examples": [{"name": "a"}, {"name": "b"}],
    }
    return network, pixels, {"manifest": manifest, "bytes": text(weights), "pixels": text(pixels.tobytes())}


def image_of(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels)[None].float() / 255


def without(network: Graph, image: torch.Tensor, off: list[tuple[str, int]]) -> dict[str, torch.Tensor]:
    """PyTorch's activations with some channels set to zero as they come out of their layers."""
    found = {"image": image}
    with torch.no_grad():
        for name, layer in network.named_children():
            found[name] = layer(*(found[source] for source in network.inputs[name])).clone()
            for where, channel in off:
                if where == name:
                    found[name][:, channel] = 0
    return found


def group_of(layer: nn.Conv2d, channel: int) -> tuple[int, int]:
    """The first input channel that an output channel sees, and how many."""
    own = layer.in_channels // layer.groups
    return channel * layer.groups // layer.out_channels * own, own


def test_the_parts_of_a_convolution_are_pytorchs_and_add_up(bridge):
    torch.manual_seed(1)
    for layer, x in random_cases("conv", 25):
        given = layer_call(layer, x)
        channel = int(torch.randint(layer.out_channels, ()))
        parts = unpack(bridge(given | {"call": "conv_parts", "channel": channel})[0])
        first, own = group_of(layer, channel)
        with torch.no_grad():
            truth = torch.cat(
                [
                    F.conv2d(
                        x[None, first + i : first + i + 1],
                        layer.weight[channel : channel + 1, i : i + 1],
                        None,
                        layer.stride,
                        layer.padding,
                        layer.dilation,
                    )[0]
                    for i in range(own)
                ]
            )
            whole = layer(x[None])[0, channel]
        assert close(parts, truth.numpy())
        assert close(parts.sum(0) + layer.bias[channel].item(), whole.numpy())


def test_every_term_of_a_unit_is_there(bridge):
    """Windows over the padding too: the numbers below the window, the products, the sum of each map, the bias, the
    unit.
    """
    torch.manual_seed(2)
    for layer, x in random_cases("conv", 25):
        given = layer_call(layer, x)
        with torch.no_grad():
            y = layer(x[None])[0]
        channel, row, column = (int(torch.randint(n, ())) for n in y.shape)
        first, own = group_of(layer, channel)
        source = int(torch.randint(own, ()))
        said = bridge(given | {"call": "sum_at", "channel": channel, "from": source, "at": [row, column]})[0]
        window = {"kernel_size": layer.kernel_size, "padding": layer.padding, "stride": layer.stride}
        unfolded = F.unfold(x[None, first : first + own], **window, dilation=layer.dilation)[0]
        windows = unfolded.reshape(own, -1, *y.shape[1:])[:, :, row, column]
        kernels = layer.weight.detach()[channel].reshape(own, -1)
        assert np.allclose(said["window"], windows[source]) and np.allclose(said["kernel"], kernels[source])
        assert np.allclose(said["products"], windows[source] * kernels[source], atol=1e-6)
        assert np.allclose(said["parts"], (windows * kernels).sum(1), atol=1e-5)
        assert said["bias"] == pytest.approx(layer.bias[channel].item())
        assert said["total"] == pytest.approx(y[channel, row, column].item(), abs=1e-5)


def test_a_unit_pointed_at_gives_the_window_around_it(bridge):
    torch.manual_seed(3)
    for kind in ("conv", "max_pool"):
        for layer, x in random_cases(kind, 20):
            given = layer_call(layer, x)
            with torch.no_grad():
                y = layer(x[None])[0]
            shape = pack(y.numpy())
            row, column = (int(torch.randint(n, ())) for n in y.shape[1:])
            region = bridge(given | {"call": "region_at", "at": [row, column]})[0]
            assert (
                0 <= region["top"] <= region["bottom"] < x.shape[1]
                and 0 <= region["left"] <= region["right"] < x.shape[2]
            )
            window = [pair(given["layer"].get(name, 1)) for name in ("kernel_size", "stride", "padding", "dilation")]
            middle = []
            for axis, (first, last) in enumerate((("top", "bottom"), ("left", "right"))):
                k, stride, padding, dilation = (values[axis] for values in window)
                start, span = (row, column)[axis] * stride - padding, dilation * (k - 1) + 1
                assert region[first] == max(0, start)
                assert region[last] == min(x.shape[1 + axis] - 1, start + span - 1)
                middle.append(start + (span - 1) // 2)
            assert bridge(given | {"call": "place_of", "at": middle, "x": shape})[0] == [row, column]
            for at in ([0, 0], [x.shape[1] - 1, x.shape[2] - 1]):
                place = bridge(given | {"call": "place_of", "at": at, "x": shape})[0]
                assert 0 <= place[0] < y.shape[1] and 0 <= place[1] < y.shape[2]


@pytest.mark.parametrize("shape", [(10, 13, 13), (1, 4, 9), (50,), (1690,), (13,)])
def test_what_a_linear_layer_weighs(bridge, shape):
    torch.manual_seed(4)
    x = torch.randn(shape)
    layer = nn.Linear(x.numel(), 6)
    for unit in (0, 5):
        said = bridge(
            {"call": "weighed", "x": pack(x.numpy()), "weight": pack(layer.weight.detach().numpy()), "channel": unit}
        )[0]
        weights, products = unpack(said["weights"]), unpack(said["products"])
        assert np.array_equal(weights.reshape(-1), layer.weight.detach().numpy()[unit])
        assert np.allclose(products.reshape(-1), (x.reshape(-1) * layer.weight[unit]).detach(), atol=1e-6)
        assert len(said["sums"]) == (shape[0] if len(shape) == 3 else 1) and weights.ndim == 3
        assert sum(said["sums"]) + layer.bias[unit].item() == pytest.approx(layer(x.reshape(-1))[unit].item(), abs=1e-4)


def test_softmax_shows_what_it_computes_and_stays_finite(bridge):
    for logits in (torch.randn(10) * 3, torch.tensor([1000.0, 999.0, -1000.0]), torch.zeros(4)):
        steps = bridge({"call": "softmax_steps", "x": pack(logits.numpy())})[0]
        assert (
            np.allclose(steps["probabilities"], logits.softmax(0), atol=1e-6) and steps["most"] == logits.max().item()
        )
        assert np.allclose(steps["exponentials"], (logits - logits.max()).exp(), atol=1e-6) and np.isfinite(
            steps["sum"]
        )


def test_maps_that_are_switched_off_change_what_follows_as_in_pytorch(bridge, case):
    network, pixels, given = case
    maps = [
        (layer["name"], c)
        for layer in given["manifest"]["layers"]
        if len(layer["shape"]) == 3
        for c in range(layer["shape"][0])
    ]
    for off in (maps[:1], maps[-1:], maps[::4]):
        ours = bridge(given | {"call": "forward_without", "off": [{"layer": name, "channel": c} for name, c in off]})[0]
        for name, values in without(network, image_of(pixels), off).items():
            assert close(unpack(ours[name]), values[0].numpy()), (name, off)


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("more", [False, True])
def test_maps_are_ranked_by_what_their_absence_does(bridge, case, which, more):
    """Of the first layer and of the last with maps; also beside others that are off already, before and after."""
    network, pixels, given = case
    spatial = [entry for entry in given["manifest"]["layers"] if len(entry["shape"]) == 3]
    layer = spatial[which]
    off = [(spatial[0]["name"], 1), (spatial[-1]["name"], 0)] if more else []
    said = bridge(
        given | {"call": "rank", "name": layer["name"], "off": [{"layer": name, "channel": c} for name, c in off]}
    )[0]
    probabilities = list(without(network, image_of(pixels), off).values())[-1][0].softmax(0)
    assert said["answer"] == int(probabilities.argmax()) and said["probability"] == pytest.approx(
        probabilities.max().item(), abs=1e-5
    )
    assert sorted(entry["channel"] for entry in said["maps"]) == list(range(layer["shape"][0]))
    last = list(dict(network.named_children()))[-1]
    for entry in said["maps"]:
        left = without(network, image_of(pixels), [*off, (layer["name"], entry["channel"])])[last][0].softmax(0)
        assert entry["probability"] == pytest.approx(left[said["answer"]].item(), abs=1e-5) and entry["best"] == int(
            left.argmax()
        )
    shares = [entry["probability"] for entry in said["maps"]]
    assert shares == sorted(shares)


KEPT = nn.Flatten | nn.AvgPool2d | nn.AdaptiveAvgPool2d | Add | Concat


def test_a_receptive_field_is_where_pytorchs_gradient_is(bridge, case):
    """In a network that lets every gradient through, the units that one depends on are those with a gradient."""
    network, pixels, given = case
    opened: dict[str, nn.Module] = {}
    for name, layer in network.named_children():
        if isinstance(layer, nn.MaxPool2d):
            layer = nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding)
        elif not list(layer.parameters()) and not isinstance(layer, KEPT):
            layer = nn.Identity()
        for value in layer.parameters():
            value.data.abs_().add_(0.1)
        opened[name] = layer
    open_network = network.replaced(opened)
    is_dilated = any(pair(entry.get("dilation", 1)) != (1, 1) for entry in given["manifest"]["layers"])
    random = np.random.default_rng(7)
    for entry in given["manifest"]["layers"]:
        image = image_of(pixels).requires_grad_()
        activations, x = {"image": image}, image
        for name, layer in open_network.named_children():
            x = layer(*(activations[source] for source in network.inputs[name]))
            x.retain_grad()
            activations[name] = x
        shape = entry["shape"]
        flat = entry["kind"] == "flatten"
        before = (
            next(e["shape"] for e in given["manifest"]["layers"] if e["name"] in entry["inputs"]) if flat else shape
        )
        channel = int(random.integers(before[0])) if flat or len(shape) == 3 else 0
        y, x_at = (
            (int(random.integers(n)) for n in shape[1:])
            if len(shape) == 3
            else (0, int(random.integers(np.prod(before[1:]) if flat else shape[0])))
        )
        unit = (
            (channel, y, x_at) if len(shape) == 3 else (channel * int(np.prod(before[1:])) + x_at,) if flat else (x_at,)
        )
        activations[entry["name"]][(0, *unit)].backward()
        for field in bridge(given | {"call": "fields", "name": entry["name"], "channel": channel, "at": [y, x_at]})[0]:
            gradient = activations[field["layer"]].grad[0]
            if gradient.ndim != 3:
                continue
            channels, rows, columns = (set(i.tolist()) for i in gradient.nonzero(as_tuple=True))
            region = field["region"]
            found = (min(rows), max(rows), min(columns), max(columns))
            told = (region["top"], region["bottom"], region["left"], region["right"])
            if is_dilated:  # at the picture's border the outermost cell may lie in a gap
                assert told[0] <= found[0] <= found[1] <= told[1] and told[2] <= found[2] <= found[3] <= told[3]
                assert max(abs(a - b) for a, b in zip(told, found, strict=True)) <= 2, (entry["name"], field)
            else:
                assert told == found, (entry["name"], field)
            expected = set(range(len(gradient))) if field["channels"] is None else set(field["channels"])
            assert channels == expected, (entry["name"], field)


def test_an_address_is_read_and_written(bridge, case):
    _, _, given = case
    layers = given["manifest"]["layers"]
    conv = layers[0]["name"]
    for values, expected in [
        (
            f"layer={conv}&channel=2&view=window&at=3.4&from=1",
            {"layer": conv, "channel": 2, "view": "window", "at": [3, 4], "from": 1},
        ),
        (
            f"layer={conv}&channel=999&view=nonsense&at=x&from=-1",
            {"layer": conv, "channel": 0, "view": "map", "at": None, "from": 0},
        ),
        ("layer=logits&channel=1&view=softmax", {"layer": "logits", "channel": 1, "view": "softmax"}),
        ("layer=image&view=compare&with=b", {"layer": "image", "view": "compare", "other": "b"}),
        (f"layer={conv}&view=what_if&off={conv}.1+{conv}.99+nothing.0", {"view": "what_if"}),
    ]:
        said = bridge(given | {"call": "look", "hash": f"#over-view?figure=over-view&{values}"})[0]
        assert said["found"]["anchor"] == said["found"]["figure"] == "over-view"
        assert {name: said["look"][name] for name in expected} == expected
        assert bridge(given | {"call": "look", "hash": said["again"]})[0]["look"] == said["look"], (
            "the address of a look leads to it"
        )
        assert said["off"] == ([{"layer": conv, "channel": 1}] if "off=" in values else [])
    assert bridge(given | {"call": "look", "hash": "#a?figure=a&layer=conv_99"})[0]["look"] is None
    assert bridge(given | {"call": "look", "hash": "#a%"})[0]["found"] == {"anchor": "a%", "figure": "", "values": {}}


def test_the_build_knows_the_views_that_the_page_has(bridge, case):
    from generator.figures import read_figure_kinds, views_of

    _, _, given = case
    kind = read_figure_kinds(ROOT / "assets" / "src" / "figures")["cnn-network"]
    declared = {"summary": "", "options": kind.options, "state": kind.state, "views": kind.views}
    for name in ["image", *(entry["name"] for entry in given["manifest"]["layers"])]:
        views = bridge({"call": "views", "manifest": given["manifest"], "name": name, "declared": declared})[0]
        assert views == views_of(kind, name, given["manifest"]), name
        for view in ("map", "window", "field", "what_if", "compare", "softmax"):
            look = bridge(given | {"call": "look", "hash": f"#a?figure=a&layer={name}&view={view}"})[0]["look"]
            assert (look["view"] == view) == (view in views), (name, view)


def test_the_strongest_map_is_the_one_with_the_largest_unit(bridge, case):
    network, pixels, given = case
    activations = trace(network, image_of(pixels))
    for entry in given["manifest"]["layers"]:
        if len(entry["shape"]) == 3:
            look = bridge(given | {"call": "look", "hash": f"#a?figure=a&layer={entry['name']}&channel=strongest"})[0][
                "look"
            ]
            assert look["channel"] == int(activations[entry["name"]][0].amax((1, 2)).argmax())


def test_layers_share_their_colours_as_asked(bridge, case):
    _, _, given = case
    own, block, whole = (
        bridge(given | {"call": "extents", "sharing": sharing})[0] for sharing in ("layer", "block", "network")
    )
    assert own[0] == block[0] == whole[0] == {"extent": 1, "clipped": False}, "the picture keeps its own"
    most = max(entry["extent"] for entry in own[1:])
    assert all(entry["extent"] == most for entry in whole[1:])
    assert all(mine["extent"] <= shared["extent"] <= most for mine, shared in zip(own[1:], block[1:], strict=True))

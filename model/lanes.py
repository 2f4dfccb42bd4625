"""The training step of a plain stack of convolutions, several times as fast: as many pictures at once as a vector has lanes.

PyTorch's convolutions are made for hundreds of channels; with ten they leave most of a processor idle. `model/lanes.c` computes the
same, to rounding. It is compiled when a training first needs it; without a C compiler, or for other networks, PyTorch does it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from model.fold import Branches
from model.networks import Graph

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
WIDEST = 64  # channels; beyond that little is gained, and the weights' gradients, one for each lane, fill the memory


def load_functions(cache: Path) -> ctypes.CDLL | None:
    """The functions of lanes.c, compiled for this processor and kept in `cache`; None where there is no compiler or it fails."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    try:
        machine = subprocess.run(
            [compiler, "-march=native", "-dM", "-E", "-x", "c", os.devnull], capture_output=True
        ).stdout  # the processor's abilities, the compiler's version
        library = (
            cache / f"lanes-{hashlib.sha256(SOURCE.read_bytes() + repr(FLAGS).encode() + machine).hexdigest()[:12]}.so"
        )
        if not library.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                made = Path(folder) / library.name
                subprocess.run([compiler, *FLAGS, "-o", made, SOURCE], check=True, capture_output=True)
                made.replace(library)
        return ctypes.CDLL(str(library))
    except (OSError, subprocess.CalledProcessError):
        return None


def accelerate(model: nn.Sequential, cache: Path, threads: int = 1) -> Lanes | None:
    """`model`, computed by lanes.c; None without them, or where it is not convolutions with branches, ReLU and 2 x 2 max-pooling until it is flattened.

    Each group of pictures is computed by one thread, so the number of threads does not change the result.
    """
    if not isinstance(model, Graph) or not model.is_chain:
        return None
    layers, plan = list(model.children()), []
    while layers and type(layers[0]) is Branches:
        branches = layers.pop(0)
        if not _is_plain(branches) or not layers or type(layers.pop(0)) is not nn.ReLU:
            return None
        pool = layers.pop(0) if layers and type(layers[0]) is nn.MaxPool2d else None
        if pool and (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode) != (2, 2, 0, 1, False):
            return None
        plan.append((branches, pool is not None))
    if not plan or not layers or type(layers[0]) is not nn.Flatten or (functions := load_functions(cache)) is None:
        return None
    each = ThreadPoolExecutor(threads).map if threads > 1 else map
    return Lanes([_Block(functions, each, *block) for block in plan], nn.Sequential(*layers), functions.lane_count())


def _is_plain(branches: Branches) -> bool:
    """Whether lanes.c can do it: few channels, a square kernel, stride 1, and a padding that is the same everywhere and smaller than the kernel."""
    outputs, inputs, height, width = branches.shape
    return (
        max(outputs, inputs) <= WIDEST
        and height == width
        and branches.options["stride"] == branches.options["dilation"] == (1, 1)
        and branches.options["groups"] == 1
        and branches.options["padding"][0] == branches.options["padding"][1] < height
    )


@dataclass(frozen=True)
class Lanes:
    """A network in training: blocks of convolution, batch normalisation, ReLU and perhaps max-pooling, then the rest as PyTorch has it."""

    blocks: list[_Block]
    rest: nn.Sequential
    lanes: int  # L, the pictures in a group: 16 or 8

    def takes(self, images: torch.Tensor) -> bool:
        """Whether a batch can be taken apart into whole groups."""
        return len(images) % self.lanes == 0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, K) for images (B, C, H, W) that it takes. As in PyTorch, batch normalisations keep their running figures."""
        batch = len(images)
        groups = images.unflatten(0, (-1, self.lanes)).permute(0, 2, 3, 4, 1)
        x = F.pad(groups, (0, 0, *[self.blocks[0].padding] * 4)).contiguous()  # (G, C, H, W, L), as all that follows
        for block, border in zip(self.blocks, [*(block.padding for block in self.blocks[1:]), 0], strict=True):
            x = block(x, border)
        return self.rest(x.permute(0, 4, 1, 2, 3).reshape(batch, *x.shape[1:4]))


class _Block:
    """A convolution with what follows it.

    Its memory is kept from step to step, since asking for it takes as long as filling it. So a batch's backward pass must be done before the next batch.
    """

    def __init__(self, functions: ctypes.CDLL, each: Callable, branches: Branches, pooled: bool):
        self.functions, self.each, self.branches, self.pooled = functions, each, branches, pooled
        self.padding = branches.options["padding"][0]
        self.memory: dict[str, torch.Tensor] = {}

    def __call__(self, x: torch.Tensor, border: int) -> torch.Tensor:
        """(G, I, H, W, L), padded -> (G, O, H', W', L) inside a border of zeros, which is the next one's padding."""
        norm = self.branches.norm
        z, mean, variance = _Step.apply(x, self.branches.kernel(), norm.weight, norm.bias, self, border)
        count = self.memory["y"][:, 0].numel()
        with torch.no_grad():
            norm.running_mean.lerp_(mean.float(), norm.momentum)
            norm.running_var.lerp_((variance * count / (count - 1)).float(), norm.momentum)
            norm.num_batches_tracked += 1
        return z

    def empty(self, name: str, *shape: int) -> torch.Tensor:
        """Memory (G, C, H, W, L) for what has this name; it holds whatever was in it."""
        if name not in self.memory or self.memory[name].shape != shape:
            self.memory[name] = torch.empty(shape)
        return self.memory[name]

    def run(self, function: str, own: list[torch.Tensor], shared: list[torch.Tensor], *sizes: int) -> None:
        """Call a function of lanes.c for each group: with its part of each tensor in `own`, all of those that are `shared`, and the sizes."""
        call = getattr(self.functions, function)
        same = [*(ctypes.c_void_p(tensor.data_ptr()) for tensor in shared), *map(ctypes.c_int, sizes)]

        def of_group(group: int) -> None:
            call(
                *(
                    ctypes.c_void_p(tensor.data_ptr() + group * tensor.stride(0) * tensor.element_size())
                    for tensor in own
                ),
                *same,
            )

        for _ in self.each(of_group, range(len(own[0]))):
            pass  # a map does nothing before it is asked


class _Step(torch.autograd.Function):
    """What a block computes, forward and backward."""

    @staticmethod
    def forward(ctx, x, kernel, gamma, beta, block: _Block, border: int):
        groups, inputs, height, width, lanes = x.shape
        outputs, _, size, _ = kernel.shape
        rows, columns = height - size + 1, width - size + 1
        y = block.empty("y", groups, outputs, rows, columns, lanes)
        block.run("correlate", [x, y], [kernel.contiguous()], inputs, outputs, height, width, size)

        sums = torch.empty(groups, outputs, 2, dtype=torch.float64)
        block.run("moments", [y, sums], [], outputs, rows, columns)
        mean, square = (sums.sum(0) / (groups * rows * columns * lanes)).unbind(1)
        variance = (square - mean * mean).clamp(min=0)
        steepness = (variance + block.branches.norm.eps).rsqrt()
        scale = (gamma * steepness).float()
        shift = (beta - mean * gamma * steepness).float()

        left = (rows // 2, columns // 2) if block.pooled else (rows, columns)
        z = block.empty("z", groups, outputs, *(length + 2 * border for length in left), lanes)
        block.run(
            "activate_and_pool" if block.pooled else "activate", [y, z], [scale, shift], outputs, rows, columns, border
        )
        ctx.block, ctx.border = block, border
        ctx.save_for_backward(x, kernel, gamma, y, mean, steepness, scale, shift)
        ctx.mark_non_differentiable(mean, variance)
        return z.detach(), mean, variance

    @staticmethod
    def backward(ctx, dz, *_):
        block, border = ctx.block, ctx.border
        x, kernel, gamma, y, mean, steepness, scale, shift = ctx.saved_tensors
        groups, inputs, height, width, lanes = x.shape
        outputs, _, size, _ = kernel.shape
        rows, columns = y.shape[2:4]
        if border:
            dz = dz[:, :, border:-border, border:-border]

        around = (
            size - 1 - block.padding
        )  # zeros round y's gradient, so that its correlation with the turned kernel is x's
        g = block.empty("g", groups, outputs, rows + 2 * around, columns + 2 * around, lanes)
        sums = torch.empty(groups, outputs, 2, dtype=torch.float64)
        block.run(
            "pooled_gradient" if block.pooled else "activation_gradient",
            [y, dz.contiguous(), g, sums],
            [scale, shift],
            outputs,
            rows,
            columns,
            around,
        )
        d_beta, products = sums.sum(0).unbind(1)
        d_gamma = (products - mean * d_beta) * steepness
        # Batch normalisation (Ioffe and Szegedy, 2015): g less its mean, and less its part along the normalised y.
        slope = gamma * steepness
        tilt = -slope * steepness * d_gamma / y[:, 0].numel()
        level = -slope * d_beta / y[:, 0].numel() - tilt * mean
        block.run(
            "normalization_gradient",
            [y, g],
            [slope.float(), level.float(), tilt.float()],
            outputs,
            rows,
            columns,
            around,
        )

        dw = torch.empty(groups, outputs, inputs, size, size, lanes)
        block.run("weight_gradient", [x, g, dw], [], inputs, outputs, height, width, size, around)
        dx = None
        if ctx.needs_input_grad[0]:
            turned = kernel.flip(2, 3).transpose(0, 1).contiguous()
            inside = block.empty("dx", groups, inputs, height - 2 * block.padding, width - 2 * block.padding, lanes)
            block.run("correlate", [g, inside], [turned], outputs, inputs, *g.shape[2:4], size)
            dx = F.pad(inside, (0, 0, *[block.padding] * 4)) if block.padding else inside.detach()
        return dx, dw.sum((0, 5)), d_gamma.float(), d_beta.float(), None, None

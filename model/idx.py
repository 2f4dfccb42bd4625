"""IDX, the format of MNIST and its successors: a magic number, the sizes, then the bytes."""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from pathlib import PurePosixPath

import numpy as np

from errors import BuildError

# part of the set -> its files, with either separator, plain or .gz
LARGEST = 1024**3  # bytes, unpacked
PARTS = {"train": ("train-images", "train-labels"), "t10k": ("t10k-images", "t10k-labels")}


def is_idx(path: PurePosixPath) -> bool:
    return path.name.removesuffix(".gz").endswith("-ubyte")


def read_idx(content: bytes, name: str) -> np.ndarray:
    """The array of an IDX file of bytes, compressed or not; BuildError when it is neither whole nor IDX."""
    try:
        if content[:2] == b"\x1f\x8b":
            content = _unpacked(content, name)
        zeros, kind, dimensions = struct.unpack_from(">HBB", content)
        if zeros or kind != 8:
            raise BuildError("not an IDX file of bytes", name)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (struct.error, OSError, EOFError, zlib.error) as error:
        raise BuildError(f"incomplete IDX file ({error}); download or copy it again", name) from error
    start = 4 + 4 * dimensions
    if len(content) - start != math.prod(shape):
        raise BuildError(
            f"an IDX file of {math.prod(shape):,} bytes that contains only {len(content) - start:,}; download or copy "
            "it again",
            name,
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _unpacked(content: bytes, name: str) -> bytes:
    with gzip.open(io.BytesIO(content)) as file:
        unpacked = file.read(LARGEST + 1)
    if len(unpacked) > LARGEST:
        raise BuildError(f"unpacks to more than {LARGEST / 1024**2:,.0f} MB, the most that is read", name)
    return unpacked


def read_set(files: dict[str, bytes], part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W) and labels (N,) of "train" or "t10k"; `files` are the set's by name."""
    found = []
    for prefix in PARTS[part]:
        name = next((name for name in files if name.startswith(prefix)), None)
        if name is None:
            raise BuildError(f"the set lacks its file {prefix}-…-ubyte")
        found.append(read_idx(files[name], name))
    images, labels = found
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise BuildError(
            f"{PARTS[part][0]} holds {images.shape}, and {PARTS[part][1]} {labels.shape}: not a picture for each label"
        )
    return images, labels

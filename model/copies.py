"""Near-copies among photos: frames of one burst, or one file saved twice.

On both sides of a split they flatter a network.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

BITS = 8  # of 64 by which the hashes of near-copies may differ
LIKENESS = 0.95  # least correlation of their thumbnails
ROWS = 2000  # compared at a time


def near_copies(images: np.ndarray, labels: np.ndarray) -> list[list[int]]:
    """Groups of two or more near-copies, as indices of `images` (N, C, H, W), each group within one class.

    Two photos are near-copies if their difference hashes (64 bits, whether each of 8 x 8 places is darker than the
    next) nearly agree, and their thumbnails of 16 x 16 correlate. Both allow for another size, quality and brightness.
    None of the 250,000 pairs of photos of one class in each of ten classes of Tiny ImageNet is such a pair.
    """
    grey = torch.from_numpy(images).float().mean(1, keepdim=True)  # (N, 1, H, W)
    small = F.adaptive_avg_pool2d(grey, (8, 9))[:, 0].numpy()
    bits = (small[:, :, 1:] > small[:, :, :-1]).reshape(len(small), 64).astype(np.float32)
    thumbnails = F.adaptive_avg_pool2d(grey, (16, 16)).flatten(1).numpy()
    thumbnails = thumbnails - thumbnails.mean(1, keepdims=True)
    thumbnails /= np.linalg.norm(thumbnails, axis=1, keepdims=True) + 1e-6
    leader = np.arange(len(images))  # of each photo's group: its first member
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        for start in range(0, len(members), ROWS):
            rows = members[start : start + ROWS]
            differing = bits[rows] @ (1 - bits[members]).T + (1 - bits[rows]) @ bits[members].T
            alike = (differing <= BITS) & (thumbnails[rows] @ thumbnails[members].T >= LIKENESS)
            for row, column in np.argwhere(alike):
                if rows[row] < members[column]:
                    _join(leader, rows[row], members[column])
    groups: dict[int, list[int]] = {}
    for i in range(len(leader)):
        groups.setdefault(_find(leader, i), []).append(i)
    return [group for group in groups.values() if len(group) > 1]


def _find(leader: np.ndarray, i: int) -> int:
    while leader[i] != i:
        i = int(leader[i])
    return i


def _join(leader: np.ndarray, a: int, b: int) -> None:
    first, second = sorted((_find(leader, a), _find(leader, b)))
    leader[second] = first

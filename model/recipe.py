"""Training recipes: the fields that strata.toml can set, their defaults and limits."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from errors import BuildError, nearest


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; `[models.NAME.recipe]` in strata.toml overrides any of it."""

    epochs: int = 120
    batch_size: int = 64
    learning_rate: float = 8e-3  # the peak of the cycle
    weight_decay: float = 0.01
    matrix_learning_rate: float = (
        0.02  # the peak of Muon's cycle, for kernels and the last layer; 0 leaves them to AdamW too
    )
    linear_decay: float = 0.3  # Muon's weight decay for the linear layers, against overfitting
    label_smoothing: float = 0.05  # for labels, not for teachers' predictions
    dropout: float = 0.3  # before the last layer, only in training
    branches: int = 3  # kernels that are summed for a convolution in training; 0: a plain convolution
    averaging: float = 0.998  # of the weights, per step
    flip: bool = True
    shift: float = 0.1  # in picture widths
    zoom: float = 0.25  # up to 1 + zoom times larger or smaller
    rotation: float = 8.0  # degrees
    jitter: float = 0.3  # of brightness, contrast and saturation
    grey: float = 0.1  # share of the pictures without colour
    blur: float = 0.1  # share of the pictures slightly blurred
    teacher_epochs: int = 0  # of each teacher, a larger network; 0: no teacher
    teachers: int = 1  # trained with different seeds; their logits are averaged
    views: int = 32  # of each photo, labelled by the teachers
    label_share: float = 0.3  # weight of the labels in the targets; the rest is the teachers' prediction
    soften: float = 0.0  # share of the views blurred for the small network, but not for the teachers
    threads: int = 1  # CPU threads; results are reproducible only for the same number
    seed: int = 0
    starts: int = 1  # networks trained with different seeds; the one with the best validation likelihood is kept

    @staticmethod
    def read(table: dict[str, Any]) -> Recipe:
        """A recipe from its table; BuildError for an unknown field, or a value of the wrong type or out of range."""
        defaults = asdict(Recipe())
        for field, value in table.items():
            if field not in defaults:
                raise BuildError(f'unknown field "{field}" in the recipe{nearest(field, defaults)}')
            wanted = type(defaults[field])
            if not isinstance(value, (int, float) if wanted is float else wanted) or (
                isinstance(value, bool) and wanted is not bool
            ):
                raise BuildError(f'"{field}" in the recipe must be {_KINDS[wanted]}, not {value!r}')
            low, high = _RANGES.get(field, (0, math.inf))
            if not low <= value <= high:
                raise BuildError(
                    f'"{field}" in the recipe must be '
                    f"{f'{low} or more' if high == math.inf else f'from {low} to {high}'}, not {value!r}"
                )
        return Recipe(**table)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}
_RANGES = {
    "epochs": (1, math.inf),
    "batch_size": (2, math.inf),
    "teachers": (1, math.inf),
    "views": (1, math.inf),
    "starts": (1, math.inf),
    "soften": (0, 1),
    "label_share": (0, 1),
    "threads": (1, math.inf),
    "dropout": (0, 0.95),
    "label_smoothing": (0, 0.9),
    "averaging": (0, 0.9999),
    "grey": (0, 1),
    "blur": (0, 1),
    "learning_rate": (1e-9, 1),
    "matrix_learning_rate": (0, 1),
    "linear_decay": (0, 10),
    "jitter": (0, 1),
}

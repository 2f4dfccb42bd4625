"""The widgets that lessons can use: declared in `assets/src/figures/NAME/NAME.json`, beside their code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import BuildError, nearest


@dataclass(frozen=True)
class Widget:
    """A custom element: `name` is its tag, its file and its directive. `attributes` maps a name to {type, required}."""

    name: str
    summary: str
    attributes: dict[str, dict[str, Any]]


def read_widgets(folder: Path) -> dict[str, Widget]:
    """Every widget by its name."""
    widgets = {}
    for path in sorted(folder.glob("*/*.json")):
        table = json.loads(path.read_text(encoding="utf-8"))
        widgets[path.stem] = Widget(path.stem, table["summary"], table["options"])
    return widgets


def check_options(widget: Widget, options: dict[str, Any], models: dict[str, dict[str, Any]]) -> dict[str, str]:
    """A directive's options as attributes; BuildError for an unknown one, a wrong value or one that is missing.

    `models` holds the manifests: types "model" and "example" are checked against them.
    """
    for name in options:
        if name not in widget.attributes:
            known = ", ".join(widget.attributes)
            raise BuildError(
                f'{widget.name} has no option "{name}"; options are {known}{nearest(name, widget.attributes)}'
            )
    for name, attribute in widget.attributes.items():
        if attribute.get("required") and name not in options:
            raise BuildError(f'{widget.name} needs the option "{name}"')
    checked = {name: str(value) for name, value in options.items()}
    for name, value in checked.items():
        _CHECKS[widget.attributes[name]["type"]](name, value, checked, models)
    return checked


def _check_model(name: str, value: str, options: dict[str, str], models: dict[str, dict[str, Any]]) -> None:
    if value not in models:
        raise BuildError(f'unknown model "{value}"; models are {", ".join(models)}{nearest(value, models)}')


def _check_example(name: str, value: str, options: dict[str, str], models: dict[str, dict[str, Any]]) -> None:
    _check_model("model", options["model"], options, models)
    names = [example["name"] for example in models[options["model"]]["examples"]]
    if value not in names:
        raise BuildError(f'unknown example "{value}"; examples are {", ".join(names)}{nearest(value, names)}')


_CHECKS: dict[str, Callable[[str, str, dict[str, str], dict[str, dict[str, Any]]], None]] = {
    "model": _check_model,
    "example": _check_example,
}

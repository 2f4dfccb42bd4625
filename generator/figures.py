"""The figures that lessons can use, as `assets/src/figures/TAG/TAG.json` declares them: their options, and what a link
may name.

`assets/src/elements/state.ts` reads the same declarations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from errors import BuildError, nearest

Manifests = dict[str, dict[str, Any]]
Field = dict[str, Any]


@dataclass(frozen=True)
class FigureKind:
    """A custom element: `tag` is its name, its folder and its directive. `options` and `state` map a name to its type
    and limits.
    """

    tag: str
    summary: str
    options: dict[str, Field]
    state: dict[str, Field] = field(default_factory=dict)
    views: list[dict[str, Any]] = field(default_factory=list)

    @property
    def still_label(self) -> str:
        """The label that describes the figure's still picture."""
        return f"still_{self.tag.replace('-', '_')}"

    @property
    def in_address(self) -> dict[str, Field]:
        """The fields in an address: the options that the reader can change, then the rest of the state."""
        return {name: option for name, option in self.options.items() if option.get("state")} | self.state


def read_figure_kinds(folder: Path) -> dict[str, FigureKind]:
    """Every figure of `folder` by its tag."""
    kinds = {}
    for path in sorted(folder.glob("*/*.json")):
        table = json.loads(path.read_text(encoding="utf-8"))
        kinds[path.stem] = FigureKind(
            path.stem, table["summary"], table["options"], table.get("state", {}), table.get("views", [])
        )
    return kinds


def check_options(kind: FigureKind, options: dict[str, Any], models: Manifests) -> dict[str, str]:
    """A directive's options as attributes; OptionError for an unknown one, a wrong value or one that is missing.

    `models` holds the manifests: models, examples and layers are checked against them.
    """
    for name in options:
        if name not in kind.options:
            known = ", ".join(kind.options)
            raise OptionError(
                f'{kind.tag} has no option "{name}"; options are {known}{nearest(str(name), kind.options)}', str(name)
            )
    for name, option in kind.options.items():
        if option.get("required") and name not in options:
            raise OptionError(f'{kind.tag} needs the option "{name}"')
    checked = {name: _as_text(value) for name, value in options.items()}
    for name, value in checked.items():
        try:
            _CHECKS[kind.options[name]["type"]](name, value, kind.options[name], _manifest(kind, checked, models))
        except BuildError as error:
            raise OptionError(error.message, name) from error
    return checked


class OptionError(BuildError):
    """An error in a directive's options; `option` is the invalid one, "" if one is missing."""

    def __init__(self, message: str, option: str = ""):
        super().__init__(message)
        self.option = option


def check_state(kind: FigureKind, options: dict[str, str], values: dict[str, str], models: Manifests) -> None:
    """BuildError if a link names a layer, an example or a value that this figure does not have."""
    fields = kind.in_address
    manifest = _manifest(kind, options, models)
    for name, value in values.items():
        if name not in fields:
            raise BuildError(
                f'a link into a {kind.tag} has no "{name}"; it has figure, {", ".join(fields)}{nearest(name, fields)}'
            )
        if fields[name]["type"] == "view":
            if "layer" in values and not manifest.get("faulty"):
                views = views_of(kind, values["layer"], manifest)
                _known("view", value, views)
        elif fields[name]["type"] == "channel":
            _check_channel(value, values.get("layer"), manifest)
        else:
            _CHECKS[fields[name]["type"]](name, value, fields[name], manifest)


def views_of(kind: FigureKind, layer: str, manifest: dict[str, Any]) -> list[str]:
    """The views that a layer has, by the rules of the figure's declaration, as `viewsOf` in state.ts."""
    entry = next((entry for entry in manifest["layers"] if entry["name"] == layer), None)
    is_last = entry is not None and entry is manifest["layers"][-1]
    has_maps = entry is not None and len(entry["shape"]) == 3
    return [
        rule["name"]
        for rule in kind.views
        if ("kinds" not in rule or (entry["kind"] if entry else "image") in rule["kinds"])
        and rule.get("maps", has_maps) == has_maps
        and rule.get("last", is_last) == is_last
    ]


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _manifest(kind: FigureKind, options: dict[str, str], models: Manifests) -> dict[str, Any]:
    """The manifest of the figure's model; empty if the model is unknown."""
    name = next((name for name, option in kind.options.items() if option["type"] == "model"), None)
    empty: dict[str, Any] = {"models": models, "layers": [], "examples": []}
    return empty | models.get(options.get(name or "", ""), {})


def _known(what: str, value: str, choices: list[str]) -> None:
    if value not in choices:
        plural = what if what.endswith("s") else f"{what}s"
        raise BuildError(f'unknown {what} "{value}"; {plural} are {", ".join(choices)}{nearest(value, choices)}')


def _layers(manifest: dict[str, Any]) -> dict[str, list[int]]:
    """Every layer's shape, the input's under "image"."""
    shapes = {"image": manifest["input"]["shape"]} if "input" in manifest else {}
    return shapes | {layer["name"]: layer["shape"] for layer in manifest["layers"]}


def _check_model(name: str, value: str, option: Field, manifest: dict[str, Any]) -> None:
    _known("model", value, list(manifest["models"]))


def _check_example(name: str, value: str, option: Field, manifest: dict[str, Any]) -> None:
    if manifest.get("faulty"):
        return
    if "input" not in manifest:
        raise BuildError(f'"{name}" names a picture of a model; give the option "model" too')
    _known("example", value, [example["name"] for example in manifest["examples"]])


def _check_layer(name: str, value: str, option: Field, manifest: dict[str, Any]) -> None:
    if manifest.get("faulty"):
        return
    if "input" not in manifest:
        raise BuildError(f'"{name}" names a layer of a model; give the option "model" too')
    _known("layer", value, list(_layers(manifest)))


def _check_number(name: str, value: str, option: Field, manifest: dict[str, Any]) -> None:
    low, high, is_whole = option.get("min"), option.get("max"), option.get("step", 1) >= 1
    pattern = r"-?\d+" if is_whole else r"-?\d+(\.\d+)?"
    number = float(value) if re.fullmatch(pattern, value) else None
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        limits = f" from {low} to {high}" if high is not None else f" of {low} or more" if low is not None else ""
        raise BuildError(f'{name} must be {"a whole number" if is_whole else "a number"}{limits}, not "{value}"')


def _check_choice(name: str, value: str, option: Field, manifest: dict[str, Any]) -> None:
    _known(name, value, option["choices"])


def _check_switch(name: str, value: str, option: Field, manifest: dict[str, Any]) -> None:
    if value not in ("true", "false", "on", "off"):
        raise BuildError(f'{name} is either "true" or "false", not "{value}"')


def _check_unit(name: str, value: str, option: Field, manifest: dict[str, Any]) -> None:
    if not re.fullmatch(r"\d+\.\d+", value):
        raise BuildError(f'{name} is a row and a column, "4.7", not "{value}"')


def _check_maps(name: str, value: str, option: Field, manifest: dict[str, Any]) -> None:
    for part in value.split(" "):
        layer, _, channel = part.rpartition(".")
        _check_layer("layer", layer, option, manifest)
        _check_channel(channel, layer, manifest)


def _check_channel(value: str, layer: str | None, manifest: dict[str, Any]) -> None:
    if value != "strongest" and not value.isdecimal():
        raise BuildError(f'invalid channel "{value}"; give a number or "strongest"')
    shape = _layers(manifest).get(layer or "")
    if shape and value.isdecimal() and int(value) >= shape[0]:
        raise BuildError(f'there is no channel "{value}" in a layer of {shape[0]}')


_CHECKS: dict[str, Callable[[str, str, Field, dict[str, Any]], None]] = {
    "model": _check_model,
    "example": _check_example,
    "layer": _check_layer,
    "number": _check_number,
    "choice": _check_choice,
    "switch": _check_switch,
    "text": lambda name, value, option, manifest: None,
    "unit": _check_unit,
    "maps": _check_maps,
}

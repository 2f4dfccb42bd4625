"""Links into a state of a figure: `#anchor?figure=ID&layer=…`, as the page's address has it (`assets/src/figures/cnn-network/look.ts`)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from errors import BuildError, nearest
from generator.markdown import Figure

_FORMS = {"channel": r"\d+|strongest", "from": r"\d+", "at": r"\d+\.\d+"}
_CHOICES = {"colours": ["block", "network"], "details": ["off"]}


def check_state(state: str, figures: list[Figure], manifests: dict[str, dict[str, Any]]) -> None:
    """BuildError for a figure, a layer, an example or a value that is not there."""
    values = dict(parse_qsl(state, keep_blank_values=True))
    figure = _known("figure", values.pop("figure", ""), {figure.id: figure for figure in figures})
    if "model" not in figure.attributes:
        raise BuildError(f'the figure "{figure.id}" shows no network that a link could lead into')
    manifest = manifests[figure.attributes["model"]]
    layers = {"image": {"kind": "image", "shape": manifest["input"]["shape"]}} | {
        layer["name"]: layer for layer in manifest["layers"]
    }
    examples = dict.fromkeys(example["name"] for example in manifest["examples"])
    layer = _known("layer", values["layer"], layers) if "layer" in values else None
    for name, value in values.items():
        if name in ("example", "with"):
            _known(name, value, examples)
        elif name == "view" and layer:
            _known("view", value, dict.fromkeys(views_of(layer, layer is manifest["layers"][-1])))
        elif name == "off":
            for part in value.split(" "):
                where, _, channel = part.rpartition(".")
                _check_channel(channel, _known("layer", where, layers))
        elif name in _CHOICES:
            _known(name, value, dict.fromkeys(_CHOICES[name]))
        elif name not in ("layer", "view", *_FORMS):
            known = ["example", "layer", "channel", "view", "at", "from", "with", "off", *_CHOICES]
            raise BuildError(
                f'a link into a figure has no "{name}"; it has figure, {", ".join(known)}{nearest(name, known)}'
            )
        elif name in _FORMS and not re.fullmatch(_FORMS[name], value):
            raise BuildError(f'"{value}" is no {name} of a figure')
        elif name == "channel" and layer and value != "strongest":
            _check_channel(value, layer)


def views_of(layer: dict[str, Any], last: bool) -> list[str]:
    """The views of a layer, as `viewsOf` in `assets/src/figures/cnn-network/look.ts` has them; a test holds the two together."""
    if layer["kind"] == "image":
        return ["map", "compare"]
    if last:
        return ["map", "softmax"]
    return [
        "map",
        *(["window"] if layer["kind"] == "conv" else []),
        *(["field", "what_if"] if len(layer["shape"]) == 3 else []),
        "compare",
    ]


def _check_channel(channel: str, layer: dict[str, Any]) -> None:
    if not channel.isdigit() or int(channel) >= layer["shape"][0]:
        raise BuildError(f'there is no channel "{channel}" in a layer of {layer["shape"][0]}')


def _known(what: str, value: str, choices: dict[str, Any]) -> Any:
    if value not in choices:
        raise BuildError(
            f'unknown {what} "{value}" in a link into a figure; there is {", ".join(choices)}{nearest(value, choices)}'
        )
    return choices[value]

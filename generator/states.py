"""Links into a state of a figure: `#anchor?figure=ID&layer=…`, as the page's address has it (`assets/src/look.ts`)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from errors import BuildError, nearest
from generator.markdown import Figure

VIEWS = ("map", "window", "field", "what_if", "compare", "softmax")
_FORMS = {"channel": r"\d+|strongest", "from": r"\d+", "at": r"\d+\.\d+", "off": r"\S+\.\d+( \S+\.\d+)*"}


def check_state(state: str, figures: list[Figure], manifests: dict[str, dict[str, Any]]) -> None:
    """BuildError for a figure, a layer, an example or a value that is not there."""
    values = dict(parse_qsl(state, keep_blank_values=True))
    figure = _known("figure", values.pop("figure", ""), {figure.id: figure for figure in figures})
    manifest = manifests[figure.attributes["model"]] if "model" in figure.attributes else None
    choices = {"view": VIEWS}
    if manifest:
        choices["layer"] = ("image", *(layer["name"] for layer in manifest["layers"]))
        choices["example"] = choices["with"] = tuple(example["name"] for example in manifest["examples"])
    for name, value in values.items():
        if name in choices:
            _known(name, value, dict.fromkeys(choices[name]))
        elif name not in _FORMS:
            known = [*choices, *_FORMS]
            raise BuildError(f'a link into a figure has no "{name}"; it has figure, {", ".join(known)}{nearest(name, known)}')
        elif not re.fullmatch(_FORMS[name], value):
            raise BuildError(f'"{value}" is no {name} of a figure')


def _known(what: str, value: str, choices: dict[str, Any]) -> Any:
    if value not in choices:
        raise BuildError(f'unknown {what} "{value}" in a link into a figure; there is {", ".join(choices)}{nearest(value, choices)}')
    return choices[value]

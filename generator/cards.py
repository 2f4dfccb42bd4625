"""Model cards as pages: the results of `model/evaluate.py`, prepared for the template."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from config import Language, Model, Site
from errors import RAISE, BuildError, Faults
from generator.lessons import Lesson


@dataclass(frozen=True)
class Card:
    """`data` is the JSON beside the weights."""

    model: Model
    data: dict[str, Any]

    def slug(self) -> str:
        return f"models/{self.model.name}"

    def names(self, language: Language) -> list[str]:
        """The classes as the page's readers call them."""
        return [c.labels[language.code] for c in self.model.classes]

    def lesson(self, language: Language, labels: dict[str, str]) -> Lesson:
        """The card's title and summary as a lesson, for the page templates."""
        figures = self.data["figures"]
        low, high = figures["interval"]
        summary = labels["card_summary"].format(
            parameters=f"{self.data['parameters']:,}",
            accuracy=percent(figures["accuracy"]),
            low=percent(low),
            high=percent(high),
            photos=f"{figures['photos']:,}",
            likelihood=f"{figures['likelihood']:.3f}",
        )
        front = {"title": labels["card_title"].format(title=self.model.title), "summary": summary}
        return Lesson(self.slug(), language, self.model.weights.with_suffix(".json"), "", 1, front)

    def finished(self) -> bool:
        """Whether the training was completed."""
        return self.data.get("finished", True)

    def heat(self, count: int, row: int) -> int:
        """Shade of a cell of the confusion matrix, from 0 to 5, by its share of the row's photos."""
        share = count / max(1, sum(self.data["figures"]["confusion"][row]))
        return 0 if not count else 1 + sum(share >= step for step in (0.03, 0.1, 0.3, 0.7))


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def read_cards(site: Site, faults: Faults = RAISE) -> list[Card]:
    """The cards of the models that were evaluated; a model that never was has none."""
    cards = []
    for model in site.models.values():
        path = model.weights.with_suffix(".json")
        if not path.exists():
            continue  # not trained yet
        with faults.collect():
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise BuildError(f"not the JSON that training writes ({error})", path) from error
            if data.get("figures"):
                cards.append(Card(model, data))
    return cards


def as_markdown(cards: list[Card]) -> str:
    """The cards side by side, for docs/cards.md."""
    rows: list[tuple[str, list[str]]] = []
    every = [card.data["figures"] for card in cards]

    def row(what: str, cells: list[str]) -> None:
        rows.append((what, cells))

    row("weights and biases", [f"{card.data['parameters']:,}" for card in cards])
    row(
        "photos for training, validation, test",
        [
            f"{c.data['photos']['training']:,}, {c.data['photos']['validation']:,}, {c.data['figures']['photos']:,}"
            for c in cards
        ],
    )
    row(
        "accuracy (95 % interval)",
        [f"{percent(f['accuracy'])} ({percent(f['interval'][0])} to {percent(f['interval'][1])})" for f in every],
    )
    row("mean negative log-likelihood", [f"{f['likelihood']:.3f}" for f in every])
    row(
        "calibration error, and before the temperature",
        [f"{percent(f['calibration']['error'])}, {percent(f['calibration']['before'])}" for f in every],
    )
    row("temperature", [f"{f['calibration']['temperature']:.2f}" for f in every])
    for change, what in _CHANGES.items():
        row(
            f"accuracy when {what}",
            [
                next((percent(entry["accuracy"]) for entry in f["robustness"] if entry["change"] == change), "")
                for f in every
            ],
        )
    row("channels that do nothing, by layer", [", ".join(str(entry["silent"]) for entry in f["silent"]) for f in every])
    for of in _OF:
        shares = [
            next(
                (
                    percent(entry["share"])
                    for entry in card.data.get("unknown", {"said": []})["said"]
                    if entry["of"] == of
                ),
                "",
            )
            for card in cards
        ]
        row(f'"none of the classes" said of {_OF[of]}', shares)
    row(
        "epochs, seed",
        [
            f"{len(card.data['history'])}{'' if card.finished() else ' of ' + str(card.data['recipe']['epochs'])}, "
            f"{card.data['recipe']['seed'] + 1_000 * card.data.get('start', 0)}"
            for card in cards
        ],
    )
    head = ["", *(card.model.title for card in cards)]
    lines = [head, ["---", *["--:"] * len(cards)], *([what, *cells] for what, cells in rows)]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    return f"""# The networks' cards

Written by `python build.py evaluate`. The whole card of each network is a page of the site. Accuracy, likelihood and
calibration are measured on test photos, which are not used to choose weights, epochs or the temperature;
[measurements.md](measurements.md) says what else was decided after a look at them.

{table}
"""


_CHANGES = {
    "grey": "grey",
    "blur": "blurred by one pixel",
    "left": "turned left by 15°",
    "right": "turned right by 15°",
    "zoom": "enlarged 1.25 times",
    "dark": "at 0.6 of its brightness",
    "enlarged": "enlarged four times and back",
}
_OF = {
    "known": "photos of its classes (wrongly)",
    "others": "photos of other classes",
    "drawings": "the site's examples (wrongly)",
    "noise": "noise",
    "text": "text",
    "blank": "one colour alone",
}

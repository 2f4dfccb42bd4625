"""Model cards as pages: every number from the card file, in both languages, linked from the figure."""

from __future__ import annotations

import json
import re
import tomllib
from html import unescape

import pytest

from generator.cards import as_markdown, read_cards
from tests.node import ROOT
from tests.page import AXE, LANGUAGES

CARDS = {"en": "models/{}/index.html", "zh": "zh/models/{}/index.html"}


@pytest.fixture(params=["tinyvgg", "fashion"])
def card(request, site):
    return request.param, json.loads(site.models[request.param].weights.with_suffix(".json").read_text())


@pytest.mark.parametrize("language", CARDS)
def test_the_page_says_what_was_measured(built, site, card, language):
    name, data = card
    html = (built / CARDS[language].format(name)).read_text()
    text = unescape(re.sub(r"\s+", " ", re.sub("(?s)<script.*?</script>|<[^>]*>", " ", html)))
    figures = data["figures"]
    shares = [
        figures["accuracy"],
        *figures["interval"],
        *(entry["accuracy"] for entry in figures["robustness"]),
        figures["calibration"]["error"],
        figures["calibration"]["before"],
        *(bin[share] for bin in figures["calibration"]["bins"] for share in ("sure", "right")),
        *(entry["share"] for entry in data["unknown"]["said"]),
        *(mistake["probability"] for mistake in figures["mistakes"]),
    ]
    assert all(f"{100 * share:.1f}%" in text for share in shares)
    assert all(mistake["file"] in text for mistake in figures["mistakes"]) and f"{figures['likelihood']:.3f}" in text
    labels = [c.labels[language] for c in site.models[name].classes]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", html)
    assert [label for label, _ in rows] == labels
    assert [[int(n) for n in re.findall(r">(\d+)</td>", cells)] for _, cells in rows] == figures["confusion"]
    assert sum(map(sum, figures["confusion"])) == figures["photos"] and sum(
        row[i] for i, row in enumerate(figures["confusion"])
    ) == round(figures["accuracy"] * figures["photos"])
    lost = [round(100 * (figures["accuracy"] - entry["accuracy"]), 1) for entry in figures["robustness"]]
    assert [float(cell.replace("−", "-")) for cell in re.findall(r"<td>(−?\d+\.\d)</td></tr>", html)] == pytest.approx(
        lost, abs=0.051
    )
    assert f"{figures['calibration']['temperature']:.2f}" in text and f"{data['unknown']['threshold']:.4g}" in text
    assert re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html) == [
        (field, str(value).lower()) for field, value in data["recipe"].items()
    ]
    labels = tomllib.loads((ROOT / "content" / language / "ui.toml").read_text())
    others = any(entry["of"] == "others" for entry in data["unknown"]["said"])
    assert (labels["card_chosen_on_others"] in text, labels["card_chosen_on_made"] in text) == (others, not others)
    assert labels["card_same"] in text
    assert (labels["card_starts"].format(starts=data["recipe"]["starts"]) in text) == (data["recipe"]["starts"] > 1)


def test_the_table_in_docs_says_the_same(site):
    assert (ROOT / "docs" / "cards.md").read_text() == as_markdown(read_cards(site))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_figure_leads_to_it_and_it_reads_well(visit, language, scheme):
    page = visit(color_scheme=scheme).open(LANGUAGES[language])
    page.click(".cn-figures a")
    page.wait_for_selector(".card-plot")
    assert (
        page.url.endswith(CARDS[language].format("tinyvgg")) and page.get_attribute("html", "data-language") == language
    )
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
            width
        )
    page.wait_for_timeout(100)
    page.evaluate(AXE.read_text())
    assert (
        page.evaluate("() => axe.run().then((result) => result.violations.map((v) => [v.id, v.nodes[0].html]))") == []
    )

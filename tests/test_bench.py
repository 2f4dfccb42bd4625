"""Evaluation of benchmark results: missed budgets, and Lighthouse's reports."""

import pytest

from tests.bench import Row
from tests.lighthouse import CATEGORIES, Report, read


@pytest.mark.parametrize(
    ("most", "least", "missed"),
    [
        (None, None, False),
        (10, None, False),
        (9.9, None, True),
        (None, 10, False),
        (None, 10.1, True),
        (9, 8, True),
        (11, 9, False),
    ],
)
def test_a_budget_is_a_most_or_a_least(most, least, missed):
    assert Row("x", "ms", 10, most, least=least).missed == missed


def test_a_report_is_its_scores_and_what_took_points_away():
    audits = {
        "whole": {"score": 1},
        "absent": {"score": None},
        "told": {"score": 0.2},
        "slow": {"id": "slow", "score": 0.5, "displayValue": "2 s", "title": "Is fast"},
        "wrong": {"id": "wrong", "score": 0, "title": "Is right"},
    }
    refs = [{"id": name, "weight": int(name != "told")} for name in audits]
    categories = {name: {"score": 1, "auditRefs": []} for name in CATEGORIES} | {
        "performance": {"score": 0.995, "auditRefs": refs},
        "seo": {"score": None, "auditRefs": []},
    }
    report = read({"categories": categories, "audits": audits})
    assert report == Report(
        {"performance": 100, "accessibility": 100, "best-practices": 100, "seo": 0},
        ["performance: slow 0.50, 2 s", "performance: wrong 0.00, Is right"],
    )

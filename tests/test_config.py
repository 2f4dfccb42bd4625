"""strata.toml. (Its faults: tests/cases.)"""

import pytest

from config import read_site
from errors import BuildError


def test_this_projects_own(site):
    assert [language.code for language in site.languages] == ["en", "zh"] and site.default_language.code == "en"
    model = site.models["tinyvgg"]
    assert [c.folder for c in model.classes] == [
        "n03662601",
        "n02165456",
        "n07873807",
        "n07720875",
        "n04146614",
        "n01882714",
        "n07920052",
        "n02509815",
        "n07747607",
        "n04285008",
    ]
    assert [c.labels["en"] for c in model.classes] == [
        "lifeboat",
        "ladybug",
        "pizza",
        "bell pepper",
        "school bus",
        "koala",
        "espresso",
        "red panda",
        "orange",
        "sports car",
    ]


def test_it_must_be_there(tmp_path):
    with pytest.raises(BuildError, match="missing"):
        read_site(tmp_path)

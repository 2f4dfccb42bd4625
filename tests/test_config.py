"""strata.toml: what is wrong is named, with what is near it."""

import pytest

from config import read_site
from errors import BuildError
from tests.conftest import PROJECT


def test_this_projects_own(site):
    assert [language.code for language in site.languages] == ["en", "zh"] and site.default_language.code == "en"
    model = site.models["tinyvgg"]
    assert [c.folder for c in model.classes] == ["n03662601", "n02165456", "n07873807", "n07720875", "n04146614",
                                                 "n01882714", "n07920052", "n02509815", "n07747607", "n04285008"]
    assert [c.labels["en"] for c in model.classes] == ["lifeboat", "ladybug", "pizza", "bell pepper", "school bus",
                                                       "koala", "espresso", "red panda", "orange", "sports car"]


@pytest.mark.parametrize(("old", "new", "says"), [
    ('title = "Test"', 'titel = "Test"', 'unknown field "titel" in strata.toml.*did you mean "title"'),
    ('title = "Test"', "title = 3", '"title" in strata.toml must be a string'),
    ('title = "Test"', "", '"title" is missing'),
    ('title = "Test"', "title = ", "not valid TOML.*line 2"),
    ('en = { name = "English", tag = "en" }', "", "at least one language"),
    ('lessons = ["index"]', 'lessons = ["A B"]', 'lesson "A B" must be'),
    ('lessons = ["index"]', 'lessons = ["home"]', 'must name "index"'),
    ('lessons = ["index"]', 'lessons = ["index", "en"]', "needs another name"),
    ('lessons = ["index"]', 'lessons = ["index", "models"]', "needs another name"),
    ('tag = "en"', 'tag = "en_US"', "a tag is like"),
    ('tag = "en" }', 'tag = "en", dir = "up" }', 'dir is "ltr" or "rtl"'),
    ('{ name = "blue" }', '{ name = "blue", labels = { en = 3 } }', "must be strings"),
    ("[models.small]", "[models.Small]", "must be named in small letters"),
    ('{ name = "blue" }', '{ name = "red" }', "two classes, each with a name of its own"),
    ('{ name = "blue" }', '{ nam = "blue" }', 'class 2 of \\[models.small\\].*did you mean "name"'),
    ('tag = "en" }', 'tag = "en" }\nzh = { name = "中文", tag = "zh" }', 'class "red" of \\[models.small\\] has no label in "zh"'),
])
def test_what_is_wrong_is_named(tmp_path, old, new, says):
    assert old in PROJECT
    (tmp_path / "strata.toml").write_text(PROJECT.replace(old, new, 1))
    with pytest.raises(BuildError, match=says) as caught:
        read_site(tmp_path)
    assert caught.value.path == tmp_path / "strata.toml"


def test_it_must_be_there(tmp_path):
    with pytest.raises(BuildError, match="missing"):
        read_site(tmp_path)

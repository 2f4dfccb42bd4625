"""What a built site is asked, whatever it shows: its files, and pages that are whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from generator.site import CSP


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class Links(HTMLParser):
    """Every link, script and picture of a page, its ids, and anything inline that the policy forbids."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.ids, self.inline = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values["id"]} if "id" in values else set()
        away = tag == "a" and values.get("href", "").startswith(
            "https://"
        )  # an author may link elsewhere; a page loads nothing from there
        self.links += [values[name] for name in ("href", "src") if name in values and not away]
        executable = tag == "script" and "src" not in values and values.get("type") != "application/json"
        if executable or tag == "style" or "style" in values or any(name.startswith("on") for name in values):
            self.inline.append((tag, values))


def check_pages(folder: Path) -> set[str]:
    """Every page of a site has its policy, nothing inline, and only links that lead somewhere; the pages' names."""
    pages = [name for name in files(folder) if name.endswith(".html")]
    for name in pages:
        text = (folder / name).read_text(encoding="utf-8")
        parsed = Links(text)
        assert parsed.inline == [], name
        assert f'content="{CSP}"' in text.replace("&#39;", "'"), name
        assert re.match(r'<!doctype html>\n<html lang="[\w-]+" dir="(ltr|rtl)"', text), name
        for link in parsed.links:
            path, _, anchor = link.partition("#")
            path = path.partition("?")[0]
            assert not re.match(r"[a-z]+:|/", link), f"{name}: {link} is not relative"
            target = (folder / name).parent / path if path else folder / name
            assert target.is_file(), f"{name}: {link} leads nowhere"
            assert not anchor or anchor in Links(target.read_text(encoding="utf-8")).ids, (
                f"{name}: {link} has no such anchor"
            )
    return set(pages)

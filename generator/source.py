"""Checks of a lesson's source and its HTML: the lines of formulas, and mistakes that Markdown lets through."""

from __future__ import annotations

import re

from errors import BuildError, Faults
from generator.lessons import Lesson

FENCE = re.compile(r"^\s*(```+(?=[^`]*$)|~~~+)[ \t]*([\w+#.-]*)")  # a line with more backticks is inline code

# Marks that stay in the text when their counterpart is missing -> how to fix it.
_LEFT_OVER = {
    "$$": 'a formula on lines of its own stands between two "$$", with an empty line before and after it and none '
    "inside; a dollar is \\$",
    "\\begin{": 'an environment of TeX stands between two "$$", with an empty line before and after',
    "```": "this code block has no end, or no beginning; both are lines of ```",
}

# In a paragraph: a line that begins a list, or the line below a table's head.
_RAW_BLOCK = re.compile(r"\n(?:([-*+]|1[.)])[ \t]+\S.*|[|]?[ \t]*:?-{3,}:?[ \t]*[|].*)")


class Source:
    """The lesson's lines with code blanked out, to find the line of something."""

    def __init__(self, lesson: Lesson):
        self.lesson, self.position = lesson, 0
        fence, lines = "", []
        for line in lesson.body.splitlines():
            mark = FENCE.match(line)
            lines.append("" if fence or mark else re.sub(r"(`+).*?\1", "", line).lstrip("> \t"))
            if mark:
                fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        self.text = "\n".join(lines)
        self.formulas: set[int] = set()  # lines that are part of one

    def formula(self, tex: str) -> int | None:
        """The line of a formula: the next match, else the first; None if there is none."""
        pattern = re.compile(r"\$\s*" + r"\s+".join(map(re.escape, tex.split())) + r"\s*\$")
        match = pattern.search(self.text, self.position) or pattern.search(self.text)
        if not match:
            return None
        self.position = match.end()
        first, last = self._line(match.start()), self._line(match.end())
        self.formulas |= set(range(first, last + 1))
        return self._line(match.end() - len(re.sub(r"^\$\s*", "", match[0])))

    def check(self, *texts: str) -> None:
        """BuildError if these texts of the page contain leftover marks."""
        for text in texts:
            for mark in _LEFT_OVER:
                if mark in text:
                    raise self.left_over(mark)
            if note := re.search(r"\[\^([^\]\s]+)\]", text):
                raise BuildError(
                    f'there is no footnote "[^{note[1]}]: …" in this lesson', self.lesson.path, self._first(note[0])
                )

    def raw_block(self, *texts: str) -> tuple[int, str] | None:
        """The line of a table or list that Markdown took for text of the paragraph above it, and what to do."""
        for text in texts:
            if found := _RAW_BLOCK.search(text):
                what = "list" if found[1] else "table"
                start = re.split("[\x02\x03\\\\]", found[0].strip("\n"))[0]  # the rest may hold marks of Markdown's own
                if line := self._first(start):
                    return line, f"this {what} needs an empty line before it; it stands there as text"
        return None

    def left_over(self, mark: str) -> BuildError:
        return BuildError(f'"{mark}" is left over: {_LEFT_OVER[mark]}', self.lesson.path, self._first(mark))

    def _first(self, text: str) -> int | None:
        """The first line with this text outside formulas, else the first of all."""
        lines = (self.lesson.body if text == "```" else self.text).splitlines()
        found = [number for number, line in enumerate(lines, self.lesson.line) if text in line]
        return next((number for number in found if number not in self.formulas), found[0] if found else None)

    def _line(self, position: int) -> int:
        return self.lesson.line + self.text[:position].count("\n")


def check_html(html: str, headings: list[tuple[int, str, str]], lesson: Lesson, faults: Faults) -> None:
    """What Markdown lets through and a page must not have.

    Ids used twice, a second title, and styles and scripts that the page's policy forbids.
    """
    lines = list(enumerate(lesson.body.splitlines(), lesson.line))
    ids = re.findall(r'<[a-z][^<>]*\sid="([^"]+)"', html)
    for repeated in dict.fromkeys(i for i in ids if ids.count(i) > 1):
        places = [number for number, line in lines if re.search(rf"(#|\|\s*|id=[\"']?){re.escape(repeated)}\b", line)]
        with faults.collect():
            place = places[1] if len(places) > 1 else None
            raise BuildError(f'the id "{repeated}" is used twice in this lesson', lesson.path, place)
    if any(level == 1 for level, _, _ in headings):
        place = next((number for number, line in lines if re.match(r"#\s", line)), None)
        with faults.collect():
            message = "a lesson's title stands in its front matter; its headings begin with ##"
            raise BuildError(message, lesson.path, place)
    if found := re.search(r"<[a-zA-Z][^<>]*\s(style|on[a-z]+)\s*=", html):
        place = next((number for number, line in lines if re.search(rf"<[^<>]*\s{found[1]}\s*=", line)), None)
        raise BuildError(
            f'the attribute "{found[1]}" does nothing here: pages allow no styles and scripts in HTML; leave it out',
            lesson.path,
            place,
        )

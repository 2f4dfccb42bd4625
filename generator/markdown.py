"""Markdown to HTML: Python-Markdown with the directives of lessons, checked line by line before it is rendered."""

from __future__ import annotations

import re
import xml.etree.ElementTree as etree
from dataclasses import dataclass, field
from html import unescape
from textwrap import shorten
from typing import Any

import markdown
import yaml
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.util import ClassNotFound
from pymdownx.blocks import BlocksExtension
from pymdownx.blocks.block import Block

from errors import BuildError, nearest
from generator.lessons import Lesson
from generator.source import FENCE, Source, check_html
from generator.widgets import Widget, check_options

OPENING = re.compile(r"^/{3,}[ \t]*(\S.*)$")
CLOSING = re.compile(r"^/{3,}\s*$")
ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass
class Figure:
    """One directive of a lesson: a widget with its id, attributes, and the line where it stands."""

    widget: Widget
    id: str
    attributes: dict[str, str]
    line: int


@dataclass
class Link:
    """A link or picture of a lesson that leads to another file of content/: where it stands, and what it says; `state` of a figure there."""

    target: str
    line: int
    picture: bool
    state: str = ""


@dataclass
class Formula:
    """TeX of a lesson, inline or on lines of its own, with the line where it stands; `mathml` is set later, for all lessons at once."""

    tex: str
    display: bool
    line: int | None
    mathml: str = ""

    def __str__(self) -> str:
        return f"${shorten(self.tex, 60, placeholder=' …')}$"


@dataclass
class Rendered:
    """A lesson's HTML, its figures in order, its headings as (level, id, HTML), its links into content/, and its formulas.

    In the HTML links stand as `content:TARGET`; a page puts in what leads there from its own place. Formulas stand as
    `formula:NUMBER` until `set_formulas` puts their MathML there.
    """

    html: str
    figures: list[Figure] = field(default_factory=list)
    headings: list[tuple[int, str, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    formulas: list[Formula] = field(default_factory=list)

    def set_formulas(self) -> None:
        """Replace every `formula:NUMBER` by the formula's MathML."""

        def mathml(text: str) -> str:  # only where the marker put it: text may well say "formula:1;"
            return re.sub(
                r'(<(?:span|div) class="formula[^>]*>)formula:(\d+);',
                lambda match: match[1] + self.formulas[int(match[2])].mathml,
                text,
            )

        self.html = mathml(self.html)
        self.headings = [(level, anchor, mathml(html)) for level, anchor, html in self.headings]


def render(lesson: Lesson, widgets: dict[str, Widget], models: dict[str, dict[str, Any]]) -> Rendered:
    """A lesson's body as HTML; BuildError with file and line for a directive that is unknown, unclosed or wrong."""
    figures = find_figures(lesson, widgets, models)
    links, formulas = _Links(lesson), _Formulas(lesson)
    extensions = [
        "attr_list",
        "tables",
        "footnotes",
        "pymdownx.superfences",
        "pymdownx.highlight",
        "pymdownx.arithmatex",
        "toc",
        _Directives(figures),
        links,
        formulas,
    ]
    converter = markdown.Markdown(
        extensions=extensions,
        output_format="html",
        extension_configs={
            "footnotes": {"BACKLINK_TITLE": "footnote:{}"},  # a page puts in its own words
            "toc": {"slugify": _slug, "permalink": False},
            "pymdownx.highlight": {"css_class": "code", "guess_lang": False},
            "pymdownx.arithmatex": {
                "generic": True,
                "inline_syntax": ["dollar"],
                "block_syntax": ["dollar"],
                "tex_inline_wrap": ["", ""],
                "tex_block_wrap": ["", ""],
            },
        },
    )
    html = converter.convert(lesson.body)
    html = re.sub(r"<table(?=[\s>])", '<div class="table"><table', html).replace(
        "</table>", "</table></div>"
    )  # a wide one can be scrolled
    # Python-Markdown aligns a table's columns by inline styles, which the policy drops.
    html = re.sub(r'(<t[hd]) style="text-align: (left|center|right);"', r'\1 class="\2"', html)
    # In a list of contents a heading is a link itself, so that there are none in it.
    headings = [
        (token["level"], token["id"], re.sub(r"</?a\b[^>]*>|<img[^>]*>", "", token["html"]))
        for token in _flat(converter.toc_tokens)
    ]
    check_html(html, headings, lesson)
    return Rendered(html, figures, headings, links.found, formulas.found)


def find_figures(lesson: Lesson, widgets: dict[str, Widget], models: dict[str, dict[str, Any]]) -> list[Figure]:
    """The directives of a lesson, checked. pymdownx leaves one that it does not know in the text without a word."""
    figures: list[Figure] = []
    lines = lesson.body.splitlines()
    fence, opened, fenced = "", 0, 0
    for number, line in enumerate(lines):
        place = lesson.line + number
        mark = FENCE.match(line)
        if mark and not opened:
            if not fence and mark[2]:
                _check_code_language(mark[2], lesson, place)
            fence, fenced = ("", 0) if fence and mark[1].startswith(fence) else (fence or mark[1], fenced or place)
        if fence:
            continue
        if CLOSING.match(line):
            if not opened:
                raise BuildError(
                    "/// closes nothing; the directive above is closed already or was never opened", lesson.path, place
                )
            opened = 0
        elif match := OPENING.match(line):
            if opened:
                raise BuildError(
                    f"the directive of line {opened} is not closed; end it with a line of ///", lesson.path, place
                )
            opened = place
            figures.append(_figure(lesson, match[1], lines[number + 1 :], place, widgets, models))
            if [f.id for f in figures].count(figures[-1].id) > 1:
                raise BuildError(f'the id "{figures[-1].id}" is used twice in this lesson', lesson.path, place)
    if fenced:
        raise BuildError(f"this code block is not closed; end it with a line of {fence}", lesson.path, fenced)
    if opened:
        raise BuildError("this directive is not closed; end it with a line of ///", lesson.path, opened)
    return figures


def _figure(
    lesson: Lesson,
    header: str,
    following: list[str],
    line: int,
    widgets: dict[str, Widget],
    models: dict[str, dict[str, Any]],
) -> Figure:
    name, _, argument = (part.strip() for part in header.partition("|"))
    if name not in widgets:
        raise BuildError(
            f'unknown widget "{name}"; widgets are {", ".join(widgets)}{nearest(name, widgets)}', lesson.path, line
        )
    if not ID.fullmatch(argument):
        raise BuildError(
            f'{name} needs an id of small letters, digits and hyphens: "/// {name} | some-id"', lesson.path, line
        )
    block = []
    for text in following:
        if not text.startswith("    "):
            break
        block.append(text[4:])
    try:
        options = yaml.safe_load("\n".join(block)) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BuildError(
            f"options are not valid YAML: {getattr(error, 'problem', error)}",
            lesson.path,
            line + 1 + (mark.line if mark else 0),
        ) from error
    if not isinstance(options, dict):
        raise BuildError('options are lines of "name: value", four spaces in', lesson.path, line + 1)
    try:
        attributes = check_options(widgets[name], options, models)
    except BuildError as error:
        raise BuildError(error.message, lesson.path, line) from error
    return Figure(widgets[name], argument, attributes, line)


def _check_code_language(name: str, lesson: Lesson, line: int) -> None:
    """Pygments would show code of a language that it does not know without colours and without a word."""
    try:
        get_lexer_by_name(name)
    except ClassNotFound:
        known = [alias for _, aliases, _, _ in get_all_lexers() for alias in aliases]
        raise BuildError(
            f'unknown language "{name}" of a code block; "text" is always right{nearest(name, known)}',
            lesson.path,
            line,
        ) from None


class _Links(Extension):
    """Collects links and pictures without a scheme, and marks them for the page to resolve."""

    def __init__(self, lesson: Lesson):
        super().__init__()
        self.lesson, self.found = lesson, []

    def extendMarkdown(self, md: markdown.Markdown) -> None:
        md.treeprocessors.register(_LinkMarker(md, self), "content_links", 0)


class _LinkMarker(Treeprocessor):
    def __init__(self, md: markdown.Markdown, links: _Links):
        super().__init__(md)
        self.links = links

    def run(self, root: etree.Element) -> None:
        for element in root.iter():
            for name, picture in (("href", False), ("src", True)):
                target = element.get(name)
                if target is None or re.match(r"[a-z][a-z0-9+.-]*:|#fn", target):
                    continue
                lesson = self.links.lesson
                whole = target
                if name == "href" and "#" in target:  # a state of a figure: the page's script adds it to the anchor
                    target, _, state = target.partition("?")
                    if state:
                        element.set("data-show", state)
                line = next(
                    (lesson.line + i for i, text in enumerate(lesson.body.splitlines()) if f"({whole}" in text),
                    lesson.line,
                )
                self.links.found.append(Link(target, line, picture, element.get("data-show", "")))
                element.set(name, f"content:{target}")


class _Formulas(Extension):
    """Collects the TeX that arithmatex found, leaves a number in its place, and refuses what was meant as a formula and is none."""

    def __init__(self, lesson: Lesson):
        super().__init__()
        self.source, self.found = Source(lesson), []

    def extendMarkdown(self, md: markdown.Markdown) -> None:
        inline = md.inlinePatterns["arithmatex-inline"]
        inline.compiled_re = re.compile(inline.pattern + r"(?!\d)", re.DOTALL)  # "$5 to $10" are prices, as in Pandoc
        md.treeprocessors.register(_FormulaMarker(md, self), "formulas", 6)  # before the headings are listed


class _FormulaMarker(Treeprocessor):
    def __init__(self, md: markdown.Markdown, formulas: _Formulas):
        super().__init__(md)
        self.formulas = formulas

    def run(self, root: etree.Element) -> None:
        source, found = self.formulas.source, self.formulas.found
        for element in root.iter():
            if "arithmatex" in (element.get("class") or "").split():
                display = element.tag == "div"
                tex = (
                    unescape(element.text or "") if display else element.text or ""
                ).strip()  # arithmatex escapes blocks alone
                found.append(Formula(tex, display, source.formula(tex)))
                element.set("class", "formula-block" if display else "formula")
                element.text = AtomicString(f"formula:{len(found) - 1};")
        for parent in root.iter():
            if parent.tag not in ("code", "pre") and not (parent.get("class") or "").startswith("formula"):
                source.check(parent.text or "", *(child.tail or "" for child in parent))
                _check_dollars_beside(parent, source)


def _check_dollars_beside(parent: etree.Element, source: Source) -> None:
    before = parent.text or ""
    for child in parent:
        if child.get("class") == "formula" and (before.endswith("$") or (child.tail or "").startswith("$")):
            raise source.left_over("$$")
        before = child.tail or ""


class _Directives(BlocksExtension):
    """One pymdownx block a widget, so that captions are Markdown."""

    def __init__(self, figures: list[Figure]):
        super().__init__()
        self.figures = {figure.id: figure for figure in figures}

    def extendMarkdownBlocks(self, md: markdown.Markdown, block_manager: Any) -> None:
        for widget in {figure.widget.name: figure.widget for figure in self.figures.values()}.values():
            options = {name: ["", str] for name in widget.attributes}
            kind = type(
                f"Block_{widget.name}",
                (_WidgetBlock,),
                {"NAME": widget.name, "OPTIONS": options, "figures": self.figures},
            )
            block_manager.register(kind, self.getConfigs())


class _WidgetBlock(Block):
    ARGUMENT = True
    figures: dict[str, Figure] = {}

    def on_create(self, parent: etree.Element) -> etree.Element:
        figure = self.figures[self.argument]
        element = etree.SubElement(parent, "figure", {"id": figure.id, "class": "figure"})
        live = etree.SubElement(element, figure.widget.name, {**figure.attributes, "data-state": "loading"})
        if "model" in figure.attributes:  # without JavaScript a still stands there; a page puts in where it is
            etree.SubElement(
                etree.SubElement(live, "noscript"), "img", {"src": f"still:{figure.id}", "alt": "still:alt"}
            )
        return etree.SubElement(element, "figcaption")


def _slug(text: str, separator: str) -> str:
    """Anchors are the same in every language, so a heading that is not ASCII must give its own: `## 标题 {#title}`."""
    text = re.sub(r"formula:\d+;", "", text.lower())
    slug = re.sub(r"[^a-z0-9]+", separator, text).strip(separator)
    return slug or "section"


def _flat(tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for token in tokens for item in (token, *_flat(token["children"]))]

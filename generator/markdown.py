"""Markdown to HTML: Python-Markdown with the directives of lessons, checked line by line before it is rendered."""

from __future__ import annotations

import re
import xml.etree.ElementTree as etree
from dataclasses import dataclass, field, replace
from html import unescape
from textwrap import shorten
from typing import Any, ClassVar

import markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString
from pymdownx.blocks import BlocksExtension
from pymdownx.blocks.block import Block

from errors import RAISE, Faults
from generator.directives import Figure, find_figures
from generator.figures import FigureKind
from generator.lessons import Lesson
from generator.source import Source, check_html


@dataclass
class Link:
    """A link from a lesson to another file in content/, or a picture; `state` is the state of a figure there."""

    target: str
    line: int
    picture: bool
    state: str = ""


@dataclass
class Formula:
    """TeX of a lesson, inline or on lines of its own, with the line where it stands."""

    tex: str
    display: bool
    line: int | None

    def __str__(self) -> str:
        return f"${shorten(self.tex, 60, placeholder=' …')}$"


@dataclass
class Rendered:
    """A lesson's HTML, its figures in order, its headings as (level, id, HTML), its links into content/, and its
    formulas.

    In the HTML, links are written as `content:TARGET`, which each page resolves. Formulas are written as
    `formula:NUMBER` until `set_formulas` puts their MathML there.

    """

    html: str
    figures: list[Figure] = field(default_factory=list)
    headings: list[tuple[int, str, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    formulas: list[Formula] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)  # of lines that do not say what was meant, perhaps
    is_faulty: bool = False  # parts may be missing

    def with_mathml(self, mathml: list[str]) -> Rendered:
        """The same with every `formula:NUMBER` replaced by the formula's MathML."""

        def put(text: str) -> str:  # only where the marker put it: text may well say "formula:1;"
            return re.sub(
                r'(<(?:span|div) class="formula[^>]*>)formula:(\d+);',
                lambda match: match[1] + mathml[int(match[2])],
                text,
            )

        headings = [(level, anchor, put(html)) for level, anchor, html in self.headings]
        return replace(self, html=put(self.html), headings=headings)


def render(
    lesson: Lesson, kinds: dict[str, FigureKind], models: dict[str, dict[str, Any]], faults: Faults = RAISE
) -> Rendered:
    """A lesson's body as HTML. A fault, with file and line, is a directive that is unknown or wrong, a lone "$$", …"""
    before = len(faults)
    with faults.collect():
        rendered = _render(lesson, kinds, models, faults)
        rendered.is_faulty = len(faults) > before
        return rendered
    return Rendered("", is_faulty=True)


def _render(
    lesson: Lesson, kinds: dict[str, FigureKind], models: dict[str, dict[str, Any]], faults: Faults
) -> Rendered:
    figures, body = find_figures(lesson, kinds, models, faults)
    links, formulas = _Links(lesson), _Formulas(lesson, faults)
    extensions: list[str | Extension] = [
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
    converter: Any = markdown.Markdown(  # its extensions give it attributes
        extensions=extensions,
        output_format="html",
        extension_configs={
            "footnotes": {"BACKLINK_TITLE": "footnote:{}"},  # each page fills in its own text
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
    html = converter.convert(body)
    html = re.sub(r"<table(?=[\s>])", '<div class="table"><table', html).replace(
        "</table>", "</table></div>"
    )  # a wide one can be scrolled
    # Python-Markdown aligns a table's columns by inline styles, which the policy drops.
    html = re.sub(r'(<t[hd]) style="text-align: (left|center|right);"', r'\1 class="\2"', html)
    # Headings are links in the table of contents, so links inside them are removed there.
    headings = [
        (token["level"], token["id"], re.sub(r"</?a\b[^>]*>|<img[^>]*>", "", token["html"]))
        for token in _flat(converter.toc_tokens)
    ]
    check_html(html, headings, lesson, faults)
    return Rendered(html, figures, headings, links.found, formulas.found, formulas.warnings)


class _Links(Extension):
    """Collects links and pictures without a scheme, and marks them for the page to resolve."""

    def __init__(self, lesson: Lesson):
        super().__init__()
        self.lesson = lesson
        self.found: list[Link] = []

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
                if target is None or re.match(r"[a-z][a-z0-9+.-]*:|#fn(ref)?\d*:", target):
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
    """Collects the TeX that arithmatex found, leaves a number in its place, and rejects malformed formulas."""

    def __init__(self, lesson: Lesson, faults: Faults):
        super().__init__()
        self.source, self.faults = Source(lesson), faults
        self.found: list[Formula] = []
        self.warnings: list[tuple[int, str]] = []

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
                ).strip()  # arithmatex escapes only blocks
                found.append(Formula(tex, display, source.formula(tex)))
                element.set("class", "formula-block" if display else "formula")
                element.text = AtomicString(f"formula:{len(found) - 1};")
        for parent in root.iter():
            if parent.tag not in ("code", "pre") and not (parent.get("class") or "").startswith("formula"):
                texts = [parent.text or "", *(child.tail or "" for child in parent)]
                with self.formulas.faults.collect():
                    source.check(*texts)
                    _check_dollars_beside(parent, source)
                if warning := source.raw_block(*texts):
                    self.formulas.warnings.append(warning)


def _check_dollars_beside(parent: etree.Element, source: Source) -> None:
    before = parent.text or ""
    for child in parent:
        if child.get("class") == "formula" and (before.endswith("$") or (child.tail or "").startswith("$")):
            raise source.left_over("$$")
        before = child.tail or ""


class _Directives(BlocksExtension):
    """One pymdownx block for each kind of figure, so that captions are Markdown."""

    def __init__(self, figures: list[Figure]):
        super().__init__()
        self.figures = {figure.id: figure for figure in figures}

    def extendMarkdownBlocks(self, md: markdown.Markdown, block_manager: Any) -> None:
        for figure in {figure.kind.tag: figure.kind for figure in self.figures.values()}.values():
            options = {name: ["", str] for name in figure.options}
            kind = type(
                f"Block_{figure.tag}",
                (_FigureBlock,),
                {"NAME": figure.tag, "OPTIONS": options, "figures": self.figures},
            )
            block_manager.register(kind, self.getConfigs())


class _FigureBlock(Block):
    ARGUMENT = True
    figures: ClassVar[dict[str, Figure]] = {}

    def on_create(self, parent: etree.Element) -> etree.Element:
        figure = self.figures[self.argument]
        element = etree.SubElement(parent, "figure", {"id": figure.id, "class": "figure"})
        live = etree.SubElement(element, figure.kind.tag, {**figure.attributes, "data-state": "loading"})
        # The still picture for pages without JavaScript; each page fills in its address.
        still = {"src": f"still:{figure.id}", "alt": f"still-of:{figure.kind.tag}"}
        etree.SubElement(etree.SubElement(live, "noscript"), "img", still)
        return etree.SubElement(element, "figcaption")


def _slug(text: str, separator: str) -> str:
    """Anchors are the same in every language, so a heading that is not ASCII must give its own: `## 标题 {#title}`."""
    text = re.sub(r"formula:\d+;", "", text.lower())
    slug = re.sub(r"[^a-z0-9]+", separator, text).strip(separator)
    return slug or "section"


def _flat(tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for token in tokens for item in (token, *_flat(token["children"]))]

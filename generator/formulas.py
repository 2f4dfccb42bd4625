"""Formulas: the TeX of lessons as MathML, with the style sheet and the part of a mathematical font that they need."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import xml.etree.ElementTree as etree
from html import unescape
from itertools import islice
from pathlib import Path

import fontTools
from fontTools import subset

from cache import Cache, digest
from errors import RAISE, BuildError, Faults
from generator.lessons import Lesson
from generator.markdown import Formula, Rendered
from generator.node import Node

STYLE, FONT = "styles/formulas.css", "styles/formulas.woff2"
PACKAGED_STYLE = Path("temml/dist/Temml-STIX2.css")
PACKAGED_FONT = Path("@fontsource/stix-two-math/files/stix-two-math-latin-400-normal.woff2")
# Characters that figures may use too. Browsers replace a variable's letter by its italic form themselves.
ALWAYS = {
    *range(0x20, 0x7F),
    *range(0x391, 0x3CA),
    *range(0x1D434, 0x1D468),
    *range(0x1D6E2, 0x1D71C),
    0x210E,
    *map(ord, "−×·⋅∑∏√≤≥≈≠∈←→…⋯∂∇∫∞′"),
}


Lessons = dict[tuple[str, str], tuple[Lesson, Rendered]]


def set_formulas(
    rendered: Lessons, node: Node, cache: Cache, faults: Faults = RAISE
) -> tuple[Lessons, dict[str, bytes]]:
    """The lessons with MathML where they had TeX, and the style sheet and font for it by their path in the site.

    TeX that Temml does not accept is a fault with file and line. Without formulas there are no files, nor is Node
    called.
    """
    found = [(lesson, formula) for lesson, body in rendered.values() for formula in body.formulas]
    if not found:
        return rendered, {}
    styles: dict[str, str] = {}
    mathml: list[str] = []
    for (lesson, formula), answer in zip(found, _mathml([formula for _, formula in found], node, cache), strict=True):
        mathml.append("")
        with faults.collect():
            if "error" in answer:
                raise BuildError(f"bad TeX in {formula}: {answer['error']}", lesson.path, formula.line)
            _check_shape(answer["mathml"], lesson, formula)
            mathml[-1] = _classed(answer["mathml"], styles)
    letters = {ord(letter) for each in mathml for letter in unescape(re.sub(r"<[^>]*>", "", each))}
    own = iter(mathml)
    rendered = {
        key: (lesson, body.with_mathml(list(islice(own, len(body.formulas)))))
        for key, (lesson, body) in rendered.items()
    }
    packages = node.package / "node_modules"
    font = _font(packages / PACKAGED_FONT, ALWAYS | letters, cache)
    return rendered, {STYLE: _style_sheet(packages / PACKAGED_STYLE, styles, font), FONT: font}


def _mathml(formulas: list[Formula], node: Node, cache: Cache) -> list[dict[str, str]]:
    """All formulas in one call: `{mathml}` or `{error}` for each."""
    tool = node.package / "tools" / "formulas.mjs"
    jobs = json.dumps([{"tex": formula.tex, "display": formula.display} for formula in formulas])

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "formulas.json").write_text(jobs)
            return node.run(tool, Path(name) / "formulas.json").encode()

    return json.loads(cache.file("formulas", [jobs, tool, node.package / "package-lock.json"], make))


CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}


def _check_shape(mathml: str, lesson: Lesson, formula: Formula) -> None:
    """BuildError for an element with the wrong number of children, which browsers show as an error or not at all."""
    root = etree.fromstring(mathml)
    if root.tag != "math" or any("id" in element.attrib for element in root.iter()):
        raise BuildError(f"{formula}: \\label and \\ref do nothing here; link to a heading", lesson.path, formula.line)
    for element in root.iter():
        wanted = CHILDREN.get(element.tag)
        if wanted and len(element) != wanted:
            raise BuildError(
                f"{formula} gives MathML that browsers do not draw (a {element.tag} of {len(element)} parts); write "
                "it in another way, "
                "or put braces around its parts",
                lesson.path,
                formula.line,
            )


def _classed(mathml: str, styles: dict[str, str]) -> str:
    """The same with each inline style, which the Content-Security-Policy forbids, as a class.

    `styles` maps a style to its class, which is the same in every lesson, whatever the others hold.
    """
    root = etree.fromstring(mathml)
    for element in root.iter():
        if style := element.attrib.pop("style", "").strip("; "):
            own = styles.setdefault(style, f"formula-{digest(style)[:6]}")
            element.set("class", f"{own} {element.get('class', '')}".strip())
    return etree.tostring(root, encoding="unicode", short_empty_elements=False)


def _style_sheet(packaged: Path, styles: dict[str, str], font: bytes) -> bytes:
    """Temml's own rules for differences between browsers, with our font, and the classes of `_classed`."""
    version = hashlib.sha256(font).hexdigest()[:10]
    rules = re.sub(r"/\*.*?\*/|@font-face\s*\{[^}]*\}", "", packaged.read_text(encoding="utf-8"), flags=re.DOTALL)
    face = (
        "@font-face "
        f'{{ font-family: STIX2; src: url("formulas.woff2?{version}") format("woff2"); font-display: swap; }}\n'
    )
    classes = "".join(f".{own} {{ {style}; }}\n" for style, own in sorted(styles.items()))
    return (face + rules + classes).encode()


def _font(packaged: Path, letters: set[int], cache: Cache) -> bytes:
    """The font with these letters, and whatever its MATH table builds from them, alone."""

    def make() -> bytes:
        options = subset.Options(flavor="woff2", layout_features=["*"], hinting=False)
        options.recalc_timestamp = False  # the same letters give the same bytes
        font = subset.load_font(packaged, options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=letters)
        subsetter.subset(font)
        with tempfile.TemporaryDirectory() as name:
            subset.save_font(font, Path(name) / "font", options)
            return (Path(name) / "font").read_bytes()

    return cache.file("fonts", [packaged, fontTools.version, str(sorted(letters))], make)

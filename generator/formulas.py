"""Formulas: the TeX of lessons as MathML, with the style sheet and the part of a mathematical font that they need."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import xml.etree.ElementTree as etree
from html import unescape
from pathlib import Path

import fontTools
from fontTools import subset

from errors import BuildError
from generator.lessons import Lesson
from generator.markdown import Formula, Rendered
from generator.node import Node

STYLE, FONT = "styles/formulas.css", "styles/formulas.woff2"
PACKAGED_STYLE = Path("temml/dist/Temml-STIX2.css")
PACKAGED_FONT = Path("@fontsource/stix-two-math/files/stix-two-math-latin-400-normal.woff2")
# Letters and signs that a figure may write as well. Browsers turn a variable's letter into its italic twin by themselves.
ALWAYS = {
    *range(0x20, 0x7F),
    *range(0x391, 0x3CA),
    *range(0x1D434, 0x1D468),
    *range(0x1D6E2, 0x1D71C),
    0x210E,
    *map(ord, "−×·⋅∑∏√≤≥≈≠∈←→…⋯∂∇∫∞′"),
}


def set_formulas(rendered: dict[tuple[str, str], tuple[Lesson, Rendered]], node: Node, cache: Path) -> dict[str, bytes]:
    """Put MathML where the lessons have TeX, and return the style sheet and font for it by their path in the site.

    BuildError with file and line for TeX that Temml does not accept. Nothing is returned, and Node not called, where there is none.
    """
    found = [(lesson, formula) for lesson, body in rendered.values() for formula in body.formulas]
    if not found:
        return {}
    styles: dict[str, str] = {}
    for (lesson, formula), answer in zip(found, _mathml([formula for _, formula in found], node), strict=True):
        if "error" in answer:
            raise BuildError(f"bad TeX in {formula}: {answer['error']}", lesson.path, formula.line)
        _check_shape(answer["mathml"], lesson, formula)
        formula.mathml = _classed(answer["mathml"], styles)
    for _, body in rendered.values():
        body.set_formulas()
    letters = {ord(letter) for _, formula in found for letter in unescape(re.sub(r"<[^>]*>", "", formula.mathml))}
    packages = node.package / "node_modules"
    font = _font(packages / PACKAGED_FONT, ALWAYS | letters, cache)
    return {STYLE: _style_sheet(packages / PACKAGED_STYLE, styles, font), FONT: font}


def _mathml(formulas: list[Formula], node: Node) -> list[dict[str, str]]:
    """All formulas in one call: `{mathml}` or `{error}` for each."""
    with tempfile.TemporaryDirectory() as name:
        jobs = Path(name) / "formulas.json"
        jobs.write_text(json.dumps([{"tex": formula.tex, "display": formula.display} for formula in formulas]))
        return json.loads(node.run("tools/formulas.mjs", jobs))


CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}


def _check_shape(mathml: str, lesson: Lesson, formula: Formula) -> None:
    """Some TeX gives an element another number of parts than MathML allows, which browsers show as an error or not at all."""
    root = etree.fromstring(mathml)
    if root.tag != "math" or any("id" in element.attrib for element in root.iter()):
        raise BuildError(f"{formula}: \\label and \\ref do nothing here; link to a heading", lesson.path, formula.line)
    for element in root.iter():
        wanted = CHILDREN.get(element.tag)
        if wanted and len(element) != wanted:
            raise BuildError(
                f"{formula} gives MathML that browsers do not draw (a {element.tag} of {len(element)} parts); write it in another way, "
                "or put braces around its parts",
                lesson.path,
                formula.line,
            )


def _classed(mathml: str, styles: dict[str, str]) -> str:
    """The same with each inline style, which the Content-Security-Policy forbids, as a class; `styles` maps a style to its class."""

    def tag(match: re.Match[str]) -> str:
        name, attributes = match[1], match[2]
        style = re.search(r'\sstyle="([^"]*)"', attributes)
        if not style:
            return match[0]
        own = styles.setdefault(unescape(style[1]).strip("; "), f"formula-{len(styles) + 1}")
        attributes = attributes.replace(style[0], "")
        if 'class="' in attributes:
            return f"<{name}" + attributes.replace('class="', f'class="{own} ', 1)
        return f'<{name} class="{own}"{attributes}'

    return re.sub(r"<([a-z]+)((?:\s[\w:-]+=\"[^\"]*\")*)", tag, mathml)


def _style_sheet(packaged: Path, styles: dict[str, str], font: bytes) -> bytes:
    """Temml's own rules for what browsers draw differently, with the font that stands beside it, and the classes of `_classed`."""
    version = hashlib.sha256(font).hexdigest()[:10]
    rules = re.sub(r"/\*.*?\*/|@font-face\s*\{[^}]*\}", "", packaged.read_text(encoding="utf-8"), flags=re.DOTALL)
    face = f'@font-face {{ font-family: STIX2; src: url("formulas.woff2?{version}") format("woff2"); font-display: swap; }}\n'
    classes = "".join(f".{own} {{ {style}; }}\n" for style, own in styles.items())
    return (face + rules + classes).encode()


def _font(packaged: Path, letters: set[int], cache: Path) -> bytes:
    """The font with these letters, and whatever its MATH table builds from them, alone; kept in `cache`, for it takes a second."""
    key = hashlib.sha256(packaged.read_bytes() + f"{fontTools.version} {sorted(letters)}".encode()).hexdigest()[:16]
    kept = cache / f"{key}.woff2"
    if not kept.exists():
        options = subset.Options(flavor="woff2", layout_features=["*"], hinting=False)
        options.recalc_timestamp = False  # the same letters give the same bytes
        font = subset.load_font(packaged, options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=letters)
        subsetter.subset(font)
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as name:  # two builds at once do not meet
            subset.save_font(font, Path(name) / "font", options)
            (Path(name) / "font").replace(kept)
    return kept.read_bytes()

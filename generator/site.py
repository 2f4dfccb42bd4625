"""Pages from templates: lessons, bare figures, 404.html, sitemap and feed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import jinja2
from markupsafe import Markup

from cache import Cache, digest
from config import Language, Site
from errors import BuildError, Faults
from generator.cards import Card, percent
from generator.directives import Figure
from generator.formulas import STYLE
from generator.lessons import Lesson
from generator.links import picture_path
from generator.markdown import Rendered
from generator.scripts import bytes_script, data_script
from generator.stills import card_path, still_path

CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self' data:; media-src 'self' blob:; connect-src 'self'; worker-src blob:; base-uri 'none'; "
    "form-action 'none'"
)

Versions = dict[str, str]  # of each group of files, see `group_of`


def model_files(package: Any, cache: Cache) -> dict[str, bytes]:
    """The files of one model (`model.package.Package`) by their path in the site."""
    base = f"models/{package.manifest['name']}"
    manifest = json.dumps(package.manifest, ensure_ascii=False, indent=1).encode() + b"\n"
    files = {f"{base}/{name}": package.files[name] for name in ("model.onnx", "examples.webp")}
    files |= {f"{base}/manifest.json": manifest} | data_script(f"{base}/manifest.json", package.manifest)
    for name, content in package.files.items():
        if name != "examples.webp":
            files |= bytes_script(f"{base}/{name}", content, cache)
    return files


@dataclass
class Page:
    """One HTML file: `path` in the site, its language, and what the templates need."""

    path: PurePosixPath
    language: Language
    lesson: Lesson
    rendered: Rendered
    figure: Figure | None = None  # set for a figure's bare page
    alternates: dict[str, PurePosixPath] = field(default_factory=dict)
    prefix: str | None = None  # set for 404.html, which is served in place of any page
    card: Card | None = None  # set for a model's card
    versions: Versions = field(default_factory=dict)

    def link(self, target: str | PurePosixPath) -> str:
        """A relative link from this page to a path in the site."""
        return ("../" * (len(self.path.parts) - 1) if self.prefix is None else self.prefix) + str(target)

    def asset(self, target: str) -> str:
        """A link to a script, style or picture, with the version that keeps caches from mixing two builds."""
        return f"{self.link(target)}?{self.versions[group_of(target)]}"

    @property
    def figures(self) -> list[Figure]:
        """The figures on this page."""
        return [self.figure] if self.figure else self.rendered.figures

    @property
    def models(self) -> list[str]:
        """The models of this page's figures."""
        return sorted({figure.attributes["model"] for figure in self.figures if "model" in figure.attributes})

    @property
    def loads(self) -> str:
        """The versions of what this page's scripts load, as `src/data/loading.ts` reads them."""
        groups = ["scripts", *(f"models/{model}" for model in self.models)]
        return " ".join(f"{group}={self.versions[group]}" for group in groups)

    @staticmethod
    def address(site: Site, path: PurePosixPath) -> str:
        """The absolute address of a path in the site, without index.html."""
        return f"{site.site_url}/{str(path).removesuffix('index.html')}"


def pages(site: Site, rendered: dict[tuple[str, str], tuple[Lesson, Rendered]]) -> list[Page]:
    """Every lesson's page in every language, and a bare page for each of its figures.

    A lesson that is missing in a language is shown in the default language, with a note.
    """
    result = []
    for language in site.languages:
        for slug in site.lessons:
            found = rendered.get((language.code, slug)) or rendered.get((site.default_language.code, slug))
            if found is None:
                continue  # it has a fault
            lesson, body = found
            result.append(Page(_path(site, language.code, slug), language, lesson, body, None, _alternates(site, slug)))
            for figure in body.figures:
                name = f"embed/{slug}/{figure.id}"
                result.append(
                    Page(_path(site, language.code, name), language, lesson, body, figure, _alternates(site, name))
                )
    return result


def card_pages(site: Site, cards: list[Card], labels: dict[str, dict[str, str]]) -> list[Page]:
    """Every model's card in every language."""
    return [
        Page(
            _path(site, language.code, card.slug()),
            language,
            card.lesson(language, labels[language.code]),
            Rendered(""),
            None,
            _alternates(site, card.slug()),
            None,
            card,
        )
        for language in site.languages
        for card in cards
    ]


def _resolve(site: Site, page: Page, labels: dict[str, str]) -> str:
    """The lesson's HTML with its links and still pictures resolved relative to this page."""

    def lead(match: re.Match[str]) -> str:
        name, hash_mark, anchor = unescape(match[1]).partition("#")
        if name.endswith(".md"):
            name = page.link(_path(site, page.language.code, name.removesuffix(".md")))
        elif name:
            name = page.link(picture_path(site, (page.lesson.path.parent / name).resolve()))
        return f'="{escape(name + hash_mark + anchor)}"'

    html = page.rendered.html
    html = re.sub(r'="content:([^"]*)"', lead, html)
    html = re.sub(
        r'title="footnote:(\d+)"',
        lambda match: f'title="{escape(labels["footnote_back"].format(number=match[1]))}"',
        html,
    )
    for figure in page.rendered.figures:
        html = html.replace(f'alt="still-of:{figure.kind.tag}"', f'alt="{escape(labels[figure.kind.still_label])}"')
        html = html.replace(
            f'src="still:{figure.id}"', f'src="{page.link(still_path(page.language.code, page.lesson.slug, figure))}"'
        )
    return html


def site_files(site: Site, all_pages: list[Page]) -> dict[str, bytes]:
    """sitemap.xml and feed.xml; empty if the site's address is not known."""
    if not site.site_url:
        return {}
    lessons = [page for page in all_pages if page.figure is None]
    dated = sorted(
        (page for page in lessons if "date" in page.lesson.front and page.lesson.language is page.language),
        key=lambda page: (page.lesson.front["date"], str(page.path)),
        reverse=True,
    )
    environment = _environment(site.root)
    return {
        name: _render(environment, name, {"site": site, "pages": pages}).encode() + b"\n"
        for name, pages in (("sitemap.xml", lessons), ("feed.xml", dated))
    }


def page_files(
    site: Site, all_pages: list[Page], labels: dict[str, dict[str, str]], assets: dict[str, bytes]
) -> dict[str, bytes]:
    """Every page rendered, by its path in the site.

    A page changes with its lesson and with the assets that it names.
    """
    environment = _environment(site.root)
    versions = versions_of(assets)
    files = {}
    home = next(page for page in all_pages if page.path == PurePosixPath("index.html"))
    nowhere = Page(
        PurePosixPath("404.html"),
        home.language,
        home.lesson,
        Rendered(""),
        None,
        home.alternates,
        urlsplit(site.site_url).path + "/" if site.site_url else "",
    )
    by_language = {
        language.code: [page for page in all_pages if page.language is language and not page.figure and not page.card]
        for language in site.languages
    }
    places = {page.path: at for lessons in by_language.values() for at, page in enumerate(lessons)}
    for page in [*all_pages, nowhere]:
        page.versions = versions
        code = page.language.code
        lessons, at = by_language[code], places.get(page.path, -1)
        introduction, heading, sections = _resolve(site, page, labels[code]).partition("<h2 ")
        social_card = PurePosixPath(card_path(page.lesson.slug)) if page.rendered.figures else None
        context = {
            "site": site,
            "page": page,
            "csp": CSP,
            "t": labels[code],
            "home": page.link(_path(site, code, "index")),
            "labels": Markup(
                json.dumps(labels[code], ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
            ),
            "introduction": Markup(introduction),
            "sections": Markup(heading + sections),
            "all_labels": labels,
            "lessons": lessons,
            "previous": lessons[at - 1] if at > 0 else None,
            "next": lessons[at + 1] if 0 <= at < len(lessons) - 1 else None,
            "social_card": page.address(site, social_card) if social_card else "",
            "still": page.link(still_path(code, page.lesson.slug, page.figure)) if page.figure else "",
            "contents": [(anchor, Markup(html)) for level, anchor, html in page.rendered.headings if level == 2],
            "formulas": STYLE if page.rendered.formulas and not page.figure else "",
            "prefix": "" if page.language is site.default_language else f"{code}/",
            "card": page.card,
            "percent": percent,
            "cards": [
                {"path": p.path, "title": p.card.model.title}
                for p in all_pages
                if p.card and p.language is page.language
            ],
            "outdated": page.lesson.outdated,
            "figure_scripts": sorted({figure.kind.tag for figure in page.figures}),
            "first_trace": next((path for path in _traces(page.figures, assets)), ""),
        }
        kind = "404" if page is nowhere else "card" if page.card else "embed" if page.figure else "lesson"
        files[str(page.path)] = _render(environment, f"{kind}.html", context).encode()
    return files


def _traces(figures: list[Figure], assets: dict[str, bytes]) -> Iterator[str]:
    """The files that hold the figures' examples; a name that no server could have is another one there."""
    for figure in figures:
        path = f"models/{figure.attributes.get('model')}/examples/{figure.attributes.get('example')}.js"
        if path in assets:
            yield path


def check_templates(site: Site, faults: Faults) -> None:
    """Whether every template can be read."""
    environment = _environment(site.root)
    for name in environment.list_templates(["html", "xml"]):
        with faults.collect(), _naming(name):
            environment.get_template(name)


def _environment(root: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(root / "site_templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(environment: jinja2.Environment, template: str, context: dict[str, Any]) -> str:
    with _naming(template):
        return environment.get_template(template).render(context)


@contextmanager
def _naming(template: str) -> Iterator[None]:
    """Say of an error in a template where it is."""
    try:
        yield
    except jinja2.TemplateError as error:
        name = getattr(error, "name", None) or template
        raise BuildError(str(error), f"site_templates/{name}", getattr(error, "lineno", None)) from error


def static_files(root: Path) -> dict[str, bytes]:
    """Styles and icons, unchanged."""
    folder = root / "assets" / "styles"
    return {f"styles/{path.name}": path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def group_of(path: str) -> str:
    """What has one version together: all scripts, the files of one model, and any other file by itself."""
    folder, *rest = path.split("/")
    return folder if folder == "scripts" else f"models/{rest[0]}" if folder == "models" else path


def versions_of(files: dict[str, bytes]) -> Versions:
    """A short hash of each group of files: a new build is never mixed with an old one from a cache."""
    groups: dict[str, list[str | bytes]] = {}
    for path in sorted(files):
        groups.setdefault(group_of(path), []).extend((path, files[path]))
    return {group: digest(*parts)[:10] for group, parts in groups.items()}


def _alternates(site: Site, slug: str) -> dict[str, PurePosixPath]:
    return {language.code: _path(site, language.code, slug) for language in site.languages}


def _path(site: Site, code: str, slug: str) -> PurePosixPath:
    parts = [] if code == site.default_language.code else [code]
    parts += [] if slug == "index" else [slug]
    return PurePosixPath(*parts, "index.html")

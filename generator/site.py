"""Pages from templates: lessons, bare figures, 404.html, sitemap and feed."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jinja2
from markupsafe import Markup

from config import Language, Site
from errors import BuildError, nearest
from generator.cards import Card, percent
from generator.directives import Figure
from generator.figures import check_state
from generator.formulas import STYLE
from generator.lessons import Lesson
from generator.markdown import Rendered
from generator.scripts import bytes_script, data_script
from generator.stills import card_path, still_path

CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self' data:; media-src 'self' blob:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'"
)


def model_files(package: Any) -> dict[str, bytes]:
    """The files of one model (`model.package.Package`) by their path in the site."""
    base = f"models/{package.manifest['name']}"
    manifest = json.dumps(package.manifest, ensure_ascii=False, indent=1).encode() + b"\n"
    strip = io.BytesIO()
    package.thumbnails.save(strip, "WEBP", quality=82, method=6)
    files = {
        f"{base}/model.onnx": package.onnx,
        f"{base}/manifest.json": manifest,
        f"{base}/examples.webp": strip.getvalue(),
    }
    files |= data_script(f"{base}/manifest.json", package.manifest)
    files |= bytes_script(f"{base}/model.onnx", package.onnx)
    files |= bytes_script(f"{base}/weights", package.weights)
    for name, trace in package.traces.items():
        files |= bytes_script(f"{base}/examples/{name}", trace)
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

    def link(self, target: str | PurePosixPath) -> str:
        """A relative link from this page to a path in the site."""
        return ("../" * (len(self.path.parts) - 1) if self.prefix is None else self.prefix) + str(target)

    @staticmethod
    def address(site: Site, path: PurePosixPath) -> str:
        """The whole address of a path in the site, index.html left away."""
        return f"{site.site_url}/{str(path).removesuffix('index.html')}"


def pages(site: Site, rendered: dict[tuple[str, str], tuple[Lesson, Rendered]]) -> list[Page]:
    """Every lesson's page in every language, and a bare page for each of its figures.

    A lesson that a language lacks is shown there as the default language has it, with a note.
    """
    result = []
    for language in site.languages:
        for slug in site.lessons:
            lesson, body = rendered.get((language.code, slug)) or rendered[site.default_language.code, slug]
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


def content_files(
    site: Site, rendered: dict[tuple[str, str], tuple[Lesson, Rendered]], manifests: dict[str, dict[str, Any]]
) -> dict[str, bytes]:
    """Check every link of the lessons, and return the pictures that they show, by their path in the site."""
    files = {}
    for (code, _), (lesson, body) in rendered.items():
        for link in body.links:
            name, _, anchor = link.target.partition("#")
            if link.picture:
                path = (lesson.path.parent / name).resolve()
                if not path.is_file() or not path.is_relative_to(site.root / "content"):
                    raise BuildError(
                        f'there is no picture "{name}" in content/, seen from this lesson', lesson.path, link.line
                    )
                files[_picture(site, path)] = path.read_bytes()
                continue
            slug = name.removesuffix(".md") if name else lesson.slug
            if slug not in site.lessons or (name and not name.endswith(".md")):
                known = [f"{slug}.md" for slug in site.lessons]
                raise BuildError(
                    f'"{name}" is no lesson; lessons are {", ".join(known)}{nearest(name, known)}',
                    lesson.path,
                    link.line,
                )
            _, target = rendered.get((code, slug)) or rendered[site.default_language.code, slug]
            anchors = [id for _, id, _ in target.headings] + [figure.id for figure in target.figures]
            if anchor and anchor not in anchors:
                raise BuildError(
                    f'"{slug}.md" has no anchor "{anchor}"; it has {", ".join(anchors) or "none"}{nearest(anchor, anchors)}',
                    lesson.path,
                    link.line,
                )
            if link.state:
                try:
                    _check_state(link.state, target.figures, manifests)
                except BuildError as error:
                    raise BuildError(str(error), lesson.path, link.line) from None
    return files


def _check_state(state: str, figures: list[Figure], manifests: dict[str, dict[str, Any]]) -> None:
    """BuildError for a link into a figure, `figure=ID&layer=…`, that names a figure or a value that is not there."""
    values = dict(parse_qsl(state, keep_blank_values=True))
    name = values.pop("figure", "")
    figure = next((figure for figure in figures if figure.id == name), None)
    if figure is None:
        known = [figure.id for figure in figures]
        raise BuildError(f'unknown figure "{name}"; figures are {", ".join(known)}{nearest(name, known)}')
    check_state(figure.kind, figure.attributes, values, manifests)


def _picture(site: Site, path: Path) -> str:
    return f"pictures/{path.relative_to(site.root / 'content').as_posix()}"


def _resolve(site: Site, page: Page, labels: dict[str, str]) -> str:
    """The lesson's HTML with its links into content/, and its figures' stills, as they lead from this page."""

    def lead(match: re.Match[str]) -> str:
        name, hash_mark, anchor = unescape(match[1]).partition("#")
        if name.endswith(".md"):
            name = page.link(_path(site, page.language.code, name.removesuffix(".md")))
        elif name:
            name = page.link(_picture(site, (page.lesson.path.parent / name).resolve()))
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
    """sitemap.xml and feed.xml, which need the site's address; nothing without one."""
    if not site.site_url:
        return {}
    lessons = [page for page in all_pages if page.figure is None]
    urls = "".join(f"<url><loc>{escape(page.address(site, page.path))}</loc></url>\n" for page in lessons)
    sitemap = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
    dated = sorted(
        (page for page in lessons if "date" in page.lesson.front and page.lesson.language is page.language),
        key=lambda page: (page.lesson.front["date"], str(page.path)),
        reverse=True,
    )
    entries = "".join(
        f'<entry><title>{escape(page.lesson.title)}</title><link href="{escape(page.address(site, page.path))}"/>'
        f"<id>{escape(page.address(site, page.path))}</id><updated>{page.lesson.front['date'].isoformat()}T00:00:00Z</updated>"
        f"<author><name>{escape(page.lesson.front.get('author', site.title))}</name></author><summary>{escape(page.lesson.front['summary'])}</summary></entry>\n"
        for page in dated
    )
    updated = dated[0].lesson.front["date"].isoformat() if dated else "1970-01-01"
    feed = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><title>{escape(site.title)}</title>'
        f'<link href="{escape(site.site_url)}/"/><id>{escape(site.site_url)}/</id><updated>{updated}T00:00:00Z</updated>\n{entries}</feed>\n'
    )
    return {"sitemap.xml": sitemap.encode(), "feed.xml": feed.encode()}


def page_files(site: Site, all_pages: list[Page], labels: dict[str, dict[str, str]], version: str) -> dict[str, bytes]:
    """Every page rendered, by its path in the site."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(site.root / "site_templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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
        code = page.language.code
        lessons, at = by_language[code], places.get(page.path, -1)
        figures = [page.figure] if page.figure else page.rendered.figures
        introduction, heading, sections = _resolve(site, page, labels[code]).partition("<h2 ")
        context = {
            "site": site,
            "page": page,
            "csp": CSP,
            "version": version,
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
            "social_card": page.address(site, PurePosixPath(card_path(page.lesson.slug)))
            if page.rendered.figures
            else "",
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
            "figure_scripts": sorted({figure.kind.tag for figure in figures}),
            "models": sorted({figure.attributes["model"] for figure in figures if "model" in figure.attributes}),
            "first_example": next(
                ((f.attributes["model"], f.attributes["example"]) for f in figures if "example" in f.attributes), None
            ),
        }
        template = (
            "404.html"
            if page is nowhere
            else "card.html"
            if page.card
            else "embed.html"
            if page.figure
            else "lesson.html"
        )
        try:
            html = environment.get_template(template).render(context)
        except jinja2.TemplateError as error:
            raise BuildError(
                str(error), f"site_templates/{getattr(error, 'name', None) or template}", getattr(error, "lineno", None)
            ) from error
        files[str(page.path)] = html.encode()
    return files


def static_files(root: Path) -> dict[str, bytes]:
    """Styles and icons as they are."""
    folder = root / "assets" / "styles"
    return {f"styles/{path.name}": path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def version_of(files: dict[str, bytes]) -> str:
    """A short hash of everything that pages load: a new build is never mixed with an old one from a cache."""
    sha = hashlib.sha256()
    for path in sorted(files):
        sha.update(path.encode() + b"\0" + hashlib.sha256(files[path]).digest())
    return sha.hexdigest()[:10]


def _alternates(site: Site, slug: str) -> dict[str, PurePosixPath]:
    return {language.code: _path(site, language.code, slug) for language in site.languages}


def _path(site: Site, code: str, slug: str) -> PurePosixPath:
    parts = [] if code == site.default_language.code else [code]
    parts += [] if slug == "index" else [slug]
    return PurePosixPath(*parts, "index.html")

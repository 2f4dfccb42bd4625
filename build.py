"""Strata's command line, and the build step by step: from networks, pictures and lessons to a site."""

from __future__ import annotations

import json
import re
import sys
import time
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from cache import Cache, digest
from config import Model, Site, read_site
from errors import BuildError, Faults
from generator.cards import as_markdown, read_cards
from generator.figures import FigureKind, read_figure_kinds
from generator.formulas import set_formulas
from generator.lessons import Lesson, left_out, read_labels, read_lessons, untranslated
from generator.links import content_files
from generator.markdown import Rendered, render
from generator.node import Node
from generator.output import check_out, write_site
from generator.pictures import ExamplePicture, find_examples, name_of, read_examples
from generator.scripts import bundle, notices, runtime_scripts
from generator.serving import serve as serve_site
from generator.site import (
    card_pages,
    check_templates,
    model_files,
    page_files,
    pages,
    site_files,
    static_files,
)
from generator.stills import stills
from options import Options, parse
from package import Package
from terminal import near, say


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns 0, or 1 after one line on stderr that says what to fix."""
    options = parse(arguments)
    try:
        return COMMANDS[options.command](options)
    except BuildError as error:
        print(_relative(str(error), options.root), file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; the site is as it was", file=sys.stderr)
    except Exception as error:  # a bug in Strata: still one line, with the place in the code
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = _relative(str(error), options.root)[:300]
        where = f"{Path(place.filename).name}:{place.lineno}"
        print(f"unexpected {type(error).__name__} in {where}: {message}", file=sys.stderr)
    return 1


def build(options: Options) -> int:
    """Build the site into a folder. A network without weights is trained first where its photos are at hand."""
    started = time.monotonic()
    check_out(options.out)
    _train_missing(options)
    builder, faults = Builder(options), Faults()
    files = builder.build(faults)
    faults.raise_first()
    write_site(files, options.out)
    builder.say_notes()
    say(f"{_count(files)} in {time.monotonic() - started:.1f} s. Open {near(options.out / 'index.html')}")
    return 0


def check(options: Options) -> int:
    """Everything that a build checks. All faults are listed, and nothing is written."""
    started = time.monotonic()
    builder, faults = Builder(options), Faults()
    files = builder.build(faults)
    builder.say_notes()
    for fault in faults:
        print(_relative(str(fault), options.root), file=sys.stderr)
    found = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}" if faults else f"no faults: {_count(files)}"
    say(f"{found}, checked in {time.monotonic() - started:.1f} s")
    return 1 if faults else 0


def serve(options: Options) -> int:
    """Build, serve the site on this machine, and build again what changes, until Ctrl-C."""
    builder = Builder(options)

    def rebuild() -> tuple[dict[str, bytes], list[str]]:
        faults = Faults()
        files = builder.build(faults)
        return files, [_relative(str(fault), options.root) for fault in faults]

    serve_site(options.root, _base(options.root), options.port, rebuild, builder.say_notes)
    return 0


def _base(root: Path) -> str:
    """The path below which the site is served: that of its address on the web, so that links work there as here."""
    try:
        site = read_site(root, Faults())
    except BuildError:
        return "/site/"  # the first build tells what is wrong
    return f"{urlsplit(site.site_url).path or '/' + re.sub('[^a-z0-9]+', '-', site.title.lower()).strip('-')}/"


def train(options: Options) -> int:
    """Train networks, and write their weights and cards."""
    return _train_or_evaluate(options)


def evaluate(options: Options) -> int:
    """Measure trained networks, and write their cards."""
    return _train_or_evaluate(options)


COMMANDS = {"build": build, "check": check, "serve": serve, "train": train, "evaluate": evaluate}


class Builder:
    """Makes the site's files, checking everything on the way. What is slow is kept, so that a second time is quick."""

    def __init__(self, options: Options):
        self.options, self.root = options, options.root
        self.node = Node(self.root / "assets", lambda what: say(f"  {what}"))
        self.cache = Cache(self.root / ".cache")
        self.notes: list[str] = []  # what the person who builds should know, and is no fault
        self._rendered: dict[str, Rendered] = {}
        self._of_data: dict[str, Package] = {}  # packages with photos of --data

    def build(self, faults: Faults) -> dict[str, bytes]:
        """The files of the site by their path in it; with faults, what could be made in spite of them."""
        self.notes = []
        with faults.collect():
            return self._build(faults)
        return {}

    def say_notes(self) -> None:
        """Print the notes of the last build."""
        for note in self.notes:
            say(f"  {_relative(note, self.root)}")

    def _build(self, faults: Faults) -> dict[str, bytes]:
        site = read_site(self.root, faults)
        data = _find_data(site, self.options)
        labels, lessons = read_labels(site, faults), read_lessons(site, faults)
        if self.options.command == "check" and not faults:
            self.notes += untranslated(site, labels)
        self.notes += [*left_out(site), *self._outdated(site, lessons)]

        # Lessons are checked before networks are exported: from names and shapes, which are there in a second.
        kinds = read_figure_kinds(self.root / "assets" / "src" / "figures")
        manifests = {name: self._manifest(model, data[name], faults) for name, model in site.models.items()}
        manifests |= {name: {"faulty": True} for name in site.faulty}
        rendered = {key: (lesson, self._render(lesson, kinds, manifests, faults)) for key, lesson in lessons.items()}
        for lesson, body in rendered.values():
            self.notes += [f"{lesson.path}:{line}: {warning}" for line, warning in body.warnings]
        files = content_files(site, rendered, manifests, faults)
        rendered, formulas = set_formulas(rendered, self.node, self.cache, faults)
        if faults and self.options.command != "check":
            return {}

        packages = {}
        for name, model in site.models.items():
            if not manifests[name].get("faulty"):
                with faults.collect():
                    packages[name] = self._package(model, data[name])
                    files |= model_files(packages[name], self.cache)
                    self.notes += _about(model, packages[name].manifest)
        assets = self.root / "assets"
        with faults.collect():
            files |= bundle(self.node, self.cache)
        files |= formulas | runtime_scripts(assets, self.cache) | static_files(self.root)
        files |= notices(assets, {model.title: model.examples / "LICENSE.txt" for model in site.models.values()})
        cards = read_cards(site, faults)
        check_templates(site, faults)
        if faults:
            return {}  # pages and stills are made of what was checked, and would only repeat its faults
        files |= stills(site, rendered, packages, labels, self.node, self.cache)
        all_pages = [*pages(site, rendered), *card_pages(site, cards, labels)]
        files |= page_files(site, all_pages, labels, files) | site_files(site, all_pages)
        if not site.site_url:
            self.notes.append("no site_url in strata.toml: sitemap, feed and canonical links are left out")
        return files

    def _outdated(self, site: Site, lessons: dict[tuple[str, str], Lesson]) -> list[str]:
        return [
            f"{lesson.path} is older than {original.path}; "
            f'once it says the same, write there: original: "{original.digest}"'
            for lesson in lessons.values()
            if lesson.outdated and (original := lessons.get((site.default_language.code, lesson.slug)))
        ]

    def _manifest(self, model: Model, data: Path | None, faults: Faults) -> dict[str, Any]:
        """What lessons are checked against: of a network that was exported before, its manifest; else its outline."""
        with faults.collect():
            if data:
                return self._package(model, data).manifest  # the network itself chooses which photos are shown
            entry = self.cache.find("models", self._inputs(model)) if model.weights.exists() else None
            if entry:
                return Package.of_files(entry).manifest
            from model.package import outline  # torch takes two seconds to import

            examples = [(name_of(path), label) for path, label in find_examples(model.examples, _names(model))]
            return outline(model, examples)
        return {"faulty": True}

    def _render(
        self, lesson: Lesson, kinds: dict[str, FigureKind], manifests: dict[str, dict[str, Any]], faults: Faults
    ) -> Rendered:
        """A lesson as HTML; kept while it, the figures' declarations and the networks stay the same."""
        key = digest(str(lesson), str(kinds), json.dumps(manifests))
        if key not in self._rendered:
            before = len(faults)
            body = render(lesson, kinds, manifests, faults)
            if len(faults) > before:
                return body
            self._rendered[key] = body
        return self._rendered[key]

    def _package(self, model: Model, data: Path | None) -> Package:
        """The model's files for the browser. Kept, unless photos of `data` join them; only then is torch imported."""

        def make() -> Package:
            from model.package import Example, package

            return package(model, [Example(**vars(picture)) for picture in self.examples(model)], data)

        if not model.weights.exists():
            message = "the weights are missing; restore them from git, or train"
            raise BuildError(f"{message}: python build.py train {model.name} --data PATH", model.weights)
        if data:
            if model.name not in self._of_data:
                self._of_data[model.name] = make()
            return self._of_data[model.name]
        return Package.of_files(self.cache.files("models", self._inputs(model), lambda: make().as_files()))

    def _inputs(self, model: Model) -> list[str | bytes | Path]:
        """What a model's package follows from."""
        card = model.weights.with_suffix(".json")
        code = [*sorted((Path(__file__).parent / "model").glob("*.py")), Path(__file__).parent / "requirements.txt"]
        described = [model.name, model.title, str(model.network), str(model.classes), str(model.data)]
        pictures = [part for path, _ in find_examples(model.examples, _names(model)) for part in (path.name, path)]
        return [*code, *described, model.weights, *([card] if card.exists() else []), *pictures]

    def examples(self, model: Model) -> list[ExamplePicture]:
        """The model's own example pictures."""
        return read_examples(model.examples, _names(model), self.node, self.cache)


def _names(model: Model) -> list[str]:
    return [c.name for c in model.classes]


def _about(model: Model, manifest: dict[str, Any]) -> list[str]:
    parameters, examples = f"{manifest['parameters']:,} parameters", len(manifest["examples"])
    lines = [f"{model.title}: {parameters}, {examples} examples, ONNX agrees with PyTorch"]
    if not manifest["figures"]:
        command = f"python build.py evaluate {model.name} --data PATH"
        lines.append(f"{model.title} has no card yet; it comes with: {command}")
    return lines


def _count(files: dict[str, bytes]) -> str:
    return f"{sum(name.endswith('.html') and name != '404.html' for name in files)} pages"


def _train_missing(options: Options) -> None:
    """Train the networks without weights of which the photos are at hand."""
    if options.data is None and not options.download:
        return
    site = read_site(options.root)
    data = _find_data(site, options)
    untrained = [model for model in site.models.values() if not model.weights.exists() and data[model.name]]
    if untrained:
        read_labels(site)  # faults of the content show before the hours that training may take
        read_lessons(site)
        _run_training("train", site, untrained, data, options)


def _train_or_evaluate(options: Options) -> int:
    from model.commands import chosen

    site = read_site(options.root)
    data = _find_data(site, options)
    _run_training(options.command, site, chosen(site, data, options), data, options)
    return 0


def _run_training(
    command: str, site: Site, models: list[Model], data: dict[str, Path | None], options: Options
) -> None:
    from model import commands

    builder = Builder(options)

    def pictures(model: Model) -> list[Image.Image]:
        if not model.examples.exists():
            return []  # training gives it some
        return [example.picture for example in builder.examples(model)]

    getattr(commands, command)(site, models, data, pictures, options)
    docs = options.root / "docs" / "cards.md"
    if docs.exists():
        docs.write_text(as_markdown(read_cards(read_site(options.root))), encoding="utf-8")


def _find_data(site: Site, options: Options) -> dict[str, Path | None]:
    if options.data is None and not options.download:
        return dict.fromkeys(site.models)
    from model.commands import find_data  # torch takes two seconds to import; a plain build may not need it

    return find_data(site, options)


def _relative(message: str, root: Path) -> str:
    """Make the path of an error relative to the site's root."""
    return " ".join(message.replace(f"{root}/", "").split())


if __name__ == "__main__":
    sys.exit(main())

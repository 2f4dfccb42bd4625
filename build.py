"""Strata: `python build.py` turns networks, pictures and lessons into a site. This file is its table of contents."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from PIL import Image

from config import Model, Site, read_site
from errors import BuildError
from generator.cards import as_markdown, read_cards
from generator.figures import read_figure_kinds
from generator.formulas import set_formulas
from generator.lessons import left_out, read_labels, read_lessons
from generator.markdown import render
from generator.node import Node
from generator.output import check_out, write_site
from generator.pictures import ExamplePicture, read_examples
from generator.scripts import bundle, notices, runtime_scripts
from generator.site import (
    card_pages,
    content_files,
    model_files,
    page_files,
    pages,
    site_files,
    static_files,
    version_of,
)
from generator.stills import stills
from options import Options, parse
from terminal import console, near, say


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 1 after one line on stderr that says what to mend."""
    options = parse(arguments)
    try:
        return COMMANDS[options.command](options)
    except BuildError as error:
        print(_relative(str(error), options.root), file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; the site is as it was", file=sys.stderr)
    except Exception as error:  # a fault of ours: still one line, and the place in the code
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = _relative(str(error), options.root)[:300]
        where = f"{Path(place.filename).name}:{place.lineno}"
        print(f"unexpected {type(error).__name__} in {where}: {message}", file=sys.stderr)
    return 1


def build(options: Options) -> int:
    """Build the site into a folder. A network without weights is trained first where its photos are at hand."""
    site, node = read_site(options.root), _node(options)
    data = _find_data(site, options)
    untrained = [model for model in site.models.values() if not model.weights.exists() and data[model.name]]
    if untrained:
        check_out(options.out)  # faults of the content show before the hours that training may take
        read_labels(site)
        read_lessons(site)
        _run_training("train", site, untrained, data, options)
    _build(site, options.out, data, node)
    return 0


def train(options: Options) -> int:
    """Train networks, and write their weights and cards."""
    return _train_or_evaluate(options)


def evaluate(options: Options) -> int:
    """Measure trained networks, and write their cards."""
    return _train_or_evaluate(options)


COMMANDS = {"build": build, "train": train, "evaluate": evaluate}


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

    node = _node(options)

    def pictures(model: Model) -> list[Image.Image]:
        return [example.picture for example in _examples(model, node, options.root)]

    getattr(commands, command)(site, models, data, pictures, options)
    docs = options.root / "docs" / "cards.md"
    if docs.exists():
        docs.write_text(as_markdown(read_cards(read_site(options.root))), encoding="utf-8")


def _find_data(site: Site, options: Options) -> dict[str, Path | None]:
    if options.data is None and not options.download:
        return dict.fromkeys(site.models)
    from model.commands import find_data  # torch takes a second to import; a plain build may not need it

    return find_data(site, options)


def _node(options: Options) -> Node:
    return Node(options.root / "assets", lambda what: say(f"  {what}"))


def _build(site: Site, out: Path, data: dict[str, Path | None], node: Node) -> None:
    """Everything that a site is made of, checked first and written last."""
    started = time.monotonic()
    check_out(out)
    for line in left_out(site):
        console.print(f"  {line}", soft_wrap=True)
    labels = read_labels(site)
    lessons = read_lessons(site)
    for lesson in lessons.values():
        if lesson.outdated:
            original = lessons[site.default_language.code, lesson.slug]
            console.print(
                f'  {near(lesson.path)} is older than {near(original.path)}; once it says the same, write there: original: "{original.digest}"',
                soft_wrap=True,
            )
    kinds = read_figure_kinds(site.root / "assets" / "src" / "figures")

    files, packages = {}, {}
    for model in site.models.values():
        package = package_model(model, data[model.name], node, site.root)
        packages[model.name] = package
        files |= model_files(package)
        if not package.manifest["figures"]:
            console.print(
                f"  {model.title} has no card yet; it comes with: python build.py evaluate {model.name} --data PATH",
                soft_wrap=True,
            )
        console.print(
            f"  {model.title}: {package.manifest['parameters']:,} parameters, {len(package.traces)} examples, ONNX agrees with PyTorch"
        )

    manifests = {name: package.manifest for name, package in packages.items()}
    rendered = {key: (lesson, render(lesson, kinds, manifests)) for key, lesson in lessons.items()}
    files |= set_formulas(rendered, node, site.root / ".cache" / "fonts")
    files |= content_files(site, rendered, manifests) | stills(site, rendered, packages, labels, node)
    files |= (
        bundle(node)
        | runtime_scripts(site.root / "assets")
        | static_files(site.root)
        | notices(site.root / "assets", {model.title: model.examples / "LICENSE.txt" for model in site.models.values()})
    )
    all_pages = [*pages(site, rendered), *card_pages(site, read_cards(site), labels)]
    files |= page_files(site, all_pages, labels, version_of(files)) | site_files(site, all_pages)
    if not site.site_url:
        console.print("  no site_url in strata.toml: sitemap, feed and canonical links are left out")
    write_site(files, out)
    console.print(
        f"{len(all_pages)} pages in {time.monotonic() - started:.1f} s. Open {near(out / 'index.html')}",
        soft_wrap=True,
    )


def package_model(model: Model, data: Path | None, node: Node, root: Path):
    """The model's files for the browser."""
    from model.package import Example, package  # torch takes a second to import; faults of the content show before it

    if not model.weights.exists():
        raise BuildError(
            f"the weights are missing; restore them from git, or train: python build.py train {model.name} --data PATH",
            model.weights,
        )
    return package(model, [Example(**vars(picture)) for picture in _examples(model, node, root)], data)


def _examples(model: Model, node: Node, root: Path) -> list[ExamplePicture]:
    return read_examples(model.examples, [c.name for c in model.classes], node, root / ".cache" / "drawings")


def _relative(message: str, root: Path) -> str:
    """Places are named from the site's root, as the person who runs the build sees them."""
    return " ".join(message.replace(f"{root}/", "").split())


if __name__ == "__main__":
    sys.exit(main())

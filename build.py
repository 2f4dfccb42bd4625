"""Strata: `python build.py` turns networks, pictures and lessons into a site. This file is its table of contents."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from config import Model, Site, read_site
from errors import BuildError, nearest
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

ROOT = Path(__file__).resolve().parent
console = Console(highlight=False, markup=False, emoji=False)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 1 after one line on stderr that says what to mend."""
    options = _parser().parse_args(arguments)
    try:
        site = read_site(options.root)
        data = find_data(site, options)
        node = Node(site.root / "assets", lambda what: console.print(f"  {what}"))
        untrained = [model for model in site.models.values() if not model.weights.exists() and data[model.name]]
        train = _chosen(site, options.train) if options.train is not None else []
        train += [model for model in untrained if model not in train]
        evaluate = _chosen(site, options.evaluate) if options.evaluate is not None else []
        if train or evaluate:  # a fault in what stands there already is told before the hours that they may take
            check_out(options.out)
            read_labels(site)
            read_lessons(site)
        check_tasks([*train, *evaluate], data, options, node)
        for models, task in ((train, train_model), (evaluate, evaluate_model)):
            for model in models:
                task(model, data[model.name], options.others, node, options.root)
        build(site, options.out, data, node)
    except BuildError as error:
        print(_relative(str(error), options.root), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the site is as it was", file=sys.stderr)
        return 1
    except (
        Exception
    ) as error:  # a fault of ours, or one that nobody thought of: still one line, and the place in the code
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"unexpected {type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {_relative(str(error), options.root)[:300]}",
            file=sys.stderr,
        )
        return 1
    return 0


def find_data(site: Site, options: argparse.Namespace) -> dict[str, Path | None]:
    """Each model's photos: those given as --data where they are of its classes, else from the web."""
    from model.data import holds

    if options.data is None:
        return {model.name: fetch(model, options.root) if options.download else None for model in site.models.values()}
    theirs = [model.name for model in site.models.values() if holds(options.data, [c.folder for c in model.classes])]
    if not theirs and len(site.models) == 1:
        theirs = list(site.models)  # reading them will tell what is missing
    if not theirs:
        folders = "; ".join(
            f'{model.name}: "{model.classes[0].folder}", "{model.classes[1].folder}", …'
            for model in site.models.values()
        )
        raise BuildError(
            f"no folder there is named as strata.toml says that those of a model's classes are ({folders})",
            options.data,
        )
    return {name: options.data if name in theirs else None for name in site.models}


def check_tasks(models: list[Model], data: dict[str, Path | None], options: argparse.Namespace, node: Node) -> None:
    """What training and evaluation will need, looked at before the hours that they may take; BuildError says what is missing."""
    if options.others and not models:
        raise BuildError("--others is for a network's card; give --train or --evaluate too")
    for model in models:
        if data[model.name] is None and options.data:
            there = [name for name, path in data.items() if path]
            raise BuildError(
                f"there are no photos of {model.name} there, but of {', '.join(there)}; name that model after --train or --evaluate, or give other photos",
                options.data,
            )
        if data[model.name] is None:
            raise BuildError(
                f"this needs the photos of {model.name}: --data PATH, a folder with one folder a class, tiny-imagenet-200, or IDX files; as folder or zip"
            )
        _examples(model, node, options.root)
    if options.others:
        from model.card import find_others

        find_others(options.others)


def build(site: Site, out: Path, data: dict[str, Path | None], node: Node) -> None:
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
                f'  {_near(lesson.path)} is older than {_near(original.path)}; once it says the same, write there: original: "{original.digest}"',
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
                f"  {model.title} has no card yet; it comes with: python build.py --evaluate {model.name} --data PATH",
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
        f"{len(all_pages)} pages in {time.monotonic() - started:.1f} s. Open {_near(out / 'index.html')}",
        soft_wrap=True,
    )


def package_model(model: Model, data: Path | None, node: Node, root: Path):
    """The model's files for the browser."""
    from model.package import Example, package  # torch takes a second to import; faults of the content show before it

    if not model.weights.exists():
        raise BuildError(
            f"the weights are missing; restore them from git, or train: python build.py --train {model.name} --data PATH",
            model.weights,
        )
    return package(model, [Example(**vars(picture)) for picture in _examples(model, node, root)], data)


def fetch(model: Model, root: Path) -> Path | None:
    """The model's photos from the web, where strata.toml says where they are; kept in .cache/data."""
    from model.download import download

    if model.data is None or not model.data.url:
        return None
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"downloading {model.data.title}", total=model.data.bytes)
        return download(model.data, root / ".cache" / "data", lambda here: progress.update(task, completed=here))


def train_model(model: Model, data: Path, others: Path | None, node: Node, root: Path) -> None:
    """Train with live progress, then write the model's card; Ctrl-C keeps what there is, and the next run goes on from there."""
    from model.networks import build_network
    from model.recipe import Recipe
    from model.run import Progress as Epoch
    from model.train import train

    try:
        network, shape = build_network(model.network, len(model.classes))
        recipe = Recipe.read(model.recipe)
    except BuildError as error:
        raise BuildError(f"[models.{model.name}] {error.message}", "strata.toml") from error
    with _progress() as progress:
        photos = _read_photos(model, data, shape, progress)
        tasks: dict[str, TaskID] = {}

        def on_epoch(epoch: Epoch) -> None:
            figures = (
                f"loss {epoch.figures.loss:.3f}  {epoch.figures.accuracy:.1%} of the validation photos  "
                if epoch.figures
                else ""
            )
            state = f"{figures}{_duration(epoch.seconds_left)} left"
            if epoch.stage not in tasks:
                tasks[epoch.stage] = progress.add_task(f"{model.name}: {epoch.stage}", total=epoch.epochs, state="")
            progress.update(tasks[epoch.stage], completed=epoch.epoch, state=state)
            if not console.is_terminal:  # a log gets a line an epoch
                console.print(f"{epoch.stage} {epoch.epoch}/{epoch.epochs}  {state}")

        train(network, photos, recipe, model.weights, root / ".cache" / "train" / f"{model.name}.safetensors", on_epoch)
    evaluate_model(model, data, others, node, root)


def evaluate_model(model: Model, data: Path, others: Path | None, node: Node, root: Path) -> None:
    """Write the model's card anew: its figures on the photos for the test, and what it makes of pictures of none of its classes."""
    from model.card import write_card
    from model.networks import build_network

    _, shape = build_network(model.network, len(model.classes))
    with _progress() as progress:
        photos = _read_photos(model, data, shape, progress)
    card, notes = write_card(model, photos, [p.picture for p in _examples(model, node, root)], others)
    for note in notes:
        console.print(f"{model.name}: {note}", soft_wrap=True)
    docs = root / "docs" / "cards.md"
    if docs.exists():
        docs.write_text(as_markdown(read_cards(read_site(root))), encoding="utf-8")
    figures = card["figures"]
    low, high = figures["interval"]
    console.print(
        f"{model.name}: {figures['accuracy']:.1%} ({low:.1%} to {high:.1%}) of {figures['photos']} test photos, mean negative log-likelihood {figures['likelihood']:.3f}; "
        f"the card is {_near(model.weights.with_suffix('.json'))}",
        soft_wrap=True,
    )


def _examples(model: Model, node: Node, root: Path) -> list[ExamplePicture]:
    return read_examples(model.examples, [c.name for c in model.classes], node, root / ".cache" / "drawings")


def _read_photos(model: Model, data: Path, shape: tuple[int, ...], progress: Progress):
    from model.data import read_photos

    reading = progress.add_task("reading photos", state="")
    return read_photos(
        data,
        [c.folder for c in model.classes],
        shape[1],
        shape[0],
        lambda done, total: progress.update(reading, completed=done, total=total),
    )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        console=console,
    )


def _chosen(site: Site, name: str) -> list[Model]:
    if name == "":
        return list(site.models.values())
    if name not in site.models:
        raise BuildError(
            f'unknown model "{name}"; models are {", ".join(site.models)}{nearest(name, site.models)}', "strata.toml"
        )
    return [site.models[name]]


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"


def _near(path: Path) -> Path:
    """The path from here, when it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _relative(message: str, root: Path) -> str:
    """Places are named from the site's root, as the person who runs the build sees them."""
    return " ".join(message.replace(f"{root}/", "").split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description="Build the site, or train its networks first.")
    parser.add_argument(
        "--out",
        type=lambda path: Path(path).resolve(),
        default=ROOT / "site",
        metavar="DIR",
        help="where the site goes (default: site/)",
    )
    parser.add_argument(
        "--train",
        nargs="?",
        const="",
        metavar="MODEL",
        help="train this model of strata.toml before building, or all if the data has the photos of all",
    )
    parser.add_argument("--evaluate", nargs="?", const="", metavar="MODEL", help="write this model's card anew, or all")
    parser.add_argument(
        "--others", type=Path, metavar="PATH", help="photos of none of the classes, for the card; a folder or zip"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="photos: one folder a class, tiny-imagenet-200, or IDX files; as folder or zip",
    )
    parser.add_argument(
        "--download", action="store_true", help="get the photos that strata.toml names from the web, once"
    )
    parser.add_argument("--root", type=lambda path: Path(path).resolve(), default=ROOT, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())

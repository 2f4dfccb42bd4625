"""The commands `train` and `evaluate`: find the photos, train and evaluate networks, write their cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image
from rich.progress import Progress, TaskID

from config import Model, Site
from errors import BuildError, nearest
from model.data import Photos, holds, read_photos
from model.report import report
from options import Options
from terminal import console, counting, downloading, duration, near, say

Pictures = Callable[[Model], list[Image.Image]]  # a model's example pictures


def find_data(site: Site, options: Options) -> dict[str, Path | None]:
    """Each model's photos: from --data if it has the model's classes, else downloaded, else None."""
    if options.data is None:
        return {model.name: _fetch(model, options) if options.download else None for model in site.models.values()}
    theirs = [model.name for model in site.models.values() if holds(options.data, [c.folder for c in model.classes])]
    if not theirs and len(site.models) == 1:
        theirs = list(site.models)  # reading them reports what is missing
    if not theirs:
        folders = "; ".join(
            f'{model.name}: "{model.classes[0].folder}", "{model.classes[1].folder}", …'
            for model in site.models.values()
        )
        raise BuildError(
            f"no folder has the name that strata.toml gives for a class of a model ({folders})",
            options.data,
        )
    return {name: options.data if name in theirs else None for name in site.models}


def train(site: Site, models: list[Model], data: dict[str, Path | None], pictures: Pictures, options: Options) -> None:
    """Train and evaluate the models one after the other. Checks all input first, since training can take hours."""
    photos = _check(models, data, pictures, options)
    for model in models:
        _train(model, photos[model.name], options)
        _evaluate(model, photos[model.name], pictures, options)
        if not pictures(model):
            _write_examples(model, photos[model.name])


def evaluate(
    site: Site, models: list[Model], data: dict[str, Path | None], pictures: Pictures, options: Options
) -> None:
    """Evaluate trained models one after the other, and write their cards."""
    photos = _check(models, data, pictures, options)
    for model in models:
        _evaluate(model, photos[model.name], pictures, options)


def chosen(site: Site, data: dict[str, Path | None], options: Options) -> list[Model]:
    """The models named in the command; by default those with photos, or all if there are no photos."""
    for name in options.models:
        if name not in site.models:
            known = ", ".join(site.models)
            raise BuildError(f'unknown model "{name}"; models are {known}{nearest(name, site.models)}', "strata.toml")
    names = options.models or [name for name in site.models if data[name]] or list(site.models)
    return [site.models[name] for name in names]


def _check(models: list[Model], data: dict[str, Path | None], pictures: Pictures, options: Options) -> dict[str, Path]:
    """The models' photos; BuildError says what is missing."""
    found = {}
    for model in models:
        path = data[model.name]
        if path is None and options.data:
            there = ", ".join(name for name, photos in data.items() if photos)
            message = (
                f"there are no photos of {model.name} there, but of {there}; name that model, or give other photos"
            )
            raise BuildError(message, options.data)
        if path is None:
            raise BuildError(
                f"this needs the photos of {model.name}: --data PATH, a folder with one folder a class, "
                "tiny-imagenet-200, or IDX files; as folder or zip"
            )
        found[model.name] = path
        pictures(model)
    if options.others:
        from model.card import find_others

        find_others(options.others)
    return found


def _fetch(model: Model, options: Options) -> Path | None:
    """Download the model's photos from the address in strata.toml; the file is kept in .cache/data."""
    from model.download import download

    if model.data is None or not model.data.url:
        return None
    with downloading() as progress:
        task = progress.add_task(f"downloading {model.data.title}", total=model.data.bytes)
        folder = options.root / ".cache" / "data"
        return download(model.data, folder, lambda here: progress.update(task, completed=here))


def _train(model: Model, data: Path, options: Options) -> None:
    """Train with live progress. Ctrl-C saves the weights so far, and the next run resumes from there."""
    from model.networks import build_network
    from model.recipe import Recipe
    from model.run import Progress as Epoch
    from model.train import train

    try:
        network, shape = build_network(model.network, len(model.classes))
        recipe = Recipe.read(model.recipe)
    except BuildError as error:
        raise BuildError(f"[models.{model.name}] {error.message}", "strata.toml") from error
    checkpoint = options.root / ".cache" / "train" / f"{model.name}.safetensors"
    with counting() as progress, only_training(model, checkpoint.with_suffix(".lock")):
        photos = _read(model, data, shape, progress, options)
        counts = np.bincount(photos.labels, minlength=len(model.classes)).tolist()
        for line in report(photos.findings, [c.name for c in model.classes], counts):
            console.print(f"  {line}", soft_wrap=True)
        tasks: dict[str, TaskID] = {}

        def on_epoch(epoch: Epoch) -> None:
            figures = ""
            if epoch.figures:
                figures = f"loss {epoch.figures.loss:.3f}  {epoch.figures.accuracy:.1%} of the validation photos  "
            state = f"{figures}{duration(epoch.seconds_left)} left"
            if epoch.stage not in tasks:
                tasks[epoch.stage] = progress.add_task(f"{model.name}: {epoch.stage}", total=epoch.epochs, state="")
            progress.update(tasks[epoch.stage], completed=epoch.epoch, state=state)
            if not console.is_terminal:  # a log gets a line an epoch
                console.print(f"{epoch.stage} {epoch.epoch}/{epoch.epochs}  {state}")

        train(network, photos, recipe, model.weights, checkpoint, on_epoch)


@contextmanager
def only_training(model: Model, path: Path) -> Iterator[None]:
    """Hold the lock at `path`, which the system releases however this process ends; BuildError if another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout:
        message = f"another training of {model.name} is running; wait until it has finished, or stop it"
        raise BuildError(message) from None


def _write_examples(model: Model, data: Path) -> None:
    """Give a model without example pictures a test photo of each class, as PNG, so that the site can be built."""
    from model.fold import deployed
    from model.networks import build_network
    from model.photos import choose_photos
    from model.weights_file import load_weights

    network, shape = build_network(model.network, len(model.classes))
    _, normalization = load_weights(model.weights, network, [c.folder for c in model.classes])
    model.examples.mkdir(parents=True, exist_ok=True)
    shown: set[int] = set()
    for photo in choose_photos(model, data, deployed(network), shape, normalization):
        if photo.label not in shown:
            shown.add(photo.label)
            name = model.classes[photo.label].name.replace(" ", "_")
            photo.picture.convert("RGB").save(model.examples / f"{name}.png")
    say(f"{model.name}: {len(shown)} test photos are its examples now, in {near(model.examples)}")


def _evaluate(model: Model, data: Path, pictures: Pictures, options: Options) -> None:
    """Write the model's card: results on the test photos and on pictures of other classes."""
    from model.card import write_card
    from model.networks import build_network

    _, shape = build_network(model.network, len(model.classes))
    with counting() as progress:
        photos = _read(model, data, shape, progress, options)
    card, notes = write_card(model, photos, pictures(model), options.others)
    for note in notes:
        say(f"{model.name}: {note}")
    say(_summary(model, card))


def _summary(model: Model, card: dict[str, Any]) -> str:
    figures = card["figures"]
    low, high = figures["interval"]
    path = near(model.weights.with_suffix(".json"))
    return (
        f"{model.name}: {figures['accuracy']:.1%} ({low:.1%} to {high:.1%}) of {figures['photos']} test photos, "
        f"mean negative log-likelihood {figures['likelihood']:.3f}; the card is {path}"
    )


def _read(model: Model, data: Path, shape: tuple[int, ...], progress: Progress, options: Options) -> Photos:
    reading = progress.add_task("reading photos", state="")
    folders = [c.folder for c in model.classes]

    def on_photo(done: int, total: int) -> None:
        progress.update(reading, completed=done, total=total)

    return read_photos(data, folders, shape[1], shape[0], on_photo, options.skip_broken)

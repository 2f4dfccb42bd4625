"""Photos as examples: from the validation folder, else held-out photos, and some misclassified ones."""

from __future__ import annotations

import json

import numpy as np
import torch

import build
from config import read_site
from model.data import TEST, part_of
from model.networks import build_network
from model.photos import choose_photos
from model.preprocess import preprocess
from model.weights_file import load_weights
from tests.pictures import encoded, scene


def write_photos(folder, validation: bool):
    """Forty photos of each of two classes, and where asked a validation folder in tiny-imagenet-200's layout."""
    for label, name in enumerate(("red", "blue")):
        for i in range(40):
            path = folder / "train" / name / "images" / f"{name}_{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(scene(24, 24, seed=100 * label + i)))
    if validation:
        (folder / "val" / "images").mkdir(parents=True)
        lines = []
        for i in range(30):
            (folder / "val" / "images" / f"val_{i}.png").write_bytes(encoded(scene(24, 24, seed=500 + i)))
            lines.append(f"val_{i}.png\t{('red', 'blue', 'else')[i % 3]}\t0\t0\t9\t9\n")
        (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    return folder


def chosen(project, folder):
    model = read_site(project).models["small"]
    network, shape = build_network(model.network, 2)
    load_weights(model.weights, network)
    photos = choose_photos(model, folder, network, shape, None)
    pixels = np.stack([preprocess(p.picture, 24) for p in photos])
    said = network(torch.from_numpy(pixels).float() / 255).argmax(1).tolist()
    return photos, said


def test_right_ones_come_first_then_mistakes(project, tmp_path):
    photos, said = chosen(project, write_photos(tmp_path / "set", validation=True))
    kinds = [s == p.label for p, s in zip(photos, said, strict=True)]
    assert kinds == sorted(kinds, reverse=True) and 1 <= kinds.count(True) <= 2
    assert len({p.label for p, k in zip(photos, kinds, strict=True) if not k}) == kinds.count(False) >= 1
    assert all(p.file.startswith("val_") for p in photos)
    labels = {f"val_{i}.png": i % 3 for i in range(30)}
    assert all(labels[p.file] == p.label for p in photos)


def test_without_a_validation_folder_they_are_of_the_tenth_for_the_test(project, tmp_path):
    photos, _ = chosen(project, write_photos(tmp_path / "set", validation=False))
    for name in ("red", "blue"):
        names = [f"{name}_{i}.png" for i in range(40)]
        test = {n for n, part in zip(names, part_of(names, own_test=True), strict=True) if part == TEST}
        assert {p.file for p in photos if p.file.startswith(name)} <= test and len(test) == 4


def test_the_build_adds_them_with_where_they_come_from(project, tmp_path):
    toml = project / "strata.toml"
    toml.write_text(
        toml.read_text().replace(
            'examples = "examples"',
            'examples = "examples"\ndata = { title = "My set", url = "http://127.0.0.1:9/x", bytes = 5, md5 = "x" }',
        )
    )
    folder = write_photos(tmp_path / "set", validation=True)
    assert build.main(["--root", str(project), "--out", str(project / "out"), "--data", str(folder)]) == 0
    manifest = json.loads((project / "out" / "models" / "small" / "manifest.json").read_text())
    sources = [e["source"] for e in manifest["examples"]]
    assert sources[:2] == ["picture", "picture"] and set(sources[2:]) == {"photo"} and len(sources) >= 4
    assert manifest["data"] == "My set" and all(e["file"].startswith("val_") for e in manifest["examples"][2:])
    for example in manifest["examples"]:
        assert (project / "out" / "models" / "small" / "examples" / f"{example['name']}.js").exists()

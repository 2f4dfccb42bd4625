"""The whole build: reproducible, without broken links, and replacing only older sites."""

from __future__ import annotations

import filecmp
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import build
from tests.conftest import LESSON, PROJECT, make_project
from tests.engines import served
from tests.node import ROOT
from tests.pictures import scene
from tests.site import check_pages, files


def tracked(folder: Path) -> None:
    """Copy what a clone contains: every file that git tracks or would track, and no other."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / "assets" / "node_modules").symlink_to(ROOT / "assets" / "node_modules")


def test_two_builds_from_two_folders_give_the_same_bytes(built, tmp_path, node):
    """One makes everything anew, the other takes what an earlier build has kept."""
    for name in ("one", "another/deeper"):
        tracked(tmp_path / name)
        if name != "one":
            (tmp_path / name / ".cache").symlink_to(ROOT / ".cache")
        done = subprocess.run([sys.executable, "build.py"], cwd=tmp_path / name, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().splitlines()[-1].endswith(f"Open {Path('site') / 'index.html'}")
    one, another = tmp_path / "one" / "site", tmp_path / "another" / "deeper" / "site"
    assert files(one) == files(another) and len(files(one)) > 30
    _, different, odd = filecmp.cmpfiles(one, another, files(one), shallow=False)
    assert different == [] and odd == []


def test_every_page_is_whole_and_every_link_leads_somewhere(built):
    assert {"index.html", "zh/index.html", "embed/index/overview/index.html"} <= check_pages(built)


def test_the_files_of_a_model(built, manifest, site):
    folder = built / "models" / "tinyvgg"
    layers = [layer["name"] for layer in manifest["layers"]]
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [o.name for o in session.get_outputs()] == layers and layers[-1] == "logits"
    assert (
        manifest["parameters"] == 19_920
        and manifest["input"]["shape"] == [3, 64, 64]
        and manifest["input"]["normalization"] is None
    )
    assert [c["name"] for c in manifest["classes"]] == [c.name for c in site.models["tinyvgg"].classes]
    shapes = {
        o.name: v.shape[1:]
        for o, v in zip(
            session.get_outputs(), session.run(None, {"image": np.zeros((1, 3, 64, 64), np.float32)}), strict=True
        )
    }
    assert {layer["name"]: tuple(layer["shape"]) for layer in manifest["layers"]} == shapes
    script = (folder / "manifest.json.js").read_text(encoding="utf-8")
    assert (
        json.loads(script.removeprefix('strata.define("models/tinyvgg/manifest.json",').removesuffix(")\n")) == manifest
    )


@pytest.mark.parametrize("name", ["tinyvgg", "fashion"])
def test_a_card_its_manifest_and_its_page_say_the_same(built, site, name):
    """The accuracy is that of the confusion matrix, and the photos of a part are as many as were counted."""
    card = json.loads(site.models[name].weights.with_suffix(".json").read_text())
    figures, confusion = card["figures"], np.array(card["figures"]["confusion"])
    assert card["finished"] and confusion.sum() == figures["photos"]
    assert figures["accuracy"] == round(confusion.trace() / confusion.sum(), 4)
    assert figures["interval"][0] < figures["accuracy"] < figures["interval"][1]
    shown = json.loads((built / "models" / name / "manifest.json").read_text())["figures"]
    assert shown == {what: figures[what] for what in ("accuracy", "likelihood", "photos")}
    page = (built / "models" / name / "index.html").read_text(encoding="utf-8")
    assert f"{100 * figures['accuracy']:.1f}%" in page and f"{figures['photos']:,}" in page


def test_the_licences_of_what_is_shipped_go_along(built):
    text = (built / "licenses.txt").read_text(encoding="utf-8")
    for package in json.loads((ROOT / "assets" / "package.json").read_text())["dependencies"]:
        assert re.search(rf"^{re.escape(package)} \d", text, re.MULTILINE), package
    for package in ("onnxruntime-web", "onnxruntime-common"):
        assert re.search(rf"^{package} \S+\n\nMIT. Copyright \(c\) Microsoft Corporation", text, re.MULTILINE), package


def test_the_home_page_stays_light(built):
    """The compressed size of the files for the first drawing is within the budget of 300 KB."""
    import gzip

    needed = [
        "index.html",
        "styles/site.css",
        "styles/icon.svg",
        "scripts/core.js",
        "scripts/cnn-network.js",
        "models/tinyvgg/manifest.json.js",
        "models/tinyvgg/examples/red_panda.js",
        "models/tinyvgg/examples.webp",
    ]
    assert sum(len(gzip.compress((built / name).read_bytes())) for name in needed) <= 300_000


def test_a_build_replaces_an_older_site_and_nothing_else(project, capfd):
    out = project / "out"
    assert build.main(["--root", str(project), "--out", str(out)]) == 0
    (out / "left-over.html").write_text("old")
    assert build.main(["--root", str(project), "--out", str(out)]) == 0
    assert not (out / "left-over.html").exists()
    capfd.readouterr()
    mine = project / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    assert build.main(["--root", str(project), "--out", str(mine)]) == 1
    assert "exists and was not built by Strata" in capfd.readouterr().err
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_a_classs_label_is_never_html(project):
    toml = project / "strata.toml"
    toml.write_text(
        toml.read_text().replace('{ name = "blue" }', '{ name = "blue", labels = { en = "</script><b>blue" } }')
    )
    assert build.main(["--root", str(project), "--out", str(project / "out")]) == 0
    text = (project / "out" / "index.html").read_text()
    assert "</script><b>" not in text and "<b>" not in text


def test_new_pictures_and_classes_need_no_code(project):
    """A teacher's picture in a new format and a second one of a class: both are in the strip, in the classes' order."""
    scene(50, 50, seed=3).save(project / "examples" / "red_2.jpg")
    (project / "examples" / "blue-drawn.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="blue"/></svg>'
    )
    assert build.main(["--root", str(project), "--out", str(project / "out")]) == 0
    manifest = json.loads((project / "out" / "models" / "small" / "manifest.json").read_text())
    assert [(e["name"], e["label"], e["source"]) for e in manifest["examples"]] == [
        ("red", "red", "picture"),
        ("red_2", "red", "picture"),
        ("blue-drawn", "blue", "drawing"),
        ("blue", "blue", "picture"),
    ]


def test_pictures_and_classes_are_named_in_any_script(tmp_path, visit):
    """The files in the site have names that every server and stick can hold."""
    names = ["小熊猫", "باندا", "हाथी", "café"]
    classes = ", ".join(f'{{ name = "{name}", folder = "{i}" }}' for i, name in enumerate(names))
    toml = re.sub(r"classes = .*", f"classes = [{classes}]", PROJECT)
    lesson = LESSON.replace("model: small", "model: small\n    example: 小熊猫_2")
    lesson += "\n[The last one](#net?figure=net&example=café)\n"
    pictures = [*names[:3], "小熊猫_2", unicodedata.normalize("NFD", "café")]
    root = make_project(tmp_path / "project", toml, {"index": lesson}, pictures)
    assert build.main(["--root", str(root), "--out", str(root / "out")]) == 0
    assert all(path.isascii() for path in files(root / "out"))
    with served(root / "out") as base:
        page = visit(base=base).open("index.html")
        assert page.evaluate("document.querySelector('cnn-network').trace.source") == "小熊猫_2"
        for name in names:
            page.click(f'button[data-example="{name}"]')
            page.wait_for_selector(f'button[data-example="{name}"][aria-pressed="true"]')
            page.wait_for_function("name => document.querySelector('cnn-network').trace.source === name", arg=name)
        page.click('a[data-show*="example"]')
        page.wait_for_function("document.querySelector('cnn-network').trace.source === 'café'")


def test_the_strip_shows_every_example(built, manifest, project):
    from PIL import Image

    strip = Image.open(built / "models" / "tinyvgg" / "examples.webp").convert("RGB")
    side = strip.height
    assert strip.width == side * len(manifest["examples"])
    pictures = np.stack(
        [
            np.asarray(strip.crop((i * side, 0, (i + 1) * side, side)), dtype=float)
            for i in range(len(manifest["examples"]))
        ]
    )
    assert pictures.std((1, 2, 3)).min() > 20, "a thumbnail is blank"
    # Turned by its EXIF mark, as the network's input is: red on the left becomes red on top.
    exif = Image.Exif()
    exif[0x0112] = 6
    halves = Image.new("RGB", (60, 60), "blue")
    halves.paste("red", (0, 0, 30, 60))
    halves.save(project / "examples" / "red.png", exif=exif)
    assert build.main(["--root", str(project), "--out", str(project / "out")]) == 0
    strip = Image.open(project / "out" / "models" / "small" / "examples.webp").convert("RGB")
    top, bottom = (strip.getpixel((strip.height // 2, y)) for y in (10, strip.height - 10))
    assert top[0] > 200 > 60 > top[2] and bottom[2] > 200 > 60 > bottom[0]


def test_lessons_are_checked_before_a_network_is_exported(project, capfd, monkeypatch):
    """From names and shapes alone: a fault shows in a second, and weights that are broken do not hide it."""
    monkeypatch.setattr("model.package.package", lambda *given: pytest.fail("exported"))
    (project / "weights.safetensors").write_bytes(b"broken")
    lesson = project / "content" / "en" / "index.md"
    lesson.write_text(lesson.read_text() + "\n[conv](#net?figure=net&layer=conv_9)\n")
    assert build.main(["--root", str(project), "--out", str(project / "out")]) == 1
    assert 'content/en/index.md:12: unknown layer "conv_9"; layers are image, conv_1_1' in capfd.readouterr().err


def test_an_unexpected_fault_is_one_line_too(project, capfd, monkeypatch):
    monkeypatch.setattr(build, "read_labels", lambda site, faults: 1 / 0)
    assert build.main(["--root", str(project), "--out", str(project / "out")]) == 1
    error = capfd.readouterr().err
    assert error.startswith("unexpected ZeroDivisionError in test_build.py:") and error.count("\n") == 1


def test_types(node):
    """TypeScript's strict type check."""
    node.run("node_modules/typescript/bin/tsc", "-p", ".")

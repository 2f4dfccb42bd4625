"""What is told of photos before a training: other files, broken ones, near-copies, too few; and what is too large to
read.
"""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import sys
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageEnhance

import model.data
import model.idx
from errors import BuildError
from model.copies import near_copies
from model.data import TEST, TRAINING, VALIDATION, read_photos
from model.preprocess import preprocess
from model.report import Findings, report
from tests.pictures import encoded, scene, shapes
from tests.test_data import write_classes


def test_heic_photos_are_read(tmp_path):
    folder = write_classes(tmp_path, "{name}/{i}.png", classes=("cat", "dog"))
    picture = scene(64, 48, seed=9)
    (folder / "cat" / "phone.HEIC").write_bytes(encoded(picture, "HEIF", quality=95))
    photos = read_photos(folder, ["cat", "dog"], 16, 3)
    assert "phone.HEIC" in photos.names and np.bincount(photos.labels).tolist() == [13, 12]
    read = photos.images[photos.names.index("phone.HEIC")].astype(int)
    assert np.abs(read - preprocess(picture, 16)).mean() < 4


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    (tmp_path / "jellyfish").mkdir()
    (tmp_path / "jellyfish" / "1.mov").write_bytes(b"x")
    with pytest.raises(
        BuildError, match=r'the folder "jellyfish" holds no pictures that can be read, but files of \.mov'
    ):
        read_photos(tmp_path, ["jellyfish"], 8, 3)


def test_other_files_are_counted_by_kind(tmp_path):
    folder = write_classes(tmp_path, "{name}/{i}.png", classes=("cat", "dog"))
    for name in ("cat/1.mov", "cat/2.MOV", "dog/x.raw", "dog/notes.txt", "dog/.DS_Store", "else/3.mov"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert read_photos(folder, ["cat", "dog"], 8, 3).findings.skipped == Counter({".mov": 2, ".raw": 1})


def test_broken_photos_are_named_all_at_once_or_left_out(tmp_path):
    folder = write_classes(tmp_path, "{name}/{i}.png", classes=("cat", "dog"), count=20)
    for i in range(12):
        (folder / "dog" / f"broken_{i}.png").write_bytes(b"not a picture")
    whole = (folder / "cat" / "0.png").read_bytes()
    (folder / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        BuildError, match=r"13 photos cannot be read: cat/cut\.png, dog/broken_0\.png, .* and 3 more; .*--skip-broken"
    ):
        read_photos(folder, ["cat", "dog"], 8, 3)
    photos = read_photos(folder, ["cat", "dog"], 8, 3, skip_broken=True)
    assert len(photos.names) == len(photos.images) == len(photos.labels) == 40 and len(photos.findings.broken) == 13
    assert not any("broken" in name or "cut" in name for name in photos.names)
    (folder / "eel").mkdir()
    (folder / "eel" / "1.png").write_bytes(b"x")
    with pytest.raises(BuildError, match='every photo of "eel" is broken'):
        read_photos(folder, ["cat", "eel"], 8, 3, skip_broken=True)


def changed(picture: Image.Image, how: str) -> Image.Image:
    width, height = picture.size
    if how == "smaller":
        return picture.resize((width // 2, height // 2))
    if how == "brighter":
        return ImageEnhance.Brightness(picture).enhance(1.2)
    if how == "poor":
        return Image.open(io.BytesIO(encoded(picture, "JPEG", quality=30)))
    return picture.crop((2, 2, width - 2, height - 2))


@pytest.mark.parametrize("how", ["smaller", "brighter", "poor", "cut"])
def test_a_photo_saved_in_another_way_is_a_near_copy_and_another_photo_is_none(how):
    pictures = [shapes(seed) for seed in range(60)]
    images = np.stack([preprocess(picture, 64) for picture in [*pictures, changed(pictures[7], how)]])
    labels = np.zeros(61, int)
    assert near_copies(images, labels) == [[7, 60]]
    labels[60] = 1
    assert near_copies(images, labels) == [], "of another class"


def test_near_copies_are_on_one_side_of_the_split(tmp_path):
    """A burst of five frames of each scene; by names alone nearly every scene would be on several sides."""
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for scene_number in range(20):
            for frame in range(5):
                picture = changed(
                    shapes(100 * len(name) + scene_number + (name == "dog") * 50), "poor" if frame else "cut"
                )
                picture.save(tmp_path / name / f"{scene_number}_{frame}.png")
    photos = read_photos(tmp_path, ["cat", "dog"], 64, 3)
    sides: dict[tuple[int, str], set[int]] = {}
    for label, name, part in zip(photos.labels, photos.names, photos.parts, strict=True):
        sides.setdefault((int(label), name.split("_")[0]), set()).add(int(part))
    assert all(len(parts) == 1 for parts in sides.values())
    assert set(photos.parts) == {TRAINING, VALIDATION, TEST} and (photos.parts == TRAINING).mean() > 0.5
    assert photos.findings.copies == [5] * 40 and photos.findings.apart == 0


def test_copies_of_a_sets_own_test_photos_are_told(tmp_path):
    for i in range(12):
        for name in ("cat", "dog"):
            path = tmp_path / "train" / name / "images" / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shapes(i + 50 * (name == "dog")).save(path)
    (tmp_path / "val" / "images").mkdir(parents=True)
    shapes(3).save(tmp_path / "val" / "images" / "val_0.png")
    shapes(999).save(tmp_path / "val" / "images" / "val_1.png")
    (tmp_path / "val" / "val_annotations.txt").write_text("val_0.png\tcat\t0\nval_1.png\tdog\t0\n")
    photos = read_photos(tmp_path, ["cat", "dog"], 64, 3)
    assert photos.findings.apart == 1 and photos.part(TEST).names == ["val_0.png", "val_1.png"]


def test_the_report():
    findings = Findings([(40, 30), (4032, 3024), (64, 64)], Counter({".mov": 3}), ["a/b.png"], [5, 2], 1)
    lines = report(findings, ["cat", "jellyfish"], [180, 44])
    assert lines == [
        "224 photos, 40 × 30 to 4032 × 3024 pixels",
        "  cat           180",
        "  jellyfish      44",
        "skipped, no pictures that can be read: 3 .mov",
        "skipped, broken: a/b.png",
        "7 photos are near-copies of others, in 2 groups; each group is on one side of the split",
        "warning: 1 of these groups are among the set's own test photos as well as the others; "
        "the accuracy will be too good",
        "warning: fewer than 50 photos of jellyfish (44); more photos would help most",
        "warning: 4 times as many photos of cat as of jellyfish; the network will favour the larger class",
    ]
    assert report(Findings([(64, 64)] * 2), ["a", "b"], [60, 60]) == [
        "120 photos, 64 × 64 pixels",
        "  a      60",
        "  b      60",
    ]


def test_bombs_and_encrypted_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(model.data, "LARGEST_PHOTO", 10_000)
    folder = write_classes(tmp_path / "set", "{name}/{i}.png", classes=("cat", "dog"))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, f"{file.parent.name}/{file.name}")
        archive.writestr("cat/bomb.png", bytes(100_000))
    with pytest.raises(BuildError, match=r"1 photo cannot be read: cat/bomb\.png"):
        read_photos(tmp_path / "bomb.zip", ["cat", "dog"], 8, 3)
    (folder / "cat" / "bomb.png").write_bytes(bytes(100_000))
    with pytest.raises(BuildError, match=r"1 photo cannot be read: cat/bomb\.png"):
        read_photos(folder, ["cat", "dog"], 8, 3)

    content = bytearray((tmp_path / "bomb.zip").read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of encryption in both headers
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + offset] |= 1
    (tmp_path / "locked.zip").write_bytes(content)
    with pytest.raises(BuildError, match="this zip file is encrypted; unpack it"):
        read_photos(tmp_path / "locked.zip", ["cat", "dog"], 8, 3)

    monkeypatch.setattr(model.idx, "LARGEST", 10_000)
    idx = gzip.compress(struct.pack(">HBBI", 0, 8, 1, 100_000) + bytes(100_000))
    with pytest.raises(BuildError, match="unpacks to more than 0 MB"):
        model.idx.read_idx(idx, "train-labels-idx1-ubyte.gz")


def test_one_model_is_trained_by_one_process(tmp_path):
    """The lock goes with the process that holds it, however that ends."""
    from model.commands import only_training
    from tests.node import ROOT

    code = (
        "import sys\nfrom filelock import FileLock\nlock = FileLock(sys.argv[1])\nlock.acquire()\nprint('held', "
        "flush=True)\nsys.stdin.read()"
    )
    path = tmp_path / "birds.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    birds = type("Model", (), {"name": "birds"})
    with pytest.raises(BuildError, match="another training of birds is running"), only_training(birds, path):
        pass
    holder.kill()
    holder.wait()
    with only_training(birds, path):
        pass

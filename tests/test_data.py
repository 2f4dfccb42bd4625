"""Photos from folders and zips, and the tenth that is held out."""

import zipfile

import numpy as np
import pytest

from errors import BuildError
from model.data import held_out, read_photos
from tests.pictures import encoded, scene


def write_classes(folder, pattern, classes=("cat", "dog", "eel"), count=12):
    """Pictures of each class at `pattern`, with a class in its place."""
    for label, name in enumerate(classes):
        for i in range(count):
            path = folder / pattern.format(name=name, i=i)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(scene(20 + i, 16, seed=label)))
    return folder


def zipped(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"set/{file.relative_to(folder)}")
    return path


def test_every_layout_gives_the_same_photos(tmp_path):
    plain = write_classes(tmp_path / "plain", "{name}/{name}_{i}.png")
    official = write_classes(tmp_path / "official", "train/{name}/images/{name}_{i}.png")
    (official / "train" / "cat" / "cat_boxes.txt").write_text("cat_0.png\t0\t0\t9\t9\n")
    write_classes(official, "val/{name}/other_{i}.png", count=1)  # below train/ alone, where there is one
    sources = [plain, official, zipped(plain, tmp_path / "plain.zip"), zipped(official, tmp_path / "official.zip")]
    read = [read_photos(source, ["cat", "dog"], 16, 3) for source in sources]
    assert read[0].images.shape == (24, 3, 16, 16) and read[0].images.dtype == np.uint8
    assert read[0].labels.tolist() == [0] * 12 + [1] * 12
    assert {photos.digest() for photos in read} == {read[0].digest()}


def test_only_the_named_classes_are_read(tmp_path):
    folder = write_classes(tmp_path, "{name}/{i}.png")
    (folder / "eel" / "broken.png").write_bytes(b"not a picture")
    assert len(read_photos(folder, ["dog"], 8, 1).names) == 12
    with pytest.raises(BuildError, match="broken.png: cannot read this picture"):
        read_photos(folder, ["eel"], 8, 3)


def test_what_is_missing_is_named(tmp_path):
    folder = write_classes(tmp_path / "set", "{name}/{i}.png")
    with pytest.raises(BuildError, match='no pictures in a folder "dogs".*did you mean "dog"'):
        read_photos(folder, ["dogs"], 8, 3)
    with pytest.raises(BuildError, match="not a folder or a zip"):
        read_photos(tmp_path / "nowhere", ["dog"], 8, 3)


def test_damaged_archives_and_hidden_files(tmp_path):
    folder = write_classes(tmp_path / "set", "{name}/{i}.png")
    (folder / "cat" / "._0.png").write_bytes(b"what some systems leave beside a file")
    assert len(read_photos(folder, ["cat"], 8, 3).names) == 12
    path = zipped(folder, tmp_path / "set.zip")
    content = bytearray(path.read_bytes())
    content[60:200] = bytes(140)
    (tmp_path / "damaged.zip").write_bytes(content)
    with pytest.raises(BuildError, match="damaged.zip: .* in this zip file is damaged"):
        read_photos(tmp_path / "damaged.zip", ["cat"], 8, 3)


def test_a_fixed_tenth_of_each_class_is_held_out(tmp_path):
    photos = read_photos(write_classes(tmp_path, "{name}/{name}_{i}.png", count=37), ["cat", "dog", "eel"], 4, 1)
    chosen = held_out(photos)
    assert np.bincount(photos.labels[chosen]).tolist() == [4, 4, 4]
    order = np.random.default_rng(0).permutation(len(photos.names))
    shuffled = type(photos)(photos.images[order], photos.labels[order], [photos.names[i] for i in order])
    assert {n for n, c in zip(shuffled.names, held_out(shuffled), strict=True) if c} == {n for n, c in zip(photos.names, chosen, strict=True) if c}


def test_the_photos_beside_the_project(photos, site):
    folders = [c.folder for c in site.models["tinyvgg"].classes]
    read = read_photos(photos, folders, 64, 3)
    assert np.bincount(read.labels).tolist() == [500] * 10
    assert np.bincount(read.labels[held_out(read)]).tolist() == [50] * 10

"""Photos from folders, zips and IDX files, and their split."""

import gzip
import struct
import zipfile

import numpy as np
import pytest

from errors import BuildError
from model.data import TEST, TRAINING, VALIDATION, holds, part_of, read_photos
from tests.pictures import encoded, scene


def write_classes(folder, pattern, classes=("cat", "dog", "eel"), count=12):
    """Pictures of each class at `pattern`, with a class in its place."""
    for label, name in enumerate(classes):
        for i in range(count):
            path = folder / pattern.format(name=name, i=i)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(scene(20 + i, 16, seed=1000 * label + i)))
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
    with pytest.raises(BuildError, match="1 photo cannot be read: eel/broken.png; .*--skip-broken"):
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


def test_a_fixed_tenth_is_for_validation_and_another_for_the_test(tmp_path):
    photos = read_photos(write_classes(tmp_path, "{name}/{name}_{i}.png", count=37), ["cat", "dog", "eel"], 4, 1)
    for part, count in ((VALIDATION, 4), (TEST, 4), (TRAINING, 29)):
        assert np.bincount(photos.part(part).labels).tolist() == [count] * 3
    names = [f"cat_{i}.png" for i in range(37)]
    backwards = dict(zip(names[::-1], part_of(names[::-1], own_test=True), strict=True))
    assert backwards == {n: p for n, p in zip(photos.names, photos.parts, strict=True) if n.startswith("cat")}, (
        "names alone decide"
    )


def test_official_test_photos_are_the_test(tmp_path):
    folder = write_classes(tmp_path, "train/{name}/images/{name}_{i}.png", count=20)
    (folder / "val" / "images").mkdir(parents=True)
    for i in range(9):
        (folder / "val" / "images" / f"val_{i}.png").write_bytes(encoded(scene(9, 9, seed=i)))
    (folder / "val" / "val_annotations.txt").write_text(
        "".join(f"val_{i}.png\t{('cat', 'dog', 'else')[i % 3]}\t0\t0\t9\t9\n" for i in range(9))
    )
    photos = read_photos(folder, ["cat", "dog"], 8, 3)
    assert photos.part(TEST).names == ["val_0.png", "val_1.png", "val_3.png", "val_4.png", "val_6.png", "val_7.png"]
    assert (
        photos.part(TEST).labels.tolist() == [0, 1] * 3
        and len(photos.part(VALIDATION).names) == 4
        and len(photos.part(TRAINING).names) == 36
    )


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, packed=gzip.compress):
    """A set of three classes, a bright square in another place for each."""
    random = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    for part, count in (("train", 60), ("t10k", 12)):
        labels = np.arange(count, dtype=np.uint8) % 3
        images = random.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[9:19, 2 + 8 * label : 8 + 8 * label] = 250
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(packed(idx(images)))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(packed(idx(labels)))
    return folder


def test_idx_files_are_read_as_they_are(tmp_path):
    photos = read_photos(write_idx(tmp_path / "packed"), ["0", "2"], 28, 1)
    assert (
        photos.images.shape == (48, 1, 28, 28)
        and len(photos.part(TEST).names) == 8
        and photos.part(TEST).names[0] == "t10k-00000"
    )
    assert np.bincount(photos.part(VALIDATION).labels).tolist() == [2, 2]
    middles = [photos.images[photos.labels == label, 0, 9:19, at : at + 6].min() for label, at in ((0, 2), (1, 18))]
    assert middles == [250, 250]
    assert read_photos(write_idx(tmp_path / "plain", bytes), ["0", "2"], 28, 1).digest() == photos.digest()
    assert read_photos(zipped(tmp_path / "packed", tmp_path / "set.zip"), ["0", "2"], 28, 1).digest() == photos.digest()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "t10k-labels-idx1-ubyte.gz").unlink(), "lacks its file t10k-labels"),
        (
            lambda folder: (folder / "train-images-idx3-ubyte.gz").write_bytes(
                idx(np.zeros((60, 28, 28), np.uint8))[:-9]
            ),
            "47,040 bytes that contains only 47,031",
        ),
        (
            lambda folder: (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"x" * 900)[:-30]),
            "incomplete IDX file",
        ),
        (lambda folder: (folder / "train-images-idx3-ubyte.gz").write_bytes(b"no pictures at all"), "not an IDX file"),
        (
            lambda folder: (folder / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros(59, np.uint8))),
            "not a picture for each label",
        ),
    ],
)
def test_a_damaged_idx_set_is_named(tmp_path, change, says):
    folder = write_idx(tmp_path / "set")
    change(folder)
    with pytest.raises(BuildError, match=says):
        read_photos(folder, ["0", "1"], 28, 1)


def test_a_set_is_known_by_its_classes(tmp_path):
    folder, numbers = (
        write_classes(tmp_path / "set", "train/{name}/images/{i}.png", count=1),
        write_idx(tmp_path / "idx"),
    )
    assert holds(folder, ["dog", "unicorn"]) and not holds(folder, ["unicorn", "0"])
    assert holds(numbers, ["0", "1"]) and not holds(numbers, ["0", "dog"])
    with pytest.raises(BuildError, match="not a folder or a zip"):
        holds(tmp_path / "nowhere", ["dog"])


def test_an_idx_set_has_numbers_for_folders(tmp_path):
    with pytest.raises(
        BuildError, match='no pictures of class "shirt" in train; the classes\' folders are the numbers 0 to 2'
    ):
        read_photos(write_idx(tmp_path / "set"), ["0", "shirt"], 28, 1)


def test_the_photos_beside_the_project(photos, site):
    folders = [c.folder for c in site.models["tinyvgg"].classes]
    read = read_photos(photos, folders, 64, 3)
    for part, count in ((TRAINING, 400), (VALIDATION, 50), (TEST, 50)):
        assert np.bincount(read.part(part).labels).tolist() == [count] * 10

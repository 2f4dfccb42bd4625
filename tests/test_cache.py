"""What is kept is found again by its inputs, and by nothing else."""

from __future__ import annotations

import os
import time

import pytest

from cache import Cache, digest


def test_an_entry_is_made_once_and_again_for_other_inputs(tmp_path):
    made = []

    def make() -> bytes:
        made.append(1)
        return f"entry {len(made)}".encode()

    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("a")
    cache = Cache(tmp_path / "cache")
    assert cache.find("things", [source, "x"]) is None
    assert [cache.file("things", [source, "x"], make) for _ in range(2)] == [b"entry 1"] * 2
    assert Cache(tmp_path / "cache").file("things", [source, "x"], make) == b"entry 1", "another process finds it"
    assert cache.file("things", [source, "y"], make) == b"entry 2"
    (source / "a.txt").rename(source / "b.txt")
    assert cache.file("things", [source, "x"], make) == b"entry 3", "a file's name counts"


def test_a_damaged_entry_is_made_again(tmp_path):
    Cache(tmp_path).files("things", ["x"], lambda: {"one": b"1", "folder/two": b"2"})
    entry = next((tmp_path / "things").iterdir())
    entry.write_bytes(entry.read_bytes()[:20])
    assert Cache(tmp_path).find("things", ["x"]) is None
    assert Cache(tmp_path).files("things", ["x"], lambda: {"one": b"1"}) == {"one": b"1"}


def test_what_no_build_asked_for_is_deleted_in_time(tmp_path):
    cache = Cache(tmp_path)
    cache.file("things", ["old"], lambda: b"old")
    entry = next((tmp_path / "things").iterdir())
    os.utime(entry, (0, time.time() - 40 * 24 * 3600))
    cache.file("things", ["new"], lambda: b"new")
    assert not entry.exists() and len(list((tmp_path / "things").iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert Cache(tmp_path / "file").file("things", ["x"], lambda: b"made") == b"made"


@pytest.mark.parametrize("other", [("ab", "c"), ("a", b"b", "c"), ("abc",)])
def test_inputs_do_not_run_into_each_other(other):
    assert digest("a", "bc") != digest(*other)

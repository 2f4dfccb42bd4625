"""The output folder contains the old site or the new one, whatever happens to the build."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from filelock import FileLock

from errors import BuildError
from generator import output
from generator.output import MARKER, write_site
from tests.node import ROOT
from tests.test_build import files


def contents(folder):
    return {name: (folder / name).read_bytes() for name in files(folder)}


KILLED = """
import os, signal, sys
from pathlib import Path

from generator.output import write_site

left = int(sys.argv[2])

def count(event, arguments):
    global left
    if event.split(".")[0] in ("open", "os", "shutil", "ctypes"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
write_site({"a.html": b"new", "deep/b.html": b"new", "c.html": b"new"}, Path(sys.argv[1]))
"""


def test_killed_before_any_step_the_old_site_or_the_new_one_stays(tmp_path):
    """SIGKILL before each thing that a build asks of the file system, one after the other, until none is left."""
    out = tmp_path / "site"
    old = {"a.html": b"old", "d.html": b"old"}
    new = {"a.html": b"new", "deep/b.html": b"new", "c.html": b"new"}
    found, step, status = set(), 0, -9
    while status == -signal.SIGKILL:
        step += 1
        write_site(old, out)
        assert [path.name for path in tmp_path.iterdir()] == ["site"], "nothing is left of what was killed before"
        status = subprocess.run([sys.executable, "-c", KILLED, str(out), str(step)], cwd=ROOT).returncode
        here = {name: content for name, content in contents(out).items() if name not in (".nojekyll", MARKER)}
        assert here in (old, new), f"step {step}"
        found.add("old" if here == old else "new")
    assert status == 0 and step > 20 and found == {"old", "new"}


def test_the_two_change_places_in_one_step(tmp_path, monkeypatch):
    write_site({"a.html": b"old"}, tmp_path / "site")
    if sys.platform in ("linux", "darwin"):
        monkeypatch.setattr(output.Path, "rename", lambda *paths: pytest.fail("not in one step"))
    write_site({"b.html": b"new"}, tmp_path / "site")
    assert files(tmp_path / "site") == [".nojekyll", MARKER, "b.html"] and list(tmp_path.iterdir()) == [
        tmp_path / "site"
    ]


def test_where_the_system_cannot_it_takes_two_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(output.sys, "platform", "elsewhere")
    write_site({"a.html": b"old"}, tmp_path / "site")
    write_site({"b.html": b"new"}, tmp_path / "site")
    assert files(tmp_path / "site") == [".nojekyll", MARKER, "b.html"] and list(tmp_path.iterdir()) == [
        tmp_path / "site"
    ]


def test_no_space_and_no_permission_are_said(tmp_path, monkeypatch):
    write_site({"a.html": b"old"}, tmp_path / "site")
    before = contents(tmp_path / "site")

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.Path, "write_bytes", full)
    with pytest.raises(BuildError, match="cannot write the site: No space left on device"):
        write_site({"b.html": b"new"}, tmp_path / "site")
    monkeypatch.undo()
    assert contents(tmp_path / "site") == before and list(tmp_path.iterdir()) == [tmp_path / "site"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(BuildError, match="cannot write the site: (Not a directory|File exists)"):
        write_site({"b.html": b"new"}, tmp_path / "file" / "site")


def test_another_builds_folder_is_left_alone(tmp_path):
    """One that is locked is in use, by whatever process of whatever container; any other was killed."""
    for name in ("mine", "dead"):
        (tmp_path / f".strata-{name}").mkdir()
        (tmp_path / f".strata-{name}.lock").touch()
    with FileLock(tmp_path / ".strata-mine.lock"):
        write_site({"a.html": b"x"}, tmp_path / "site")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [".strata-mine", "site"]
    write_site({"a.html": b"x"}, tmp_path / "site")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]

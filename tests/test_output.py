"""The site's folder: the old site or the new one, whatever happens to the build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

import build
from errors import BuildError
from generator import output
from generator.output import MARKER, write_site
from tests.node import ROOT
from tests.test_build import files


def contents(folder):
    return {name: (folder / name).read_bytes() for name in files(folder)}


def test_killed_at_any_moment_the_last_good_site_stays(project):
    """SIGKILL at twelve moments of a build: what stands there is whole, and the next build clears up."""
    out = project / "out"
    command = [sys.executable, str(ROOT / "build.py"), "--root", str(project), "--out", str(out)]
    assert subprocess.run(command, capture_output=True).returncode == 0
    good = contents(out)
    started = time.monotonic()
    assert subprocess.run(command, capture_output=True).returncode == 0
    takes = time.monotonic() - started
    for moment in range(12):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(takes * (0.3 + 0.06 * moment))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert contents(out) == good
    assert build.main(["--root", str(project), "--out", str(out)]) == 0
    assert not [path.name for path in project.iterdir() if path.name.startswith(".strata")]


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
    mine = tmp_path / f".strata-{os.getpid()}-abc"
    dead = tmp_path / ".strata-999999999-abc"
    for folder in (mine, dead):
        folder.mkdir()
    write_site({"a.html": b"x"}, tmp_path / "site")
    assert mine.exists() and not dead.exists()

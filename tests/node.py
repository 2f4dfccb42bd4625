"""Node in the tests: the auditors, and the site's TypeScript, bundled once a session, given JSON, answering JSON."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from generator.node import Node

ROOT = Path(__file__).resolve().parents[1]


def auditors(on_install: Callable[[str], None] = lambda what: None) -> Node:
    """The tests' own package: html-validate, linkinator and Lighthouse. They need a newer Node than the build does."""
    return Node(ROOT / "tests", on_install, oldest=(24, 8))


class Bridge:
    """`bridge({"call": "softmax", "x": pack(array)})` runs one call of tests/bridge.ts."""

    def __init__(self, node: Node, folder: Path):
        self.node, self.script = node, folder / "bridge.mjs"
        node.run(
            "node_modules/esbuild/bin/esbuild",
            str(ROOT / "tests" / "bridge.ts"),
            "--bundle",
            "--platform=node",
            "--format=esm",
            "--log-level=error",
            f"--outfile={self.script}",
        )

        program = node.folder / "node" if node.folder else "node"
        self.process = subprocess.Popen(
            [str(program), str(self.script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def __call__(self, *calls: dict[str, Any]) -> list[Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(calls) + "\n")
        self.process.stdin.flush()
        answers = json.loads(self.process.stdout.readline())
        assert isinstance(answers, list), answers["error"]
        return answers

    def close(self) -> None:
        self.process.communicate()


def pack(values: np.ndarray) -> dict[str, Any]:
    return {
        "shape": list(values.shape),
        "data": base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode(),
    }


def unpack(packed: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["data"]), dtype="<f4").reshape(packed["shape"])


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def close(ours: np.ndarray, truth: np.ndarray) -> bool:
    """Within 1e-5 + 1e-5 max|x|, the contract for activations."""
    return ours.shape == truth.shape and bool(
        np.abs(ours - truth).max(initial=0) <= 1e-5 + 1e-5 * np.abs(truth).max(initial=0)
    )

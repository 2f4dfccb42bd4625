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

    def __call__(self, *calls: dict[str, Any]) -> list[Any]:
        program = self.node.folder / "node" if self.node.folder else "node"
        done = subprocess.run([str(program), str(self.script)], input=json.dumps(calls), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


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

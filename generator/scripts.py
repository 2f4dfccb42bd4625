"""The site's scripts: TypeScript bundled by esbuild, and data written as scripts, since `file://` cannot fetch."""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from generator.node import Node

WASM = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
PART = 560_000  # characters a script: about eight parts, so that progress shows while they load


def bundle(node: Node) -> dict[str, bytes]:
    """`scripts/core.js`, `scripts/<widget>.js` and `scripts/onnxruntime.js`, by their path in the site."""
    with tempfile.TemporaryDirectory() as out:
        node.run("tools/bundle.mjs", out)
        return {f"scripts/{path.name}": path.read_bytes() for path in sorted(Path(out).iterdir())}


def data_script(key: str, payload: Any) -> dict[str, bytes]:
    """A script that gives `payload` (JSON) to the page under `key`."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return {f"{key}.js": f"strata.define({json.dumps(key)},{text})\n".encode()}


def bytes_script(key: str, content: bytes) -> dict[str, bytes]:
    """A script that gives bytes to the page: compressed, then as base64."""
    return data_script(key, _compressed(content))


def runtime_scripts(assets: Path) -> dict[str, bytes]:
    """onnxruntime-web's WebAssembly in parts: `scripts/onnxruntime.wasm.js` tells how many and how long the whole is."""
    key = "scripts/onnxruntime.wasm"
    content = (assets / WASM).read_bytes()
    text = _compressed(content)
    step = PART - PART % 4  # base64 can be cut between groups of four
    parts = [text[i : i + step] for i in range(0, len(text), step)]
    files = data_script(key, {"parts": len(parts), "bytes": len(content)})
    for i, part in enumerate(parts):
        files |= data_script(f"{key}.{i}", part)
    return files


def _compressed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()

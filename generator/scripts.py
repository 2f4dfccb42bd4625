"""The site's scripts: TypeScript bundled by esbuild, and data written as scripts, since `file://` cannot fetch."""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from cache import Cache
from generator.node import Node

WASM = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
PART = 560_000  # characters per script: about eight parts, so that loading shows progress


def bundle(node: Node, cache: Cache) -> dict[str, bytes]:
    """`scripts/core.js`, `scripts/<figure>.js` and `scripts/worker.js`, by their path in the site."""
    sources = [node.package / name for name in ("src", "tools", "package-lock.json")]

    def make() -> dict[str, bytes]:
        with tempfile.TemporaryDirectory() as out:
            node.run("tools/bundle.mjs", out)
            return {f"scripts/{path.name}": path.read_bytes() for path in sorted(Path(out).iterdir())}

    return cache.files("scripts", sources, make)


def data_script(key: str, payload: Any) -> dict[str, bytes]:
    """A script that gives `payload` (JSON) to the page under `key`."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return {f"{key}.js": f"strata.define({json.dumps(key)},{text})\n".encode()}


def bytes_script(key: str, content: bytes, cache: Cache) -> dict[str, bytes]:
    """A script that gives bytes to the page: compressed, then as base64."""
    return data_script(key, _compressed(content, cache))


def runtime_scripts(assets: Path, cache: Cache) -> dict[str, bytes]:
    """onnxruntime-web's WebAssembly in parts; `scripts/onnxruntime.wasm.js` has their number and the whole length."""
    key = "scripts/onnxruntime.wasm"
    content = (assets / WASM).read_bytes()
    text = _compressed(content, cache)
    step = PART - PART % 4  # base64 can be cut between groups of four
    parts = [text[i : i + step] for i in range(0, len(text), step)]
    files = data_script(key, {"parts": len(parts), "bytes": len(content)})
    for i, part in enumerate(parts):
        files |= data_script(f"{key}.{i}", part)
    return files


def notices(assets: Path, pictures: dict[str, Path]) -> dict[str, bytes]:
    """`licenses.txt`: the licences of the npm packages used in the site, and of the models' `pictures`."""
    packages = json.loads((assets / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    parts = [
        "This site's scripts, styles and fonts are in part those of the following packages, each under its own "
        "licence.\n"
    ]
    for path, entry in packages.items():
        if not path or entry.get("dev"):
            continue
        folder = assets / path
        found = sorted(file for file in folder.iterdir() if file.name.lower().startswith(("license", "licence")))
        # onnxruntime-web's package says "MIT" but does not contain the text.
        text = (
            found[0].read_text(encoding="utf-8").strip()
            if found
            else f"{entry.get('license', 'unknown')}. {_MIT_WITHOUT_FILE.get(folder.name, '')}"
        )
        parts.append(f"{'-' * 72}\n{path.removeprefix('node_modules/')} {entry['version']}\n\n{text.strip()}\n")
    for title, path in pictures.items():
        if path.is_file():
            parts.append(f"{'-' * 72}\nThe pictures of {title}\n\n{path.read_text(encoding='utf-8').strip()}\n")
    return {"licenses.txt": "\n".join(parts).encode()}


_MIT = """Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""
_MIT_WITHOUT_FILE = {"onnxruntime-web": _MIT, "onnxruntime-common": _MIT}


def _compressed(content: bytes, cache: Cache) -> str:
    """As gzip in base64. Kept, since the WebAssembly takes a second."""
    return base64.b64encode(cache.file("gzip", [content], lambda: gzip.compress(content, 9, mtime=0))).decode()

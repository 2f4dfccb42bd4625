"""One model as the browser gets it: what `model/` makes and `generator/` puts into the site."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Package:
    """The manifest of one model, and its files by name.

    `model.onnx`; `weights`: float32, little-endian, the manifest's `weights` one after the other; `examples/KEY` of
    each example: the manifest's `trace` one after the other; `examples.webp`: thumbnails of all examples, side by side.
    """

    manifest: dict[str, Any]
    files: dict[str, bytes]

    def trace(self, example: str) -> bytes:
        """The file of an example's trace."""
        key = next(e["key"] for e in self.manifest["examples"] if e["name"] == example)
        return self.files[f"examples/{key}"]

    def as_files(self) -> dict[str, bytes]:
        """All of it as files, for the cache."""
        return {"manifest.json": json.dumps(self.manifest).encode(), **self.files}

    @staticmethod
    def of_files(files: dict[str, bytes]) -> Package:
        """The inverse of `as_files`."""
        rest = {name: content for name, content in files.items() if name != "manifest.json"}
        return Package(json.loads(files["manifest.json"]), rest)

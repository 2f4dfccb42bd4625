"""`python -m tests.lint`: the TypeScript compiler and Biome on the front end. Exits with 1 if they find anything."""

from __future__ import annotations

import sys

from errors import BuildError
from generator.node import Node
from tests.node import ROOT, auditors


def main() -> int:
    """Print what they find."""
    checks = [
        (Node(ROOT / "assets"), ["node_modules/typescript/bin/tsc", "--noEmit", "-p", "."]),
        (auditors(), ["node_modules/@biomejs/biome/bin/biome", "check", "--colors=off", ".."]),
    ]
    status = 0
    for node, command in checks:
        try:
            node.run(*command)
        except BuildError as error:
            print(error.message, file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Measures the image: how big it is, and what the bytecode in it saves at every start.

`python hack/image/measure.py` prints what docs/image.md quotes.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "controlplane"), str(HERE.parent / "node")]

import image  # noqa: E402 - the path comes first
from container import Image, unpack  # noqa: E402

COMMANDS = ("amends", "kubectl-amends")
TIMES = 7
NO_BYTECODE = {"PYTHONPYCACHEPREFIX": "/nowhere"}
"""Python looks for bytecode there only, finds none, and compiles what it imports."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="amends-image-") as folder:
        built = unpack(image.archive(), Path(folder))
        sizes = ", ".join(f"{size / 1e6:.0f} MB" for size in built.layers)
        print(f"image: {sum(built.layers) / 1e6:.0f} MB, uncompressed (layers: {sizes})")
        for command in COMMANDS:
            compiled, sources = (seconds(built, command, env) for env in ({}, NO_BYTECODE))
            print(f"{command} --version: {compiled:.1f} s, without bytecode {sources:.1f} s")


def seconds(built: Image, command: str, env: Mapping[str, str]) -> float:
    """Processor time, which other work on the machine hardly changes: the median of some starts.

    The first one is not counted: it reads from the disk.
    """
    taken = []
    for _ in range(1 + TIMES):
        before = os.times()
        built.run(f"/opt/amends/bin/{command}", "--version", env=env).check_returncode()
        after = os.times()
        taken.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    return statistics.median(taken[1:])


if __name__ == "__main__":
    main()

"""`make bench`: puts the repository's folders on the path, then measures (see measure.py)."""

import runpy
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # In place of this folder, where the package `bench` would be hidden by this very file.
    sys.path[:1] = [str(TESTS), str(TESTS.parent / "hack/controlplane")]
    runpy.run_module("bench.measure", run_name="__main__", alter_sys=True)

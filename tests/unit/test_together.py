"""Tests that share a control plane really run in one process."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support.together import LONGEST_FIRST, place

TESTS = Path(__file__).parents[1]
SHARES = re.compile(r"pytest\.mark\.(controlplane|node)\b")
ALONE = {"tests/bench/test_bench_smoke.py"}
"""It starts a control plane of its own."""
HOOK = """
from support.together import Together

def pytest_xdist_make_scheduler(config, log):
    return Together(config, log)
"""
TEST = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(12))
def test_where(number):
    pathlib.Path(f"{number}.ran").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


def workers(folder: Path, group: str) -> set[str]:
    """The processes in which the twelve tests of a folder ran."""
    home = folder / "tests" / group
    home.mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "tests/conftest.py").write_text(HOOK)
    (home / "test_there.py").write_text(TEST)
    options = ("-n", "2", "--dist", "loadscope", "-p", "no:cacheprovider", "-p", "no:asyncio")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return {ran.read_text() for ran in folder.glob("*.ran")}


def test_a_group_stays_in_one_process(tmp_path: Path) -> None:
    assert len(workers(tmp_path, "client")) == 1


def test_what_stands_alone_is_spread(tmp_path: Path) -> None:
    assert len(workers(tmp_path, "unit")) == 2


def test_whoever_needs_what_others_need_has_a_group() -> None:
    files = {f"tests/{file.relative_to(TESTS)}": file for file in TESTS.glob("*/test_*.py")}
    sharing = {name for name, file in files.items() if SHARES.search(file.read_text())}

    assert {name for name in sharing if place(name) == len(LONGEST_FIRST)} == ALONE

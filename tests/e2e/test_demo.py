"""The demo, as `make demo` runs it: it shows every step, says so by its status, leaves nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from controlplane import ControlPlane

pytestmark = [pytest.mark.controlplane, pytest.mark.e2e, pytest.mark.slow]

DEMO = Path(__file__).parents[2] / "examples/demo/demo.py"

KEY_LINES = (
    "✓ the board shows the message",
    "✓ the API server wrote down who asked: bob",
    "✓ it does not count: SelfApproval",
    "✓ the message is still on the board",
    "spec.actor.username is",
    "✓ refused, with the reason and the fix",
    "✓ before: the message is on the board",
    "✓ after: the board is empty",
    "✓ removed once, under the Compensation's key",
    "✓ it names the approver: alice",
    "✓ its audit hash is right",
    "Running -> Completed (amends): applied by attempt 1",
    "✓ the board's token is in no object, event or log line",
    "Done. All 8 steps were observed.",
)


@pytest.fixture(scope="module")
def foreign() -> Iterator[ControlPlane]:
    """A cluster that the demo did not start, with controllers that empty its namespaces."""
    with ControlPlane.start(controller_manager=True) as cp:
        yield cp


def run_demo(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Everything it writes is in the folder, so a process it forgot has the folder's name in it."""
    return subprocess.run(
        [sys.executable, DEMO, *arguments],
        env={**os.environ, "TMPDIR": str(folder), "KUBECONFIG": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def left_behind(folder: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


def assert_shown(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout[-5000:] + demo.stderr[-5000:]
    assert [line for line in KEY_LINES if line not in demo.stdout] == []
    assert [line for line in demo.stdout.splitlines() if len(line) > 100] == []
    assert "\x1b[" not in demo.stdout


def test_every_step_is_observed_and_nothing_is_left(tmp_path: Path) -> None:
    demo = run_demo(tmp_path)
    assert_shown(demo)
    assert left_behind(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_in_a_foreign_cluster_it_removes_what_it_created(
    tmp_path: Path, foreign: ControlPlane
) -> None:
    def everything() -> list[str]:
        kinds = "crds,namespaces,clusterroles,clusterrolebindings,validatingadmissionpolicies,"
        return foreign.kubectl(
            "get", f"{kinds}mutatingadmissionpolicies", "-o", "name"
        ).stdout.splitlines()

    before = everything()
    demo = run_demo(tmp_path, "--kubeconfig", foreign.kubeconfig())
    assert_shown(demo)
    assert "--as alice --as-group tenant-a apply" in demo.stdout
    assert everything() == before
    assert left_behind(tmp_path) == []


def test_a_foreign_cluster_with_something_of_ours_is_left_alone(
    tmp_path: Path, foreign: ControlPlane
) -> None:
    foreign.kubectl("create", "namespace", "amends-system")
    demo = run_demo(tmp_path, "--kubeconfig", foreign.kubeconfig())
    assert demo.returncode == 2
    assert "namespace/amends-system" in demo.stdout
    foreign.kubectl("get", "namespace", "amends-system")


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    demo = run_demo(tmp_path, "--kubeconfig", tmp_path / "missing")
    assert demo.returncode == 2
    assert f"there is no kubeconfig {tmp_path / 'missing'}" in " ".join(demo.stdout.split())

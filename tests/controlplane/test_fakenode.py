"""Pods of a fake node fare as their annotations say, and say of it what a kubelet would."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import build
from controlplane import ControlPlane
from fakenode import AFTER, EXIT_CODE, LOG, REASON
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

SECONDS = 30.0


@pytest.fixture(scope="module")
def cp() -> Iterator[ControlPlane]:
    with ControlPlane.start(fake_node=True) as running:
        yield running


def run(cp: ControlPlane, name: str, annotations: Mapping[str, str] | None = None) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "only", "image": "none"}]},
    }
    cp.kubectl("create", "-f", "-", input=json.dumps(pod))


def status(cp: ControlPlane, name: str) -> Any:
    return json.loads(cp.kubectl("get", "pod", name, "--output=json").stdout)["status"]


def in_phase(cp: ControlPlane, name: str, phase: str) -> Any:
    wait_for(
        lambda: status(cp, name)["phase"] == phase, seconds=SECONDS, what=f"{name} to be {phase}"
    )
    (container,) = status(cp, name)["containerStatuses"]
    return container["state"]


def test_kwok_is_the_one_that_is_pinned(cp: ControlPlane) -> None:
    pinned = {program.name: program.version for program in build.PROGRAMS}
    said = subprocess.run(
        [cp.bin / "kwok", "--version"], capture_output=True, text=True, check=True
    )

    assert pinned["kwok"] in said.stdout


@pytest.mark.parametrize(
    ("annotations", "phase", "code", "reason"),
    [
        pytest.param({EXIT_CODE: "0"}, "Succeeded", 0, "Completed", id="it ends well"),
        pytest.param({EXIT_CODE: "3", AFTER: "1s"}, "Failed", 3, "Error", id="it ends badly"),
        pytest.param(
            {EXIT_CODE: "137", REASON: "OOMKilled"}, "Failed", 137, "OOMKilled", id="out of memory"
        ),
    ],
)
def test_a_pod_ends_as_it_is_told_to(
    cp: ControlPlane, annotations: dict[str, str], phase: str, code: int, reason: str
) -> None:
    name = f"ends-with-{code}"
    run(cp, name, annotations)

    ended = in_phase(cp, name, phase)["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    assert ended["startedAt"] <= ended["finishedAt"]


def test_a_pod_that_is_not_told_to_end_runs_and_has_a_log(cp: ControlPlane) -> None:
    run(cp, "runs")

    assert in_phase(cp, "runs", "Running").keys() == {"running"}
    assert cp.kubectl("logs", "runs").stdout.splitlines() == [*LOG]


def test_a_pod_that_is_deleted_says_how_it_ended_before_it_goes(cp: ControlPlane) -> None:
    run(cp, "goes")
    in_phase(cp, "goes", "Running")
    # As the Job controller does it, so that what was said last can be read.
    cp.kubectl("patch", "pod", "goes", "-p", '{"metadata": {"finalizers": ["amends.dev/test"]}}')
    cp.kubectl("delete", "pod", "goes", "--wait=false")

    ended = in_phase(cp, "goes", "Failed")["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (143, "Error")
    cp.kubectl("patch", "pod", "goes", "-p", '{"metadata": {"finalizers": null}}')
    cp.kubectl("wait", "pod/goes", "--for=delete", f"--timeout={SECONDS:.0f}s")

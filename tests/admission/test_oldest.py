"""The oldest Kubernetes that Amends is for takes its kinds and policies, and selects by fields.

One version earlier the API server drops selectableFields unless a feature gate is set, and refuses
the watches that the operator lives on.
"""

import json
from collections.abc import Iterator

import pytest

import installation
from controlplane import ControlPlane
from support.manifests import compensation, signed

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def oldest() -> Iterator[ControlPlane]:
    with ControlPlane.start(version="1.31") as cp:
        installation.install(cp)
        yield cp


def test_it_takes_every_kind_and_policy_and_selects_open_work(oldest: ControlPlane) -> None:
    version = json.loads(oldest.kubectl("get", "--raw", "/version").stdout)
    assert (version["emulationMajor"], version["emulationMinor"]) == ("1", "31")
    assert installation.enforces(oldest)

    undo = json.dumps(signed(compensation("undo"), "admin"))
    oldest.kubectl("create", "-n", "default", "-f", "-", input=undo)

    def selected(phase: str) -> str:
        open_work = ("--field-selector", f"status.phase{phase}")
        return oldest.kubectl(
            "get", "cmp", "-n", "default", *open_work, "-o", "name"
        ).stdout.strip()

    assert (selected("!=Completed"), selected("=Running")) == ("compensation.amends.dev/undo", "")

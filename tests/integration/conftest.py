"""One real control plane for the whole run, and a namespace for every test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane
from integration.cluster import Cluster

CRDS = Path(__file__).parents[2] / "crds"

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A control plane that serves our kinds."""
    with ControlPlane.start() as cp:
        cp.kubectl("apply", "--server-side", "-f", CRDS)
        cp.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS)
        yield cp


@pytest.fixture
def namespace(control_plane: ControlPlane) -> str:
    """A namespace that nobody else uses."""
    name = f"test-{next(_numbers)}"
    control_plane.kubectl("create", "namespace", name)
    return name


@pytest.fixture
def admin(control_plane: ControlPlane, namespace: str) -> Cluster:
    """The test's namespace, as a cluster administrator."""
    return Cluster.as_admin(control_plane, namespace)


@pytest.fixture
def operator(control_plane: ControlPlane, namespace: str) -> Cluster:
    """The test's namespace, as the operator."""
    return Cluster.as_operator(control_plane, namespace)

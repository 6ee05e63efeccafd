"""One real control plane for the whole run, and a namespace for every test."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.kube.connection import Connection
from amends.kube.tenants import ImpersonatedTenants
from controlplane import ControlPlane
from installation import RunningOperator
from integration.cluster import Cluster
from integration.cluster_doubts import Faulty, executor_of
from support.manifests import unique
from support.target import APPLIED, Target
from support.tenant import Installed
from support.victim import Victim, at_rest

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


@pytest.fixture(scope="module")
def victim(installed: Installed, running: RunningOperator, target: Target) -> Iterator[Victim]:
    """A tenant of carol's, whom others attack."""
    made = installed.tenant(unique("victim"), group="tenant-b")
    yield at_rest(made, target.route(APPLIED))
    made.clear()


@pytest.fixture
def nothing_moves(victim: Victim) -> Iterator[None]:
    """Around an attack: the victim's objects stay in their versions, and nothing is sent."""
    before = victim.versions()
    yield
    assert victim.versions() == before
    assert victim.route.requests == []


@pytest.fixture
async def faulty(installed: Installed) -> AsyncIterator[Faulty]:
    """The tenants' API server, which a test may let fail."""
    connection = await Connection.open(installed.kubeconfig)
    yield Faulty(ImpersonatedTenants(connection))
    await connection.close()


@pytest.fixture
def executor(faulty: Faulty) -> KubernetesExecutor:
    """The one that changes objects, in this process."""
    return executor_of(faulty)

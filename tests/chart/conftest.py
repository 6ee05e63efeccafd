"""One helm, and one control plane with controllers, for all tests of the chart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import build
from chart.helm import Helm
from controlplane import ControlPlane


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """The pinned helm."""
    return build.build(["helm"])["helm"]


@pytest.fixture(scope="session")
def offline(helm_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """helm without a cluster."""
    return Helm(helm_program, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[ControlPlane]:
    """A control plane with controllers: quotas and aggregated roles are their work."""
    with ControlPlane.start(controller_manager=True) as cp:
        yield cp


@pytest.fixture(scope="session")
def helm(
    helm_program: Path, cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Helm:
    """helm as the admin of that cluster."""
    return Helm(helm_program, tmp_path_factory.mktemp("helm"), cluster.kubeconfig())

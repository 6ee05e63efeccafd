"""A control plane whose operators are killed, starved and lied to."""

from collections.abc import Iterator

import pytest

from chaos.grounds import grounds
from chaos.rig import Stage
from controlplane import ControlPlane


@pytest.fixture(scope="session")
def ruins() -> Iterator[tuple[ControlPlane, Stage]]:
    """Amends as it is installed."""
    with grounds() as made:
        yield made


@pytest.fixture
def stage(ruins: tuple[ControlPlane, Stage]) -> Stage:
    """Who may connect as whom."""
    return ruins[1]

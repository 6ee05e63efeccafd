"""Amends on an API server that stamps who asks and who decides, and on one that cannot."""

from collections.abc import Iterator

import pytest

import installation
from controlplane import ControlPlane
from support.manifests import unique
from support.tenant import Installed, Tenant


@pytest.fixture(scope="session", params=["1.36", "1.34"])
def installed(request: pytest.FixtureRequest) -> Iterator[Installed]:
    """A control plane of each version with CRDs, policies and rights."""
    with ControlPlane.start(version=request.param) as cp:
        everything = Installed(cp, installation.install(cp), stamps=installation.can_stamp(cp))
        yield everything
        everything.close()


@pytest.fixture(scope="module")
def ground(installed: Installed) -> Tenant:
    """One tenant for all tests of a module that leave nothing behind."""
    return installed.tenant(unique("tenant"), annotations={})


@pytest.fixture
def tenant(ground: Tenant) -> Iterator[Tenant]:
    """A tenant without objects, in whose namespace nothing runs without approval."""
    yield ground
    ground.clear()


@pytest.fixture
def fresh(installed: Installed) -> Iterator[Tenant]:
    """A namespace of its own, for a test that changes it or gives rights in it."""
    made = installed.tenant(unique("tenant"), annotations={})
    yield made
    made.clear()

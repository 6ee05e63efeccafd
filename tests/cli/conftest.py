"""One scene for every test that only reads."""

from collections.abc import Iterator

import pytest

from support import scene
from support.manifests import unique
from support.tenant import Installed, Tenant


@pytest.fixture(scope="session")
def checkout(installed: Installed) -> Iterator[Tenant]:
    """A tenant with the run of support.scene. Nobody changes it."""
    made = installed.tenant("checkout")
    made.people_may("use", "secrets", "pay")
    scene.played(made)
    yield made
    made.clear()


@pytest.fixture(scope="module")
def home(installed: Installed) -> Tenant:
    """A namespace for the tests of one module, one after the other: to make one takes seconds."""
    made = installed.tenant(unique("home"))
    made.people_may("use", "secrets", "board")
    return made


@pytest.fixture
def tenant(home: Tenant) -> Iterator[Tenant]:
    """A tenant in which nothing is left of the test before."""
    yield home
    home.clear()
    # What is approved or under way is not deleted until it has ended.
    for kind, ended in (("Compensation", "Cancelled"), ("DeadLetter", "Resolved")):
        for name in [left["metadata"]["name"] for left in home.every(kind)]:
            home.write_status(kind, name, {"phase": ended})
            home.delete(kind, name)

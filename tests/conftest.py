"""Amends as it is installed, its operator as its own process, and what stands for the outside."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from hypothesis import settings
from xdist.remote import Producer  # type: ignore[import-untyped]

import installation
import machine
from controlplane import ControlPlane
from installation import RunningOperator
from node import Node
from support import forked, together
from support.boards import ServedBoard
from support.manifests import unique
from support.target import Target
from support.tenant import Installed, StartOperator, Tenant
from support.together import Together

# How long an example takes tells how busy the machine is, and nothing of what is tested.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    """`make test` runs several processes; tests that share a control plane stay in one."""
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long groups begin first: one that began last would leave the other processes idle."""
    items.sort(key=lambda item: together.place(item.nodeid))


@pytest.fixture(scope="session")
def installed() -> Iterator[Installed]:
    """A control plane with CRDs, policies and rights.

    It is not the one of the schema tests: those write into status and receipts what only the
    operator may, and what they leave behind would be work for it.
    """
    with ControlPlane.start() as cp:
        everything = Installed(cp, installation.install(cp))
        yield everything
        everything.close()


@pytest.fixture(scope="session")
def node_can_run() -> None:
    """Skips the tests of real nodes where none can run, unless CI demands them."""
    if not machine.is_required() and (why := machine.objection()) is not None:
        pytest.skip(why)


@pytest.fixture(scope="session")
def node(node_can_run: None) -> Iterator[Node]:
    """A real node."""
    with Node.start() as running:
        yield running


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    """What an undo is sent to; a test asks it for an address of its own."""
    served = Target()
    yield served
    served.stop()


@pytest.fixture(scope="session")
def board() -> Iterator[ServedBoard]:
    """The message board."""
    served = ServedBoard()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def start(
    installed: Installed,
    target: Target,
    board: ServedBoard,
    tmp_path_factory: pytest.TempPathFactory,
) -> StartOperator:
    """Starts an operator, with arguments beyond what it may call; a context manager."""
    allowed = ("--allow-target", target.origin, "--allow-target", board.origin)

    def operator(
        *arguments: str, until_working: bool = True
    ) -> AbstractContextManager[RunningOperator]:
        log = tmp_path_factory.mktemp("operator") / f"{unique('operator')}.log"
        return forked.running_operator(
            installed.kubeconfig, log, (*allowed, *arguments), until_working=until_working
        )

    return operator


@pytest.fixture(scope="module")
def running(start: StartOperator) -> Iterator[RunningOperator]:
    """The operator, at work for every test of a module."""
    with start() as operator:
        yield operator


@pytest.fixture
def tenant(installed: Installed) -> Iterator[Tenant]:
    """A tenant of its own for every test; alice, bob and dora belong to it."""
    made = installed.tenant(unique("tenant"))
    yield made
    made.clear()

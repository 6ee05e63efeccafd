"""The campaign of Jobs in short: a few undos of every fate, on a fake node."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import installation
from chaos.etcd_history import Observer
from chaos.job_crowd import PATIENT, Crowd
from chaos.jobs import played
from controlplane import ControlPlane
from support import forked
from support.tenant import Installed

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]

SEED = 6
COUNT = 50


@pytest.fixture(scope="module")
def pretended() -> Iterator[Installed]:
    """A control plane on whose node pods only seem to run."""
    with ControlPlane.start(fake_node=True) as cp:
        installed = Installed(cp, installation.install(cp))
        yield installed
        installed.close()


def test_whatever_befalls_their_pods_many_undos_end_right_with_one_job_for_each_attempt(
    pretended: Installed, tmp_path: Path
) -> None:
    log = tmp_path / "operator.log"
    with (
        Observer(pretended.cp.etcd_endpoint) as observer,
        forked.running_operator(pretended.kubeconfig, log, PATIENT) as operator,
    ):
        crowd = Crowd.of(pretended, operator, observer, namespaces=2)
        found = played(crowd, COUNT, random.Random(SEED))

    assert found.broken == [], f"seed {SEED}"
    figures = dict(found.numbers)
    assert (figures["undos by Job"], figures["attempts, each with one Job"]) == (50, 56)
    assert figures["pods deleted or evicted while they ran"] == 8

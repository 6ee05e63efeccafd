"""Two replicas, one with a wrong clock, the leader asleep past its claims: the short form.

etcd's own history, the target's own record and the API server's audit log are asked.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import installation
from chaos.etcd_history import Observer
from chaos.fleet import disturbed, stopped_past_its_claims
from chaos.formation import SHORT, formation
from chaos.linearizable import AUDITED
from chaos.relay import Relay
from chaos.replicas import Replica, replicas
from chaos.witness import Witness
from controlplane import ControlPlane
from support.manifests import unapproved, unique
from support.tenant import Installed
from tls import self_signed
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]


@pytest.fixture(scope="module")
def audited() -> Iterator[Installed]:
    """A control plane that writes down what it answers."""
    with ControlPlane.start(audit_policy=AUDITED) as cp:
        installed = Installed(cp, installation.install(cp))
        yield installed
        installed.close()


def test_a_leader_asleep_past_its_claims_and_a_wrong_clock_break_nothing(
    audited: Installed, tmp_path: Path
) -> None:
    with (
        Observer(audited.cp.etcd_endpoint) as observer,
        formation(audited, tmp_path, [0, -600], random.Random(6)) as fleet,
    ):
        counted, broken = disturbed(fleet, observer, [stopped_past_its_claims])

    assert broken == []
    assert counted["disturbance: stopped past its claims"] == 1
    assert counted["histories checked for linearizability"] == counted["undos"] > 0


def test_a_leader_that_sleeps_before_the_first_byte_sends_nothing_when_it_wakes(
    audited: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is written, the connection stands, TLS waits; its successor gives the claim up."""
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tenant = audited.tenant(unique("asleep"))
    with Witness(certificate=certificate) as witness, Relay(witness.origin) as gate:
        gate.close()
        arguments = (*SHORT, "--allow-target", gate.url)
        with replicas(audited.kubeconfig, tmp_path, arguments, [0, 0]) as two:
            wait_for(lambda: any(map(_works, two)), seconds=30, what="a leader")
            leader = next(filter(_works, two))
            other = next(one for one in two if one is not leader)
            tenant.create(
                unapproved("undo", http={"url": f"{gate.url}/undo", "retrySafety": "None"})
            )
            tenant.in_phase("undo", "Running")
            wait_for(lambda: gate.waiting, seconds=30, what="the connection to the target")
            leader.stop()
            tenant.ready("Compensation", "undo", "OutcomeUnknown")

            gate.open()
            leader.go_on()

            wait_for(lambda: leader.process.poll() is not None, seconds=30, what="it to end")
            assert leader.exits() == [3]
            assert _works(other)
        assert witness.effects() == []


def test_a_replica_whose_clock_is_ahead_logs_in_no_more_often_than_others(
    audited: Installed, tmp_path: Path
) -> None:
    """kopf asks its machine's clock how old a login is. Each new one closes every watch."""
    tenant = audited.tenant(unique("ahead"))
    with replicas(audited.kubeconfig, tmp_path, SHORT, [600]) as (ahead,):
        wait_for(lambda: _works(ahead), seconds=60, what="it to work")
        tenant.create(unapproved("undo", execution={"record": {}}))
        tenant.in_phase("undo", "Completed")

        said = ahead.lives[-1].log.read_text()
    assert "this machine's clock is wrong" in said
    assert "Connector is closed" not in said
    assert "re-authenticate" not in said


def _works(replica: Replica) -> bool:
    return replica.lives[-1].is_working()

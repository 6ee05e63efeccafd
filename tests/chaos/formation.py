"""A formation: some replicas, a tenant whose people keep asking for undos, and who watches them."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from amends.ports import Raw
from chaos.effects import Effect, out_of_order
from chaos.etcd_history import History, Observer
from chaos.history_invariants import broken, claims_do_not_overlap
from chaos.replicas import Replica, replicas
from chaos.witness import Witness
from installation import WORKING
from integration.cluster import Refused
from support.manifests import compensation, unique
from support.tenant import Installed, Tenant

LEASE = 3
CLAIM = 6.0
SHORT = ("--lease-seconds", str(LEASE), "--claim-seconds", f"{CLAIM:g}", "--drain-seconds", "2")
PATIENCE = 60.0
"""Seconds until something that does not come is a failure."""
ASKED_EVERY = 0.4
LEASE_PATH = "/apis/coordination.k8s.io/v1/namespaces/amends-system/leases/amends"


class Stuck(Exception):
    """Something did not come; the text says what."""


@dataclass
class Formation:
    """Everything of one formation; its people and its kubelet act while somebody waits."""

    installed: Installed
    tenant: Tenant
    replicas: list[Replica]
    witness: Witness
    dice: random.Random
    asks: bool = True
    _names: Iterator[int] = field(default_factory=lambda: count(1))
    _asked_at: float = 0.0

    def until(self, holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
        """Wait, while everybody else goes on; how long it took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > seconds:
                raise Stuck(f"waited {seconds:g} s in vain for {what}")
            self.live()
        return time.monotonic() - began

    def live(self) -> None:
        """A moment of everybody's life."""
        for replica in self.replicas:
            replica.tend()
        if self.asks and time.monotonic() - self._asked_at > ASKED_EVERY:
            self._asked_at = time.monotonic()
            self.ask()
        for undo in self.undos():
            if undo["status"]["phase"] == "AwaitingApproval" and not undo["status"]["approvals"]:
                self._approve(undo)
        time.sleep(0.1)

    def pause(self, seconds: float) -> None:
        """Let time go by."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end, "time to go by")

    def ask(self) -> str:
        """bob asks for one more undo, of any sort."""
        dice = self.dice
        name = f"undo-{next(self._names)}"
        keyed = dice.random() < 0.6
        query = f"hold={dice.choice((0, 0, 0.2, 1, 3))}&keys={int(keyed)}"
        lost = "&lost=1" if dice.random() < 0.1 else ""
        http = {
            "url": f"{self.witness.origin}/undo?{query}{lost}",
            "retrySafety": "ProviderKey" if keyed else "None",
        }
        self.tenant.create(
            compensation(
                name,
                http=http,
                approval={"required": dice.random() < 0.5},
                retry={"maxAttempts": 10, "backoffSeconds": 1, "maxBackoffSeconds": 1},
            )
        )
        return name

    def _approve(self, undo: Raw) -> None:
        name, digest = undo["metadata"]["name"], undo["status"]["planDigest"]
        try:
            self.tenant.approve(name, planDigest=digest)
        except Refused as why:
            if why.code != 409:  # she has said so already
                raise

    def undos(self) -> list[Raw]:
        """Every undo as it is stored."""
        return [*self.tenant.every("Compensation")]

    def lease(self) -> Raw:
        """The leaders' Lease; empty if there is none."""
        try:
            return self.installed.user("admin").call("GET", LEASE_PATH)
        except Refused as why:
            if why.code != 404:
                raise
            return {"spec": {}}

    def leader(self) -> Replica | None:
        """Whoever the Lease names, if that one lives."""
        named = self.lease()["spec"].get("holderIdentity")
        return next((one for one in self.replicas if named and named == one.holder()), None)

    def led(self) -> Replica:
        """The leader, once there is one that works."""
        found: list[Replica] = []

        def works() -> bool:
            leader = self.leader()
            found[:] = [leader] if leader is not None else []
            return bool(leader and not leader.stopped and WORKING in _log_of(leader))

        self.until(works, "a leader at work")
        return found[0]

    def somebody_else_leads(self, than: Replica) -> None:
        """Wait for another leader."""
        self.until(lambda: self.led() is not than, f"another leader than {than.name}")

    def busy(self) -> Replica:
        """The leader, once it has a claim."""
        found: list[Replica] = []

        def has_one() -> bool:
            leader = self.leader()
            found[:] = [leader] if leader is not None and not leader.stopped else []
            return any(map(self.has_claim, found))

        self.until(has_one, "a leader with a claim")
        return found[0]

    def has_claim(self, replica: Replica) -> bool:
        """Whether an attempt is in the hands of the replica."""
        mine = replica.holders()
        return any(
            outbox["phase"] == "Claimed" and "outcome" not in outbox and outbox["claimedBy"] in mine
            for undo in self.undos()
            if (outbox := undo["status"].get("outbox")) is not None
        )

    def rest(self) -> float:
        """Ask for nothing more and wait until nothing moves any more; how long that took."""
        self.asks = False
        limit = LEASE + CLAIM + PATIENCE
        try:
            return self.until(lambda: all(map(_is_at_rest, self.undos())), "all to end", limit)
        except Stuck as why:
            left = [one for one in self.undos() if not _is_at_rest(one)]
            raise Stuck("; ".join([str(why), *map(_described, left)])) from why

    def effects(self) -> list[Effect]:
        """What reached the target."""
        names = {pid: name for one in self.replicas for name, pid in one.holders().items()}
        return self.witness.effects(names.get)

    def broken(self, observer: Observer, moments: Mapping[int, float]) -> tuple[History, list[str]]:
        """What etcd tells of it, and everything that did not hold. moments: of its versions."""
        history = observer.history().within(self.tenant.namespace).dated(moments)
        return history, [
            *broken(history),
            *claims_do_not_overlap(history, lease=CLAIM),
            *out_of_order(history, self.effects()),
        ]


def _log_of(replica: Replica) -> str:
    return replica.lives[-1].log.read_text()


def _is_at_rest(undo: Raw) -> bool:
    """Ended; or, where a repeat is not safe, in doubt for a person to end it."""
    status = undo["status"]
    if status["phase"] in ("Completed", "Cancelled"):
        return True
    in_doubt = status.get("outbox", {}).get("outcome") == "Unknown"
    keyed = undo["spec"]["execution"]["http"]["retrySafety"] == "ProviderKey"
    return status["phase"] == "Running" and in_doubt and not keyed


def _described(undo: Raw) -> str:
    status = undo["status"]
    return f"{undo['metadata']['name']} is {status['phase']}, {status.get('reason')}"


@contextmanager
def formation(
    installed: Installed, folder: Path, skews: list[int], dice: random.Random
) -> Iterator[Formation]:
    """Replicas with these clocks, at work."""
    made: list[Replica] = []

    def pids() -> list[int]:
        return [one.process.pid for one in made if one.lives]

    named = unique("fleet")
    own = folder / named
    own.mkdir()
    with Witness(pids) as witness:
        arguments = (*SHORT, "--allow-target", witness.origin)
        with replicas(installed.kubeconfig, own, arguments, skews) as started:
            made += started
            made_for = Formation(installed, installed.tenant(named), started, witness, dice)
            made_for.led()
            yield made_for


def described(skews: list[int]) -> str:
    """The clocks of a formation, in words."""
    return json.dumps([f"{one:+d} s" for one in skews])

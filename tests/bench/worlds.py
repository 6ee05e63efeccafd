"""What the core would decide about objects of the bench: so that nothing here is made up.

Seeds get the status that the operator would have written, and the raw client sends the requests
that the operator's own adapter would send.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from amends.api import Approval, Compensation, DeadLetter
from amends.api.receipt import Scope
from amends.api.resource import MANAGED_BY
from amends.api.wire import Wire
from amends.core.decide import decide
from amends.core.decision import Decision
from amends.core.namespace import Floors
from amends.core.outcome import Applied
from amends.core.world import Attempt, CompensationWorld, DeadLetterWorld
from amends.kube.cluster import KubeCluster
from amends.kube.connection import Connection
from amends.ports import Raw
from amends.runtime.clock import SystemClock

CLOCK = SystemClock()
HOLDER = "bench-0-12345678"
ALICE = {"username": "alice", "uid": "alice", "groups": ["tenant-a", "system:authenticated"]}
EVIDENCE = {"recorded": True}


def approved(proposed: Raw) -> Raw:
    """The Compensation after alice's approval counted."""
    waiting = with_status(proposed, _decided(proposed).status)
    meta = proposed["metadata"]
    approval = Approval.model_validate(
        {
            "metadata": {**meta, "name": f"{meta['name']}-alice"},
            "spec": {
                "subjectRef": {"name": meta["name"]},
                "planDigest": waiting["status"]["planDigest"],
                "decision": "Approve",
                "reason": "seen in the channel, wrong customer",
                "actor": ALICE,
            },
            "status": {"boundUid": meta["uid"]},
        }
    )
    return with_status(waiting, _decided(waiting, approvals=(approval,)).status)


def waiting(proposed: Raw) -> Raw:
    """The Compensation once it waits for approval, or Cancelled if its spec says so."""
    return with_status(proposed, _decided(proposed).status)


def observed(letter: Raw, compensation: Raw) -> Raw:
    """The DeadLetter once the operator has seen it and the Compensation of its effect."""
    candidates = (Compensation.read(dict(compensation)),)
    return with_status(letter, decide(_letter_world(letter, candidates=candidates)).status)


async def four_writes(compensation: Raw, letter: Raw) -> list[dict[str, Any]]:
    """The requests that undo an approved Compensation and link its DeadLetter."""
    server = _Paper()
    cluster = KubeCluster(server)

    async def write(before: Raw, decision: Decision) -> Raw:
        after = with_status(before, decision.status)
        await cluster.write_status(before, after["status"])
        return after

    namespace = compensation["metadata"]["namespace"]
    running = await write(compensation, _decided(compensation))
    attempt = Attempt(running["status"]["outbox"]["attemptKey"], Applied(EVIDENCE))
    proved = _decided(running, attempt=attempt)
    for child in proved.children:
        meta = {"name": child.name, "namespace": namespace, "labels": MANAGED_BY}
        body = {"metadata": meta, "spec": child.spec.wire()}
        await cluster.create(child.kind, namespace, body)
    completed = await write(running, proved)
    await write(
        letter,
        decide(_letter_world(letter, compensation=Compensation.read(dict(completed)))),
    )
    return server.requests


def with_status(before: Raw, status: Wire | None) -> Raw:
    """The object with another status."""
    assert status is not None
    return {**before, "status": status.wire()}


def _letter_world(letter: Raw, **known: Any) -> DeadLetterWorld:
    facts: dict[str, Any] = {
        "action": None,
        "compensation": None,
        "candidates": (),
        "dispositions": (),
        "receipts": (),
        "attempt": None,
        "objection": None,
        "success": None,
        "scope": Scope(namespace=letter["metadata"]["namespace"]),
        "holder": HOLDER,
        "lease": timedelta(minutes=5),
        "now": CLOCK.now(),
        **known,
    }
    return DeadLetterWorld(letter=DeadLetter.read(dict(letter)), **facts)


def _decided(raw: Raw, **known: Any) -> Decision:
    nothing: Mapping[str, Any] = {"approvals": (), "attempt": None}
    return decide(
        CompensationWorld(
            **{**nothing, **known},
            compensation=Compensation.read(dict(raw)),
            unlinked=(),
            receipt=None,
            objection=None,
            success=None,
            scope=Scope(namespace=raw["metadata"]["namespace"]),
            floors=Floors(),
            holder=HOLDER,
            lease=timedelta(minutes=5),
            now=CLOCK.now(),
        )
    )


class _Paper(Connection):
    """Writes requests down instead of sending them."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        impersonate: str | None = None,
        patience: float | None = None,
    ) -> Any:
        asked = {"method": method, "path": path, "content_type": content_type, "body": body}
        self.requests.append(asked)
        return {}

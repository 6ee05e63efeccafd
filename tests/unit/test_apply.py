"""Apply: what is about to be executed is fenced by a write, also where nothing seems to change."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.api import Compensation
from amends.api.execution import Execution
from amends.core.decision import Execute
from amends.core.key import Key
from amends.kube.cache import Cache
from amends.kube.events import EventRecorder
from amends.ports import Cluster, Conflict, Fault, Namespace, Raw, Unsure
from amends.runtime.apply import Applier
from amends.runtime.clock import SystemClock
from amends.runtime.executions import Executions
from amends.runtime.fence import Fence
from amends.runtime.queue import KeyQueue
from support.worlds import running

UNDO = Key("Compensation", "tenant", "undo")
EMPTY: dict[str, Any] = {"approvals": [], "attestations": [], "history": [], "conditions": []}
STATUS = {"phase": "Running", "attempts": 1, **EMPTY}
STORED: Raw = {
    "kind": "Compensation",
    "metadata": {"name": "undo", "namespace": "tenant", "uid": "u", "resourceVersion": "7"},
    "spec": {"targetEffect": "effect"},
    "status": STATUS,
}
WORK = Execute(
    execution=Execution.model_validate({"record": {}}),
    service_account="amends-runner",
    idempotency_key="amends:tenant/u",
    attempt_key="undo:1",
    timeout=timedelta(seconds=60),
)


class Server(Cluster):
    """Counts status writes, or fails at them."""

    def __init__(self, fails: type[Fault] | None = None) -> None:
        self.fails = fails
        self.written: list[Raw] = []

    async def get(self, key: Key) -> Raw | None:
        raise NotImplementedError

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        raise NotImplementedError

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        raise NotImplementedError

    async def delete(self, before: Raw) -> None:
        raise NotImplementedError

    def forget_namespace(self, name: str) -> None:
        raise NotImplementedError

    async def namespace(self, name: str) -> Namespace:
        raise NotImplementedError

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        if self.fails is not None:
            raise self.fails("as the test says")
        self.written.append(status)
        return before


class Silent(EventRecorder):
    """Says nothing."""

    def __init__(self) -> None:
        pass


def applier(server: Server, cache: Cache) -> Applier:
    executions = Executions({}, 1, lambda key: None)
    fence = Fence(SystemClock(), timedelta(0))
    return Applier(cache, server, KeyQueue(), executions, Silent(), fence)


@pytest.mark.parametrize(("claimed", "writes"), [(WORK, 1), (None, 0)])
async def test_i5_a_claim_is_written_even_if_it_looks_the_same(
    claimed: Execute | None, writes: int
) -> None:
    server = Server()
    same: Any = Compensation.read(dict(STORED)).status

    await applier(server, Cache()).persist(STORED, same, claimed)

    assert len(server.written) == writes


async def test_i5_an_outdated_version_is_refused_there_and_forgotten() -> None:
    cache = Cache()
    cache.put(STORED)
    same: Any = Compensation.read(dict(STORED)).status

    with pytest.raises(Conflict):
        await applier(Server(fails=Conflict), cache).persist(STORED, same, WORK)

    assert cache.get(UNDO) is None


@pytest.mark.parametrize(
    ("begun", "raises", "unbegun"),
    [(False, Unsure, True), (True, Unsure, False), (False, Conflict, False)],
)
async def test_nothing_has_begun_under_a_claim_of_whose_writing_the_answer_was_lost(
    begun: bool, raises: type[Fault], unbegun: bool
) -> None:
    """begun: another process may have begun it, and this one was to go on with it."""
    executions = Executions({}, 1, lambda key: None)
    fence, server = Fence(SystemClock(), timedelta(0)), Server(fails=raises)
    applying = Applier(Cache(), server, KeyQueue(), executions, Silent(), fence)
    same: Any = Compensation.read(dict(STORED)).status

    with pytest.raises(raises):
        await applying.persist(STORED, same, replace(WORK, begun=begun))

    claim = running(outbox={"idempotencyKey": WORK.idempotency_key}).status.outbox
    assert executions.is_unbegun(UNDO, claim) == unbegun
    executions.release(UNDO)
    assert not executions.is_unbegun(UNDO, claim)

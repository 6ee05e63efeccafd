"""Apply: what is about to be executed is fenced by a write, also where nothing seems to change."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from amends.api import Compensation
from amends.core.key import Key
from amends.kube.cache import Cache
from amends.kube.events import EventRecorder
from amends.ports import Cluster, Conflict, Namespace, Raw
from amends.runtime.apply import Applier
from amends.runtime.clock import SystemClock
from amends.runtime.executions import Executions
from amends.runtime.fence import Fence
from amends.runtime.queue import KeyQueue

UNDO = Key("Compensation", "tenant", "undo")
EMPTY: dict[str, Any] = {"approvals": [], "attestations": [], "history": [], "conditions": []}
STATUS = {"phase": "Running", "attempts": 1, **EMPTY}
STORED: Raw = {
    "kind": "Compensation",
    "metadata": {"name": "undo", "namespace": "tenant", "uid": "u", "resourceVersion": "7"},
    "spec": {"targetEffect": "effect"},
    "status": STATUS,
}


class Server(Cluster):
    """Counts status writes, or refuses them because somebody wrote first."""

    def __init__(self, moved_on: bool = False) -> None:
        self.moved_on = moved_on
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
        if self.moved_on:
            raise Conflict("somebody wrote first")
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


@pytest.mark.parametrize(("claims", "writes"), [(True, 1), (False, 0)])
async def test_i5_a_claim_is_written_even_if_it_looks_the_same(claims: bool, writes: int) -> None:
    server = Server()
    same: Any = Compensation.read(dict(STORED)).status

    await applier(server, Cache()).persist(STORED, same, claims=claims)

    assert len(server.written) == writes


async def test_i5_an_outdated_version_is_refused_there_and_forgotten() -> None:
    cache = Cache()
    cache.put(STORED)
    same: Any = Compensation.read(dict(STORED)).status

    with pytest.raises(Conflict):
        await applier(Server(moved_on=True), cache).persist(STORED, same, claims=True)

    assert cache.get(UNDO) is None

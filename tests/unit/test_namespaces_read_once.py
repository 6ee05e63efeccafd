"""A namespace is read once for everybody who asks, and anew once it is said to have moved."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from amends.kube.cluster import KubeCluster
from amends.kube.connection import Connection
from amends.ports import Fault, Unsure

WORKERS = 32


class Server(Connection):
    """Answers when it is let; tells how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.met, self.answering = asyncio.Event(), asyncio.Event()
        self.label = "first"
        self.fault: Fault | None = None

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
        self.asked += 1
        self.met.set()
        says, fault = self.label, self.fault
        await self.answering.wait()
        if fault is not None:
            raise fault
        return {"metadata": {"name": "tenant", "labels": {"says": says}}}


async def begun(server: Server, cluster: KubeCluster, asking: int) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(cluster.namespace("tenant")) for _ in range(asking)]
    await server.met.wait()
    await asyncio.sleep(0)  # everybody has asked
    return tasks


async def test_workers_that_ask_together_share_one_request() -> None:
    server = Server()
    cluster = KubeCluster(server)
    tasks = await begun(server, cluster, WORKERS)
    server.answering.set()
    assert {one.labels["says"] for one in await asyncio.gather(*tasks)} == {"first"}
    assert server.asked == 1


async def test_they_share_its_fault_and_the_next_asks_anew() -> None:
    server = Server()
    cluster = KubeCluster(server)
    server.fault = Unsure("no answer")
    tasks = await begun(server, cluster, WORKERS)
    server.answering.set()
    faults = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, Unsure) for one in faults)
    assert server.asked == 1
    server.fault = None
    assert (await cluster.namespace("tenant")).labels == {"says": "first"}


async def test_who_stops_waiting_takes_the_answer_from_nobody() -> None:
    server = Server()
    cluster = KubeCluster(server)
    impatient, patient = await begun(server, cluster, 2)
    impatient.cancel()
    server.answering.set()
    assert (await patient).labels == {"says": "first"}
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_an_answer_from_before_the_move_is_not_remembered() -> None:
    server = Server()
    cluster = KubeCluster(server)
    (before,) = await begun(server, cluster, 1)
    cluster.forget_namespace("tenant")
    server.label = "second"
    after = asyncio.create_task(cluster.namespace("tenant"))
    server.answering.set()
    assert [(await one).labels["says"] for one in (before, after)] == ["first", "second"]
    assert (await cluster.namespace("tenant")).labels == {"says": "second"}
    assert server.asked == 2

"""Seeds: objects as the operator would have left them. What is done here is never timed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from amends.kube.cluster import KubeCluster
from amends.kube.connection import Connection
from amends.ports import Raw, Waiting
from bench import worlds

SIDE_BY_SIDE = 32

Pair = tuple[Raw, Raw]
"""A Compensation and the DeadLetter of its effect."""


class Seeder:
    """Creates pairs: bob asks for the Compensation, the operator's account writes the rest."""

    def __init__(self, bob: Connection, operator: Connection) -> None:
        self._bob = KubeCluster(bob)
        self._operator = KubeCluster(operator)

    async def approved(self, namespace: str, number: int) -> Pair:
        """An approved Compensation whose DeadLetter waits for it."""
        asked = await self.ask(namespace, number)
        compensation = await self._write(asked, worlds.approved(asked))
        letter = await self._letter(namespace, number)
        return compensation, await self._write(letter, worlds.observed(letter, compensation))

    async def waiting(self, namespace: str, number: int) -> Pair:
        """A Compensation that waits for approval, and its DeadLetter."""
        asked = await self.ask(namespace, number)
        compensation = await self._write(asked, worlds.waiting(asked))
        letter = await self._letter(namespace, number)
        return compensation, await self._write(letter, worlds.observed(letter, compensation))

    async def settled(self, namespace: str, number: int) -> Pair:
        """A cancelled Compensation and a resolved DeadLetter: each is settled by one write."""
        asked = await self.ask(namespace, number, cancel=True)
        compensation = await self._write(asked, worlds.waiting(asked))
        letter = await self._letter(namespace, number)
        status = {**letter["status"], "phase": "Resolved", "settled": True}
        return compensation, await self._write(letter, {**letter, "status": status})

    async def ask(self, namespace: str, number: int, *, cancel: bool = False) -> Raw:
        """A Compensation of bob's, as small runs of an automation would propose it."""
        spec = {
            "targetEffect": f"effect-{number:05}",
            "runId": f"run-{number // 10}",
            "actionRef": {"name": f"post-message-{number:05}"},
            "rollbackInstruction": "remove the posted message",
            "cancel": cancel,
            "execution": {"record": {}},
        }
        body = {"metadata": {"name": f"undo-{number:05}", "namespace": namespace}, "spec": spec}
        return await patiently(self._bob, "Compensation", body)

    async def _letter(self, namespace: str, number: int) -> Raw:
        spec = {
            "source": "tool_effect",
            "actionRef": {"name": f"post-message-{number:05}"},
            "effectId": f"effect-{number:05}",
            "operation": "board.post",
            "provider": "board",
            "target": "general",
            "runId": f"run-{number // 10}",
            "reason": "503 Service Unavailable: the board did not answer in time",
            "recoveryOptions": ["Retry", "Ignore", "Compensate"],
            "scope": {"namespace": namespace},
        }
        name = f"dead-letter-effect-{number:05}"
        body = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
        return await patiently(self._operator, "DeadLetter", body)

    async def _write(self, before: Raw, after: Raw) -> Raw:
        return await self._operator.write_status(before, after["status"])


async def patiently(cluster: KubeCluster, kind: str, body: Raw) -> Raw:
    """Create it; soon after the CRDs, admission policies do not know the kind yet (503)."""
    while True:
        try:
            return await cluster.create(kind, body["metadata"]["namespace"], body)
        except Waiting:
            await asyncio.sleep(0.2)


async def seed(
    bob: Path, operator: Path, make: Callable[[Seeder, int], Awaitable[Pair]], count: int
) -> list[Pair]:
    """So many pairs, in order."""
    people, system = await Connection.open(bob), await Connection.open(operator)
    try:
        seeder, pairs = Seeder(people, system), dict[int, Pair]()
        async with asyncio.TaskGroup() as group:
            numbers = iter(range(count))
            for _ in range(SIDE_BY_SIDE):
                group.create_task(_work(seeder, make, numbers, pairs))
        return [pairs[number] for number in range(count)]
    finally:
        await people.close()
        await system.close()


async def _work(
    seeder: Seeder,
    make: Callable[[Seeder, int], Awaitable[Pair]],
    numbers: Iterable[int],
    pairs: dict[int, Pair],
) -> Any:
    for number in numbers:
        pairs[number] = await make(seeder, number)

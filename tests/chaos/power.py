"""The line between the operator and the outside: every call crosses it, and it can be cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from amends.api.execution import Execution
from amends.core.key import Key
from amends.core.outcome import Outcome
from amends.kube.cluster import KubeCluster
from amends.ports import Executor, Fault, Namespace, Raw, Work

Moment = Literal["before", "after"]
T = TypeVar("T")


@dataclass(frozen=True)
class Point:
    """When the power fails: at the n-th call, before it happens or before its answer arrives."""

    number: int
    moment: Moment


@dataclass
class Call:
    """One call to the outside. happened: None while it is under way, also if cut off then."""

    name: str
    happened: bool | None = None


@dataclass
class PowerLine:
    """Counts the calls of one incarnation. Once cut, every call hangs for ever."""

    cut_at: Point | None = None
    calls: list[Call] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event | None = None
    """While this is set up and not set, status writes wait for it."""

    async def call(self, name: str, do: Callable[[], Awaitable[T]]) -> T:
        """Make the call, if there is power before and after."""
        await self.alive()
        call = Call(name)
        self.calls.append(call)
        number = len(self.calls)
        if Point(number, "before") == self.cut_at:
            call.happened = False
        await self._perhaps_cut(Point(number, "before"))
        try:
            answer = await do()
        except Fault:
            call.happened = False
            await self._perhaps_cut(Point(number, "after"))
            raise
        call.happened = True
        await self._perhaps_cut(Point(number, "after"))
        return answer

    async def alive(self) -> None:
        """Return only while there is power."""
        if self.lost.is_set():
            await asyncio.Event().wait()

    def happened(self, name: str) -> bool | None:
        """Whether a call of this name was carried out; None: one was under way at the end."""
        made = [call.happened for call in self.calls if call.name == name]
        return True if True in made else None if None in made else False

    def story(self) -> str:
        """Where the power failed, in words."""
        assert self.cut_at is not None
        call = self.calls[self.cut_at.number - 1]
        return f"{self.cut_at.moment} call {self.cut_at.number}: {call.name}"

    async def _perhaps_cut(self, here: Point) -> None:
        if here == self.cut_at:
            self.lost.set()
        await self.alive()


class WiredCluster:
    """The Cluster port, and the list of open work of one namespace, through the line."""

    def __init__(self, cluster: KubeCluster, line: PowerLine, namespace: str) -> None:
        self._cluster = cluster
        self._line = line
        self._namespace = namespace

    async def get(self, key: Key) -> Raw | None:
        return await self._line.call(f"get {key.kind}", lambda: self._cluster.get(key))

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        of = body["spec"]["subject"]["kind"] if kind == "Receipt" else ""
        return await self._line.call(
            f"create {of}{kind}", lambda: self._cluster.create(kind, namespace, body)
        )

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        if self._line.held is not None:
            await self._line.held.wait()
        to = status.get("phase") or ("settled" if status.get("settled") else "open")
        return await self._line.call(
            f"write_status {before['kind']} {to}",
            lambda: self._cluster.write_status(before, status),
        )

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        return await self._line.call(
            f"find {kind}", lambda: self._cluster.find(kind, namespace, fields)
        )

    async def delete(self, before: Raw) -> None:
        await self._line.call(f"delete {before['kind']}", lambda: self._cluster.delete(before))

    def forget_namespace(self, name: str) -> None:
        self._cluster.forget_namespace(name)

    async def namespace(self, name: str) -> Namespace:
        # Kept for a minute and never written, so it is no point of its own.
        await self._line.alive()
        return await self._cluster.namespace(name)

    async def list_open(self, kind: str, selector: str) -> AsyncIterator[Raw]:
        async def listed() -> list[Raw]:
            return [
                raw
                async for raw in self._cluster.list(kind, selector)
                if raw["metadata"]["namespace"] == self._namespace
            ]

        for raw in await self._line.call(f"list {kind}", listed):
            yield raw


class WiredExecutor:
    """An executor through the line."""

    def __init__(self, name: str, executor: Executor, line: PowerLine) -> None:
        self._name = name
        self._executor = executor
        self._line = line

    async def run(self, work: Work) -> Outcome:
        return await self._line.call(f"run {self._name}", lambda: self._executor.run(work))

    def objection(self, execution: Execution) -> str | None:
        return self._executor.objection(execution)

    async def close(self) -> None:
        await self._executor.close()

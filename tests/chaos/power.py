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
    """When the power fails: before the n-th call happens, or before the n-th change is answered.

    A read whose answer is lost leaves the world as it was before the next call, so what follows a
    read is no point of its own.
    """

    number: int
    moment: Moment


@dataclass(eq=False)
class Call:
    """One call to the outside. happened: None while it is under way, also if cut off then."""

    name: str
    changes: bool
    happened: bool | None = None


@dataclass
class PowerLine:
    """Counts the calls of one incarnation. Once cut, every call hangs for ever."""

    cut_at: Point | None = None
    cut_by: Call | None = None
    """The call that reached the point."""
    calls: list[Call] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event | None = None
    """While this is set up and not set, status writes wait for it."""

    async def read(self, name: str, do: Callable[[], Awaitable[T]]) -> T:
        """Make a call that changes nothing, if there is power before and after."""
        return await self._make(Call(name, changes=False), do)

    async def change(self, name: str, do: Callable[[], Awaitable[T]]) -> T:
        """Make a call that may change something, if there is power before and after."""
        return await self._make(Call(name, changes=True), do)

    def points(self, moment: Moment) -> int:
        """How many such moments there were so far."""
        return len([call for call in self.calls if call.changes or moment == "before"])

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
        assert self.cut_by is not None
        return f"{self.cut_at.moment} call {self.calls.index(self.cut_by) + 1}: {self.cut_by.name}"

    async def _make(self, call: Call, do: Callable[[], Awaitable[T]]) -> T:
        await self.alive()
        self.calls.append(call)
        before = Point(self.points("before"), "before")
        after = Point(self.points("after"), "after") if call.changes else None
        if before == self.cut_at:
            call.happened = False
        await self._perhaps_cut(before, call)
        try:
            answer = await do()
        except Fault:
            call.happened = False
            await self._perhaps_cut(after, call)
            raise
        call.happened = True
        await self._perhaps_cut(after, call)
        return answer

    async def _perhaps_cut(self, here: Point | None, call: Call) -> None:
        if here is not None and here == self.cut_at:
            self.cut_by = call
            self.lost.set()
        await self.alive()


class WiredCluster:
    """The Cluster port, and the list of open work of one namespace, through the line."""

    def __init__(self, cluster: KubeCluster, line: PowerLine, namespace: str) -> None:
        self._cluster = cluster
        self._line = line
        self._namespace = namespace

    async def get(self, key: Key) -> Raw | None:
        return await self._line.read(f"get {key.kind}", lambda: self._cluster.get(key))

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        of = body["spec"]["subject"]["kind"] if kind == "Receipt" else ""
        return await self._line.change(
            f"create {of}{kind}", lambda: self._cluster.create(kind, namespace, body)
        )

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        if self._line.held is not None:
            await self._line.held.wait()
        to = status.get("phase") or ("settled" if status.get("settled") else "open")
        return await self._line.change(
            f"write_status {before['kind']} {to}",
            lambda: self._cluster.write_status(before, status),
        )

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        return await self._line.read(
            f"find {kind}", lambda: self._cluster.find(kind, namespace, fields)
        )

    async def delete(self, before: Raw) -> None:
        await self._line.change(f"delete {before['kind']}", lambda: self._cluster.delete(before))

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

        for raw in await self._line.read(f"list {kind}", listed):
            yield raw


class WiredExecutor:
    """An executor through the line."""

    def __init__(self, name: str, executor: Executor, line: PowerLine) -> None:
        self._name = name
        self._executor = executor
        self._line = line
        self.only_waits: bool = getattr(executor, "only_waits", False)

    async def run(self, work: Work) -> Outcome:
        return await self._line.change(f"run {self._name}", lambda: self._executor.run(work))

    def objection(self, execution: Execution) -> str | None:
        return self._executor.objection(execution)

    async def close(self) -> None:
        await self._executor.close()

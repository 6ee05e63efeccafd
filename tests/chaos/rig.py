"""A stage for operators that fail: one real control plane and one real watch, many incarnations.

kopf's watch is the operator's own (`handlers.watch`). There is one for all incarnations of a test,
and each gets only the events of its own namespace: so many of them run side by side, each with its
own cache, queue, connection and executors, and none sees the objects of another.
"""

import asyncio
import contextlib
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from amends.core.enforcement import ENFORCED
from amends.core.namespace import ALLOW, UNAPPROVED
from amends.executors import registry
from amends.handlers import watch
from amends.kube.cache import Cache, is_open, key_of
from amends.kube.cluster import KubeCluster
from amends.kube.connection import Connection
from amends.kube.events import EventRecorder
from amends.kube.secrets import TenantSecrets
from amends.kube.tenants import ImpersonatedTenants
from amends.ports import ExecutorContext, Raw
from amends.runtime.clock import SystemClock
from amends.runtime.inbox import Inbox
from amends.runtime.queue import KeyQueue
from amends.runtime.runtime import Runtime
from amends.runtime.settings import Settings
from chaos.power import PowerLine, WiredCluster, WiredExecutor

PATIENCE = 40.0
"""Seconds until a story that does not come to its end is a failure."""

_names = count(1)


@dataclass
class ShiftedClock:
    """The system's clock, set forward. A second incarnation need not wait for claims to expire."""

    shift: timedelta = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + self.shift


class Exchange(Inbox):
    """Takes the events of the one watch and hands each to the inboxes of its namespace."""

    def __init__(self) -> None:
        super().__init__(Cache(), KeyQueue())
        self.inboxes: defaultdict[str, list[Inbox]] = defaultdict(list)
        self._moved: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def seen(self, raw: Raw) -> None:
        namespace = raw["metadata"]["namespace"]
        for inbox in list(self.inboxes[namespace]):
            inbox.seen(raw)
        self._moved[namespace].set()

    def left(self, raw: Raw) -> None:
        namespace = raw["metadata"]["namespace"]
        for inbox in list(self.inboxes[namespace]):
            inbox.left(raw)
        self._moved[namespace].set()

    async def until(self, namespace: str, condition: Callable[[], Awaitable[bool]]) -> None:
        """Ask again whenever something moves there; now and then even if nothing does."""
        async with asyncio.timeout(PATIENCE):
            while not await condition():
                self._moved[namespace].clear()
                # No wait_for: before Python 3.12 it swallows a cancellation now and then.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.25):
                        await self._moved[namespace].wait()


@dataclass(frozen=True)
class Stage:
    """Where the stories play: who may connect as whom."""

    operator: Path
    admin: Path
    bob: Path
    alice: Path


@dataclass
class Scene:
    """One test's connections and its watch."""

    stage: Stage
    exchange: Exchange
    operator: Connection
    admin: Connection
    bob: Connection
    alice: Connection
    clock: ShiftedClock = field(default_factory=ShiftedClock)

    async def namespace(self) -> str:
        """A namespace that nobody else uses."""
        name = f"chaos-{next(_names)}"
        metadata = {"name": name, "annotations": {UNAPPROVED: ALLOW}}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        await self.admin.call("POST", "/api/v1/namespaces", body=body)
        return name

    async def until(self, namespace: str, condition: Callable[[], Awaitable[bool]]) -> None:
        """Return when it holds there."""
        await self.exchange.until(namespace, condition)


@asynccontextmanager
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    """Connect as everybody, and watch."""
    exchange = Exchange()
    users = [stage.operator, stage.admin, stage.bob, stage.alice]
    operator, admin, bob, alice = [await Connection.open(user) for user in users]
    watching = asyncio.create_task(
        watch.run(
            *(exchange, _nothing, _unchanged, operator, None),
            _give_signals_back,
        ),
        name="watch",
    )
    try:
        yield Scene(stage, exchange, operator, admin, bob, alice)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        for connection in (operator, admin, bob, alice):
            await connection.close()


def _nothing() -> None:
    """The policies of this stage stand."""


def _unchanged(namespace: str) -> None:
    """No namespace of this stage says anything new."""


def _give_signals_back() -> None:
    """kopf has taken Ctrl-C for itself; here it is pytest's."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)
    signal.signal(signal.SIGINT, signal.default_int_handler)


Wrap = Callable[[Inbox], Inbox]


@dataclass
class Incarnation:
    """One life of the operator, from start to power failure or to the end of the story."""

    scene: Scene
    namespace: str
    holder: str
    line: PowerLine
    clock: ShiftedClock
    allowed_targets: tuple[str, ...]
    resync: timedelta = timedelta(minutes=10)
    executions: int = Settings.executions
    wrap: Wrap = lambda inbox: inbox
    runtime: Runtime = field(init=False)

    @asynccontextmanager
    async def living(self) -> AsyncIterator["Incarnation"]:
        """Work until the block is left, then stop without any grace."""
        connection = await Connection.open(self.scene.stage.operator)
        recorder = EventRecorder(connection, self.clock, self.holder)
        executors = self._executors(connection, await connection.addresses())
        cluster = WiredCluster(KubeCluster(connection), self.line, self.namespace)
        settings = Settings(resync=self.resync, drain=timedelta(0), executions=self.executions)
        self.runtime = Runtime(
            *(settings, cluster, cluster.list_open, executors, recorder, self.clock, self.holder),
            lambda: ENFORCED,
        )
        inbox = self.wrap(self.runtime.inbox)
        self.scene.exchange.inboxes[self.namespace].append(inbox)
        tasks = [asyncio.create_task(recorder.run()), asyncio.create_task(self.runtime.work())]
        try:
            yield self
        finally:
            with contextlib.suppress(ValueError):  # a test may have cut it off before
                self.scene.exchange.inboxes[self.namespace].remove(inbox)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await connection.close()
        failures = [one for one in ended if isinstance(one, Exception)]
        assert not failures, failures

    def is_idle(self, found: Mapping[str, list[Raw]]) -> bool:
        """Whether it knows everything that the server holds as it stands, and looks at nothing."""
        every = (raw for objects in found.values() for raw in objects)
        return all(self._stands(raw) for raw in every) and len(self.runtime.queue) == 0

    def _stands(self, raw: Raw) -> bool:
        known = self.runtime.cache.get(key_of(raw))
        if known is None or not is_open(known):
            return not is_open(raw)
        return bool(known["metadata"]["resourceVersion"] == raw["metadata"]["resourceVersion"])

    def _executors(
        self, connection: Connection, addresses: frozenset[str]
    ) -> Mapping[str, WiredExecutor]:
        tenants = ImpersonatedTenants(connection)
        context = ExecutorContext(TenantSecrets(tenants), tenants, self.allowed_targets, addresses)
        built: Mapping[str, Any] = registry.build(context, registry.installed())
        return {name: WiredExecutor(name, one, self.line) for name, one in built.items()}

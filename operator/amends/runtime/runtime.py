"""The runtime: the parts of the shell, put together over the ports."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

import structlog

from amends.core.enforcement import Enforcement
from amends.core.escalation import Delivered, NotDelivered
from amends.core.key import Key
from amends.core.outcome import Outcome
from amends.kube.cache import OPEN_WORK, Cache
from amends.kube.events import EventRecorder
from amends.ports import Clock, Cluster, Executor, Fault, Notifier, Work
from amends.runtime import metrics
from amends.runtime.apply import Applier
from amends.runtime.deliveries import Deliveries
from amends.runtime.escalations import Escalations
from amends.runtime.executions import Executions
from amends.runtime.faults import pause_after
from amends.runtime.fence import Fence
from amends.runtime.gates import Gates
from amends.runtime.inbox import Inbox, List
from amends.runtime.late import LateResults
from amends.runtime.metrics import Metrics
from amends.runtime.namespaces import Namespaces
from amends.runtime.observe import Observer
from amends.runtime.queue import KeyQueue
from amends.runtime.reconcile import Reconciler
from amends.runtime.related import Related
from amends.runtime.settings import Settings
from amends.runtime.turns import Turns, target_of
from amends.runtime.unknown import UnknownOutcomes
from amends.runtime.unreadable import Unreadables

log = structlog.get_logger(__name__)


LATE_RESULTS_GRACE = timedelta(seconds=5)
"""What late results have to be written in when this process ends."""
CLOCKS_DIFFER = timedelta(seconds=2)
"""By so much replicas that go by the server's `Date`, in whole seconds, may differ at most."""


class Runtime:
    """Everything between the watch and the API server."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        list_open: List,
        executors: Mapping[str, Executor],
        recorder: EventRecorder,
        clock: Clock,
        holder: str,
        enforcement: Callable[[], Enforcement],
        counted: Metrics | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._settings = settings
        self._list_open = list_open
        self.cache = Cache()
        self.queue = KeyQueue()
        self.inbox = Inbox(self.cache, self.queue)
        self.metrics = counted or Metrics()
        self._late = LateResults(cluster, recorder, clock, holder)
        self._deliveries = Deliveries(notifier, self.queue.add, self._count_delivery)
        self._executions = Executions(
            executors,
            settings.executions,
            self.queue.add,
            self._count_attempt,
            self._deliveries,
            self._late.keep,
        )
        self._clock = clock
        self._gates = Gates(
            self.cache,
            self.queue.add,
            self._executions.under_way,
            settings.executions,
            settings.breaker,
            self._executions.room,
        )
        self.namespaces = Namespaces(cluster, self.cache, self.queue.add, settings.lease.namespace)
        related = Related(self.cache, cluster, self.namespaces)
        observer = Observer(
            related,
            executors,
            self._executions,
            clock,
            holder,
            settings.claim,
            enforcement,
            Turns(related, self._gates),
        )
        fence = Fence(clock, min(max(settings.claim / 10, CLOCKS_DIFFER), settings.claim / 2))
        applier = Applier(self.cache, cluster, self.queue, self._executions, recorder, fence)
        unreadable = Unreadables(self.cache, cluster, recorder, clock)
        self._reconciler = Reconciler(observer, applier, self._executions, unreadable, self._gates)
        self.metrics.show(metrics.OPEN, self._open_by_kind)
        self.metrics.show(metrics.QUEUE, lambda: {(): len(self.queue)})
        self.metrics.show(metrics.UNREADABLE, unreadable.by_kind)
        unknown = UnknownOutcomes(self.cache, clock)
        self.metrics.show(metrics.UNKNOWN, unknown.by_kind)
        self.metrics.show(metrics.UNKNOWN_OLDEST, unknown.oldest)
        escalations = Escalations(self.cache)
        self.metrics.show(metrics.ESCALATED, escalations.standing)
        self.metrics.show(metrics.UNDELIVERED, escalations.undelivered)

    async def work(self, *upkeep: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Work as the leader until cancelled; then let attempts under way come to their end.

        upkeep: what goes on beside it, once everything open is known.
        """
        self.metrics.set(metrics.LEADER, 1)
        await self._resync_until_done()
        log.info("working", open=len(self.cache))
        workers = asyncio.create_task(
            self.queue.run(self._pass, self._settings.workers), name="queue"
        )
        beside = [
            asyncio.create_task(one(), name="upkeep") for one in (self.namespaces.run, *upkeep)
        ]
        try:
            while True:
                await self._pause_or_fail([workers, *beside])
                await self._resync_until_done()
        finally:
            for task in beside:
                task.cancel()
            await self._wind_down()
            workers.cancel()
            await asyncio.gather(workers, *beside, return_exceptions=True)
            self.metrics.set(metrics.LEADER, 0)

    def look_at_everything(self) -> None:
        """What all of them depend on has changed."""
        for kind in OPEN_WORK:
            for key in self.cache.keys(kind):
                self.queue.add(key)

    async def _pass(self, key: Key) -> timedelta | None:
        self.metrics.count(metrics.PASSES, key.kind)
        try:
            return await self._reconciler.reconcile(key)
        except Exception:  # whatever it was, it is counted here and judged by the queue
            self.metrics.count(metrics.FAILURES, key.kind)
            raise

    def _count_attempt(self, work: Work, outcome: Outcome) -> None:
        self.metrics.count(metrics.ATTEMPTS, work.execution.executor, type(outcome).__name__)
        key = Key(work.kind, work.namespace, work.name)
        self._gates.ended(key, target_of(work.execution), outcome, self._clock.now())

    def _count_delivery(self, came_to: Delivered | NotDelivered) -> None:
        self.metrics.count(metrics.NOTICES, type(came_to).__name__)

    def _open_by_kind(self) -> metrics.Values:
        return {(kind,): len(self.cache.keys(kind)) for kind in OPEN_WORK}

    async def _wind_down(self) -> None:
        """Begin nothing more. What is under way may end, and what became of it is written."""
        self._deliveries.stop()  # on record: whoever leads next sends them
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain.total_seconds()):
                await self.queue.wind_down(self._executions.is_under_way)
        await self._executions.drain(self._settings.drain)
        await self._late.drain(LATE_RESULTS_GRACE)

    async def _pause_or_fail(self, tasks: list[asyncio.Task[None]]) -> None:
        done, _ = await asyncio.wait(
            tasks,
            timeout=self._settings.resync.total_seconds(),
            return_when=asyncio.FIRST_COMPLETED,
        )
        for task in done:
            task.result()

    async def _resync_until_done(self) -> None:
        failures = 0
        while True:
            try:
                return await self.inbox.resync(self._list_open)
            except Fault as why:
                failures += 1
                pause = pause_after(why, failures)
                log.warning("resync failed", why=str(why), seconds=pause.total_seconds())
                await asyncio.sleep(pause.total_seconds())

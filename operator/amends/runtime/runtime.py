"""The runtime: the parts of the shell, put together over the ports."""

import asyncio
import contextlib
from collections.abc import Mapping

import structlog

from amends.kube.cache import Cache
from amends.kube.events import EventRecorder
from amends.ports import Clock, Cluster, Executor, Fault
from amends.runtime.apply import Applier
from amends.runtime.executions import Executions
from amends.runtime.faults import pause_after
from amends.runtime.inbox import Inbox, List
from amends.runtime.observe import Observer
from amends.runtime.queue import KeyQueue
from amends.runtime.reconcile import Reconciler
from amends.runtime.settings import Settings

log = structlog.get_logger(__name__)


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
    ) -> None:
        self._settings = settings
        self._list_open = list_open
        self.cache = Cache()
        self.queue = KeyQueue()
        self.inbox = Inbox(self.cache, self.queue)
        self._executions = Executions(executors, settings.executions, self.queue.add)
        observer = Observer(
            self.cache, cluster, executors, self._executions, clock, holder, settings.claim
        )
        applier = Applier(self.cache, cluster, self.queue, self._executions, recorder)
        self._reconciler = Reconciler(observer, applier, self._executions, recorder)

    async def work(self) -> None:
        """Work as the leader until cancelled; then let attempts under way come to their end."""
        await self._resync_until_done()
        log.info("working", open=len(self.cache))
        workers = asyncio.create_task(
            self.queue.run(self._reconciler.reconcile, self._settings.workers), name="queue"
        )
        try:
            while True:
                await self._pause_or_fail(workers)
                await self._resync_until_done()
        finally:
            await self._wind_down()
            workers.cancel()
            await asyncio.gather(workers, return_exceptions=True)

    async def _wind_down(self) -> None:
        """Begin nothing more. What is under way may end, and what became of it is written."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain.total_seconds()):
                await self.queue.wind_down(self._executions.is_under_way)
        await self._executions.drain(self._settings.drain)

    async def _pause_or_fail(self, workers: asyncio.Task[None]) -> None:
        done, _ = await asyncio.wait([workers], timeout=self._settings.resync.total_seconds())
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

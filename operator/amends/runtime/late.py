"""Late results: written to the object beside the machine, by the process that heard them.

The write is a compare-and-swap of one list, whatever else the object says by then: it takes no
claim, moves no phase, and nothing is decided by it.
"""

import asyncio
import contextlib
from datetime import timedelta

import structlog

from amends.api.late import LateResult
from amends.core.key import Key
from amends.core.late import late_result, with_evidence
from amends.core.outcome import Outcome
from amends.kube.events import EventRecorder
from amends.ports import Clock, Cluster, Conflict, Fault, Work
from amends.runtime.faults import pause_after

log = structlog.get_logger(__name__)

TRIES = 8


class LateResults:
    """Keeps what came of attempts whose claim this process had lost."""

    def __init__(
        self, cluster: Cluster, recorder: EventRecorder, clock: Clock, holder: str
    ) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._clock = clock
        self._holder = holder
        self._tasks: set[asyncio.Task[None]] = set()

    def keep(self, work: Work, outcome: Outcome) -> None:
        """Put it on record, without waiting."""
        late = late_result(work.attempt_key, self._holder, outcome, self._clock.now())
        log.warning("late result", attempt=late.attempt_key, outcome=late.outcome)
        task = asyncio.create_task(self._keep(work, late), name=f"late {work.attempt_key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, within: timedelta) -> None:
        """Wait until all of it is written, but no longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                await asyncio.gather(*self._tasks)
        for task in self._tasks:
            task.cancel()

    async def _keep(self, work: Work, late: LateResult) -> None:
        key = Key(work.kind, work.namespace, work.name)
        for tried in range(1, TRIES + 1):
            try:
                await self._write(key, work.uid, late)
                return
            except Conflict:
                continue  # somebody moved on: evidence fits whatever it says now
            except Fault as why:
                await asyncio.sleep(pause_after(why, tried).total_seconds())
        log.error("late result not written", object=str(key), result=late.wire())

    async def _write(self, key: Key, uid: str, late: LateResult) -> None:
        before = await self._cluster.get(key)
        if before is None or before["metadata"]["uid"] != uid:
            log.warning("late result about an object that is gone", object=str(key))
            return
        status = with_evidence(before.get("status", {}), late)
        if status is None:
            return
        await self._cluster.write_status(before, status)
        self._recorder.say(
            *(key, uid, "Warning", "LateResult"),
            f"attempt {late.attempt_key} of {late.holder} came to {late.outcome} after its claim "
            "was lost: it is kept in status.lateResults as evidence, and changes nothing",
        )

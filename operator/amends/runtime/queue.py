"""The key queue: one worker at a time for a key, no lost wake-up, backoff after a fault.

The same contract as client-go's workqueue: adding a key that waits changes nothing; adding a key
that is being worked on has it worked on once more afterwards.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from amends.core.key import Key
from amends.ports import Fault
from amends.runtime.faults import pause_after

log = structlog.get_logger(__name__)

Process = Callable[[Key], Awaitable[timedelta | None]]


class KeyQueue:
    """Keys to look at, now or later."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._dirty: set[Key] = set()
        self._busy: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._admits: Callable[[Key], bool] | None = None
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    def __len__(self) -> int:
        return len(self._dirty) + len(self._busy - self._dirty)

    def add(self, key: Key) -> None:
        """Look at it soon."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._busy:
            self._ready.put_nowait(key)

    def add_after(self, key: Key, pause: timedelta) -> None:
        """Look at it then, unless it is looked at before: that look decides anew when to look."""
        self._forget_timer(key)
        if pause <= timedelta(0):
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(pause.total_seconds(), self._due, key)

    async def wind_down(self, admits: Callable[[Key], bool]) -> None:
        """From now on work only on what this admits; returns when the rest has been put down."""
        self._admits = admits
        await self._at_rest.wait()

    async def run(self, process: Process, workers: int) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(workers):
                    group.create_task(self._work(process), name=f"worker {number}")
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _work(self, process: Process) -> None:
        while True:
            key = await self._ready.get()
            self._dirty.discard(key)
            if self._admits is not None and not self._admits(key):
                continue
            self._busy.add(key)
            self._at_rest.clear()
            self._forget_timer(key)
            try:
                await self._attend(process, key)
            finally:
                self._busy.discard(key)
                if not self._busy:
                    self._at_rest.set()
                if key in self._dirty:
                    self._ready.put_nowait(key)

    async def _attend(self, process: Process, key: Key) -> None:
        try:
            look_again = await process(key)
        except Exception as why:
            # Whatever it was, a bug of ours included: nobody else will look at the object again.
            failures = self._failures.get(key, 0) + 1
            self._failures[key] = failures
            pause = pause_after(why, failures)
            log.warning(
                "will look again",
                object=str(key),
                why=f"{type(why).__name__}: {why}",
                seconds=pause.total_seconds(),
                failures=failures,
                exc_info=not isinstance(why, Fault),
            )
            self.add_after(key, pause)
        else:
            self._failures.pop(key, None)
            if look_again is not None:
                self.add_after(key, look_again)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _forget_timer(self, key: Key) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()

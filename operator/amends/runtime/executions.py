"""Attempts under way in this process, and their answers until the core has taken them in.

Nothing here survives the process, and nothing here has to: the claim and the key were written to
the object before the executor was started.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from amends.core.key import Key
from amends.core.outcome import Outcome, Unknown
from amends.core.world import Attempt
from amends.ports import Executor, Work

log = structlog.get_logger(__name__)

GRACE = timedelta(seconds=5)
"""What an executor may take beyond its timeout before it is stopped."""


class Executions:
    """At most one attempt per object."""

    def __init__(
        self, executors: Mapping[str, Executor], limit: int, ended: Callable[[Key], None]
    ) -> None:
        self._executors = executors
        self._places = asyncio.Semaphore(limit)
        self._ended = ended
        self._attempts: dict[Key, Attempt] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    def attempt(self, key: Key) -> Attempt | None:
        """The attempt this process makes for an object, with its outcome once it has ended."""
        return self._attempts.get(key)

    def start(self, key: Key, work: Work) -> None:
        """Let the executor work. `ended` is called with the key when the outcome is known."""
        self.release(key)
        self._attempts[key] = Attempt(work.attempt_key)
        task = asyncio.create_task(self._run(key, work), name=f"attempt {work.attempt_key}")
        self._tasks[key] = task

    def release(self, key: Key) -> None:
        """Stop it if it still works, and forget it."""
        self._attempts.pop(key, None)
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()

    async def drain(self, within: timedelta) -> None:
        """Wait for what is under way, but no longer than this; then stop it."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=within.total_seconds())
        for key in list(self._tasks):
            self.release(key)

    async def _run(self, key: Key, work: Work) -> None:
        async with self._places:
            outcome = await self._outcome(work)
        log.info(
            "attempt ended",
            object=str(key),
            attempt=work.attempt_key,
            outcome=type(outcome).__name__,  # not its evidence: an answer may hold anything
        )
        self._tasks.pop(key, None)
        self._attempts[key] = Attempt(work.attempt_key, outcome)
        self._ended(key)

    async def _outcome(self, work: Work) -> Outcome:
        executor = self._executors[work.execution.executor]
        try:
            async with asyncio.timeout((work.timeout + GRACE).total_seconds()):
                return await executor.run(work)
        except TimeoutError:
            return Unknown(f"executor {work.execution.executor} did not end within its timeout")
        except Exception as why:
            # A bug in an executor, ours or a plug-in's: whether it had sent anything is unknown.
            log.exception("executor failed", attempt=work.attempt_key)
            return Unknown(f"executor {work.execution.executor} failed: {type(why).__name__}")

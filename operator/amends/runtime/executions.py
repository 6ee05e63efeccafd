"""Attempts under way in this process, and their answers until the core has taken them in.

Nothing here survives the process, and nothing here has to: the claim and the key were written to
the object before the executor was started.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from amends.core.key import Key
from amends.core.outcome import NotApplied, Outcome, Unknown
from amends.core.world import Attempt
from amends.ports import Executor, Work

log = structlog.get_logger(__name__)

GRACE = timedelta(seconds=5)
"""What an executor may take beyond its timeout before it is stopped."""


class Executions:
    """At most one attempt per object."""

    def __init__(
        self,
        executors: Mapping[str, Executor],
        limit: int,
        ended: Callable[[Key], None],
        counted: Callable[[str, Outcome], None] | None = None,
    ) -> None:
        self._executors = executors
        self._places = asyncio.Semaphore(limit)
        self._ended = ended
        self._counted = counted
        self._attempts: dict[Key, Attempt] = {}
        self._keys: dict[Key, str] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._none_left = asyncio.Event()
        self._none_left.set()

    def attempt(self, key: Key, idempotency_key: str | None) -> Attempt | None:
        """The attempt this process makes under that key, with its outcome once it has ended.

        The idempotency key names the very object: a namesake never gets its predecessor's outcome.
        """
        return self._attempts.get(key) if self._keys.get(key) == idempotency_key else None

    def start(self, key: Key, work: Work) -> None:
        """Let the executor work. `ended` is called with the key when the outcome is known."""
        self.release(key)
        self._attempts[key] = Attempt(work.attempt_key)
        self._keys[key] = work.idempotency_key
        self._none_left.clear()
        task = asyncio.create_task(self._run(key, work), name=f"attempt {work.attempt_key}")
        self._tasks[key] = task

    def release(self, key: Key) -> None:
        """Stop it if it still works, and forget it."""
        self._attempts.pop(key, None)
        self._keys.pop(key, None)
        if not self._attempts:
            self._none_left.set()
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()

    def is_under_way(self, key: Key) -> bool:
        """Whether an attempt works, or has ended and nobody has released it yet."""
        return key in self._attempts

    async def drain(self, within: timedelta) -> None:
        """Wait until the core has taken in how every attempt ended, but no longer; then stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):
                await self._none_left.wait()
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
        if self._counted is not None:
            self._counted(work.execution.executor, outcome)
        if self._tasks.get(key) is not asyncio.current_task():
            return  # released, though its executor would not be stopped: nobody waits for it
        del self._tasks[key]
        self._attempts[key] = Attempt(work.attempt_key, outcome)
        self._ended(key)

    async def _outcome(self, work: Work) -> Outcome:
        executor = self._executors.get(work.execution.executor)
        if executor is None:
            return NotApplied(
                f"executor {work.execution.executor} is not installed here", retryable=False
            )
        try:
            async with asyncio.timeout((work.timeout + GRACE).total_seconds()):
                return await executor.run(work)
        except TimeoutError:
            return Unknown(f"executor {work.execution.executor} did not end within its timeout")
        except Exception as why:
            # A bug in an executor, ours or a plug-in's: whether it had sent anything is unknown.
            log.exception("executor failed", attempt=work.attempt_key)
            return Unknown(f"executor {work.execution.executor} failed: {type(why).__name__}")

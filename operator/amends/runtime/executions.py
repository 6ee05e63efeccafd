"""Attempts under way in this process, and their answers until the core has taken them in.

Nothing here survives the process, and nothing here has to: the claim and the key were written to
the object before the executor was started.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from amends.api.outbox import Outbox
from amends.api.verification import Verification
from amends.core.key import Key
from amends.core.outcome import NotApplied, Outcome, Unknown
from amends.core.world import Attempt
from amends.ports import OUT_OF_TIME, Executor, Probes, Work
from amends.runtime.deliveries import Deliveries

log = structlog.get_logger(__name__)

Doing = Callable[[], Coroutine[Any, Any, Outcome]]

GRACE = timedelta(seconds=5)
"""What an executor may take beyond its timeout before it is stopped, unless it says otherwise."""
HERE = ""
"""The room of all that is done in this process."""


class Executions:
    """At most one attempt per object. deliveries: the notices that are sent beside them."""

    def __init__(
        self,
        executors: Mapping[str, Executor],
        limit: int,
        ended: Callable[[Key], None],
        counted: Callable[[Work, Outcome], None] | None = None,
        deliveries: Deliveries | None = None,
        late: Callable[[Work, Outcome], None] | None = None,
    ) -> None:
        self._late = late
        self.deliveries = deliveries or Deliveries(None, ended)
        self._executors = executors
        self._places = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(limit))
        self._rooms: dict[Key, str] = {}
        self._ended = ended
        self._counted = counted
        self._attempts: dict[Key, Attempt] = {}
        self._keys: dict[Key, str] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._stops: dict[Key, asyncio.Event] = {}
        self._works: dict[Key, Work] = {}
        self._unbegun: dict[Key, tuple[str, str]] = {}
        self._disowned: dict[asyncio.Task[None], Work] = {}
        self._none_left = asyncio.Event()
        self._none_left.set()

    def attempt(self, key: Key, idempotency_key: str | None) -> Attempt | None:
        """The attempt this process makes under that key, with its outcome once it has ended.

        The idempotency key names the very object: a namesake never gets its predecessor's outcome.
        """
        return self._attempts.get(key) if self._keys.get(key) == idempotency_key else None

    def claim_unsure(self, key: Key, idempotency_key: str, attempt_key: str) -> None:
        """The answer to writing this claim was lost, so nothing begins under it for now."""
        self._unbegun[key] = (idempotency_key, attempt_key)

    def is_unbegun(self, key: Key, outbox: Outbox | None) -> bool:
        """Whether it is certain that nothing has begun under a claim of this process."""
        claim = (outbox.idempotency_key, outbox.attempt_key) if outbox is not None else None
        return claim is not None and self._unbegun.get(key) == claim

    def start(self, key: Key, work: Work) -> None:
        """Let the executor work. `ended` is called with the key when the outcome is known."""
        made = replace(
            work, may_begin=lambda: self._works.get(key) is made and work.may_begin()
        )  # once it is let go of, nothing begins under it, whatever the claim says
        room = self.room(made.execution.executor)
        self._begin(key, made, room, made.attempt_key, partial(self._counted_outcome, made))
        self._works[key] = made

    def probe(self, key: Key, work: Work, verification: Verification, name: str) -> None:
        """Look whether an attempt that has ended has had its effect; the look is called `name`."""
        self._begin(key, work, HERE, name, partial(self._found, work, verification))

    def _begin(self, key: Key, work: Work, room: str, name: str, do: Doing) -> None:
        self.release(key)
        self._attempts[key] = Attempt(name)
        self._keys[key] = work.idempotency_key
        self._rooms[key] = room
        self._stops[key] = work.stop
        self._none_left.clear()
        task = asyncio.create_task(self._run(key, room, name, do), name=f"attempt {name}")
        self._tasks[key] = task

    def release(self, key: Key) -> None:
        """Stop it if it still works, and forget it."""
        self._attempts.pop(key, None)
        self._keys.pop(key, None)
        self._stops.pop(key, None)
        self._works.pop(key, None)
        self._rooms.pop(key, None)
        self._unbegun.pop(key, None)
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()
        self._perhaps_none_left()

    def disown(self, key: Key) -> str | None:
        """The claim is lost: what comes of the attempt is told as late, and to nobody else.

        What has left cannot be called back, so its answer is waited for; a probe is just stopped.
        Returns the attempt's key.
        """
        attempt, work = self._attempts.get(key), self._works.get(key)
        if attempt is not None and work is not None:
            if attempt.outcome is not None:
                self._tell_late(work, attempt.outcome)
            elif (task := self._tasks.pop(key, None)) is not None:
                self._disowned[task] = work
        self.release(key)
        return work.attempt_key if work is not None else None

    def stray(self, key: Key, outbox: Outbox | None) -> Attempt | None:
        """The attempt that this process makes, if the ledger has gone on to another one."""
        if outbox is None or key not in self._works:
            return None
        found = self.attempt(key, outbox.idempotency_key)
        return found if found is not None and found.key != outbox.attempt_key else None

    def _tell_late(self, work: Work, outcome: Outcome) -> None:
        if self._late is not None:
            self._late(work, outcome)

    def _perhaps_none_left(self) -> None:
        if not self._attempts and not self._disowned:
            self._none_left.set()

    def stop(self, key: Key) -> None:
        """Ask its executor to stop the work; what is known then is the outcome."""
        if (stopping := self._stops.get(key)) is not None:
            stopping.set()

    def room(self, target: str) -> str:
        """Whose attempts share their places with those at a target.

        An executor that only waits has places of its own: what takes hours elsewhere must not keep
        what takes seconds here from beginning.
        """
        return target if getattr(self._executors.get(target), "only_waits", False) else HERE

    def under_way(self, room: str) -> int:
        """How many attempts have places there, or wait for one."""
        return sum(1 for one in self._rooms.values() if one == room)

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
        for task in list(self._disowned):
            task.cancel()

    async def _run(self, key: Key, room: str, name: str, do: Doing) -> None:
        async with self._places[room]:
            outcome = await do()
        log.info(
            "attempt ended",
            object=str(key),
            attempt=name,
            outcome=type(outcome).__name__,  # not its evidence: an answer may hold anything
        )
        if (me := asyncio.current_task()) in self._disowned:
            self._tell_late(self._disowned.pop(me), outcome)
            self._perhaps_none_left()
            return
        if self._tasks.get(key) is not me:
            return  # released, though its executor would not be stopped: nobody waits for it
        del self._tasks[key]
        self._attempts[key] = Attempt(name, outcome)
        self._ended(key)

    async def _counted_outcome(self, work: Work) -> Outcome:
        outcome = await self._outcome(work)
        if self._counted is not None:
            self._counted(work, outcome)
        return outcome

    async def _found(self, work: Work, verification: Verification) -> Outcome:
        """What the probe tells; whatever goes wrong with it, nothing has changed."""
        prober: object = self._executors.get("http")
        if not isinstance(prober, Probes):
            return Unknown("executor http, which sends probes, is not installed here")
        try:
            async with asyncio.timeout((work.timeout + GRACE).total_seconds()):
                return await prober.probe(work, verification)
        except TimeoutError:
            return Unknown("the probe did not end within the timeout")
        except Exception as why:
            # A bug in a prober: it has changed nothing, so the outcome is as unknown as before.
            log.exception("probe failed", attempt=work.attempt_key)
            return Unknown(f"the probe failed: {type(why).__name__}")

    async def _outcome(self, work: Work) -> Outcome:
        executor = self._executors.get(work.execution.executor)
        if executor is None:
            return _unbegun(work, f"executor {work.execution.executor} is not installed here")
        # It had to wait for a place, or the process was stopped. What another one may have begun is
        # looked for all the same: its executor asks again before anything leaves.
        if not work.begun and not work.may_begin():
            return NotApplied(f"{OUT_OF_TIME}. Nothing was sent", retryable=True)
        try:
            grace: timedelta = getattr(executor, "grace", GRACE)
            async with asyncio.timeout((work.timeout + grace).total_seconds()):
                return await executor.run(work)
        except TimeoutError:
            return Unknown(f"executor {work.execution.executor} did not end within its timeout")
        except Exception as why:
            # A bug in an executor, ours or a plug-in's: whether it had sent anything is unknown.
            log.exception("executor failed", attempt=work.attempt_key)
            return Unknown(f"executor {work.execution.executor} failed: {type(why).__name__}")


def _unbegun(work: Work, why: str) -> Outcome:
    """This process has done nothing; of another one, nobody can say that."""
    if work.begun:
        return Unknown(f"{why}; another process had begun it")
    return NotApplied(why, retryable=False)

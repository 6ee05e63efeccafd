"""Foresight: asks an executor what a Compensation would do now, and never in a loop.

A server that does not answer is asked again soon, and then less and less often.

A dry run may say something else each time it is made (a webhook that stamps the time). What is
written because of that is an event, and an event is a reason to look again: so within a moment of
one look nothing new is asked, unless somebody's approval is about to be counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from amends.api import Approval, Compensation
from amends.core.key import Key
from amends.core.outcome import Preview, Unseen
from amends.core.records import identity
from amends.core.records.redaction import redact_text
from amends.core.undo.foresight import AGAIN, is_foreseen
from amends.ports import Clock, Executor, Fault, Previews, Rejected, Work
from amends.runtime.faults import LONGEST

log = structlog.get_logger(__name__)

NOW = timedelta(0)
A_MOMENT = timedelta(seconds=2)


@dataclass(frozen=True)
class Seen:
    """What came of asking: a preview, or why there is none.

    objection: only a change helps, of the plan or of what it may do. unseen: it cannot be told now.
    """

    preview: Preview | None = None
    objection: str | None = None
    unseen: Unseen | None = None


NOT_ASKED = Seen()


@dataclass(frozen=True)
class _Look:
    """failures: how many looks in a row, this one among them, have seen nothing."""

    at: datetime
    seen: Seen
    failures: int = 0

    def still_unseen(self, now: datetime) -> Seen | None:
        """The same, for as long as it is too early to look again."""
        if (unseen := self.seen.unseen) is None or (left := self.at + unseen.again - now) <= NOW:
            return None
        return replace(self.seen, unseen=replace(unseen, again=left))


class Foresight:
    """Previews of Compensations, each at most a moment old."""

    def __init__(self, executors: Mapping[str, Executor], clock: Clock) -> None:
        self._executors = executors
        self._clock = clock
        self._looks: dict[tuple[str, int], _Look] = {}

    async def of(self, key: Key, compensation: Compensation, approvals: Sequence[Approval]) -> Seen:
        """What it would do now, if that matters and can be seen; approvals: those that are open."""
        executor: object = self._executors.get(compensation.spec.execution.executor)
        if not is_foreseen(compensation) or not isinstance(executor, Previews):
            return NOT_ASKED
        meta, fresh_since = compensation.metadata, self._remembered()
        version = (meta.uid, meta.generation)
        last = self._looks.get(version)
        if last is not None and (blind := last.still_unseen(self._clock.now())) is not None:
            return blind
        # Nothing is counted on what was seen before. An approval of another plan is no such reason.
        planned = compensation.status.plan_digest
        counts = any(one.spec.plan_digest == planned for one in approvals)
        if counts or last is None or last.at <= fresh_since:
            failures = last.failures if last is not None else 0
            found = await _asked(executor, key, _work(key, compensation), failures)
            failures = failures + 1 if found.unseen is not None else 0
            self._looks[version] = _Look(self._clock.now(), found, failures)
            return found
        return last.seen

    def _remembered(self) -> datetime:
        """Since when a look is fresh. What is older counts only where it goes on seeing nothing."""
        now = self._clock.now()
        fresh_since, given_up = now - A_MOMENT, now - 2 * LONGEST
        self._looks = {
            version: look
            for version, look in self._looks.items()
            if look.at > (given_up if look.failures else fresh_since)
        }
        return fresh_since


async def _asked(executor: Previews, key: Key, work: Work, failures: int) -> Seen:
    try:
        return Seen(preview=await executor.preview(work))
    except Rejected as why:
        return Seen(objection=redact_text(str(why)))
    except Fault as why:
        log.warning("not foreseen", object=str(key), why=redact_text(str(why)))
        reason = redact_text(why.answer or str(why))
        return Seen(unseen=Unseen(reason, _pause(why, failures)))


def _pause(why: Fault, failures: int) -> timedelta:
    """Twice as long each time, and as long as the server asks for."""
    wish = why.retry_after
    backoff = min(A_MOMENT * (1 << min(failures, 8)), AGAIN)
    return max(backoff, min(wish or timedelta(0), LONGEST))


def _work(key: Key, compensation: Compensation) -> Work:
    spec, status = compensation.spec, compensation.status
    return Work(
        namespace=key.namespace,
        name=key.name,
        execution=spec.execution,
        service_account=spec.service_account_name,
        idempotency_key=identity.idempotency_key(compensation),
        attempt_key=identity.attempt_key(compensation, status.attempts + 1),
        timeout=timedelta(seconds=spec.timeout_seconds),
        uid=compensation.metadata.uid,
        run_id=spec.run_id,
    )

"""Foresight: asks an executor what a Compensation would do now, and never in a loop.

A dry run may say something else each time it is made (a webhook that stamps the time). What is
written because of that is an event, and an event is a reason to look again: so within a moment of
one look nothing new is asked, unless somebody's approval is about to be counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from amends.api import Approval, Compensation
from amends.core.key import Key
from amends.core.outcome import Preview
from amends.core.records import identity
from amends.core.records.redaction import redact_text
from amends.core.undo.foresight import is_foreseen
from amends.ports import Clock, Executor, Fault, Previews, Rejected, Work

log = structlog.get_logger(__name__)

A_MOMENT = timedelta(seconds=2)


@dataclass(frozen=True)
class Seen:
    """What came of asking: a preview, or why there is none.

    objection: only a change helps, of the plan or of what it may do. unseen: it cannot be told now.
    """

    preview: Preview | None = None
    objection: str | None = None
    unseen: str | None = None


NOT_ASKED = Seen()


class Foresight:
    """Previews of Compensations, each at most a moment old."""

    def __init__(self, executors: Mapping[str, Executor], clock: Clock) -> None:
        self._executors = executors
        self._clock = clock
        self._seen: dict[tuple[str, int], tuple[datetime, Seen]] = {}

    async def of(self, key: Key, compensation: Compensation, approvals: Sequence[Approval]) -> Seen:
        """What it would do now, if that matters and can be seen; approvals: those that are open."""
        executor: object = self._executors.get(compensation.spec.execution.executor)
        if not is_foreseen(compensation) or not isinstance(executor, Previews):
            return NOT_ASKED
        meta, now = compensation.metadata, self._clock.now()
        fresh_since = now - A_MOMENT
        self._seen = {one: each for one, each in self._seen.items() if each[0] > fresh_since}
        version = (meta.uid, meta.generation)
        # Nothing is counted on what was seen before. An approval of another plan is no such reason.
        planned = compensation.status.plan_digest
        counts = any(one.spec.plan_digest == planned for one in approvals)
        if counts or version not in self._seen:
            found = await _asked(executor, key, _work(key, compensation))
            self._seen[version] = (self._clock.now(), found)
            return found
        return self._seen[version][1]


async def _asked(executor: Previews, key: Key, work: Work) -> Seen:
    try:
        return Seen(preview=await executor.preview(work))
    except Rejected as why:
        return Seen(objection=redact_text(str(why)))
    except Fault as why:
        log.warning("not foreseen", object=str(key), why=redact_text(str(why)))
        return Seen(unseen=redact_text(why.answer or str(why)))


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

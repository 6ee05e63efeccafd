"""Late: what becomes of an attempt of this process that the ledger waits for no longer.

A holder that has lost its claim writes no state. What it still hears is kept on the object as
evidence, in a list of its own that no decision reads, for whoever has to find out what happened.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from amends.api import outcome as wire
from amends.api.late import MOST_LATE_RESULTS, LateResult
from amends.api.outbox import Outbox, OutboxPhase
from amends.core.decision import Disown, Release
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.records.digest import digest
from amends.core.records.redaction import redact, redact_text
from amends.core.world import Attempt


def leftover(
    outbox: Outbox | None, attempt: Attempt | None, stray: Attempt | None
) -> tuple[Release | Disown, ...]:
    """What this process does with an attempt of its own that has been decided without it.

    stray: it works under an attempt that is not the current one any more. An outcome that is on
    record already tells nothing new.
    """
    if stray is not None:
        return (Disown(),)
    if attempt is None or outbox is None:
        return ()
    if outbox.outcome is None and outbox.phase is OutboxPhase.CLAIMED:
        return ()  # in whose hands it is, the claim says
    known = attempt.outcome is not None and outbox.outcome is spoken(attempt.outcome)
    return (Release(),) if known else (Disown(),)


def spoken(outcome: Outcome) -> wire.Outcome:
    """The outcome as the ledger spells it."""
    match outcome:
        case Applied():
            return wire.Outcome.APPLIED
        case NotApplied():
            return wire.Outcome.NOT_APPLIED
        case Unknown():
            return wire.Outcome.UNKNOWN


def late_result(attempt_key: str, holder: str, outcome: Outcome, now: datetime) -> LateResult:
    """What goes on record, bounded and without secrets."""
    said: Any = redact(dict(outcome.evidence)) if isinstance(outcome, Applied) else None
    text = json.dumps(said, ensure_ascii=False) if said is not None else ""
    if not isinstance(outcome, Applied):
        said = text = redact_text(outcome.reason)
    return LateResult(
        attempt_key=attempt_key,
        holder=holder,
        outcome=spoken(outcome),
        time=now,
        excerpt=text[:1024],
        digest=_digest(said),
    )


def _digest(said: Any) -> str | None:
    try:
        return digest(said)
    except ValueError:  # no exact JSON form
        return None


def with_evidence(status: Mapping[str, Any], late: LateResult) -> Mapping[str, Any] | None:
    """A stored status with one more late result and nothing else; None: it is told already."""
    outbox, kept = status.get("outbox", {}), status.get("lateResults", [])
    if (outbox.get("attemptKey"), outbox.get("outcome")) == (late.attempt_key, late.outcome):
        return None
    if any((one["attemptKey"], one["holder"]) == (late.attempt_key, late.holder) for one in kept):
        return None
    return {**status, "lateResults": [*kept, late.wire()][-MOST_LATE_RESULTS:]}

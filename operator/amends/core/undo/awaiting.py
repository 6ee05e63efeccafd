"""Awaiting: whether it takes a probe or a person to know what came of an attempt, and until when.

Facts about one Compensation and the time, for everybody who has to act on them.
"""

from datetime import datetime

from amends.api.compensation import Compensation, CompensationPhase
from amends.api.outbox import Outbox
from amends.api.outcome import Outcome
from amends.api.wire import rfc3339
from amends.core import probing
from amends.core.superseding import is_held


def by_hand(compensation: Compensation) -> bool:
    """Whether a person is to do it, or has done it and not said so yet."""
    outbox = _attempt(compensation)
    manual = compensation.spec.execution.manual is not None
    return manual and outbox is not None and outbox.outcome is None


def is_unknown(compensation: Compensation) -> bool:
    """Whether nobody knows what came of the attempt, and none follows by itself."""
    outbox, status = _attempt(compensation), compensation.status
    if outbox is None or outbox.outcome is not Outcome.UNKNOWN:
        return False
    return status.next_attempt_at is None or is_held(status)


def is_probed(compensation: Compensation) -> bool:
    """Whether the target is still being asked whether the effect has happened."""
    return is_unknown(compensation) and probing.is_asked(compensation.status.outbox)


def awaits_attestation(compensation: Compensation) -> bool:
    """Whether nothing goes on until a person says what came of the attempt."""
    unknown = is_unknown(compensation) and not is_probed(compensation)
    return unknown or by_hand(compensation)


def too_late(compensation: Compensation, now: datetime) -> str | None:
    """Since when the target does not let the effect be undone any more, if that is so."""
    until = compensation.spec.compensable_until
    passed = until is not None and until <= now
    return f"spec.compensableUntil {rfc3339(until)} has passed" if until and passed else None


def is_overdue(compensation: Compensation, now: datetime) -> bool:
    """Whether somebody should have attested by now."""
    deadline = compensation.status.attestation_deadline
    return by_hand(compensation) and deadline is not None and deadline <= now


def _attempt(compensation: Compensation) -> Outbox | None:
    running = compensation.status.phase is CompensationPhase.RUNNING
    return compensation.status.outbox if running else None

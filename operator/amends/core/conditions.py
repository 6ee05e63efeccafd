"""Conditions: what people and tools read (kstatus). They go out and are never read back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from amends.api.wire import Condition, ConditionStatus

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


@dataclass(frozen=True)
class Observed:
    """One condition without the bookkeeping."""

    type: str
    status: ConditionStatus
    reason: str
    message: str


def conditions(
    observed: Iterable[Observed], before: Sequence[Condition], generation: int, now: datetime
) -> list[Condition]:
    """The conditions to write: a transition time moves only when its status does."""
    stored = {condition.type: condition for condition in before}
    return [
        Condition(
            type=one.type,
            status=one.status,
            observed_generation=generation,
            last_transition_time=(
                was.last_transition_time
                if (was := stored.get(one.type)) and was.status is one.status
                else now
            ),
            reason=one.reason,
            message=one.message,
        )
        for one in observed
    ]


def ready(reason: str, message: str) -> Observed:
    """The object is where it should be."""
    return Observed("Ready", TRUE, reason, message)


def not_ready(reason: str, message: str) -> Observed:
    """The object waits for somebody."""
    return Observed("Ready", FALSE, reason, message)


def reconciling(reason: str, message: str) -> tuple[Observed, Observed]:
    """The operator is at work on it."""
    return (
        Observed("Ready", UNKNOWN, reason, message),
        Observed("Reconciling", TRUE, reason, message),
    )


def stalled(reason: str, message: str) -> tuple[Observed, Observed]:
    """Nothing will happen until a person acts."""
    return (Observed("Ready", FALSE, reason, message), Observed("Stalled", TRUE, reason, message))

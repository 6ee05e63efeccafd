"""Turns: what an attempt that is due has to wait for, gathered for the decision about it."""

from dataclasses import dataclass
from datetime import datetime

from amends.api import Compensation, DeadLetter
from amends.api.compensation import CompensationPhase
from amends.api.dead_letter import DeadLetterPhase
from amends.api.execution import Execution
from amends.core.hold import Hold
from amends.core.key import Key
from amends.core.undo.beginning import is_decided
from amends.executors.targets import origin_of
from amends.kube.cache import in_order
from amends.runtime.gates import Gates
from amends.runtime.namespaces import Rules
from amends.runtime.related import Related

MAY_BE_SENT = (DeadLetterPhase.RETRY_REQUESTED, DeadLetterPhase.RETRYING)


@dataclass(frozen=True)
class Turn:
    """target: where it is sent. ahead: who comes first. hold: why the target takes no more now."""

    target: str | None = None
    ahead: tuple[str, ...] = ()
    hold: Hold | None = None


class Turns:
    """Asks at the gates for who is due; a place that is not used is given back after the pass."""

    def __init__(self, related: Related, gates: Gates) -> None:
        self._related = related
        self._gates = gates

    def of_undo(self, compensation: Compensation, rules: Rules, now: datetime) -> Turn:
        """The turn of a Compensation."""
        spec, status, meta = compensation.spec, compensation.status, compensation.metadata
        target = target_of(spec.execution)
        again = status.next_attempt_at
        due = status.phase is CompensationPhase.APPROVED or (again is not None and again <= now)
        ahead = self._ahead(compensation) if due else ()
        if not due or ahead or rules.freeze is not None or target is None:
            return Turn(target, ahead)
        key, until = Key("Compensation", meta.namespace, meta.name), spec.compensable_until
        return Turn(target, (), self._gates.ask(key, target, rules.limits, until, now))

    def of_retry(
        self, letter: DeadLetter, execution: Execution | None, rules: Rules, now: datetime
    ) -> Turn:
        """The turn of a retry."""
        target, meta = target_of(execution) if execution is not None else None, letter.metadata
        due = letter.status.phase in MAY_BE_SENT and rules.freeze is None
        if not due or target is None:
            return Turn(target)
        key = Key("DeadLetter", meta.namespace, meta.name)
        return Turn(target, (), self._gates.ask(key, target, rules.limits, None, now))

    def _ahead(self, compensation: Compensation) -> tuple[str, ...]:
        """Who was created before it, with the same ordering key, and has not come to its end."""
        ordering_key, namespace = compensation.spec.ordering_key, compensation.metadata.namespace
        if ordering_key is None:
            return ()
        others = self._related.open(Compensation, namespace, in_order(ordering_key))
        mine = _creation(compensation)
        return tuple(
            one.metadata.name
            for one in sorted(others, key=_creation)
            if _creation(one) < mine and is_decided(one.status)
        )


def target_of(execution: Execution) -> str | None:
    """Where an execution is sent; None: nowhere that takes only so many at once."""
    if execution.http is not None:
        try:
            return str(origin_of(execution.http.url))
        except ValueError:
            return None  # its executor objects to it, in words
    return execution.executor if execution.record is None and execution.manual is None else None


def _creation(compensation: Compensation) -> tuple[str, str]:
    meta = compensation.metadata
    return (str(meta.creation_timestamp), meta.name)

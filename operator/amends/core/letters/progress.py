"""Moving a DeadLetter: one place writes phase, history and conditions, so they always agree."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from amends.api.action import DeclaredRetry
from amends.api.dead_letter import DeadLetterPhase, DeadLetterStatus
from amends.api.outcome import Outcome
from amends.api.plan import Direction
from amends.api.wire import rfc3339
from amends.core import probing
from amends.core.conditions import (
    TRUE,
    Observed,
    conditions,
    not_ready,
    ready,
    reconciling,
    stalled,
)
from amends.core.decision import Decision, Effect, Tell
from amends.core.enforcement import is_told
from amends.core.history import OPERATOR, step
from amends.core.hold import frozen
from amends.core.letters.recovery import live_compensation
from amends.core.machines import DEAD_LETTER
from amends.core.superseding import superseded
from amends.core.world import DeadLetterWorld

P = DeadLetterPhase
MOST_DISPATCHES = 5
DECIDED = (P.IGNORED, P.RESOLVED)
"""Phases in which it is settled, unless a Compensation of its effect has still to end."""


def moved(
    world: DeadLetterWorld,
    to: DeadLetterPhase,
    reason: str,
    *,
    actor: str = OPERATOR,
    **changes: Any,
) -> DeadLetterStatus:
    """A step to another phase, with what else changes in the ledger.

    Raises:
        IllegalTransition: the table does not allow it; the API server would refuse it too.
    """
    before = world.letter.status
    DEAD_LETTER.check(before.phase, to)
    return before.model_copy(
        update={
            "settled": True if to in DECIDED and live_compensation(world) is None else None,
            **changes,
            "phase": to,
            "history": step(before.history, before.phase, to, world.now, actor, reason),
        }
    )


def observed(
    world: DeadLetterWorld,
    status: DeadLetterStatus | None = None,
    *,
    note: Observed | None = None,
    effects: Sequence[Effect] = (),
    look_again: timedelta | None = None,
) -> Decision:
    """The status with conditions that say how things stand; note: what is said instead of Ready."""
    letter = world.letter
    status = status or letter.status
    status = status.model_copy(update={"compensable_until": _window_of_the_undo(world, status)})
    found = [note] if note is not None else list(_progress(world, status))
    if in_doubt(status) is not None:
        found.append(Observed("OutcomeUnknown", TRUE, "OutcomeUnknown", str(in_doubt(status))))
    if status.superseded_by is not None:
        found.append(superseded(status.superseded_by))
    if is_irreversible(world, status):
        found.append(Observed("Irreversible", TRUE, "WindowClosed", _closed(world, status)))
    if world.freeze is not None and not status.settled:
        found.append(frozen(world.freeze))
    generation = letter.metadata.generation
    return Decision(
        status=status.model_copy(
            update={
                "observed_generation": generation,
                "conditions": conditions(found, letter.status.conditions, generation, world.now),
            }
        ),
        effects=tuple(effects),
        look_again=_before_it_closes(world, status, look_again),
    )


def _before_it_closes(
    world: DeadLetterWorld, status: DeadLetterStatus, look_again: timedelta | None
) -> timedelta | None:
    until = _closes(world, status)
    if until is None or until <= world.now or status.settled:
        return look_again
    left = until - world.now
    return left if look_again is None else min(left, look_again)


def is_irreversible(world: DeadLetterWorld, status: DeadLetterStatus) -> bool:
    """Whether the target lets it be undone no more, and nobody has."""
    until = _closes(world, status)
    undone = status.phase in (P.LINKED_TO_COMPENSATION, P.RESOLVED)
    return until is not None and until <= world.now and not undone


def _closes(world: DeadLetterWorld, status: DeadLetterStatus) -> datetime | None:
    """Until when it can be undone: what the Action has said, or the undo, whichever is sooner."""
    known = (world.letter.spec.compensable_until, status.compensable_until)
    return min((one for one in known if one is not None), default=None)


def _window_of_the_undo(world: DeadLetterWorld, status: DeadLetterStatus) -> datetime | None:
    """What the undo says that is named, or was last: once it is refused, nobody reads it again."""
    undo = live_compensation(world) or world.compensation
    if undo is None or undo.spec.direction is not Direction.ROLLBACK or status.settled:
        return status.compensable_until
    return undo.spec.compensable_until


def _closed(world: DeadLetterWorld, status: DeadLetterStatus) -> str:
    until = _closes(world, status)
    assert until is not None
    return (
        f"it could be undone until {rfc3339(until)}, and now it is irreversible: repair it "
        "(a Compensation with direction ForwardFix), or choose Retry, Resolve, Ignore or Abandon"
    )


def held_back(world: DeadLetterWorld) -> Decision:
    """It would be sent now, were the admission policies enforced. A person is told once."""
    note = world.enforcement.note
    assert note is not None
    before = world.letter.status.conditions
    told = () if is_told(before) else (Tell(world.key, note.reason, note.message, "Warning"),)
    return observed(world, note=note, effects=told)


def declared(world: DeadLetterWorld) -> DeclaredRetry | None:
    """How the action says that it is sent again; None: it does not, or is gone."""
    return world.action.spec.retry if world.action is not None else None


def may_be_sent_again(world: DeadLetterWorld) -> bool:
    """Whether a dispatch of which nobody knows what became may be repeated by itself."""
    retry = declared(world)
    left = world.dispatches < MOST_DISPATCHES and world.objection is None
    return retry is not None and left and retry.execution.repeat_is_safe


def in_doubt(status: DeadLetterStatus) -> str | None:
    """Why nobody knows what became of a dispatch, if that is so."""
    outbox = status.outbox
    if outbox is None or status.phase is not P.RETRYING or outbox.outcome is Outcome.APPLIED:
        return None
    return outbox.detail if outbox.outcome is Outcome.UNKNOWN else outbox.doubt


def _progress(world: DeadLetterWorld, status: DeadLetterStatus) -> Sequence[Observed]:
    match status.phase:
        case P.OPEN:
            return (_open(world, status),)
        case P.RETRY_REQUESTED:
            return reconciling("RetryRequested", _before_dispatch(world, status))
        case P.RETRYING:
            return _retrying(world, status)
        case P.LINKED_TO_COMPENSATION:
            name = status.compensation_ref.name if status.compensation_ref is not None else ""
            if status.settled:
                return (ready("Compensated", f"compensation {name} has undone it"),)
            return (not_ready("AwaitingCompensation", f"waits for compensation {name}"),)
        case P.IGNORED | P.RESOLVED:
            return (ready(str(status.phase), _decided(status)),)


def _open(world: DeadLetterWorld, status: DeadLetterStatus) -> Observed:
    if world.obstacle is not None:
        return not_ready("NameTaken", world.obstacle)
    if status.compensation_ref is not None:
        name = status.compensation_ref.name
        return not_ready("AwaitingCompensation", f"waits for compensation {name}")
    if is_irreversible(world, status):
        return not_ready("Irreversible", _closed(world, status))
    return not_ready(
        "AwaitingDecision",
        "waits for a person: create a Disposition (Retry, Ignore, Abandon, Resolve, Compensate), "
        "or a Compensation for spec.effectId",
    )


def _before_dispatch(world: DeadLetterWorld, status: DeadLetterStatus) -> str:
    dispatch = status.dispatch
    if dispatch is not None and dispatch.next_time is not None and dispatch.next_time > world.now:
        return f"{dispatch.count} sent so far; the next not before {rfc3339(dispatch.next_time)}"
    return "waits until no compensation of the effect is under way"


def _retrying(world: DeadLetterWorld, status: DeadLetterStatus) -> Sequence[Observed]:
    dispatch, outbox = status.dispatch, status.outbox
    if dispatch is None or outbox is None:
        return reconciling("Retrying", "under way")
    if outbox.outcome is Outcome.UNKNOWN and not may_be_sent_again(world):
        return probing.noted(outbox, in_doubt(status)) or stalled(
            "OutcomeUnknown",
            f"{in_doubt(status)}{probing.so_far(outbox)}: look at the target yourself, then create "
            f"an Attestation (kubectl amends attest dead-letter/{world.letter.metadata.name}); or "
            "leave it unknown with a Disposition: Resolve, Compensate, Ignore or Abandon",
        )
    if outbox.outcome is Outcome.UNKNOWN and dispatch.next_time is not None:
        again = rfc3339(dispatch.next_time)
        return reconciling("Retrying", f"{in_doubt(status)}; sent again at {again}")
    if world.obstacle is not None:
        return stalled("NameTaken", world.obstacle)
    waits = "applied, being told to others" if outbox.outcome is Outcome.APPLIED else "under way"
    return reconciling("Retrying", f"dispatch {dispatch.count}: {waits}")


def _decided(status: DeadLetterStatus) -> str:
    decided = status.disposition
    if decided is None:
        return str(status.phase)
    return f"{decided.choice} by {decided.actor}: {decided.reason}"

"""Beginning: what keeps an undo that is due from being tried: window, freeze, order, target."""

from collections.abc import Sequence
from dataclasses import replace

from amends.api.compensation import CompensationPhase, CompensationStatus
from amends.api.outcome import Outcome
from amends.core.decision import Decision, Tell
from amends.core.hold import Hold, standstill
from amends.core.machines import COMPENSATION
from amends.core.undo import attempts
from amends.core.undo.awaiting import too_late
from amends.core.undo.progress import cancelled, observed
from amends.core.world import CompensationWorld

P = CompensationPhase
WINDOW_CLOSED = "WindowClosed"


def has_its_window_closed(world: CompensationWorld) -> Decision | None:
    """The target takes it back no more: what has not begun is refused, and nothing is repeated."""
    closed, status = _closed(world), world.compensation.status
    if closed is None:
        return None
    if world.phase is not P.RUNNING:
        return cancelled(world, WINDOW_CLOSED, closed)
    if status.next_attempt_at is None:
        return None
    ended = observed(world, status.model_copy(update={"next_attempt_at": None}))
    told = Tell(world.key, WINDOW_CLOSED, f"it is not tried again: {closed}", "Warning")
    return replace(ended, effects=(*ended.effects, told))


def _closed(world: CompensationWorld) -> str | None:
    late = too_late(world.compensation, world.now)
    if late is None:
        return None
    fix = "repair it with a new Compensation (direction: ForwardFix)"
    return f"{late}: the target lets the effect be undone no more: {fix}"


def never(world: CompensationWorld) -> Hold | None:
    """Why it is not begun any more, now or later; None: it may be."""
    if world.compensation.spec.cancel:
        return Hold("Cancelled", "spec.cancel is true")
    closed = _closed(world)
    return Hold(WINDOW_CLOSED, closed) if closed is not None else None


def before_it_closes(world: CompensationWorld, decision: Decision) -> Decision:
    """The decision, and a look when the window closes."""
    until = world.compensation.spec.compensable_until
    if until is None or world.now >= until or world.phase in COMPENSATION.terminal:
        return decision
    left = until - world.now
    sooner = left if decision.look_again is None else min(left, decision.look_again)
    return replace(decision, look_again=sooner)


def begun(world: CompensationWorld) -> Decision:
    """It is due: claim it, unless something holds it back, or it may have been done already."""
    compensation, outbox = world.compensation, world.compensation.status.outbox
    unknown = outbox is not None and outbox.outcome is not Outcome.NOT_APPLIED
    if outbox is not None and unknown and not compensation.spec.execution.repeat_is_safe:
        told = outbox.detail or f"nobody knows what came of attempt {outbox.attempt}"
        return attempts.in_doubt(world, told)
    hold = _hold(world)
    if hold is None:
        return attempts.claimed(world)
    return observed(world, note=hold.note, look_again=hold.look_again)


def _hold(world: CompensationWorld) -> Hold | None:
    """What comes first for a person: they froze it, they asked for an order, the target is busy."""
    if (hold := standstill(world.enforcement, world.freeze)) is not None:
        return hold
    if world.ahead:
        return Hold("Ordered", _after(world.ahead, world.compensation.spec.ordering_key))
    return world.hold


def _after(ahead: Sequence[str], key: str | None) -> str:
    first = ahead[0]
    return (
        f"waits for compensation {', '.join(ahead)}, earlier with orderingKey {key}, to come to "
        "its end: attest to it, if nobody knows what came of it (kubectl amends attest "
        f"{first}), or cancel it (kubectl amends cancel {first})"
    )


def is_decided(status: CompensationStatus) -> bool:
    """Whether who comes later in an order has to wait for one that stands there."""
    if status.phase is P.FAILED:
        return status.next_attempt_at is not None
    return status.phase in (P.APPROVED, P.RUNNING)

"""Beginning: what keeps an undo that is due from being tried: window, freeze, order, target."""

from dataclasses import replace

from amends.api.compensation import CompensationPhase, CompensationStatus
from amends.api.wire import rfc3339
from amends.core.decision import Decision, Tell
from amends.core.hold import FROZEN, Hold
from amends.core.machines import COMPENSATION
from amends.core.undo import attempts
from amends.core.undo.progress import cancelled, observed
from amends.core.world import CompensationWorld

P = CompensationPhase
WINDOW_CLOSED = "WindowClosed"


def has_its_window_closed(world: CompensationWorld) -> Decision | None:
    """The target takes it back no more: what has not begun is refused, and nothing is repeated."""
    until, status = world.compensation.spec.compensable_until, world.compensation.status
    if until is None or world.now < until:
        return None
    closed = f"spec.compensableUntil {rfc3339(until)} has passed: the target lets it be undone no"
    if world.phase is not P.RUNNING:
        return cancelled(world, WINDOW_CLOSED, f"{closed} more")
    if status.next_attempt_at is None:
        return None
    ended = observed(world, status.model_copy(update={"next_attempt_at": None}))
    told = Tell(world.key, WINDOW_CLOSED, f"{closed} longer, so it is not tried again", "Warning")
    return replace(ended, effects=(*ended.effects, told))


def before_it_closes(world: CompensationWorld, decision: Decision) -> Decision:
    """The decision, and a look when the window closes."""
    until = world.compensation.spec.compensable_until
    if until is None or world.now >= until or world.phase in COMPENSATION.terminal:
        return decision
    left = until - world.now
    sooner = left if decision.look_again is None else min(left, decision.look_again)
    return replace(decision, look_again=sooner)


def begun(world: CompensationWorld) -> Decision:
    """It is due: claim it, unless something holds it back."""
    hold = _hold(world)
    if hold is None:
        return attempts.claimed(world)
    return observed(world, note=hold.note, look_again=hold.look_again)


def _hold(world: CompensationWorld) -> Hold | None:
    """What comes first for a person: they froze it, they asked for an order, the target is busy."""
    if world.freeze is not None:
        return Hold(FROZEN, world.freeze)
    if world.ahead:
        names, key = ", ".join(world.ahead), world.compensation.spec.ordering_key
        return Hold("Ordered", f"waits for compensation {names}, earlier with orderingKey {key}")
    return world.hold


def is_decided(status: CompensationStatus) -> bool:
    """Whether who comes later in an order has to wait for one that stands there."""
    if status.phase is P.FAILED:
        return status.next_attempt_at is not None
    return status.phase in (P.APPROVED, P.RUNNING)

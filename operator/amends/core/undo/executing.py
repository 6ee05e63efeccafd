"""Executing: an attempt that is claimed is waited for, taken up, or taken in."""

from dataclasses import replace

from amends.api.compensation import CompensationPhase
from amends.core import claims
from amends.core.decision import AT_ONCE, Decision, Disown, Release, Stop
from amends.core.hold import Hold, standstill
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.undo import attempts
from amends.core.undo.beginning import never
from amends.core.undo.progress import cancelled
from amends.core.world import CompensationWorld

P = CompensationPhase


def is_it_being_executed(world: CompensationWorld) -> Decision | None:
    """Running: wait for whoever holds the claim, or take the executor's answer."""
    outbox = world.compensation.status.outbox
    if world.phase is not P.RUNNING:
        return None
    match claims.hand(outbox, world.attempt, world.holder, world.now):
        case None:
            return None
        case claims.Stray():
            # Let go first: then it is asked, as after a crash, whether a Receipt was left.
            return Decision(effects=(Disown(),), look_again=AT_ONCE)
        case claims.Elsewhere(left):
            return Decision(look_again=left)
        case claims.Abandoned(why):
            if world.compensation.spec.execution.outlives_its_process:
                return _taken_up(world, begun=True, seen=False)
            return attempts.in_doubt(world, why)
        case claims.Unstarted(begun):
            return _unstarted(world, begun=begun)
        case claims.Working():
            kept = attempts.renewed(world)
            return replace(kept, effects=(Stop(),)) if world.compensation.spec.cancel else kept
        case claims.Answered(outcome):
            return _answered(world, outcome)


def _answered(world: CompensationWorld, outcome: Outcome) -> Decision:
    may_begin = never(world) is None
    if may_begin and claims.is_unbegun(world.compensation.status.outbox, outcome):
        return Decision(effects=(Release(),), look_again=AT_ONCE)
    answered = _taken_in(world, outcome)
    if may_begin or world.obstacle is not None:
        return answered
    return replace(answered, look_again=AT_ONCE)  # it was called off before: nothing else wakes it


def _taken_in(world: CompensationWorld, outcome: Outcome) -> Decision:
    match outcome:
        case Applied():
            return attempts.proved(world, outcome)
        case NotApplied():
            return attempts.failed(world, outcome)
        case Unknown(reason):
            return attempts.in_doubt(world, reason)


def _unstarted(world: CompensationWorld, *, begun: bool) -> Decision:
    """The claim is ours, and nothing works under it: was that ever different?"""
    execution, outbox = world.compensation.spec.execution, world.compensation.status.outbox
    assert outbox is not None
    altered = not (world.unbegun or begun or execution.repeat_is_safe)
    if altered and not execution.outlives_its_process:
        return attempts.in_doubt(world, claims.altered(outbox))
    return _taken_up(world, begun=begun or altered, seen=not altered)


def _taken_up(world: CompensationWorld, *, begun: bool, seen: bool) -> Decision:
    """Claimed before, and nothing works on it here: it goes on, if it may still begin.

    begun: another process may have begun it. That is looked for whatever keeps it from beginning,
    and followed to its end. seen: it has been looked for, and was not there.
    """
    over, hold = never(world), standstill(world.enforcement, world.freeze)
    if over is not None and not begun:
        return _called_off(world, over)
    if over is None and hold is not None and (seen or not begun):
        return attempts.kept(world, hold.note)
    only_look = over is not None or hold is not None
    decision = attempts.gone_on(world, begun=begun, only_look=only_look)
    stops = (Stop(),) if world.compensation.spec.cancel else ()
    return replace(decision, effects=(*decision.effects, *stops))


def _called_off(world: CompensationWorld, over: Hold) -> Decision:
    """Nothing was sent under the claim. An earlier attempt may have had its effect all the same."""
    outbox = world.compensation.status.outbox
    assert outbox is not None
    why = f"{over.message}; attempt {outbox.attempt_key} was not begun"
    if outbox.doubt is None:
        return cancelled(world, over.reason, why)
    return replace(attempts.failed(world, NotApplied(why, retryable=False)), look_again=AT_ONCE)

"""Compensation: what happens next to one undo. Gather once, then ask the questions in order."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from amends.api import outcome as wire
from amends.api.approval import ApprovalDecision
from amends.api.compensation import CompensationPhase, CompensationStatus
from amends.core import late, probing
from amends.core.decision import AT_ONCE, NOTHING, Decision, Release, Tell, Wake, WakeFollowers
from amends.core.machines import COMPENSATION
from amends.core.superseding import is_held, is_touched, superseded
from amends.core.undo import attempts, attesting, counting, foresight
from amends.core.undo.attesting import has_somebody_attested, is_it_done_by_hand
from amends.core.undo.awaiting import awaits_attestation
from amends.core.undo.beginning import before_it_closes, begun, has_its_window_closed
from amends.core.undo.demand import demand_of
from amends.core.undo.escalating import escalating
from amends.core.undo.executing import is_it_being_executed
from amends.core.undo.progress import cancelled, has_failed_for_good, held_back, moved, observed
from amends.core.undo.verifying import is_it_being_verified
from amends.core.world import CompensationWorld

P = CompensationPhase
LINKING = timedelta(seconds=1)
"""How long dead letters may take to name their Compensation before they are asked again."""


def decide(world: CompensationWorld) -> Decision:
    """One step. Every question answers with a Decision, or None: not mine, ask the next."""
    for question in QUESTIONS:
        if (decision := question(world)) is not None:
            for completed in WHATEVER_IS_DECIDED:
                decision = completed(world, decision)
            return decision
    return NOTHING


def telling(world: CompensationWorld, decision: Decision) -> Decision:
    """The same decision, of which every dead letter is told that waits for it in vain.

    On every look: the answer to the write that decided it may have been lost, and with it the first
    telling.
    """
    status = decision.status or world.compensation.status
    assert isinstance(status, CompensationStatus)
    if decision.remove or not has_failed_for_good(status):
        return decision
    return decision.waking(*map(Wake, world.named_by))


def _without_leftovers(world: CompensationWorld, decision: Decision) -> Decision:
    """First of all, this process lets go of what has been decided without it."""
    left = late.leftover(world.compensation.status.outbox, world.attempt, world.stray)
    return replace(decision, effects=(*left, *decision.effects)) if left else decision


def has_its_effect_succeeded(world: CompensationWorld) -> Decision | None:
    """Success after failure: what nobody has touched goes away, everything else asks again."""
    by, status = world.success, world.compensation.status
    if by is None or status.superseded_by is not None:
        return None
    if not is_touched(world.compensation, stated=bool(world.approvals) or world.chosen):
        return Decision(remove=True, effects=(WakeFollowers(),))
    asks_again = world.phase is P.APPROVED and demand_of(world).required
    unapproved = asks_again or world.phase in (P.PROPOSED, P.AWAITING_APPROVAL)
    marked: dict[str, Any] = {"superseded_by": by, **({"approvals": []} if unapproved else {})}
    why = superseded(by).message
    decision = (
        moved(world, P.AWAITING_APPROVAL, why, **marked)
        if asks_again
        else observed(world, status.model_copy(update=marked))
    )
    told = Tell(world.key, "Superseded", why, "Warning")
    return Decision(status=decision.status, effects=(told, WakeFollowers()), look_again=AT_ONCE)


def is_it_settled(world: CompensationWorld) -> Decision | None:
    """Completed and Cancelled are for ever; whoever still works on it stops."""
    if world.phase not in COMPENSATION.terminal:
        return None
    # Also who waits for it is told, on every look: the answer to the write that settled it may
    # have been lost, and with it the first telling.
    release = (Release(),) if world.attempt or world.probe else ()
    return Decision(effects=(*release, WakeFollowers()))


def has_it_been_executed(world: CompensationWorld) -> Decision | None:
    """A Receipt is proof, whoever wrote it: go on from there."""
    if world.phase is not P.RUNNING or world.receipt is None:
        return None
    proof = world.receipt
    return attesting.is_proved_already(world, proof) or attempts.completed(
        world, receipt=proof.metadata.name, how=probing.how_verified(proof)
    )


def shall_it_be_cancelled(world: CompensationWorld) -> Decision | None:
    """Cancel is obeyed wherever nothing is under way."""
    if not world.compensation.spec.cancel:
        return None
    return cancelled(world, "Cancelled", f"spec.cancel is true{_known_of_the_effect(world)}")


def _known_of_the_effect(world: CompensationWorld) -> str:
    """What is left to know of the last attempt, for whoever reads it later."""
    outbox = world.compensation.status.outbox
    if outbox is None:
        return ""
    attempt, detail = outbox.attempt_key, f": {outbox.detail}" if outbox.detail else ""
    if awaits_attestation(world.compensation):
        return (
            f"; nobody has attested to attempt {attempt}, which may have had its effect{detail}"
        )[:3072]
    if outbox.outcome is wire.Outcome.NOT_APPLIED:
        return f"; attempt {attempt} had no effect{detail}"[:3072]
    return ""


def can_it_be_planned(world: CompensationWorld) -> Decision | None:
    """A plan without a digest, or one that no executor here will carry out, goes nowhere."""
    if world.phase is P.RUNNING:
        return None
    if world.plan_digest is None:
        return observed(
            world,
            objection="spec.execution holds a number that has no exact JSON form: "
            "write numbers beyond ±9007199254740991 as strings",
        )
    if world.objection is not None:
        again = foresight.AGAIN if world.compensation.spec.execution.is_previewed else None
        return observed(world, objection=world.objection, look_again=again)
    if world.unseen is not None:
        note = foresight.unseen(world.unseen.why)
        return observed(world, note=note, look_again=world.unseen.again)
    return None


def is_the_plan_new(world: CompensationWorld) -> Decision | None:
    """A new plan starts the approval anew: what was approved was another one."""
    spec, status = world.compensation.spec, world.compensation.status
    unapproved = world.phase in (P.PROPOSED, P.AWAITING_APPROVAL, P.APPROVED)
    digest, demand = world.plan_digest, demand_of(world)
    if not unapproved or (world.phase is not P.PROPOSED and status.plan_digest == digest):
        return None
    to = P.AWAITING_APPROVAL if demand.required else P.APPROVED
    why = "the plan waits for approval" if demand.required else "approval is not required"
    deadline = world.now + timedelta(seconds=spec.approval.deadline_seconds)
    told: tuple[Tell, ...] = ()
    if foresight.has_drifted(world):
        why = foresight.DRIFTED
        told = (Tell(world.key, foresight.CHANGED, why, "Warning"),)
        if world.phase is P.AWAITING_APPROVAL:
            # It was not put off by a person, so who waits does not wait longer.
            deadline = status.approval_deadline or deadline
    decision = moved(world, to, why, plan_digest=digest, approvals=[], approval_deadline=deadline)
    if (unheeded := demand.unheeded()) is not None:
        told = (*told, Tell(world.key, "ApprovalRequired", unheeded, "Warning"))
    return Decision(
        status=decision.status,
        effects=(*decision.effects, *told, WakeFollowers()),
        look_again=AT_ONCE,
    )


def has_what_it_would_do_changed(world: CompensationWorld) -> Decision | None:
    """Failed, and what would be tried again is not what was approved: back to the approval."""
    drifted = foresight.is_tried_again(world.compensation.status) and foresight.has_drifted(world)
    if not drifted:
        return None
    decision = moved(world, P.APPROVED, foresight.DRIFTED, next_attempt_at=None)
    return replace(decision, look_again=AT_ONCE)


def was_it_approved_by_enough(world: CompensationWorld) -> Decision | None:
    """Approved, and the approvals are not on record: whoever wrote that, they are counted first."""
    policy, ledger = world.compensation.spec.approval, world.compensation.status.approvals
    people = {one.username for one in ledger if one.decision is ApprovalDecision.APPROVE}
    if world.phase is not P.APPROVED or not policy.required or len(people) >= policy.approvers:
        return None
    why = f"Approved with {len(people)} of {policy.approvers} approvals on record: counted anew"
    return replace(moved(world, P.AWAITING_APPROVAL, why), look_again=AT_ONCE)


def is_it_suspended(world: CompensationWorld) -> Decision | None:
    """Suspended: stay."""
    return observed(world) if world.compensation.spec.suspend else None


def are_the_policies_enforced(world: CompensationWorld) -> Decision | None:
    """While nobody proves who asks and who decides, nothing is counted and nothing begins.

    Also where nobody has approved yet: whoever does so now will have to do it again.
    """
    status = world.compensation.status
    would_run = world.phase is P.APPROVED or status.next_attempt_at is not None
    waits = world.phase is P.AWAITING_APPROVAL or (would_run and not is_held(status))
    return held_back(world) if world.enforcement.gap is not None and waits else None


def is_it_approved(world: CompensationWorld) -> Decision | None:
    """Count what people said about exactly this plan."""
    if world.phase is not P.AWAITING_APPROVAL:
        return None
    return counting.count(world)


def is_it_still_wanted(world: CompensationWorld) -> Decision | None:
    """Superseded, and nobody has approved it since: nothing more is begun."""
    return observed(world) if is_held(world.compensation.status) else None


def do_its_dead_letters_name_it(world: CompensationWorld) -> Decision | None:
    """First the dead letters of the effect name who undoes it, durably.

    Once it has completed it leaves the watch: after a crash a dead letter finds it by name alone.
    """
    if world.phase is not P.APPROVED or not world.unlinked:
        return None
    names = ", ".join(key.name for key in world.unlinked)
    waits = f"waits until it is named by dead letter {names}, which may be under way as a retry"
    status = world.compensation.status.model_copy(update={"reason": waits})
    waiting = observed(world, status, look_again=LINKING)
    return Decision(
        status=waiting.status,
        effects=tuple(Wake(key) for key in world.unlinked),
        look_again=waiting.look_again,
    )


def shall_it_run(world: CompensationWorld) -> Decision | None:
    """Approved, or to be tried again and the pause is over: claim it, then execute."""
    status = world.compensation.status
    if world.phase is P.APPROVED:
        return begun(world)
    if world.phase not in (P.FAILED, P.RUNNING) or status.next_attempt_at is None:
        return observed(world)
    pause = status.next_attempt_at - world.now
    if pause > timedelta(0):
        return observed(world, look_again=pause)
    return begun(world)


QUESTIONS = (
    has_its_effect_succeeded,
    is_it_settled,
    has_it_been_executed,
    is_it_being_executed,
    has_somebody_attested,
    is_it_being_verified,
    shall_it_be_cancelled,
    has_its_window_closed,
    is_it_done_by_hand,
    can_it_be_planned,
    is_the_plan_new,
    has_what_it_would_do_changed,
    was_it_approved_by_enough,
    is_it_suspended,
    are_the_policies_enforced,
    is_it_approved,
    is_it_still_wanted,
    do_its_dead_letters_name_it,
    shall_it_run,
)

WHATEVER_IS_DECIDED = (
    telling,
    attesting.telling,
    counting.telling,
    before_it_closes,
    escalating,
    _without_leftovers,
)
"""What each decision is completed by, one after the other."""

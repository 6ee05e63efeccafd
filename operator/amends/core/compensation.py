"""Compensation: what happens next to one undo. Gather once, then ask the questions in order."""

from datetime import timedelta

from amends.api.compensation import CompensationPhase
from amends.core import attempts, counting
from amends.core.decision import AT_ONCE, NOTHING, Decision, Release, Wake
from amends.core.machines import COMPENSATION
from amends.core.outcome import Applied, NotApplied, Unknown
from amends.core.progress import cancelled, moved, observed
from amends.core.world import CompensationWorld

P = CompensationPhase
LINKING = timedelta(seconds=1)
"""How long dead letters may take to name their Compensation before they are asked again."""


def decide(world: CompensationWorld) -> Decision:
    """One step. Every question answers with a Decision, or None: not mine, ask the next."""
    for question in QUESTIONS:
        if (decision := question(world)) is not None:
            return decision
    return NOTHING


def is_it_settled(world: CompensationWorld) -> Decision | None:
    """Completed and Cancelled are for ever; whoever still works on it stops."""
    if world.phase not in COMPENSATION.terminal:
        return None
    return Decision(effects=(Release(),)) if world.attempt is not None else NOTHING


def has_it_been_executed(world: CompensationWorld) -> Decision | None:
    """A Receipt is proof, whoever wrote it: go on from there."""
    if world.phase is not P.RUNNING or world.receipt is None:
        return None
    return attempts.completed(world, receipt=world.receipt.metadata.name)


def is_it_being_executed(world: CompensationWorld) -> Decision | None:
    """Running, claimed by this process: wait for the executor, or take its answer."""
    outbox = world.compensation.status.outbox
    if world.phase is not P.RUNNING or outbox is None or outbox.outcome is not None:
        return None
    if outbox.claimed_by != world.holder:
        return Decision(effects=(Release(),), look_again=AT_ONCE) if world.attempt else None
    if world.now >= (outbox.claim_expires_at or world.now):
        # Let go first: then it is asked, as after a crash, whether a Receipt was left.
        return Decision(effects=(Release(),), look_again=AT_ONCE) if world.attempt else None
    if world.attempt is None:
        return attempts.resumed(world)
    match world.attempt.outcome:
        case None:
            return attempts.renewed(world)
        case Applied() as applied:
            return attempts.proved(world, applied)
        case NotApplied() as failure:
            return attempts.failed(world, failure)
        case Unknown(reason):
            return attempts.in_doubt(world, reason)


def was_it_abandoned(world: CompensationWorld) -> Decision | None:
    """Running, but not in our hands: leave it alone until the claim expires, then nobody knows."""
    outbox = world.compensation.status.outbox
    if world.phase is not P.RUNNING or outbox is None or outbox.outcome is not None:
        return None
    left = (outbox.claim_expires_at or world.now) - world.now
    if left > timedelta(0):
        return Decision(look_again=left)
    return attempts.in_doubt(
        world, f"{outbox.claimed_by} stopped during attempt {outbox.attempt} without an answer"
    )


def shall_it_be_cancelled(world: CompensationWorld) -> Decision | None:
    """Cancel is obeyed wherever nothing is under way."""
    if not world.compensation.spec.cancel:
        return None
    return cancelled(world, "Cancelled", "spec.cancel is true")


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
    return observed(world, objection=world.objection) if world.objection is not None else None


def is_the_plan_new(world: CompensationWorld) -> Decision | None:
    """A new plan starts the approval anew: what was approved was another one."""
    spec, status = world.compensation.spec, world.compensation.status
    unapproved = world.phase in (P.PROPOSED, P.AWAITING_APPROVAL, P.APPROVED)
    digest = world.plan_digest
    if not unapproved or (world.phase is not P.PROPOSED and status.plan_digest == digest):
        return None
    to = P.AWAITING_APPROVAL if spec.approval.required else P.APPROVED
    why = "the plan waits for approval" if spec.approval.required else "approval is not required"
    decision = moved(
        world,
        to,
        why,
        plan_digest=digest,
        approvals=[],
        approval_deadline=world.now + timedelta(seconds=spec.approval.deadline_seconds),
    )
    return Decision(
        status=decision.status,
        effects=(*decision.effects, *(Wake(key) for key in world.followers)),
        look_again=AT_ONCE,
    )


def is_it_suspended(world: CompensationWorld) -> Decision | None:
    """Suspended: stay."""
    return observed(world) if world.compensation.spec.suspend else None


def is_it_approved(world: CompensationWorld) -> Decision | None:
    """Count what people said about exactly this plan."""
    if world.phase is not P.AWAITING_APPROVAL:
        return None
    return counting.count(world)


def do_its_dead_letters_name_it(world: CompensationWorld) -> Decision | None:
    """First the dead letters of the effect name who undoes it, durably.

    Once it has completed it leaves the watch: after a crash a dead letter finds it by name alone.
    """
    if world.phase is not P.APPROVED or not world.unlinked:
        return None
    waiting = observed(world, look_again=LINKING)
    return Decision(
        status=waiting.status,
        effects=tuple(Wake(key) for key in world.unlinked),
        look_again=waiting.look_again,
    )


def shall_it_run(world: CompensationWorld) -> Decision | None:
    """Approved, or to be tried again and the pause is over: claim it, then execute."""
    status = world.compensation.status
    if world.phase is P.APPROVED:
        return attempts.claimed(world)
    if world.phase not in (P.FAILED, P.RUNNING) or status.next_attempt_at is None:
        return observed(world)
    pause = status.next_attempt_at - world.now
    if pause > timedelta(0):
        return observed(world, look_again=pause)
    return attempts.claimed(world)


QUESTIONS = (
    is_it_settled,
    has_it_been_executed,
    is_it_being_executed,
    was_it_abandoned,
    shall_it_be_cancelled,
    can_it_be_planned,
    is_the_plan_new,
    is_it_suspended,
    is_it_approved,
    do_its_dead_letters_name_it,
    shall_it_run,
)

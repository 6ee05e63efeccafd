"""Counting approvals: exactly this plan, different people, none of them the requester."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import chain

from amends.api.approval import Approval, ApprovalDecision
from amends.api.compensation import (
    Compensation,
    CompensationPhase,
    CompensationStatus,
    CountedApproval,
)
from amends.core.decision import AT_ONCE, Decision, Effect, Tell, Wake, WakeFollowers
from amends.core.key import Key
from amends.core.records.redaction import redact_text
from amends.core.undo.approval import OPEN_FOR_APPROVAL, verdict
from amends.core.undo.demand import Demand, demand_of, lasts, made_at, outlived
from amends.core.undo.progress import cancelled, moved, observed
from amends.core.world import CompensationWorld

P = CompensationPhase


def count(world: CompensationWorld) -> Decision:
    """Enter what counts into the ledger. Any Reject ends it; what is demanded approves it."""
    compensation, demand = world.compensation, demand_of(world)
    before = compensation.status.approvals
    stale = [one for one in before if _is_outlived(one, world)]
    kept = [one for one in before if one not in stale and not _by_requester(one, compensation)]
    ledger = _entered(world, demand, kept)
    new = [one for one in ledger if one not in before]
    rejection = next((one for one in new if one.decision is ApprovalDecision.REJECT), None)
    if rejection is not None:
        message = f"rejected by {rejection.username}: {rejection.reason or 'no reason given'}"
        return cancelled(world, "Rejected", message, actor=rejection.username, approvals=ledger)
    told = (*_outlived_told(world, stale), *_counted_told(world, new))
    if demand.is_met(ledger):
        people = ", ".join(one.username for one in ledger)
        why = f"approved by {people}" if people else "approval is not required"
        decision = moved(world, P.APPROVED, why, actor=people, approvals=ledger)
        return Decision(status=decision.status, effects=told, look_again=AT_ONCE)
    deadline = compensation.status.approval_deadline
    if deadline is not None and deadline <= world.now:
        seconds = compensation.spec.approval.deadline_seconds
        message = f"{demand.standing(ledger).removesuffix(' yet')} within {seconds} s"
        return cancelled(world, "Expired", message)
    status = compensation.status.model_copy(update={"approvals": ledger})
    stays = observed(world, status, look_again=_until_next(world, ledger))
    return Decision(status=stays.status, effects=told, look_again=stays.look_again)


def telling(world: CompensationWorld, decision: Decision) -> Decision:
    """The same decision, of which every Approval is told.

    Who does not know how it stands is told on every look: the answer to the write that decided it
    may have been lost, and with it the first telling.
    """
    if decision.remove:
        return decision
    status = decision.status or world.compensation.status
    assert isinstance(status, CompensationStatus)
    if _judged_by(status) != _judged_by(world.compensation.status):
        return decision.waking(WakeFollowers("Approval"))
    after = world.compensation.model_copy(update={"status": status})
    untold = (one for one in world.approvals if _is_untold(one, after, world))
    return decision.waking(
        *(Wake(Key("Approval", world.key.namespace, one.metadata.name)) for one in untold)
    )


def _judged_by(status: CompensationStatus) -> tuple[object, ...]:
    """What an Approval is judged by: when it changes, what was said to any may be true no more."""
    opened = status.phase in OPEN_FOR_APPROVAL
    return (opened, status.plan_digest, status.approvals, status.superseded_by)


def _is_untold(approval: Approval, subject: Compensation, world: CompensationWorld) -> bool:
    """Whether it does not know yet what is decided of it, or that it may be bound."""
    found = verdict(approval, subject, subject.status.approvals, world.floors, world.now)
    return found.final or (found.counts and approval.status.bound_uid is None)


def _entered(
    world: CompensationWorld, demand: Demand, kept: Sequence[CountedApproval]
) -> list[CountedApproval]:
    """The ledger with everything that counts, in the order in which it was stated.

    Beyond the number only who is of a missing group is entered: everybody else changes nothing. Who
    brings one in after a statement that did not takes the place of that one.
    """
    ledger = list(kept)
    for approval in _bound(world):
        found = verdict(approval, world.compensation, ledger, world.floors, world.now)
        rejects = approval.spec.decision is ApprovalDecision.REJECT
        if found.reason != "Countable" or (demand.is_met(ledger) and not rejects):
            continue
        entry = _entry(approval, world, ledger)
        ledger = [*(one for one in ledger if one.username != entry.username), entry]
        if rejects:
            break
    return ledger


def _is_outlived(one: CountedApproval, world: CompensationWorld) -> bool:
    """Whether it has become older, waiting for others, than the namespace lets count."""
    left = lasts(one.decision, made_at(one), world.floors, world.now)
    return left is not None and left <= timedelta(0)


def _until_next(world: CompensationWorld, ledger: Sequence[CountedApproval]) -> timedelta | None:
    """Until the deadline, or until the first of these has become too old."""
    deadline = world.compensation.status.approval_deadline
    until = [deadline - world.now if deadline is not None else None]
    until += [lasts(one.decision, made_at(one), world.floors, world.now) for one in ledger]
    return min((left for left in until if left is not None), default=None)


def _by_requester(one: CountedApproval, compensation: Compensation) -> bool:
    """Who approved and then took the request over has approved their own."""
    requester = compensation.spec.requester
    return (
        one.decision is ApprovalDecision.APPROVE
        and requester is not None
        and one.username == requester.username
    )


def _bound(world: CompensationWorld) -> list[Approval]:
    """Those that are bound to it by who made them, as the server has proved."""
    uid, doubt = world.compensation.metadata.uid, world.enforcement.doubt
    bound = [
        one
        for one in world.approvals
        if one.status.bound_uid == uid and doubt(one.metadata.creation_timestamp) is None
    ]
    return sorted(bound, key=lambda one: (str(one.metadata.creation_timestamp), one.metadata.name))


def _entry(
    approval: Approval, world: CompensationWorld, ledger: Sequence[CountedApproval]
) -> CountedApproval:
    actor = approval.spec.actor
    assert actor is not None  # the verdict has seen to it
    before = (one.groups for one in ledger if one.username == actor.username)
    groups = {*actor.groups, *chain.from_iterable(before)}
    return CountedApproval(
        name=approval.metadata.name,
        uid=approval.metadata.uid,
        username=actor.username,
        decision=approval.spec.decision,
        reason=redact_text(approval.spec.reason),
        groups=[group for group in world.floors.groups if group in groups],
        time=world.now,
        made_at=approval.metadata.creation_timestamp,
    )


def _outlived_told(
    world: CompensationWorld, stale: Sequence[CountedApproval]
) -> tuple[Effect, ...]:
    validity = world.floors.validity
    assert validity is not None or not stale
    return tuple(
        Tell(
            world.key,
            "ApprovalExpired",
            f"approval {one.name} by {one.username} counts no more: "
            f"{outlived(made_at(one), validity or timedelta(0))}",
            "Warning",
        )
        for one in stale
    )


def _counted_told(world: CompensationWorld, new: Sequence[CountedApproval]) -> tuple[Effect, ...]:
    return tuple(
        Tell(world.key, "ApprovalCounted", f"approval {one.name} by {one.username} counts")
        for one in new
    )

"""Counting approvals: exactly this plan, different people, none of them the requester."""

from amends.api.approval import Approval, ApprovalDecision
from amends.api.compensation import Compensation, CompensationPhase, CountedApproval
from amends.core.decision import AT_ONCE, Decision, Effect, Tell, Wake
from amends.core.key import Key
from amends.core.records.redaction import redact_text
from amends.core.undo.approval import verdict
from amends.core.undo.progress import cancelled, moved, observed
from amends.core.world import CompensationWorld

P = CompensationPhase


def count(world: CompensationWorld) -> Decision:
    """Enter what counts into the ledger. Any Reject ends it; enough Approves approve it."""
    compensation = world.compensation
    ledger = [one for one in compensation.status.approvals if not _by_requester(one, compensation)]
    counted, policy = len(ledger), compensation.spec.approval
    for approval in _bound(world):
        if verdict(approval, compensation, ledger, world.now).reason != "Countable":
            continue
        rejects = approval.spec.decision is ApprovalDecision.REJECT
        if rejects or len(ledger) < policy.approvers:  # more than are asked for change nothing
            ledger.append(_entry(approval, world))
        if rejects:
            break
    new = ledger[counted:]
    rejection = next((one for one in new if one.decision is ApprovalDecision.REJECT), None)
    if rejection is not None:
        message = f"rejected by {rejection.username}: {rejection.reason or 'no reason given'}"
        return cancelled(world, "Rejected", message, actor=rejection.username, approvals=ledger)
    if len(ledger) >= policy.approvers:
        people = ", ".join(one.username for one in ledger)
        decision = moved(world, P.APPROVED, f"approved by {people}", actor=people, approvals=ledger)
        return Decision(status=decision.status, effects=_told(world, new), look_again=AT_ONCE)
    deadline = compensation.status.approval_deadline
    if deadline is not None and deadline <= world.now:
        message = (
            f"{len(ledger)} of {policy.approvers} approval(s) within {policy.deadline_seconds} s"
        )
        return cancelled(world, "Expired", message)
    status = compensation.status.model_copy(update={"approvals": ledger})
    stays = observed(world, status, look_again=deadline - world.now if deadline else None)
    return Decision(
        status=stays.status,
        effects=(*_told(world, new), *_reminded(world)),
        look_again=stays.look_again,
    )


def _by_requester(one: CountedApproval, compensation: Compensation) -> bool:
    """Who approved and then took the request over has approved their own."""
    requester = compensation.spec.requester
    return (
        one.decision is ApprovalDecision.APPROVE
        and requester is not None
        and one.username == requester.username
    )


def _bound(world: CompensationWorld) -> list[Approval]:
    uid = world.compensation.metadata.uid
    bound = [one for one in world.approvals if one.status.bound_uid == uid]
    return sorted(bound, key=lambda one: (str(one.metadata.creation_timestamp), one.metadata.name))


def _entry(approval: Approval, world: CompensationWorld) -> CountedApproval:
    assert approval.spec.actor is not None  # the verdict has seen to it
    return CountedApproval(
        name=approval.metadata.name,
        uid=approval.metadata.uid,
        username=approval.spec.actor.username,
        decision=approval.spec.decision,
        reason=redact_text(approval.spec.reason),
        time=world.now,
    )


def _reminded(world: CompensationWorld) -> tuple[Wake, ...]:
    """Those that counted and do not know it: the answer to that write may have been lost."""
    known = {one.uid for one in world.compensation.status.approvals}
    return tuple(
        Wake(Key("Approval", world.key.namespace, one.metadata.name))
        for one in world.approvals
        if one.metadata.uid in known
    )


def _told(world: CompensationWorld, new: list[CountedApproval]) -> tuple[Effect, ...]:
    return tuple(
        effect
        for one in new
        for effect in (
            Tell(world.key, "ApprovalCounted", f"approval {one.name} by {one.username} counts"),
            Wake(Key("Approval", world.key.namespace, one.name)),
        )
    )

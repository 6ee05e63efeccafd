"""What it takes to approve something: what the plan and, if it can be seen, the namespace ask."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from amends.api.approval import ApprovalDecision
from amends.api.compensation import Compensation, CompensationPhase, CountedApproval
from amends.cli.shown.me import Me
from amends.cli.shown.preview import plain
from amends.cli.shown.times import at
from amends.core.namespace import Floors, NamespacePolicy
from amends.core.undo.demand import Demand

WAITING = (CompensationPhase.PROPOSED, CompensationPhase.AWAITING_APPROVAL)


def floors_of(annotations: Mapping[str, str] | None) -> Floors | None:
    """What a namespace of these annotations demands; None if they cannot be seen."""
    return NamespacePolicy.of(annotations).floors if annotations is not None else None


def demand(compensation: Compensation, floors: Floors | None) -> Demand:
    """What it takes, as far as can be seen."""
    unseen = Floors(unapproved=not _is_waited_for(compensation))
    return Demand(compensation.spec.approval, unseen if floors is None else floors)


def _is_waited_for(compensation: Compensation) -> bool:
    """Whether the operator has said that people have to approve it, whatever its spec says."""
    return compensation.status.phase is CompensationPhase.AWAITING_APPROVAL


def rules(compensation: Compensation, floors: Floors | None) -> Iterator[str]:
    """Which rule asks for what, while it waits to be approved."""
    if compensation.status.phase not in WAITING:
        return
    if floors is not None:
        yield from (plain(rule) for rule in demand(compensation, floors).rules())
        return
    yield f"spec.approval.approvers: {compensation.spec.approval.approvers}"
    yield (
        "the annotations of the namespace may ask for more: you may not get namespace "
        f"{compensation.metadata.namespace}, so they are not shown"
    )


def missing(compensation: Compensation, floors: Floors | None) -> str:
    """What has to be said yet: "1 more approval, by somebody of group security"."""
    wanted, ledger = demand(compensation, floors), compensation.status.approvals
    groups = [plain(group) for group in wanted.missing_groups(ledger)]
    count = max(wanted.approvers - len(ledger), 1)
    noun = "approval" if count == 1 else "approvals"
    words = f"{count} more {noun}" if ledger else f"{'an' if count == 1 else count} {noun}"
    if groups:
        by = "by" if count == 1 else "among them"
        words += f", {by} somebody of {' and of '.join(groups)}"
    return words


def leads_to(
    compensation: Compensation,
    decision: ApprovalDecision,
    floors: Floors | None,
    me: Me,
    now: datetime,
) -> str:
    """What a statement by this person leads to, and which rule asks for more."""
    if decision is ApprovalDecision.REJECT:
        return "One rejection ends it: it will be Cancelled, whoever approves."
    standing = demand(compensation, floors).standing(compensation.status.approvals)
    why = "; ".join(rules(compensation, floors))
    words = f"{plain(standing)}{why and f' ({why})'}. "
    words += _after_mine(compensation, floors, me, now)
    if (deadline := compensation.status.approval_deadline) is not None:
        words += f" Without enough by {at(deadline, now)}, it is cancelled."
    return words


def _after_mine(compensation: Compensation, floors: Floors | None, me: Me, now: datetime) -> str:
    wanted, before = demand(compensation, floors), compensation.status.approvals
    others = [one for one in before if one.username != me.username]
    ledger = [*others, _counted(me, wanted, now)]
    if wanted.is_met(ledger):
        return "Yours is the last that is missing: then it runs."
    count, groups = wanted.approvers - len(ledger), wanted.missing_groups(ledger)
    somebody = f"somebody of {' and of '.join(plain(group) for group in groups)}"
    if count <= 0:
        return f"After yours, {somebody} must approve."
    among = f"{':' if count == 1 else ', among them'} {somebody}" if groups else ""
    return f"After yours, {people(count)} must approve{among}."


def people(count: int) -> str:
    """So many, besides who reads this."""
    return "one other person" if count == 1 else f"{count} other people"


def _counted(me: Me, wanted: Demand, now: datetime) -> CountedApproval:
    groups = [group for group in wanted.floors.groups if group in me.groups]
    return CountedApproval(
        name="yours",
        uid="",
        username=me.username,
        decision=ApprovalDecision.APPROVE,
        groups=groups,
        time=now,
    )

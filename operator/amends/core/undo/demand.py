"""Demand: what it takes to approve a plan, the strictest of what its spec and its namespace ask."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from amends.api.approval import ApprovalDecision
from amends.api.compensation import CountedApproval
from amends.api.execution import ApprovalPolicy
from amends.api.wire import rfc3339
from amends.core.namespace import (
    ALLOW,
    APPROVAL_VALIDITY,
    APPROVER_GROUPS,
    APPROVERS,
    NOTHING_IS_APPROVED,
    UNAPPROVED,
    Floors,
    spoken,
)
from amends.core.world import CompensationWorld

Ledger = Sequence[CountedApproval]


@dataclass(frozen=True)
class Demand:
    """What has to be there before a plan is approved, and who asks for it."""

    policy: ApprovalPolicy
    floors: Floors

    @property
    def required(self) -> bool:
        """Whether anybody has to approve: a namespace that asks for people has the last word."""
        floors = self.floors
        asks = floors.approvers is not None or bool(floors.groups) or bool(floors.unreadable)
        return self.policy.required or not floors.unapproved or asks

    @property
    def approvers(self) -> int:
        """How many people."""
        return max(self.policy.approvers, self.floors.approvers or 1)

    def missing_groups(self, ledger: Ledger) -> tuple[str, ...]:
        """Groups of which nobody has approved yet."""
        there = {group for one in ledger for group in one.groups}
        return tuple(group for group in self.floors.groups if group not in there)

    def fills(self, groups: Collection[str], ledger: Ledger) -> bool:
        """Whether somebody of these groups brings in one that is missing."""
        return any(group in groups for group in self.missing_groups(ledger))

    def has_room(self, ledger: Ledger) -> bool:
        """Whether anybody at all is missing, of whatever group."""
        return len(ledger) < self.approvers

    def is_met(self, ledger: Ledger) -> bool:
        """Whether the plan is approved."""
        if not self.required:
            return True
        enough = not self.has_room(ledger) and not self.missing_groups(ledger)
        return enough and not self.floors.unreadable

    def standing(self, ledger: Ledger) -> str:
        """How far it is: "1 of 2 approvals; nobody of group security yet"."""
        noun = "approval" if self.approvers == 1 else "approvals"
        counted = f"{len(ledger)} of {self.approvers} {noun}"
        if missing := self.missing_groups(ledger):
            noun = "group" if len(missing) == 1 else "groups"
            return f"{counted}; nobody of {noun} {', '.join(missing)} yet"
        return counted

    def rules(self) -> Iterator[str]:
        """Which rule asks for what, and which of two has won."""
        spec, floors = self.policy, self.floors
        if floors.unreadable:
            yield f"{NOTHING_IS_APPROVED}: {'; '.join(floors.unreadable)}"
        if not self.required:
            yield f"spec.approval.required: false, and annotation {UNAPPROVED}: {ALLOW} allows it"
            return
        if (unheeded := self.unheeded()) is not None:
            yield unheeded
        if floors.approvers is None:
            yield f"spec.approval.approvers: {spec.approvers}"
        elif floors.approvers > spec.approvers:
            yield (
                f"annotation {APPROVERS}: {floors.approvers} of the namespace is stricter than "
                f"spec.approval.approvers: {spec.approvers}"
            )
        else:
            least = f"annotation {APPROVERS}: {floors.approvers} of the namespace"
            yield f"spec.approval.approvers: {spec.approvers} is at least {least}"
        if floors.groups:
            yield f"annotation {APPROVER_GROUPS}: {','.join(floors.groups)} of the namespace"
        if floors.validity is not None:
            yield (
                f"an approval counts for {spoken(floors.validity)} by annotation "
                f"{APPROVAL_VALIDITY} of the namespace"
            )

    def unheeded(self) -> str | None:
        """Why people have to approve although the plan says that nobody need; None: it does not."""
        if self.policy.required or not self.required:
            return None
        if self.floors.unapproved:
            return "spec.approval.required: false does not count: the namespace asks for people"
        return (
            "spec.approval.required: false counts only in a namespace with annotation "
            f"{UNAPPROVED}: {ALLOW}"
        )


def demand_of(world: CompensationWorld) -> Demand:
    """What it takes to approve this one, now."""
    return Demand(world.compensation.spec.approval, world.floors)


def lasts(
    decision: ApprovalDecision, made: datetime, floors: Floors, now: datetime
) -> timedelta | None:
    """How long it still counts in this namespace; None: for ever, as every rejection does."""
    if decision is not ApprovalDecision.APPROVE or floors.validity is None:
        return None
    return floors.validity - max(now - made, timedelta(0))


def outlived(made: datetime, validity: timedelta) -> str:
    """What is said of an approval that is too old."""
    return (
        f"it was made at {rfc3339(made)}, and by annotation {APPROVAL_VALIDITY} of the namespace "
        f"an approval counts for {spoken(validity)}: approve again"
    )


def made_at(one: CountedApproval) -> datetime:
    """When it was stated; of an entry that does not say so, when it was counted."""
    return one.made_at or one.time

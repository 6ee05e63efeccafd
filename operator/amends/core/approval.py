"""Approval: does this statement count, for this plan, by this person, now?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from amends.api.approval import Approval, ApprovalDecision, ApprovalStatus
from amends.api.compensation import Compensation, CompensationPhase, CountedApproval
from amends.api.wire import rfc3339
from amends.core.conditions import FALSE, TRUE, UNKNOWN, Observed, conditions
from amends.core.decision import NOTHING, Decision, Effect, Tell, Wake
from amends.core.key import Key
from amends.core.world import ApprovalWorld

OPEN_FOR_APPROVAL = (CompensationPhase.PROPOSED, CompensationPhase.AWAITING_APPROVAL)


@dataclass(frozen=True)
class Verdict:
    """Whether it counts. A final verdict never changes; one that is not final is asked again."""

    reason: str
    message: str
    final: bool = False

    @property
    def counts(self) -> bool:
        """It may be, or has been, entered into the subject's ledger."""
        return self.reason in ("Countable", "Counted")


def verdict(
    approval: Approval,
    subject: Compensation | None,
    ledger: Sequence[CountedApproval],
    now: datetime,
) -> Verdict:
    """Judge one statement against its subject and what the subject's ledger already holds."""
    spec, name = approval.spec, approval.spec.subject_ref.name
    expired = (
        Verdict("Expired", f"spec.expiresAt {rfc3339(spec.expires_at)} has passed", final=True)
        if spec.expires_at is not None and spec.expires_at <= now
        else None
    )
    if subject is None:
        waits = f"waits for compensation {name} to be created"
        return expired or Verdict("SubjectNotFound", waits)
    bound = approval.status.bound_uid or spec.subject_ref.uid
    if bound not in (None, subject.metadata.uid):
        return Verdict(
            "BoundToAnother",
            f"it is bound to uid {bound}, but compensation {name} has uid "
            f"{subject.metadata.uid}: approve this one with a new Approval",
            final=True,
        )
    if any(counted.uid == approval.metadata.uid for counted in ledger):
        return Verdict("Counted", f"counted for compensation {name}", final=True)
    if expired is not None:
        return expired
    if subject.status.phase not in OPEN_FOR_APPROVAL:
        return Verdict("TooLate", f"compensation {name} is already {subject.status.phase}", True)
    if spec.actor is None or subject.spec.requester is None:
        unstamped = "spec.actor" if spec.actor is None else f"requester of compensation {name}"
        return Verdict(
            "Unauthenticated",
            f"{unstamped} is not known: it was created while the admission policies were not "
            "installed; install them and create it again",
            final=True,
        )
    if subject.status.plan_digest is None:
        return Verdict("SubjectNotReady", f"waits until compensation {name} has a plan digest")
    if spec.plan_digest != subject.status.plan_digest:
        return Verdict(
            "DigestMismatch",
            f"spec.planDigest is {spec.plan_digest}, but the plan of compensation {name} is "
            f"{subject.status.plan_digest}: read the plan again and approve that digest",
        )
    approves = spec.decision is ApprovalDecision.APPROVE
    if approves and spec.actor.username == subject.spec.requester.username:
        return Verdict(
            "SelfApproval",
            f"{spec.actor.username} asked for compensation {name} and may not approve it: "
            "another person must",
            final=True,
        )
    if any(counted.username == spec.actor.username for counted in ledger):
        return Verdict("Duplicate", f"a statement by {spec.actor.username} already counts", True)
    return Verdict("Countable", f"bound to compensation {name}, about to be counted")


def decide(world: ApprovalWorld) -> Decision:
    """Say on the Approval whether it counts.

    It is bound to the subject's uid, durably, before the subject may count it: so it can never
    count for a namesake that is created later.
    """
    approval, subject = world.approval, world.subject
    if approval.status.settled:
        return NOTHING
    judged = verdict(approval, subject, subject.status.approvals if subject else (), world.now)
    bound = subject.metadata.uid if subject is not None and judged.counts else None
    status = ApprovalStatus(
        settled=judged.final or None,
        observed_generation=approval.metadata.generation,
        bound_uid=bound or approval.status.bound_uid,
        conditions=conditions(
            [_observed(judged)],
            approval.status.conditions,
            approval.metadata.generation,
            world.now,
        ),
    )
    return Decision(
        status=status,
        effects=_effects(world, judged),
        look_again=_until_expiry(approval, judged, world.now),
    )


def _observed(judged: Verdict) -> Observed:
    if judged.reason == "Counted":
        return Observed("Ready", TRUE, judged.reason, judged.message)
    return Observed("Ready", FALSE if judged.final else UNKNOWN, judged.reason, judged.message)


def _effects(world: ApprovalWorld, judged: Verdict) -> tuple[Effect, ...]:
    approval, subject = world.approval, world.subject
    if subject is None:
        return ()
    on = Key("Compensation", subject.metadata.namespace, subject.metadata.name)
    if judged.reason == "Countable":
        return (Wake(on),)
    known = any(c.reason == judged.reason for c in approval.status.conditions)
    refused = judged.final or judged.reason == "DigestMismatch"
    if refused and not judged.counts and not known:
        message = f"approval {approval.metadata.name} does not count: {judged.message}"
        return (Tell(on, judged.reason, message, "Warning"),)
    return ()


def _until_expiry(approval: Approval, judged: Verdict, now: datetime) -> timedelta | None:
    expires = approval.spec.expires_at
    return expires - now if not judged.final and expires is not None and expires > now else None

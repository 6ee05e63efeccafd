"""Approval: does this statement count, for this plan, by this person, now?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from amends.api.approval import Approval, ApprovalDecision
from amends.api.compensation import Compensation, CompensationPhase, CountedApproval
from amends.api.wire import rfc3339
from amends.core.decision import NOTHING, Decision, Effect, Tell, Wake
from amends.core.key import Key
from amends.core.statement import Verdict, is_news, judged
from amends.core.world import ApprovalWorld

OPEN_FOR_APPROVAL = (CompensationPhase.PROPOSED, CompensationPhase.AWAITING_APPROVAL)


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
    by, made = subject.status.superseded_by, approval.metadata.creation_timestamp
    if by is not None and (made is None or made <= by.time):
        return Verdict(
            "Superseded",
            f"it was made before effect {by.effect_id} succeeded after all (receipt "
            f"{by.receipt_ref.name}): if compensation {name} is still wanted, approve it again",
            final=True,
        )
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
    found = verdict(approval, subject, subject.status.approvals if subject else (), world.now)
    uid = subject.metadata.uid if subject is not None else None
    return Decision(
        status=judged(approval, found, uid, world.now),
        effects=_effects(world, found),
        look_again=_until_expiry(approval, found, world.now),
    )


def _effects(world: ApprovalWorld, found: Verdict) -> tuple[Effect, ...]:
    approval, subject = world.approval, world.subject
    if subject is None:
        return ()
    on = Key("Compensation", subject.metadata.namespace, subject.metadata.name)
    if found.reason == "Countable":
        return (Wake(on),)
    if is_news(approval, found):
        message = f"approval {approval.metadata.name} does not count: {found.message}"
        return (Tell(on, found.reason, message, "Warning"),)
    return ()


def _until_expiry(approval: Approval, found: Verdict, now: datetime) -> timedelta | None:
    expires = approval.spec.expires_at
    return expires - now if not found.final and expires is not None and expires > now else None

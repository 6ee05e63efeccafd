"""Approval: does this statement count, for this plan, by this person, now?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from amends.api.approval import Approval, ApprovalDecision
from amends.api.compensation import Compensation, CompensationPhase, CountedApproval
from amends.api.wire import rfc3339
from amends.core.decision import NOTHING, Decision, Effect, Tell, Wake
from amends.core.key import Key
from amends.core.namespace import NOTHING_IS_APPROVED, Floors
from amends.core.statement import Verdict, is_news, judged, proved
from amends.core.undo.demand import Demand, lasts, outlived
from amends.core.world import ApprovalWorld

COUNTED_WITHIN = timedelta(minutes=1)
"""How long the write that counts an Approval may be under way, its answer lost and all."""
OPEN_FOR_APPROVAL = (CompensationPhase.PROPOSED, CompensationPhase.AWAITING_APPROVAL)


def verdict(
    approval: Approval,
    subject: Compensation | None,
    ledger: Sequence[CountedApproval],
    floors: Floors,
    now: datetime,
) -> Verdict:
    """Judge one statement against its subject, what the subject's ledger already holds, and what
    the namespace demands."""
    spec, name = approval.spec, approval.spec.subject_ref.name
    expired = _expired(approval, floors, now)
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
    return _by_whom(approval, subject, ledger, floors) or Verdict(
        "Countable", f"bound to compensation {name}, about to be counted"
    )


def _by_whom(
    approval: Approval, subject: Compensation, ledger: Sequence[CountedApproval], floors: Floors
) -> Verdict | None:
    """Why who states it does not count, if so."""
    actor, requester, name = approval.spec.actor, subject.spec.requester, subject.metadata.name
    assert actor is not None
    assert requester is not None
    approves = approval.spec.decision is ApprovalDecision.APPROVE
    if approves and actor.username == requester.username:
        return Verdict(
            "SelfApproval",
            f"{actor.username} asked for compensation {name} and may not approve it: "
            "another person must",
            final=True,
        )
    demand = Demand(subject.spec.approval, floors)
    fills = approves and demand.fills(actor.groups, ledger)
    if any(one.username == actor.username for one in ledger) and not fills:
        return Verdict("Duplicate", f"a statement by {actor.username} already counts", True)
    if not approves:
        return None
    if floors.unreadable:
        return Verdict("AnnotationUnreadable", "; ".join((NOTHING_IS_APPROVED, *floors.unreadable)))
    if demand.missing_groups(ledger) and not fills and not demand.has_room(ledger):
        groups = ", ".join(group for group in actor.groups if not group.startswith("system:"))
        return Verdict(
            "NotOfGroup",
            f"{demand.standing(ledger)}, and by spec.actor.groups {actor.username} is of "
            f"{groups or 'no group'}: {ASK_OTHERS}",
        )
    return None


ASK_OTHERS = (
    "somebody of that group must approve, and where this cluster does not stamp spec.actor, name "
    "the group in spec.actor.groups"
)


def _expired(approval: Approval, floors: Floors, now: datetime) -> Verdict | None:
    expires, made = approval.spec.expires_at, approval.metadata.creation_timestamp
    if expires is not None and expires <= now:
        return Verdict("Expired", f"spec.expiresAt {rfc3339(expires)} has passed", final=True)
    left = lasts(approval.spec.decision, made or now, floors, now)
    if left is None or left > timedelta(0):
        return None
    assert floors.validity is not None
    return Verdict("Expired", outlived(made or now, floors.validity), final=True)


def is_refused(world: ApprovalWorld) -> bool:
    """Whether it would be told, for good, that it does not count."""
    ledger = world.subject.status.approvals if world.subject else ()
    found = verdict(world.approval, world.subject, ledger, world.floors, world.now)
    return found.final and not found.counts


def decide(world: ApprovalWorld) -> Decision:
    """Say on the Approval whether it counts.

    It is bound to the subject's uid, durably, before the subject may count it: so it can never
    count for a namesake that is created later.
    """
    approval, subject = world.approval, world.subject
    if approval.status.settled:
        return NOTHING
    ledger = subject.status.approvals if subject else ()
    found = verdict(approval, subject, ledger, world.floors, world.now)
    found = proved(approval, found, world.enforcement)
    if (undecided := _until_surely_uncounted(world, found)) > timedelta(0):
        return Decision(look_again=undecided)
    uid = subject.metadata.uid if subject is not None else None
    return Decision(
        status=judged(approval, found, uid, world.now),
        effects=_effects(world, found),
        look_again=_until_expiry(world) if not found.final else None,
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


def _until_surely_uncounted(world: ApprovalWorld, found: Verdict) -> timedelta:
    """How long one that has expired may turn out to have been counted before it did."""
    left = _until_expiry(world)
    if found.reason != "Expired" or left is None or world.approval.status.bound_uid is None:
        return timedelta(0)
    return left + COUNTED_WITHIN


def _until_expiry(world: ApprovalWorld) -> timedelta | None:
    spec, made = world.approval.spec, world.approval.metadata.creation_timestamp
    expires = spec.expires_at - world.now if spec.expires_at is not None else None
    outlives = lasts(spec.decision, made or world.now, world.floors, world.now)
    return min((left for left in (expires, outlives) if left is not None), default=None)

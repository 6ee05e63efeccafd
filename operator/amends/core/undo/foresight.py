"""Foresight: what a change would do now, and whether that is still what was approved."""

from datetime import timedelta

from amends.api.compensation import (
    Compensation,
    CompensationPhase,
    CompensationStatus,
    Previewed,
)
from amends.core.conditions import Observed, not_ready
from amends.core.records.digest import plan_digest_of
from amends.core.world import CompensationWorld

P = CompensationPhase

AGAIN = timedelta(seconds=30)
"""How soon it is looked again where the server refuses the change: rights and webhooks are
repaired without a word to us."""


def is_foreseen(compensation: Compensation) -> bool:
    """Whether it matters now what the change would do: it may still run, and does not yet."""
    spec, status = compensation.spec, compensation.status
    if not spec.execution.is_previewed or spec.cancel:
        return False
    unapproved = status.phase in (P.PROPOSED, P.AWAITING_APPROVAL, P.APPROVED)
    return unapproved or is_tried_again(status)


def is_tried_again(status: CompensationStatus) -> bool:
    """Failed, and another attempt follows."""
    return status.phase is P.FAILED and status.next_attempt_at is not None


def recorded(world: CompensationWorld, status: CompensationStatus) -> Previewed | None:
    """The preview to write. Where the plan binds it, it is always the one that the digest binds.

    Only another digest is news: a look that sees the same writes nothing.
    """
    seen, before = world.preview, status.preview
    if seen is None or (before is not None and before.digest == seen.digest):
        return before
    bound = world.compensation.spec.execution.binds_its_preview
    if bound and status.plan_digest != world.plan_digest:
        return before
    return Previewed(
        digest=seen.digest,
        changes=[*seen.changes],
        uid=seen.uid,
        resource_version=seen.version,
        time=world.now,
    )


def claimed(world: CompensationWorld) -> Previewed | None:
    """The same for an attempt: of the object as it was before anything was sent.

    Whoever takes the attempt over compares the versions.
    """
    preview, seen = recorded(world, world.compensation.status), world.preview
    if preview is None or seen is None or preview.digest != seen.digest:
        return preview
    return preview.model_copy(update={"resource_version": seen.version})


def has_drifted(world: CompensationWorld) -> bool:
    """Whether the plan is the same and only what it would do has changed since."""
    status = world.compensation.status
    bound = world.compensation.spec.execution.binds_its_preview
    if not bound or status.preview is None or status.plan_digest == world.plan_digest:
        return False
    return plan_digest_of(world.compensation) == status.plan_digest


CHANGED = "PreviewChanged"
DRIFTED = (
    f"{CHANGED}: what it would change is not what it was when it was planned: see status.preview"
)


def unseen(why: str) -> Observed:
    """Nobody knows just now what it would do."""
    return not_ready("PreviewUnavailable", f"what it would change cannot be seen now: {why}")

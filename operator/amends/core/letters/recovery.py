"""Recovery: which Compensation is to undo the effect of a dead letter."""

from amends.api.action import Action
from amends.api.compensation import Compensation, CompensationPhase, CompensationSpec
from amends.api.plan import Plan, ProposedCompensation
from amends.api.wire import LocalRef, Person
from amends.core.decision import Create
from amends.core.undo.progress import has_failed_for_good
from amends.core.world import DeadLetterWorld

P = CompensationPhase
SAME_RECOVERY = ("targetEffect", "actionRef")
"""Not the plan: people may change that before it is approved, also before we have looked again."""


def live_compensation(world: DeadLetterWorld) -> Compensation | None:
    """The one that undoes the effect, or may still: the one that is named, else the oldest."""
    named = world.compensation
    if named is not None and is_live(named):
        return named
    return min(
        (one for one in world.candidates if is_live(one)),
        key=lambda one: (str(one.metadata.creation_timestamp), one.metadata.name),
        default=None,
    )


def is_live(compensation: Compensation) -> bool:
    """Whether it has undone the effect, or may still do so."""
    status = compensation.status
    return status.phase is not P.CANCELLED and not has_failed_for_good(status)


def is_under_way(compensation: Compensation) -> bool:
    """Whether it is about to run, runs, or runs again: the effect must not be repeated now."""
    status = compensation.status
    retries = status.phase is P.FAILED and status.next_attempt_at is not None
    return status.phase in (P.APPROVED, P.RUNNING) or retries


def proposed(
    name: str,
    plan: ProposedCompensation,
    *,
    effect: str,
    run_id: str | None,
    action: str,
    requester: Person | None,
) -> Create:
    """The Compensation to be proposed for an effect of an Action."""
    return Create(
        "Compensation",
        name,
        CompensationSpec(
            **{field: getattr(plan, field) for field in Plan.model_fields},
            target_effect=effect,
            run_id=run_id,
            action_ref=LocalRef(name=action),
            requester=requester,
        ),
        SAME_RECOVERY,
    )


def declared_by(action: Action | None) -> ProposedCompensation | None:
    """What the Action says about how it is undone."""
    return action.spec.compensation if action is not None else None

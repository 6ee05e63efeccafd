"""DeadLetter: which Compensation undoes it, and has that happened?"""

from collections.abc import Sequence

from amends.api.approval import ApprovalDecision
from amends.api.compensation import Compensation, CompensationPhase
from amends.api.dead_letter import (
    DeadLetterPhase,
    DeadLetterStatus,
    RecordedDisposition,
)
from amends.api.wire import LocalRef
from amends.core.conditions import Observed, conditions, not_ready, ready
from amends.core.decision import NOTHING, Decision, Tell, Wake
from amends.core.history import step
from amends.core.key import Key
from amends.core.machines import DEAD_LETTER
from amends.core.world import DeadLetterWorld

LINKABLE = (DeadLetterPhase.OPEN, DeadLetterPhase.RETRY_REQUESTED)


def decide(world: DeadLetterWorld) -> Decision:
    """Name the Compensation that is to undo the effect; once it has, say so."""
    letter = world.dead_letter
    if letter.status.settled:
        return NOTHING
    compensation = world.compensation
    if compensation is None or compensation.status.phase is CompensationPhase.CANCELLED:
        compensation = _first(world.candidates)
    if compensation is not None and compensation.status.phase is CompensationPhase.COMPLETED:
        if letter.status.phase in LINKABLE:
            return _linked(world, compensation)
        return _left_alone(world, compensation)
    named = LocalRef(name=compensation.metadata.name) if compensation is not None else None
    status = letter.status.model_copy(update={"compensation_ref": named})
    is_new = named is not None and named != letter.status.compensation_ref
    return Decision(
        status=_observed(world, status, _waiting(status)),
        effects=(Wake(_key(world, "Compensation", named.name)),) if named and is_new else (),
    )


def _first(candidates: Sequence[Compensation]) -> Compensation | None:
    eligible = [c for c in candidates if c.status.phase is not CompensationPhase.CANCELLED]
    return min(
        eligible,
        key=lambda c: (str(c.metadata.creation_timestamp), c.metadata.name),
        default=None,
    )


def _linked(world: DeadLetterWorld, compensation: Compensation) -> Decision:
    letter, name = world.dead_letter, compensation.metadata.name
    approvers = [
        counted
        for counted in compensation.status.approvals
        if counted.decision is ApprovalDecision.APPROVE
    ]
    actor = ", ".join(counted.username for counted in approvers)
    reason = next((c.reason for c in approvers if c.reason), f"compensation `{name}` completed")
    to = DeadLetterPhase.LINKED_TO_COMPENSATION
    DEAD_LETTER.check(letter.status.phase, to)
    status = letter.status.model_copy(
        update={
            "phase": to,
            "settled": True,
            "compensation_ref": LocalRef(name=name),
            "disposition": RecordedDisposition(
                choice="Compensate", reason=reason, actor=(actor or "amends")[:512], time=world.now
            ),
            "history": step(
                letter.status.history, letter.status.phase, to, world.now, actor, reason
            ),
        }
    )
    message = f"compensation {name} has undone it"
    on = _key(world, "DeadLetter", letter.metadata.name)
    return Decision(
        status=_observed(world, status, ready("Compensated", message)),
        effects=(Tell(on, "Compensated", message),),
    )


def _left_alone(world: DeadLetterWorld, compensation: Compensation) -> Decision:
    letter, name = world.dead_letter, compensation.metadata.name
    message = f"compensation {name} has undone it, but it is {letter.status.phase} and stays so"
    on = _key(world, "DeadLetter", letter.metadata.name)
    heard = any(c.message == message for c in letter.status.conditions)
    return Decision(
        status=_observed(world, letter.status, not_ready("NotLinked", message)),
        effects=() if heard else (Tell(on, "NotLinked", message),),
    )


def _key(world: DeadLetterWorld, kind: str, name: str) -> Key:
    return Key(kind, world.dead_letter.metadata.namespace, name)


def _waiting(status: DeadLetterStatus) -> Observed:
    if status.compensation_ref is not None:
        return not_ready(
            "AwaitingCompensation", f"waits for compensation {status.compensation_ref.name}"
        )
    return not_ready(
        "AwaitingDecision", "waits for a person to create a Compensation for spec.effectId"
    )


def _observed(
    world: DeadLetterWorld, status: DeadLetterStatus, observed: Observed
) -> DeadLetterStatus:
    generation = world.dead_letter.metadata.generation
    return status.model_copy(
        update={
            "observed_generation": generation,
            "conditions": conditions([observed], status.conditions, generation, world.now),
        }
    )

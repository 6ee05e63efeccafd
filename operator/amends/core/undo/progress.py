"""Moving a Compensation: one place writes phase, history and conditions, so they always agree."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from amends.api.compensation import (
    Compensation,
    CompensationPhase,
    CompensationSpec,
    CompensationStatus,
)
from amends.api.outbox import OutboxPhase
from amends.api.outcome import Outcome
from amends.api.wire import rfc3339
from amends.core import probing
from amends.core.conditions import (
    FALSE,
    TRUE,
    UNKNOWN,
    Observed,
    conditions,
    not_ready,
    ready,
    reconciling,
    stalled,
)
from amends.core.decision import Decision, Release, Tell, WakeFollowers
from amends.core.enforcement import is_told
from amends.core.history import OPERATOR, step
from amends.core.hold import frozen
from amends.core.machines import COMPENSATION
from amends.core.superseding import is_held, superseded
from amends.core.undo import foresight
from amends.core.undo.awaiting import by_hand, is_overdue, is_unknown, too_late
from amends.core.undo.demand import Demand, demand_of
from amends.core.world import CompensationWorld

P = CompensationPhase


def moved(
    world: CompensationWorld,
    to: CompensationPhase,
    reason: str,
    *,
    actor: str = OPERATOR,
    **changes: Any,
) -> Decision:
    """A step to another phase, with what else changes in the ledger.

    Raises:
        IllegalTransition: the table does not allow it; the API server would refuse it too.
    """
    before = world.compensation.status
    COMPENSATION.check(before.phase, to)
    status = before.model_copy(
        update={
            **changes,
            "phase": to,
            "previous_phase": before.phase if before.phase is not to else before.previous_phase,
            "reason": reason[:4096],
            "history": step(before.history, before.phase, to, world.now, actor, reason),
        }
    )
    return observed(world, status)


def observed(
    world: CompensationWorld,
    status: CompensationStatus | None = None,
    *,
    objection: str | None = None,
    note: Observed | None = None,
    look_again: timedelta | None = None,
) -> Decision:
    """The same phase, with conditions that say how things stand; note: said instead of Ready."""
    compensation = world.compensation
    status = status or compensation.status
    generation = compensation.metadata.generation
    demand = demand_of(world)
    news = objection or world.obstacle
    as_written = compensation.model_copy(update={"status": status})
    progress = (note,) if note is not None else _progress(demand, as_written, news, world.now)
    found = [*progress, *_observations(as_written, world.freeze, world.now)]
    heard = news is None or any(c.message == news for c in compensation.status.conditions)
    return Decision(
        status=status.model_copy(
            update={
                "preview": foresight.recorded(world, status),
                "observed_generation": generation,
                "conditions": conditions(
                    found, compensation.status.conditions, generation, world.now
                ),
            }
        ),
        effects=() if heard or news is None else (Tell(world.key, "Stalled", news, "Warning"),),
        look_again=look_again,
    )


def held_back(world: CompensationWorld) -> Decision:
    """It would go on now, were the admission policies enforced. A person is told once."""
    note, before = world.enforcement.note, world.compensation.status.conditions
    assert note is not None
    told = () if is_told(before) else (Tell(world.key, note.reason, note.message, "Warning"),)
    return replace(observed(world, note=note), effects=told)


def cancelled(
    world: CompensationWorld, reason: str, message: str, *, actor: str = OPERATOR, **changes: Any
) -> Decision:
    """To Cancelled, for good; whoever waits for it is told."""
    outbox = world.compensation.status.outbox
    if outbox is not None:
        changes["outbox"] = outbox.model_copy(update={"phase": OutboxPhase.CANCELLED})
    decision = moved(
        world, P.CANCELLED, f"{reason}: {message}", actor=actor, next_attempt_at=None, **changes
    )
    return Decision(
        status=decision.status,
        effects=(
            Release(),
            Tell(world.key, reason, message, "Normal" if reason == "Cancelled" else "Warning"),
            WakeFollowers(),
        ),
    )


def _observations(
    compensation: Compensation, freeze: str | None, now: datetime
) -> Iterator[Observed]:
    status = compensation.status
    yield _approved(compensation.spec, status)
    if status.phase in (P.COMPLETED, P.CANCELLED, P.FAILED):
        done = status.phase is P.COMPLETED
        yield Observed("Executed", TRUE if done else FALSE, str(status.phase), status.reason or "")
    if in_doubt(status) is not None:
        yield Observed("OutcomeUnknown", TRUE, "OutcomeUnknown", str(in_doubt(status)))
    if is_overdue(compensation, now) and status.attestation_deadline is not None:
        late = f"nobody has attested by {rfc3339(status.attestation_deadline)}"
        yield Observed("AttestationOverdue", TRUE, "AttestationOverdue", late)
    if status.superseded_by is not None:
        yield superseded(status.superseded_by)
    if freeze is not None and status.phase not in COMPENSATION.terminal:
        yield frozen(freeze)


def has_failed_for_good(status: CompensationStatus) -> bool:
    """Failed, and no further attempt is made."""
    return status.phase is P.FAILED and status.next_attempt_at is None


def in_doubt(status: CompensationStatus) -> str | None:
    """Why nobody knows whether the effect has happened, if that is so."""
    outbox = status.outbox
    if outbox is None or status.phase is P.COMPLETED:
        return None
    return outbox.detail if outbox.outcome is Outcome.UNKNOWN else outbox.doubt


def _progress(
    demand: Demand, compensation: Compensation, objection: str | None, now: datetime
) -> tuple[Observed, ...]:
    spec, status = compensation.spec, compensation.status
    reason, message = str(status.phase), status.reason or ""
    if status.phase is P.COMPLETED:
        return (ready(reason, message),)
    if status.phase is P.CANCELLED:
        return (ready(reason, message),)
    if objection is not None:
        return stalled("NameTaken" if status.phase is P.RUNNING else "NotExecutable", objection)
    again = status.next_attempt_at
    if (unsure := _unsure(compensation, now)) is not None:
        return unsure
    if has_failed_for_good(status):
        return stalled("Failed", f"{message}: set spec.cancel: true and create a new Compensation")
    if spec.suspend:
        return (not_ready("Suspended", "spec.suspend is true: set it to false to go on"),)
    if is_held(status) and (asked := _asked(demand, status)) is not None:
        return asked
    if status.phase is P.AWAITING_APPROVAL:
        unreadable = "AnnotationUnreadable" if demand.floors.unreadable else reason
        return (not_ready(unreadable, f"waits for {_missing(demand, status)}"),)
    if again is not None:
        return reconciling("Retrying", f"{message}; next attempt at {rfc3339(again)}")
    return reconciling(reason, message)


def _unsure(compensation: Compensation, now: datetime) -> tuple[Observed, ...] | None:
    """What it waits for while only a probe or a person can say what came of the attempt."""
    status, name = compensation.status, compensation.metadata.name
    attest = f"create an Attestation (kubectl amends attest {name})"
    if by_hand(compensation):
        manual = compensation.spec.execution.manual
        asked = f": {manual.instructions}" if manual is not None and manual.instructions else ""
        return (
            not_ready("AwaitingAttestation", f"waits for a person to do it{asked}; then {attest}"),
        )
    if not is_unknown(compensation) or status.next_attempt_at is not None:
        return None
    if (verifying := probing.noted(status.outbox, in_doubt(status))) is not None:
        return verifying
    late = too_late(compensation, now) if compensation.spec.execution.repeat_is_safe else None
    not_again = f"; it is not tried again, because {late}" if late is not None else ""
    doubt = f"{in_doubt(status)}{probing.so_far(status.outbox)}{not_again}"
    return stalled(
        "OutcomeUnknown",
        f"{doubt}: look at the target yourself, then {attest}; or set spec.cancel: true here to "
        "leave it unknown",
    )


def _missing(demand: Demand, status: CompensationStatus) -> str:
    """What is missing, and which rule asks for it."""
    return (
        f"approval of planDigest {status.plan_digest}: {demand.standing(status.approvals)} "
        f"({'; '.join(demand.rules())})"
    )


def _asked(demand: Demand, status: CompensationStatus) -> tuple[Observed, ...] | None:
    """What a person has to answer, now that the effect has succeeded after all."""
    assert status.superseded_by is not None
    happened = superseded(status.superseded_by).message
    if status.phase is P.AWAITING_APPROVAL and demand.required:
        return (
            not_ready(
                "Superseded",
                f"{happened}: set spec.cancel: true, or, to undo it all the same, approve it "
                f"again; it waits for {_missing(demand, status)}",
            ),
        )
    if status.phase is P.RUNNING and not _ended(status):
        return None  # it is under way: the condition Superseded says so
    instead = "set spec.cancel: true; to undo it all the same, create a new Compensation"
    return stalled("Superseded", f"{happened}: {instead}")


def _ended(status: CompensationStatus) -> bool:
    return status.outbox is not None and status.outbox.outcome is not None


def _approved(spec: CompensationSpec, status: CompensationStatus) -> Observed:
    names = ", ".join(f"{counted.username} ({counted.decision})" for counted in status.approvals)
    if status.phase in (P.PROPOSED, P.AWAITING_APPROVAL):
        counted = names or "nobody yet"
        return Observed("Approved", UNKNOWN, "AwaitingApproval", f"decided so far: {counted}")
    was_approved = any(one.to == P.APPROVED for one in status.history)
    if status.phase is P.CANCELLED and not was_approved:
        return Observed("Approved", FALSE, "NotApproved", status.reason or "")
    if not spec.approval.required and not status.approvals:
        return Observed("Approved", TRUE, "NotRequired", "spec.approval.required is false")
    return Observed("Approved", TRUE, "Approved", f"decided by {names}")

"""Superseding: an effect has succeeded after all, so who was to undo its failure is asked again."""

from collections.abc import Iterable
from datetime import datetime

from amends.api.action import Action, ActionOutcome, ActionPhase
from amends.api.approval import ApprovalDecision
from amends.api.compensation import Compensation, CompensationPhase, CompensationStatus
from amends.api.dead_letter import DeadLetter, DeadLetterPhase
from amends.api.outbox import Outbox, SupersededBy
from amends.api.outcome import Outcome
from amends.api.resource import MANAGED_BY
from amends.api.wire import LocalRef
from amends.core.conditions import TRUE, Observed


def announced(
    actions: Iterable[Action], letters: Iterable[DeadLetter], now: datetime
) -> SupersededBy | None:
    """The success that an open Action or a retry has put on record, and now tells everybody."""
    for action in actions:
        status = action.status
        told = status.phase is ActionPhase.PENDING and status.receipt_ref is not None
        if told and status.effect and status.effect.outcome is ActionOutcome.SUCCEEDED:
            return _by(status.effect.id, status.outbox, status.receipt_ref, now)
    for letter in letters:
        if tells_of_success(letter):
            outbox = letter.status.outbox
            assert outbox is not None
            return _by(letter.spec.effect_id, outbox, outbox.receipt_ref, now)
    return None


def tells_of_success(letter: DeadLetter) -> bool:
    """Whether a retry has succeeded and the dead letter waits until everybody knows."""
    outbox = letter.status.outbox
    return (
        letter.status.phase is DeadLetterPhase.RETRYING
        and outbox is not None
        and outbox.outcome is Outcome.APPLIED
    )


def _by(
    effect: str, outbox: Outbox | None, receipt: LocalRef | None, now: datetime
) -> SupersededBy | None:
    if outbox is None or receipt is None:
        return None
    return SupersededBy(effect_id=effect, outbox_id=outbox.id, receipt_ref=receipt, time=now)


def is_touched(compensation: Compensation, *, stated: bool) -> bool:
    """Whether anybody has decided on a compensation, changed it, or made it by hand.

    stated: whether there is an Approval about it, counted or not, or a dead letter for which a
    person has chosen it.
    """
    meta, status = compensation.metadata, compensation.status
    made_by_hand = not MANAGED_BY.items() <= meta.labels.items()
    undecided = status.phase in (CompensationPhase.PROPOSED, CompensationPhase.AWAITING_APPROVAL)
    return stated or not undecided or bool(status.approvals) or meta.generation > 1 or made_by_hand


def is_held(status: CompensationStatus) -> bool:
    """Whether it was superseded, and nobody has approved it again knowing that."""
    by = status.superseded_by
    return by is not None and not any(
        one.decision is ApprovalDecision.APPROVE and one.time > by.time for one in status.approvals
    )


def superseded(by: SupersededBy) -> Observed:
    """What stands on an object whose effect has succeeded after all."""
    return Observed(
        "Superseded",
        TRUE,
        "EffectSucceeded",
        f"effect {by.effect_id} has succeeded after all: outbox {by.outbox_id}, receipt "
        f"{by.receipt_ref.name}",
    )

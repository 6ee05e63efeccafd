"""Failures: what must exist because an external action has failed."""

from datetime import timedelta

from amends.api.compensation import Compensation
from amends.api.dead_letter import DeadLetter, DeadLetterSpec, RecoveryOption
from amends.api.receipt import EffectOutcome, ReceiptSource
from amends.api.wire import ObjectRef
from amends.core.actions.effects import Report
from amends.core.decision import Create
from amends.core.letters.recovery import proposed
from amends.core.machines import COMPENSATION
from amends.core.records import identity, receipts
from amends.core.records.redaction import redact_text
from amends.core.records.sequence import current
from amends.core.world import ActionWorld


def recovery(world: ActionWorld, report: Report) -> tuple[Create, ...]:
    """The dead letter, and the compensation if the Action says how it is undone.

    The dead letter is first: a compensation that runs finds it there.
    """
    if world.action.spec.compensation is None:
        return (_dead_letter(world, report),)
    return (_dead_letter(world, report), _compensation(world, report))


def is_held_by_nobody(world: ActionWorld) -> bool:
    """Whether a failure is on record, but its dead letter is gone: somebody has deleted it.

    While who reported it first is at work, the dead letter may still be on its way.
    """
    newest = current(world.receipts)
    if newest is None or newest.spec.outcome is not EffectOutcome.FAILED:
        return False
    at_work = any(one.metadata.uid == newest.spec.subject.uid for one in world.reports)
    return world.letter is None and not at_work


def _dead_letter(world: ActionWorld, report: Report) -> Create:
    action, spec = world.action, world.action.spec
    effect = identity.effect_id(action)
    error = (spec.error or "").strip() or f"external action `{spec.operation}` failed"
    return Create(
        "DeadLetter",
        _free(identity.dead_letter_name(effect), world.letter, report),
        DeadLetterSpec(
            source=ReceiptSource.TOOL_EFFECT,
            action_ref=ObjectRef(name=action.metadata.name, uid=action.metadata.uid),
            effect_id=effect,
            operation=spec.operation,
            provider=spec.provider,
            target=redact_text(spec.target) if spec.target is not None else None,
            run_id=identity.run_id(spec),
            node_id=spec.node_id,
            reason=redact_text(error)[: receipts.TEXT_LIMIT],
            recovery_options=list(RecoveryOption),
            attempts=spec.attempt,
            compensable_until=spec.compensation.compensable_until if spec.compensation else None,
            scope=world.scope,
        ),
        same=("source", "effectId"),
    )


def _compensation(world: ActionWorld, report: Report) -> Create:
    action, plan = world.action, world.action.spec.compensation
    assert plan is not None
    return proposed(
        _free(identity.compensation_name(action), world.undo, report),
        plan,
        effect=identity.effect_id(action),
        run_id=identity.run_id(action.spec),
        action=action.metadata.name,
        requester=action.spec.requester,
    )


def _free(name: str, found: DeadLetter | Compensation | None, report: Report) -> str:
    """The name, or another where it stands for an earlier failure that is over."""
    return identity.numbered(name, report.sequence) if _is_over(found, report) else name


def _is_over(found: DeadLetter | Compensation | None, report: Report) -> bool:
    if found is None:
        return False
    if found.status.superseded_by is not None:
        return True
    ended = (
        found.status.phase in COMPENSATION.terminal
        if isinstance(found, Compensation)
        else found.status.settled
    )
    if not ended or report.create is not None:
        return bool(ended)
    # The evidence is from an earlier pass, and so may be what has ended: it is of this failure.
    made = found.metadata.creation_timestamp
    return made is not None and made < report.time - timedelta(seconds=1)

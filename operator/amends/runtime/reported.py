"""What is known about a report of an automation: evidence, other reports, recovery, duplicates."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from amends.api import Action, Compensation, DeadLetter, Receipt
from amends.api.action import ActionOutcome, ActionPhase
from amends.api.receipt import EffectOutcome
from amends.core.actions import duplicates
from amends.core.actions.words import FINAL, outcome_of
from amends.core.key import Key
from amends.core.machines import COMPENSATION
from amends.core.records import identity
from amends.core.records.sequence import current
from amends.core.world import ActionWorld
from amends.ports import Raw
from amends.runtime.related import Related, readable

MOST_REPORTS = 50
"""Of more open Actions with one key, the others are seen once these are recorded."""


async def action_world(
    related: Related, action: Action, obstacle: str | None, now: datetime
) -> ActionWorld:
    """The world of one Action. Recorded, it is asked for duplicates alone."""
    namespace, effect = action.metadata.namespace, identity.effect_id(action)
    is_open = action.status.phase is not ActionPhase.RECORDED
    receipts = await _receipts(related, action) if is_open else ()
    reports = _reports(related, action) if is_open else ()
    has_failed = any(one.spec.outcome is EffectOutcome.FAILED for one in receipts)
    outcome = outcome_of(action)
    failed_again = has_failed and outcome is ActionOutcome.FAILED
    return ActionWorld(
        action=action,
        receipts=receipts,
        witnesses=await _witnesses(related, action, receipts, reports),
        reports=reports,
        letter=await _letter(related, namespace, effect) if failed_again else None,
        undo=await _undo(related, action) if failed_again else None,
        recovery=await _recovery(related, namespace, effect)
        if has_failed and outcome is ActionOutcome.SUCCEEDED
        else (),
        twins=await _twins(related, action),
        scope=await related.scope(namespace),
        now=now,
        obstacle=obstacle,
    )


async def _receipts(related: Related, action: Action) -> tuple[Receipt, ...]:
    """With a key anybody may have reported the effect; without one, only a namesake before it."""
    namespace, effect = action.metadata.namespace, identity.effect_id(action)
    if action.spec.idempotency_key is None:
        if outcome_of(action) not in FINAL:
            return ()
        first = identity.effect_receipt_name(effect, 1)
        if await related.one(Receipt, namespace, first) is None:
            return ()
    return await related.receipts(namespace, effect)


async def _letter(related: Related, namespace: str, effect: str) -> DeadLetter | None:
    """As it is on the server now: a failure whose dead letter stands is Recorded without another,
    and nobody looks at it again."""
    return await related.stored(DeadLetter, namespace, identity.dead_letter_name(effect))


async def _undo(related: Related, action: Action) -> Compensation | None:
    namespace, name = action.metadata.namespace, identity.compensation_name(action)
    undo = await related.one(Compensation, namespace, name)
    if undo is not None and undo.status.phase in COMPENSATION.terminal:
        return await related.newest(Compensation, namespace, name)
    return undo


async def _witnesses(
    related: Related, action: Action, receipts: Sequence[Receipt], reports: Sequence[Action]
) -> tuple[Action | DeadLetter, ...]:
    """Read only where two reports of one effect differ."""
    newest, outcome = current(receipts), outcome_of(action)
    if newest is None or outcome not in FINAL or newest.spec.outcome is EffectOutcome(outcome):
        return ()
    namespace, effect = action.metadata.namespace, identity.effect_id(action)
    found = await related.find("Action", namespace, {"status.effect.id": effect})
    known = {one.metadata.uid: one for one in (*readable(Action, found), *reports)}
    known.pop(action.metadata.uid, None)
    says = ActionOutcome(newest.spec.outcome)
    actions = tuple(one for one in known.values() if outcome_of(one) is says)
    subject = newest.spec.subject
    if subject.kind != "DeadLetter":
        return actions
    letter = await related.one(DeadLetter, namespace, subject.name)
    return (*actions, letter) if letter is not None else actions


def _reports(related: Related, action: Action) -> tuple[Action, ...]:
    effect, uid = identity.effect_id(action), action.metadata.uid
    others = [
        raw
        for raw in related.open_raws("Action", action.metadata.namespace, effect)
        if raw["metadata"]["uid"] != uid
    ]
    others.sort(key=_first_who_tell)
    return tuple(readable(Action, others[:MOST_REPORTS]))


def _first_who_tell(raw: Raw) -> tuple[bool, str, str]:
    told = "receiptRef" in raw.get("status", {}).get("outbox", {})
    return (not told, raw["metadata"]["creationTimestamp"], raw["metadata"]["name"])


async def _recovery(related: Related, namespace: str, effect: str) -> tuple[Key, ...]:
    """Settled ones as well: who has ignored the failure, or undone it, is told too."""
    letters = await related.find("DeadLetter", namespace, {"spec.effectId": effect})
    undos = await related.find("Compensation", namespace, {"spec.targetEffect": effect})
    found: list[DeadLetter | Compensation] = [
        *readable(DeadLetter, letters),
        *readable(Compensation, undos),
    ]
    return tuple(
        Key(type(one).__name__, namespace, one.metadata.name)
        for one in found
        if one.status.superseded_by is None
    )


async def _twins(related: Related, action: Action) -> tuple[Action, ...]:
    """Open ones are known here, and recorded ones on the server.

    In this order: whoever is recorded in between is found there. Who meets one before it that is
    open needs no other: that one has met those before it. A recorded one is told by one that is
    open, and that is not recorded before it has been.
    """
    namespace, intent = action.metadata.namespace, duplicates.intent(action)
    window = await related.duplicate_window(namespace)
    if window <= timedelta(0):
        return ()
    met = {raw["metadata"]["uid"]: raw for raw in related.open_raws("Action", namespace, intent)}
    near = duplicates.neighbours(action, met.values(), window)
    if near[0] is None and action.status.phase is not ActionPhase.RECORDED:
        found = await related.find("Action", namespace, {"status.intentDigest": intent})
        met |= {raw["metadata"]["uid"]: raw for raw in found}
        near = duplicates.neighbours(action, met.values(), window)
    return tuple(readable(Action, [raw for raw in near if raw is not None]))

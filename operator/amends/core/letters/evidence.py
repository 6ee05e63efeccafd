"""Evidence of a retry: what one dispatch of a failed action came to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from amends.api.dead_letter import DeadLetter
from amends.api.receipt import (
    EffectOutcome,
    Receipt,
    ReceiptSource,
    ReceiptSpec,
    Scope,
    Subject,
)
from amends.api.wire import LocalRef
from amends.core.decision import Create
from amends.core.period import period_of
from amends.core.records import identity
from amends.core.records.digest import digest
from amends.core.records.receipts import SAME_EVIDENCE, TEXT_LIMIT, audit_hash, exact, is_genuine
from amends.core.records.redaction import redact, redact_text
from amends.core.records.sequence import current, next_number


def attempt_of(letter: DeadLetter) -> int:
    """The attempt that the current dispatch is, counted on from the action's own."""
    dispatches = letter.status.dispatch.count if letter.status.dispatch is not None else 0
    return letter.spec.attempts + dispatches


def of_dispatch(
    letter: DeadLetter,
    receipts: Sequence[Receipt],
    outcome: EffectOutcome,
    answer: dict[str, Any],
    error: str | None,
    scope: Scope,
    now: datetime,
) -> Create:
    """The receipt of the dispatch that is in the dead letter's outbox: a new outcome."""
    spec, meta, outbox = letter.spec, letter.metadata, letter.status.outbox
    if outbox is None:
        raise ValueError(f"dead letter {meta.name} has no outbox entry to prove")
    number, newest = next_number(receipts), current(receipts)
    # A success that was reported while this was under way stays what is known of the effect.
    late = (
        newest is not None
        and newest.spec.outcome is EffectOutcome.SUCCEEDED
        and outcome is EffectOutcome.FAILED
    )
    replaced = None if late else newest
    name = identity.effect_receipt_name(spec.effect_id, number)
    evidence = exact(answer)
    disposition = letter.status.disposition
    payload = {
        "deadLetter": meta.name,
        "uid": meta.uid,
        "action": spec.action_ref.name,
        "run": spec.run_id,
        "dispatch": outbox.attempt,
        "actor": disposition.actor if disposition is not None else None,
        "reason": disposition.reason if disposition is not None else None,
        "outcome": outcome,
        "error": error,
        "evidence": evidence,
    }
    payload_digest = digest(payload)
    return Create(
        "Receipt",
        name,
        ReceiptSpec(
            subject=Subject(kind="DeadLetter", name=meta.name, uid=meta.uid),
            source=ReceiptSource.TOOL_EFFECT,
            effect_id=spec.effect_id,
            outbox_id=outbox.id,
            outcome=outcome,
            operation=spec.operation,
            scope=scope,
            provider=spec.provider,
            target=spec.target,
            run_id=spec.run_id,
            node_id=spec.node_id,
            idempotency_key=outbox.idempotency_key,
            attempt=attempt_of(letter),
            sequence=number,
            input_digest=outbox.payload_digest,
            output_digest=digest(evidence),
            payload_digest=payload_digest,
            payload=redact(payload),
            pointer=f"dead-letter://{meta.name}",
            error=redact_text(error)[:TEXT_LIMIT] if error is not None else None,
            recorded_at=now,
            period=period_of(now),
            supersedes=LocalRef(name=replaced.metadata.name) if replaced is not None else None,
            audit_hash=audit_hash(name, meta.name, spec.operation, payload_digest),
        ),
        SAME_EVIDENCE,
        in_sequence=True,
    )


def of_this_dispatch(letter: DeadLetter, receipts: Sequence[Receipt]) -> Receipt | None:
    """The receipt that a holder before us may have left for the current dispatch."""
    return next(
        (
            one
            for one in receipts
            if one.spec.subject.uid == letter.metadata.uid
            and one.spec.attempt == attempt_of(letter)
            and is_genuine(one.metadata.name, one.spec)
        ),
        None,
    )

"""Receipts: what is put on record, and the digests that let an auditor check it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from amends.api.action import Action
from amends.api.approval import ApprovalDecision
from amends.api.compensation import Compensation
from amends.api.receipt import EffectOutcome, Receipt, ReceiptSource, ReceiptSpec, Scope, Subject
from amends.api.wire import LocalRef
from amends.core.decision import Create
from amends.core.period import period_of
from amends.core.records import identity
from amends.core.records.digest import digest
from amends.core.records.redaction import redact, redact_text

SAME_EVIDENCE = ("subject", "source", "effectId", "attempt", "outcome")
"""A receipt with these fields alike is about the same outcome, whoever wrote it."""

EXACT_INTEGER = 2**53 - 1
TEXT_LIMIT = 4096


def audit_hash(receipt: str, subject: str, operation: str, payload_digest: str) -> str:
    """What ties a receipt's name to its payload."""
    return digest([receipt, subject, operation, payload_digest])


def is_genuine(name: str, receipt: ReceiptSpec) -> bool:
    """Whether the audit hash is the one that this name, subject and payload digest lead to."""
    return receipt.audit_hash == audit_hash(
        name, receipt.subject.name, receipt.operation, receipt.payload_digest
    )


def of_action(
    action: Action,
    outcome: EffectOutcome,
    scope: Scope,
    now: datetime,
    *,
    attempt: int,
    sequence: int,
    supersedes: Receipt | None,
) -> Create:
    """The receipt of a final outcome that an automation reported: the next of its effect."""
    spec, effect = action.spec, identity.effect_id(action)
    name = identity.effect_receipt_name(effect, sequence)
    answer = exact(spec.receipt)
    error = spec.error if outcome is EffectOutcome.FAILED else None
    payload = {"input": exact(spec.input), "receipt": answer, "outcome": outcome, "error": error}
    payload_digest = digest(payload)
    return Create(
        "Receipt",
        name,
        ReceiptSpec(
            subject=Subject(kind="Action", name=action.metadata.name, uid=action.metadata.uid),
            source=ReceiptSource.TOOL_EFFECT,
            effect_id=effect,
            outbox_id=identity.outbox_id(action),
            outcome=outcome,
            operation=spec.operation,
            scope=scope,
            provider=spec.provider,
            tool=spec.tool,
            target=redact_text(spec.target) if spec.target is not None else None,
            run_id=identity.run_id(spec),
            node_id=spec.node_id,
            source_kind=spec.source.kind if spec.source is not None else None,
            source_id=spec.source.id if spec.source is not None else None,
            policy_decision_id=spec.policy_decision_id,
            context_assertion_id=spec.context_assertion_id,
            idempotency_key=spec.idempotency_key,
            attempt=attempt,
            sequence=sequence,
            input_digest=digest(payload["input"]),
            output_digest=digest(answer.get("result", answer)),
            payload_digest=payload_digest,
            payload=redact(payload),
            pointer=f"external-action://{action.metadata.name}",
            error=redact_text(error)[:TEXT_LIMIT] if error is not None else None,
            recorded_at=now,
            period=period_of(now),
            supersedes=LocalRef(name=supersedes.metadata.name) if supersedes is not None else None,
            audit_hash=audit_hash(name, action.metadata.name, spec.operation, payload_digest),
        ),
        SAME_EVIDENCE,
        in_sequence=True,
    )


def of_compensation(
    compensation: Compensation, evidence: Mapping[str, Any], scope: Scope, now: datetime
) -> Create:
    """The receipt of the attempt that is in the compensation's outbox, now that it has applied."""
    spec, status, meta = compensation.spec, compensation.status, compensation.metadata
    attempt, outbox = status.attempts, status.outbox
    if outbox is None:
        raise ValueError(f"compensation {meta.name} has no outbox entry to prove")
    name = identity.compensation_receipt_name(compensation, attempt)
    approvers = [a for a in status.approvals if a.decision is ApprovalDecision.APPROVE]
    answer = exact(dict(evidence))
    payload = {
        "status": "Completed",
        "compensation": meta.name,
        "uid": meta.uid,
        "planDigest": status.plan_digest,
        "action": spec.action_ref.name if spec.action_ref is not None else None,
        "run": spec.run_id,
        "targetEffect": spec.target_effect,
        "direction": spec.direction,
        "rollbackInstruction": spec.rollback_instruction,
        "forwardFixInstruction": spec.forward_fix_instruction,
        "attempt": attempt,
        "actor": [approval.username for approval in approvers],
        "reason": next((a.reason for a in approvers if a.reason), None),
        "evidence": answer,
    }
    payload_digest = digest(payload)
    return _create(
        name,
        ReceiptSpec(
            subject=Subject(kind="Compensation", name=meta.name, uid=meta.uid),
            source=ReceiptSource.COMPENSATION,
            effect_id=identity.compensation_effect_id(compensation, attempt),
            outbox_id=outbox.id,
            outcome=EffectOutcome.SUCCEEDED,
            operation=outbox.operation,
            scope=scope,
            tool=spec.execution.executor,
            target=spec.target_effect,
            run_id=spec.run_id,
            idempotency_key=outbox.idempotency_key,
            attempt=attempt,
            input_digest=outbox.payload_digest,
            output_digest=digest(answer),
            payload_digest=payload_digest,
            payload=redact(payload),
            pointer=f"compensation://{meta.name}",
            recorded_at=now,
            period=period_of(now),
            audit_hash=audit_hash(name, meta.name, outbox.operation, payload_digest),
        ),
    )


def proves(receipt: Receipt, compensation: Compensation) -> bool:
    """Whether a receipt that bears the right name is about this compensation's current attempt."""
    return (
        receipt.spec.subject.uid == compensation.metadata.uid
        and receipt.spec.attempt == compensation.status.attempts
        and is_genuine(receipt.metadata.name, receipt.spec)
    )


def _create(name: str, spec: ReceiptSpec) -> Create:
    return Create("Receipt", name, spec, SAME_EVIDENCE)


def exact(value: Any) -> Any:
    """The value with numbers that have no exact RFC 8785 form spelled as strings."""
    match value:
        case bool() | None | str():
            return value
        case int() if abs(value) > EXACT_INTEGER:
            return str(value)
        case dict():
            return {key: exact(one) for key, one in value.items()}
        case list() | tuple():
            return [exact(one) for one in value]
        case float() if value != value or abs(value) == float("inf"):
            return str(value)
        case _:
            return value

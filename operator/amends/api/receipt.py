"""Receipt: evidence of one outcome, written once and never changed."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.resource import Column, Resource, Served
from amends.api.wire import (
    AnyJson,
    Digest,
    LocalRef,
    Name,
    Period,
    Rule,
    Text,
    Timestamp,
    Token,
    Wire,
)


class EffectOutcome(StrEnum):
    """How an external action ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class ReceiptSource(StrEnum):
    """What the receipt is about."""

    TOOL_EFFECT = "tool_effect"
    COMPENSATION = "compensation"


class Subject(Wire):
    """The object whose outcome this proves."""

    kind: Annotated[str, Field(max_length=63)] = Field(
        description="Action, DeadLetter (a retry of it) or Compensation."
    )
    name: Name = Field(description="Its name, in this namespace.")
    uid: Token = Field(description="Its uid.")


class Scope(Wire):
    """The tenant: its namespace, and what the namespace's labels say of it."""

    namespace: Name = Field(description="The namespace.")
    org: Token | None = Field(default=None, description="Label amends.dev/org of the namespace.")
    workspace: Token | None = Field(
        default=None, description="Label amends.dev/workspace of the namespace."
    )


class ReceiptSpec(Wire):
    """The evidence. Secrets are redacted; digests are over the unredacted data."""

    subject: Subject = Field(description="The object whose outcome this proves.")
    source: ReceiptSource = Field(description="tool_effect or compensation.")
    effect_id: str = Field(max_length=320, description="The effect.")
    outbox_id: str = Field(max_length=320, description="The outbox entry it settles.")
    outcome: EffectOutcome = Field(description="Succeeded or Failed.")
    operation: Token = Field(description="What was done.")
    scope: Scope = Field(description="The tenant.")
    provider: Token | None = Field(default=None, description="Who was asked.")
    tool: Token | None = Field(default=None, description="With what.")
    target: str | None = Field(default=None, max_length=2048, description="What it was done to.")
    run_id: Token | None = Field(default=None, description="The run it belongs to.")
    node_id: Token | None = Field(default=None, description="The step of the run.")
    source_kind: Token | None = Field(default=None, description="What sort of caller acted.")
    source_id: Token | None = Field(default=None, description="Which caller acted.")
    policy_decision_id: Token | None = Field(default=None, description="The policy decision.")
    context_assertion_id: Token | None = Field(default=None, description="The context assertion.")
    idempotency_key: str | None = Field(
        default=None, max_length=1024, description="The key the target saw."
    )
    attempt: int = Field(default=1, ge=0, description="Number of the attempt.")
    sequence: int = Field(
        default=1, ge=1, description="Number of the receipt among those of the effect."
    )
    input_digest: Digest | None = Field(default=None, description="Digest of what was asked.")
    output_digest: Digest | None = Field(default=None, description="Digest of what was answered.")
    payload_digest: Digest = Field(description="Digest of the payload before redaction.")
    payload: AnyJson = Field(description="The payload, redacted.")
    pointer: str = Field(max_length=320, description="Where the whole record lives.")
    redaction_tier: Token = Field(default="safe_ui", description="Who may be shown the payload.")
    error: Text | None = Field(default=None, description="What went wrong, redacted.")
    recorded_at: Timestamp = Field(description="When the evidence was taken.")
    period: Period | None = Field(
        default=None, description="The four hours (UTC) of its creation: lists go by them."
    )
    supersedes: LocalRef | None = Field(
        default=None, description="The earlier receipt of the same effect that this one replaces."
    )
    audit_hash: Digest = Field(
        description="Digest over receipt id, subject, operation and payload digest."
    )


class Receipt(Resource):
    """Evidence of one outcome."""

    SERVED: ClassVar = Served(
        plural="receipts",
        short_names=("rcpt",),
        description="Evidence of one outcome: ids, digests, redacted payload, audit hash.",
        columns=(
            Column("Outcome", ".spec.outcome"),
            Column("Source", ".spec.source", priority=1),
            Column("Subject", ".spec.subject.name"),
            Column("Operation", ".spec.operation"),
            Column("Effect", ".spec.effectId", priority=1),
            Column("Run", ".spec.runId", priority=1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(".spec.effectId", ".spec.runId", ".spec.subject.name", ".spec.source"),
        period=".spec.period",
    )
    RULES: ClassVar = (
        Rule(
            "self.spec == oldSelf.spec",
            message="spec of a Receipt is immutable: evidence is never changed",
            reason="FieldValueForbidden",
            field_path=".spec",
        ),
    )

    spec: ReceiptSpec
    status: None = None

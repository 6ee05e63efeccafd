"""The ledger of one attempt to change the outside world (transactional outbox)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from amends.api.outcome import Outcome
from amends.api.wire import Digest, LocalRef, Rule, Text, Timestamp, Token, Wire


class OutboxPhase(StrEnum):
    """Pending → Claimed → Sent | Failed | DeadLettered | Cancelled; Failed → Claimed again."""

    PENDING = "Pending"
    CLAIMED = "Claimed"
    SENT = "Sent"
    FAILED = "Failed"
    DEAD_LETTERED = "DeadLettered"
    CANCELLED = "Cancelled"


class Observation(Wire):
    """What was known of an effect at one moment."""

    time: Timestamp = Field(description="When.")
    outcome: Token = Field(description="What was reported, for example claimed or succeeded.")
    payload_digest: Digest | None = Field(
        default=None, description="Digest of what was to be sent, or of what was answered."
    )


class SupersededBy(Wire):
    """The success that made a recovery pointless: the effect has happened after all."""

    effect_id: str = Field(max_length=320, description="The effect.")
    outbox_id: str = Field(max_length=320, description="The outbox entry of the success.")
    receipt_ref: LocalRef = Field(description="The evidence of the success.")
    time: Timestamp = Field(description="When it was noticed.")


class Probing(Wire):
    """How far it is found out, by a probe, whether an effect has happened."""

    count: int = Field(default=0, ge=0, description="How often the target has been asked.")
    next_at: Timestamp | None = Field(
        default=None, description="When it is asked next; absent: not again."
    )
    detail: Text | None = Field(default=None, description="Why the last answer told nothing.")


class Outbox(Wire):
    """What was about to be sent, by whom, under which key, and what came of it.

    It is written before anything is sent, so a crash leaves the key that a repeat must use.
    """

    id: Token = Field(description="Deterministic id of this entry.")
    operation: Token = Field(description="What is done.")
    created_at: Timestamp | None = Field(
        default=None,
        description="When the entry was made, if that was before anything was sent.",
    )
    phase: OutboxPhase = Field(description="How far it is.")
    attempt: int = Field(default=0, ge=0, description="Number of the attempt, from 1.")
    idempotency_key: str | None = Field(
        default=None, max_length=1024, description="Key the target sees; the same on every attempt."
    )
    attempt_key: str | None = Field(
        default=None, max_length=1024, description="Names this attempt."
    )
    payload_digest: Digest | None = Field(default=None, description="Digest of what is sent.")
    target: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="Where it is sent: attempts under way are counted by it."
    )
    claimed_by: Token | None = Field(
        default=None, description="Who is at work: an automation, or the operator process."
    )
    claimed_at: Timestamp | None = Field(default=None, description="When it took the claim.")
    claim_expires_at: Timestamp | None = Field(
        default=None, description="From then on another process may take over."
    )
    outcome: Outcome | None = Field(
        default=None, description="Applied, NotApplied or Unknown, once the attempt has ended."
    )
    detail: Text | None = Field(default=None, description="Why the outcome is what it is.")
    doubt: Text | None = Field(
        default=None, description="Why an earlier attempt may have applied after all."
    )
    verification: Probing | None = Field(
        default=None, description="Probes since, where nobody knows what came of the attempt."
    )
    before: Observation | None = Field(
        default=None, description="What was known before it was sent."
    )
    after: Observation | None = Field(
        default=None, description="What was known once the outcome was final."
    )
    effect_id: str | None = Field(default=None, max_length=320, description="The effect it made.")
    receipt_ref: LocalRef | None = Field(default=None, description="The evidence.")
    sent_at: Timestamp | None = Field(default=None, description="When the effect was certain.")


KEEPS_ITS_KEY = Rule(
    "!has(oldSelf.outbox) || !has(oldSelf.outbox.idempotencyKey) || (has(self.outbox) && "
    "has(self.outbox.idempotencyKey) && "
    "self.outbox.idempotencyKey == oldSelf.outbox.idempotencyKey)",
    message_expression=(
        "'outbox.idempotencyKey ' + oldSelf.outbox.idempotencyKey + ' may have been sent: "
        "it never changes; repeat it on every attempt'"
    ),
    reason="FieldValueForbidden",
    field_path=".outbox",
)
"""For a status with an outbox whose key the operator chooses once and the target has seen since."""

"""DeadLetter: a failed action that waits for a person or a retry."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.attestation import CountedAttestation
from amends.api.late import LateResults
from amends.api.outbox import KEEPS_ITS_KEY, Outbox, SupersededBy
from amends.api.receipt import ReceiptSource, Scope
from amends.api.resource import Column, Resource, Served, Status
from amends.api.wire import (
    Conditions,
    History,
    LocalRef,
    Name,
    ObjectRef,
    Rule,
    Text,
    Timestamp,
    Token,
    Wire,
    atomic,
    keyed_by,
)


class DeadLetterPhase(StrEnum):
    """Where a dead letter stands."""

    OPEN = "Open"
    RETRY_REQUESTED = "RetryRequested"
    RETRYING = "Retrying"
    IGNORED = "Ignored"
    LINKED_TO_COMPENSATION = "LinkedToCompensation"
    RESOLVED = "Resolved"


class RecoveryOption(StrEnum):
    """What a person may choose."""

    RETRY = "Retry"
    IGNORE = "Ignore"
    COMPENSATE = "Compensate"


class DeadLetterSpec(Wire):
    """The failure, as it was recorded."""

    source: ReceiptSource = Field(description="What failed.")
    action_ref: ObjectRef = Field(description="The Action that failed.")
    effect_id: str = Field(max_length=320, description="The effect that failed.")
    operation: Token = Field(description="What was attempted.")
    provider: Token | None = Field(default=None, description="Who was asked.")
    target: str | None = Field(default=None, max_length=2048, description="What it was done to.")
    run_id: Token | None = Field(default=None, description="The run it belongs to.")
    node_id: Token | None = Field(default=None, description="The step of the run.")
    reason: Text = Field(description="Why it failed, redacted.")
    recovery_options: Annotated[list[RecoveryOption], atomic(max_items=8)] = Field(
        description="What can be done about it."
    )
    attempts: int = Field(default=1, ge=0, description="How often the action was tried.")
    compensable_until: Timestamp | None = Field(
        default=None, description="The target lets the effect be undone until then."
    )
    scope: Scope = Field(description="The tenant.")


class RecordedDisposition(Wire):
    """What was decided about the dead letter."""

    name: Name | None = Field(default=None, description="The Disposition, if a person made one.")
    uid: Token | None = Field(default=None, description="Its uid.")
    choice: Token = Field(description="The choice.")
    reason: Text = Field(description="Why.")
    actor: str = Field(max_length=512, description="Who decided.")
    time: Timestamp = Field(description="When.")


class Dispatch(Wire):
    """How often the action has been sent again; its own attempts are not counted here."""

    count: int = Field(default=0, ge=0, description="Dispatches so far.")
    last_time: Timestamp | None = Field(default=None, description="When it was sent last.")
    next_time: Timestamp | None = Field(
        default=None, description="It is not sent again before then."
    )


class DeadLetterStatus(Status):
    """What has become of the failure."""

    phase: DeadLetterPhase = Field(default=DeadLetterPhase.OPEN, description="Where it stands.")
    settled: bool | None = Field(
        default=None, description="True: nothing more will happen to it by itself."
    )
    disposition: RecordedDisposition | None = Field(default=None, description="What was decided.")
    compensation_ref: LocalRef | None = Field(
        default=None, description="The Compensation that is to undo the effect."
    )
    compensable_until: Timestamp | None = Field(
        default=None,
        description="The target lets the effect be undone until then, as says the Compensation "
        "that is or was to undo it.",
    )
    dispatch: Dispatch | None = Field(default=None, description="Retries so far.")
    outbox: Outbox | None = Field(default=None, description="The current or last dispatch.")
    attestations: Annotated[list[CountedAttestation], keyed_by("uid", max_items=32)] = Field(
        default_factory=list, description="What people have attested of its dispatches."
    )
    superseded_by: SupersededBy | None = Field(
        default=None, description="The effect has succeeded after all."
    )
    late_results: LateResults | None = Field(
        default=None,
        description="What came of attempts whose holder had lost its claim: the last five, as "
        "evidence; nothing is decided by it.",
    )
    history: History = Field(default_factory=list, description="The last 20 transitions.")
    conditions: Conditions = Field(default_factory=list, description="Current observations.")

    RULES: ClassVar = (KEEPS_ITS_KEY,)


class DeadLetter(Resource):
    """A failed action that waits for a person or a retry."""

    SERVED: ClassVar = Served(
        plural="deadletters",
        short_names=("dl",),
        description="A failed action that waits for a person or a retry.",
        columns=(
            Column("Phase", ".status.phase"),
            Column("Ready", ".status.conditions[?(@.type=='Ready')].reason"),
            Column("Operation", ".spec.operation"),
            Column("Reason", ".spec.reason", priority=1),
            Column("Run", ".spec.runId", priority=1),
            Column("Compensation", ".status.compensationRef.name", priority=1),
            Column("Dispatches", ".status.dispatch.count", "integer", priority=1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(
            ".status.phase",
            ".status.settled",
            ".status.supersededBy.effectId",
            ".spec.effectId",
            ".spec.runId",
            ".spec.source",
            ".status.compensationRef.name",
        ),
        open_work="status.settled!=true",
    )
    RULES: ClassVar = (
        Rule(
            "self.spec == oldSelf.spec",
            message="spec of a DeadLetter is immutable: it records what happened",
            reason="FieldValueForbidden",
            field_path=".spec",
        ),
    )

    spec: DeadLetterSpec
    status: DeadLetterStatus = Field(default_factory=DeadLetterStatus)

"""Action: an external action that an automation attempted, and how it may be undone."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.execution import Execution
from amends.api.http import HttpExecution
from amends.api.job import JobExecution
from amends.api.outbox import Outbox
from amends.api.plan import ProposedCompensation
from amends.api.resource import Column, Resource, Served, Status
from amends.api.verification import Verification
from amends.api.wire import (
    Conditions,
    Digest,
    FreeForm,
    LocalRef,
    Name,
    Person,
    Rule,
    Text,
    Token,
    Wire,
)


class ActionOutcome(StrEnum):
    """What an automation's outcome text means."""

    SUCCEEDED = "Succeeded"
    PENDING = "Pending"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


class ActionPhase(StrEnum):
    """Pending: no final outcome yet. Recorded: the outcome is evidence, and the spec is frozen."""

    PENDING = "Pending"
    RECORDED = "Recorded"


class Source(Wire):
    """Who acted: an agent, a job, a runbook."""

    kind: Token = Field(description="What sort of caller, for example agent or ci-job.")
    id: Token = Field(description="Which one.")


class DeclaredRetry(Wire):
    """How the action is sent again, under its own idempotency key, when a person asks for it."""

    http: HttpExecution | None = Field(default=None, description="Send one HTTP request.")
    job: JobExecution | None = Field(default=None, description="Run one Kubernetes Job.")
    timeout_seconds: int = Field(
        default=60, ge=1, le=3600, description="How long one dispatch may take."
    )
    service_account_name: Name = Field(
        default="amends-runner",
        description="Service account of this namespace as which Secrets are read.",
    )
    verify: Verification | None = Field(
        default=None,
        description="How to find out whether it has happened, where nobody knows and it may not "
        "be repeated.",
    )

    RULES: ClassVar = (
        Rule(
            "has(self.http) != has(self.job)",
            message="retry needs exactly one executor: write http: {...} or job: {...}",
        ),
    )

    @property
    def execution(self) -> Execution:
        """The same as an executor gets it."""
        return Execution(http=self.http, job=self.job)


class ActionSpec(Wire):
    """What was attempted and what came of it, as the automation reports it."""

    operation: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="What was done, for example board.post."
    )
    outcome: Token = Field(
        default="",
        description=(
            "What came of it: succeeded (posted, sent, success, completed, delivered, matched), "
            "pending (queued, claimed), failed (error, rejected, denied, cancelled). Anything else "
            "is Unknown."
        ),
    )
    error: Text | None = Field(default=None, description="What went wrong. Not blank means Failed.")
    provider: Token | None = Field(default=None, description="Who was asked, for example slack.")
    tool: Token | None = Field(default=None, description="With what.")
    target: str | None = Field(default=None, max_length=2048, description="What it was done to.")
    idempotency_key: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None, description="The key of the effect: two Actions with one key are one effect."
    )
    run_id: Token | None = Field(default=None, description="The run it belongs to.")
    workflow_run_id: Token | None = Field(default=None, description="Used when runId is absent.")
    routine_run_id: Token | None = Field(default=None, description="Used when those are absent.")
    context_run_id: Token | None = Field(
        default=None, description="Used last, without automation-v2-, workflow- or routine-."
    )
    node_id: Token | None = Field(default=None, description="The step of the run.")
    attempt: int = Field(default=1, ge=1, le=1000000, description="How often it was tried so far.")
    source: Source | None = Field(default=None, description="Who acted.")
    policy_decision_id: Token | None = Field(default=None, description="The policy decision.")
    context_assertion_id: Token | None = Field(default=None, description="The context assertion.")
    input: FreeForm = Field(default_factory=dict, description="What was asked.")
    receipt: FreeForm = Field(default_factory=dict, description="What the provider answered.")
    compensation: ProposedCompensation | None = Field(
        default=None, description="How to undo it, if it must be undone."
    )
    retry: DeclaredRetry | None = Field(
        default=None, description="How it is sent again, if a person asks for a retry."
    )
    requester: Person | None = Field(
        default=None, description="Who reported it. Stamped by admission; leave it out."
    )

    RULES: ClassVar = (
        Rule(
            "!has(self.retry) || has(self.idempotencyKey)",
            message=(
                "retry needs idempotencyKey: a retry is sent under the key that the target has "
                "already seen; add the key, or leave retry out"
            ),
            field_path=".retry",
        ),
    )


class Effect(Wire):
    """The change to the outside world that this action is, or may have been."""

    id: str = Field(max_length=320, description="Deterministic id; one per idempotency key.")
    outcome: ActionOutcome = Field(description="What is known of it.")


class ActionStatus(Status):
    """What Amends has recorded."""

    phase: ActionPhase = Field(
        default=ActionPhase.PENDING, description="Pending, or Recorded: final, and spec is frozen."
    )
    run_id: Token | None = Field(default=None, description="The run it belongs to, worked out.")
    outbox: Outbox | None = Field(default=None, description="The outbox entry.")
    effect: Effect | None = Field(default=None, description="The effect.")
    receipt_ref: LocalRef | None = Field(default=None, description="The evidence.")
    dead_letter_ref: LocalRef | None = Field(default=None, description="The DeadLetter, if failed.")
    compensation_ref: LocalRef | None = Field(default=None, description="The proposed undo.")
    intent_digest: Digest | None = Field(
        default=None, description="Digest of operation, target and input: what was meant to happen."
    )
    conditions: Conditions = Field(default_factory=list, description="Current observations.")


class Action(Resource):
    """An external action that was attempted."""

    SERVED: ClassVar = Served(
        plural="actions",
        short_names=("act",),
        description=(
            "An external action that an automation attempted: what it did, what came of it, and "
            "how it can be undone."
        ),
        columns=(
            Column("Phase", ".status.phase"),
            Column("Outcome", ".status.effect.outcome"),
            Column("Operation", ".spec.operation"),
            Column("Target", ".spec.target", priority=1),
            Column("Run", ".status.runId", priority=1),
            Column("Compensation", ".status.compensationRef.name"),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(
            ".status.phase",
            ".status.effect.id",
            ".status.effect.outcome",
            ".status.runId",
            ".status.intentDigest",
            ".spec.source.kind",
            ".spec.source.id",
        ),
        open_work="status.phase!=Recorded",
        longest_name=160,  # its dead letter and compensation are named after it
    )
    RULES: ClassVar = (
        Rule(
            "!has(oldSelf.status) || !has(oldSelf.status.phase) || "
            "oldSelf.status.phase != 'Recorded' || self.spec == oldSelf.spec",
            message=(
                "spec is frozen, because the outcome has been recorded: report a later outcome as "
                "a new Action with the same idempotencyKey"
            ),
            reason="FieldValueForbidden",
            field_path=".spec",
        ),
    )

    spec: ActionSpec
    status: ActionStatus = Field(default_factory=ActionStatus)

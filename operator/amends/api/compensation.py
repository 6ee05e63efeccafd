"""Compensation: one undo or repair of one effect."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.approval import ApprovalDecision
from amends.api.attestation import CountedAttestation
from amends.api.escalation import Escalation
from amends.api.late import LateResults
from amends.api.outbox import KEEPS_ITS_KEY, Outbox, SupersededBy
from amends.api.plan import Plan
from amends.api.resource import Column, Resource, Served, Status
from amends.api.wire import (
    Conditions,
    Digest,
    History,
    LocalRef,
    Name,
    Person,
    Rule,
    Text,
    Timestamp,
    Token,
    Wire,
    atomic,
    keyed_by,
)


class CompensationPhase(StrEnum):
    """Where a compensation stands."""

    PROPOSED = "Proposed"
    AWAITING_APPROVAL = "AwaitingApproval"
    APPROVED = "Approved"
    RUNNING = "Running"
    FAILED = "Failed"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


class CompensationSpec(Plan):
    """What is to be undone, how, and who must agree."""

    target_effect: str = Field(
        min_length=1, max_length=320, description="Id of the effect that is to be undone."
    )
    run_id: Token | None = Field(default=None, description="The run the effect belongs to.")
    action_ref: LocalRef | None = Field(default=None, description="The Action it undoes.")
    suspend: bool = Field(default=False, description="True: stay where you are.")
    cancel: bool = Field(
        default=False, description="True: go to Cancelled from any state that allows it."
    )
    requester: Person | None = Field(
        default=None,
        description="Who asked, and so may not approve. Stamped by admission; leave it out.",
    )

    NOT_PLAN: ClassVar = frozenset({"suspend", "cancel", "requester", "escalation"})
    """Fields that do not change what would run; they are not in the plan digest."""


class CountedApproval(Wire):
    """One statement by one person, as it was counted."""

    name: Name = Field(description="Name of the Approval.")
    uid: Token = Field(description="Its uid.")
    username: str = Field(max_length=512, description="Who stated it.")
    decision: ApprovalDecision = Field(description="Approve or Reject.")
    reason: Text = Field(default="", description="Why.")
    groups: Annotated[list[Annotated[str, Field(max_length=512)]], atomic(max_items=10)] = Field(
        default_factory=list,
        description="Groups of theirs that the namespace asked for when it was counted.",
    )
    time: Timestamp = Field(description="When it was counted.")
    made_at: Timestamp | None = Field(default=None, description="When it was stated.")


class Previewed(Wire):
    """What the change would do, as a dry run said when it was last looked at."""

    digest: Digest = Field(description="Digest of everything that it would change.")
    changes: Annotated[list[Annotated[str, Field(max_length=512)]], atomic(max_items=65)] = Field(
        default_factory=list,
        description="What it would change, in words and without secrets; the first 64 changes.",
    )
    uid: Token | None = Field(
        default=None, description="Uid of the object that it would change; absent: there was none."
    )
    resource_version: Token | None = Field(
        default=None,
        description="resourceVersion of that object when this was written, or an attempt claimed "
        "after that: as long as it has that one, nobody has changed it since.",
    )
    time: Timestamp = Field(description="Since when it is this.")


class CompensationStatus(Status):
    """What has become of it. Only the operator writes this."""

    phase: CompensationPhase = Field(
        default=CompensationPhase.PROPOSED, description="Where it stands."
    )
    previous_phase: CompensationPhase | None = Field(
        default=None, description="Where it stood before."
    )
    reason: Text | None = Field(default=None, description="Why it stands there.")
    plan_digest: Digest | None = Field(default=None, description="What an approver approves.")
    preview: Previewed | None = Field(
        default=None,
        description="What it would do now, where that can be seen beforehand (kubernetes).",
    )
    approval_deadline: Timestamp | None = Field(
        default=None, description="Without enough approvals by then it is cancelled."
    )
    approvals: Annotated[list[CountedApproval], keyed_by("name", max_items=32)] = Field(
        default_factory=list, description="Approvals that counted for this plan digest."
    )
    attempts: int = Field(default=0, ge=0, description="How often it was tried.")
    next_attempt_at: Timestamp | None = Field(
        default=None, description="When it is tried again; absent: never by itself."
    )
    outbox: Outbox | None = Field(default=None, description="The current attempt.")
    attestation_deadline: Timestamp | None = Field(
        default=None, description="Somebody should have attested to the attempt by then."
    )
    attestations: Annotated[list[CountedAttestation], keyed_by("uid", max_items=32)] = Field(
        default_factory=list, description="What people have attested of its attempts."
    )
    executed_by: Token | None = Field(default=None, description="The operator that executed it.")
    executed_at: Timestamp | None = Field(default=None, description="When it was executed.")
    receipt_ref: LocalRef | None = Field(default=None, description="The evidence.")
    superseded_by: SupersededBy | None = Field(
        default=None, description="The effect has succeeded after all: is the undo still wanted?"
    )
    escalation: Escalation | None = Field(
        default=None, description="Whose it is, and what came of it when it needed a person."
    )
    late_results: LateResults | None = Field(
        default=None,
        description="What came of attempts whose holder had lost its claim: the last five, as "
        "evidence; nothing is decided by it.",
    )
    history: History = Field(default_factory=list, description="The last 20 transitions.")
    conditions: Conditions = Field(default_factory=list, description="Current observations.")

    RULES: ClassVar = (KEEPS_ITS_KEY,)


_PLAN_FIELDS = sorted(
    field.alias or name
    for name, field in CompensationSpec.model_fields.items()
    if name not in CompensationSpec.NOT_PLAN
)


def _unchanged(path: str) -> str:
    # `self.?x == oldSelf.?x` says the same, but the server estimates it as too costly.
    new, old = f"self.{path}", f"oldSelf.{path}"
    return f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"


class Compensation(Resource):
    """One undo (Rollback) or repair (ForwardFix) of one effect."""

    SERVED: ClassVar = Served(
        plural="compensations",
        short_names=("cmp",),
        description="One undo (Rollback) or repair (ForwardFix) of one effect.",
        columns=(
            Column("Phase", ".status.phase"),
            Column("Ready", ".status.conditions[?(@.type=='Ready')].reason"),
            Column("Approved", ".status.conditions[?(@.type=='Approved')].status"),
            Column("Attempts", ".status.attempts", "integer"),
            # Of a list kubectl shows only the first: the people stand in the condition's message.
            Column("Decided", ".status.conditions[?(@.type=='Approved')].message", priority=1),
            Column("Effect", ".spec.targetEffect", priority=1),
            Column("Run", ".spec.runId", priority=1),
            Column("Digest", ".status.planDigest", priority=1),
            Column("Receipt", ".status.receiptRef.name", priority=1),
            Column("Owner", ".status.escalation.owner", priority=1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(
            ".status.phase",
            ".status.supersededBy.effectId",
            ".spec.runId",
            ".spec.targetEffect",
            ".spec.actionRef.name",
        ),
        open_work="status.phase!=Completed,status.phase!=Cancelled",
    )
    RULES: ClassVar = (
        Rule(
            "!has(oldSelf.status) || !has(oldSelf.status.phase) || "
            "oldSelf.status.phase in ['Proposed', 'AwaitingApproval'] || ("
            + " && ".join(_unchanged(f"spec.{name}") for name in _PLAN_FIELDS)
            + ")",
            message_expression=(
                "'the plan is frozen from Approved on, and status.phase is ' "
                "+ oldSelf.status.phase + ': only suspend, cancel and escalation may change; "
                "set cancel: true and create a new Compensation'"
            ),
            reason="FieldValueForbidden",
            field_path=".spec",
        ),
        Rule(
            "!has(oldSelf.status) || !has(oldSelf.status.phase) || "
            "!(oldSelf.status.phase in ['Completed', 'Cancelled']) || self.spec == oldSelf.spec",
            message_expression=(
                "'compensation ' + self.metadata.name + ' is ' + "
                "(oldSelf.status.phase == 'Completed' ? 'already completed' : 'cancelled') + "
                "': nothing of it may change any more; create a new Compensation'"
            ),
            reason="FieldValueForbidden",
            field_path=".spec",
        ),
    )

    spec: CompensationSpec
    status: CompensationStatus = Field(default_factory=CompensationStatus)

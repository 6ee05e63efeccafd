"""Approval: one person's statement about one plan, made once."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.resource import Column, Resource, Served
from amends.api.wire import (
    Conditions,
    Digest,
    Name,
    Person,
    Rule,
    Text,
    Timestamp,
    Token,
    Wire,
)


class ApprovalDecision(StrEnum):
    """What the person decided."""

    APPROVE = "Approve"
    REJECT = "Reject"


class SubjectKind(StrEnum):
    """What can be approved."""

    COMPENSATION = "Compensation"


class SubjectRef(Wire):
    """What the statement is about."""

    kind: SubjectKind = Field(default=SubjectKind.COMPENSATION, description="Compensation.")
    name: Name = Field(description="Its name, in this namespace.")
    uid: Token | None = Field(default=None, description="Its uid: this very object, no namesake.")


class OnBehalfOf(Wire):
    """Whom a GitOps agent says it acts for: its claim, not a proof."""

    username: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="Who merged it."
    )
    commit: Token | None = Field(default=None, description="The commit.")
    url: str | None = Field(default=None, max_length=2048, description="Where to see it.")


class ApprovalSpec(Wire):
    """The statement. It cannot be changed: make another one."""

    subject_ref: SubjectRef = Field(description="What the statement is about.")
    plan_digest: Digest = Field(
        description="status.planDigest of the subject: exactly this plan is meant."
    )
    decision: ApprovalDecision = Field(description="Approve or Reject.")
    reason: Text = Field(default="", description="Why. Kept in the record.")
    expires_at: Timestamp | None = Field(
        default=None, description="It does not count from then on."
    )
    on_behalf_of: OnBehalfOf | None = Field(
        default=None, description="For GitOps agents: whom they act for."
    )
    actor: Person | None = Field(
        default=None, description="Who stated it. Stamped by admission; leave it out."
    )


class ApprovalStatus(Wire):
    """Whether it counted, and why not."""

    settled: bool | None = Field(default=None, description="True: it has counted, or never will.")
    observed_generation: int | None = Field(
        default=None, ge=0, description="The generation of spec that this status is about."
    )
    bound_uid: Token | None = Field(
        default=None, description="Uid of the one subject it can count for."
    )
    conditions: Conditions = Field(default_factory=list, description="Current observations.")


class Approval(Resource):
    """A statement by an authenticated person about one Compensation."""

    SERVED: ClassVar = Served(
        plural="approvals",
        short_names=("apv",),
        description="An authenticated person approves or rejects exactly one plan.",
        columns=(
            Column("Subject", ".spec.subjectRef.name"),
            Column("Decision", ".spec.decision"),
            Column("Actor", ".spec.actor.username"),
            Column("Result", ".status.conditions[?(@.type=='Ready')].reason"),
            Column("Reason", ".spec.reason", priority=1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(".spec.subjectRef.name", ".status.settled", ".spec.actor.username"),
        open_work="status.settled!=true",
        categories=("amends", "decisions"),
    )
    RULES: ClassVar = (
        Rule(
            "self.spec == oldSelf.spec",
            message="spec of an Approval is immutable: a statement stands; create another Approval",
            reason="FieldValueForbidden",
            field_path=".spec",
        ),
    )

    spec: ApprovalSpec
    status: ApprovalStatus = Field(default_factory=ApprovalStatus)

"""Approval: one person's statement about one plan, made once."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from amends.api.resource import Column, Resource, Served
from amends.api.statement import CATEGORIES, Statement, StatementStatus, stands
from amends.api.wire import Digest, Name, Text, Timestamp, Token, Wire


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


class ApprovalSpec(Statement):
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
        categories=CATEGORIES,
    )
    RULES: ClassVar = (stands("Approval"),)

    spec: ApprovalSpec
    status: StatementStatus = Field(default_factory=StatementStatus)

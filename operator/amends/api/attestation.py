"""Attestation: one person's statement about what came of one attempt, made after looking."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from amends.api.resource import Column, Resource, Served
from amends.api.statement import CATEGORIES, Statement, StatementStatus, stands
from amends.api.wire import FreeForm, Name, Text, Timestamp, Token, Wire, matching

AttemptKey = Annotated[str, Field(min_length=1, max_length=1024)]


class AttestedOutcome(StrEnum):
    """What the person has seen."""

    APPLIED = "Applied"
    NOT_APPLIED = "NotApplied"


class AttestedKind(StrEnum):
    """Whose attempts can be attested to."""

    COMPENSATION = "Compensation"
    DEAD_LETTER = "DeadLetter"


class AttestedRef(Wire):
    """Whose attempt the statement is about."""

    kind: AttestedKind = Field(
        default=AttestedKind.COMPENSATION, description="Compensation, or DeadLetter for a retry."
    )
    name: Name = Field(description="Its name, in this namespace.")
    uid: Token | None = Field(default=None, description="Its uid: this very object, no namesake.")


class AttestationSpec(Statement):
    """The statement. It cannot be changed: make another one."""

    subject_ref: AttestedRef = Field(description="Whose attempt the statement is about.")
    attempt_key: AttemptKey = Field(
        description="status.outbox.attemptKey of the subject: exactly this attempt is meant."
    )
    outcome: AttestedOutcome = Field(
        description=(
            "Applied: the effect is there. NotApplied: it is not, neither from this attempt nor "
            "from an earlier one."
        )
    )
    reason: Annotated[
        str,
        Field(min_length=1, max_length=4096),
        matching(
            r"\S", otherwise="must say what was seen: write a sentence; it stays in the record"
        ),
    ] = Field(description="What was seen, and where. Kept in the record.")
    evidence: FreeForm = Field(
        default_factory=dict,
        description="What shows it, at most 64 KiB of JSON. Redacted in the Receipt.",
    )


class CountedAttestation(Wire):
    """One statement by one person about one attempt, as it was counted."""

    name: Name = Field(description="Name of the Attestation.")
    uid: Token = Field(description="Its uid.")
    username: str = Field(max_length=512, description="Who stated it.")
    attempt_key: AttemptKey = Field(description="The attempt that it is about.")
    outcome: AttestedOutcome = Field(description="Applied or NotApplied.")
    reason: Text = Field(default="", description="What was seen.")
    time: Timestamp = Field(description="When it was counted.")


class Attestation(Resource):
    """A statement by an authenticated person about what came of one attempt."""

    SERVED: ClassVar = Served(
        plural="attestations",
        short_names=("att",),
        description="An authenticated person states what came of exactly one attempt.",
        columns=(
            Column("Subject", ".spec.subjectRef.name"),
            Column("Outcome", ".spec.outcome"),
            Column("Actor", ".spec.actor.username"),
            Column("Result", ".status.conditions[?(@.type=='Ready')].reason"),
            Column("Attempt", ".spec.attemptKey", priority=1),
            Column("Reason", ".spec.reason", priority=1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        selectable=(".spec.subjectRef.name", ".status.settled", ".spec.actor.username"),
        open_work="status.settled!=true",
        categories=CATEGORIES,
    )
    RULES: ClassVar = (stands("Attestation"),)

    spec: AttestationSpec
    status: StatementStatus = Field(default_factory=StatementStatus)

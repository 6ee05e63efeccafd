"""Statements by people: what all kinds of them have in common when they are judged."""

from dataclasses import dataclass
from datetime import datetime

from amends.api.approval import Approval
from amends.api.attestation import Attestation
from amends.api.disposition import Disposition
from amends.api.statement import StatementStatus
from amends.core.conditions import FALSE, TRUE, UNKNOWN, Observed, conditions
from amends.core.enforcement import NOT_ENFORCED, Enforcement

AnyStatement = Approval | Disposition | Attestation

APPLICABLE = ("Countable", "Applicable")
COUNTED = ("Counted", "Applied")


@dataclass(frozen=True)
class Verdict:
    """Whether it counts. A final verdict never changes; one that is not final is asked again."""

    reason: str
    message: str
    final: bool = False

    @property
    def counts(self) -> bool:
        """It may be, or has been, entered into the subject's ledger."""
        return self.reason in APPLICABLE + COUNTED


def proved(statement: AnyStatement, found: Verdict, enforcement: Enforcement) -> Verdict:
    """What was found, unless it would count although nobody knows who made the statement."""
    doubt = enforcement.doubt(statement.metadata.creation_timestamp)
    if doubt is None or found.final:
        return found
    if enforcement.gap is not None:
        return Verdict(NOT_ENFORCED, doubt)
    return Verdict("Unauthenticated", doubt, final=True)


def judged(
    statement: AnyStatement, verdict: Verdict, subject_uid: str | None, now: datetime
) -> StatementStatus:
    """The statement's status: what was found, and the one subject that it is bound to."""
    generation, before = statement.metadata.generation, statement.status
    bound = subject_uid if verdict.counts else None
    return StatementStatus(
        settled=verdict.final or None,
        observed_generation=generation,
        bound_uid=bound or before.bound_uid,
        conditions=conditions([_observed(verdict)], before.conditions, generation, now),
    )


def is_news(statement: AnyStatement, verdict: Verdict) -> bool:
    """Whether a person has to know that it does not count, and was not told so before."""
    known = any(c.reason == verdict.reason for c in statement.status.conditions)
    refused = verdict.final or verdict.reason in ("DigestMismatch", "NotOfGroup", NOT_ENFORCED)
    return refused and not verdict.counts and not known


def _observed(verdict: Verdict) -> Observed:
    if verdict.reason in COUNTED:
        return Observed("Ready", TRUE, verdict.reason, verdict.message)
    status = FALSE if verdict.final else UNKNOWN
    return Observed("Ready", status, verdict.reason, verdict.message)

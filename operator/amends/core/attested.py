"""Attested: does this statement count, for this attempt, by this person, now?"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amends.api.attestation import Attestation, AttestedKind, CountedAttestation
from amends.api.outbox import Outbox
from amends.api.outcome import Outcome
from amends.api.receipt import Receipt
from amends.api.wire import rfc3339
from amends.core.decision import Wake
from amends.core.enforcement import Enforcement
from amends.core.key import Key
from amends.core.records.redaction import redact_text
from amends.core.statement import Verdict

EVIDENCE_LIMIT = 64 * 1024
LEDGER_LIMIT = 32
"""How many counted attestations an object keeps: the last ones."""


@dataclass(frozen=True)
class Attested:
    """What a statement is judged against. ended: nothing will be attempted any more, and why.
    later: why nobody is needed to attest yet, though the outcome is not certain."""

    kind: AttestedKind
    name: str
    uid: str
    outbox: Outbox | None
    ledger: Sequence[CountedAttestation]
    ended: str | None = None
    later: str | None = None

    @property
    def noun(self) -> str:
        """As it is called in a sentence."""
        spoken = "dead letter" if self.kind is AttestedKind.DEAD_LETTER else "compensation"
        return f"{spoken} {self.name}"

    def key(self, namespace: str) -> Key:
        """Its key."""
        return Key(str(self.kind), namespace, self.name)


def verdict(attestation: Attestation, subject: Attested | None) -> Verdict:
    """Judge one statement against its subject's attempt, and what its ledger already holds."""
    spec, ref = attestation.spec, attestation.spec.subject_ref
    if subject is None:
        spoken = "dead letter" if ref.kind is AttestedKind.DEAD_LETTER else "compensation"
        return Verdict("SubjectNotFound", f"waits for {spoken} {ref.name} to be created")
    bound = attestation.status.bound_uid or ref.uid
    if bound not in (None, subject.uid):
        return Verdict(
            "BoundToAnother",
            f"it is bound to uid {bound}, but {subject.noun} has uid {subject.uid}: attest to this "
            "one with a new Attestation",
            final=True,
        )
    if any(counted.uid == attestation.metadata.uid for counted in subject.ledger):
        return Verdict("Counted", f"counted for attempt {spec.attempt_key}", final=True)
    if spec.actor is None:
        return Verdict(
            "Unauthenticated",
            "spec.actor is not known: it was created while the admission policies were not "
            "installed; install them and create it again",
            final=True,
        )
    if (size := len(json.dumps(spec.evidence).encode())) > EVIDENCE_LIMIT:
        return Verdict(
            "EvidenceTooLarge",
            f"spec.evidence has {size} bytes of JSON, and at most {EVIDENCE_LIMIT} are put on "
            "record: name where it is kept instead, and attest again",
            final=True,
        )
    return _objection(attestation, subject) or Verdict(
        "Countable", f"bound to {subject.noun}, about to be counted"
    )


def _objection(attestation: Attestation, subject: Attested) -> Verdict | None:
    """Why the attempt it is about needs no statement, or not this one, or not yet."""
    meant, outbox = attestation.spec.attempt_key, subject.outbox
    first = next((one for one in subject.ledger if one.attempt_key == meant), None)
    if first is not None:
        contradicts = "" if first.outcome == attestation.spec.outcome else ", which it contradicts"
        return Verdict(
            "TooLate",
            f"{first.username} has attested first (attestation {first.name}) that attempt {meant} "
            f"is {first.outcome}{contradicts}: what counted first stands",
            final=True,
        )
    if subject.ended is not None:
        return Verdict("TooLate", f"{subject.noun} is {subject.ended}", final=True)
    if outbox is None or outbox.attempt_key != meant:
        current = f"is {outbox.attempt_key}" if outbox and outbox.attempt_key else "there is none"
        return Verdict(
            "WrongAttempt",
            f"spec.attemptKey is {meant}, but the attempt of {subject.noun} {current}: look at the "
            "target again, and attest to that one with a new Attestation",
            final=True,
        )
    if outbox.outcome not in (None, Outcome.UNKNOWN):
        return Verdict(
            "NotNeeded",
            f"attempt {meant} is known to be {outbox.outcome}: {outbox.detail or 'by its answer'}",
            final=True,
        )
    return Verdict("NotNeededYet", f"waits: {subject.later}") if subject.later else None


def countable(
    attestations: Iterable[Attestation], subject: Attested, enforcement: Enforcement
) -> Attestation | None:
    """The first that is bound to the subject, by who made it as the server has proved, and counts.

    Of two that were made in the same second, the name decides.
    """
    bound = (
        one
        for one in attestations
        if one.status.bound_uid == subject.uid
        and enforcement.doubt(one.metadata.creation_timestamp) is None
        and verdict(one, subject).reason == "Countable"
    )
    return min(
        bound,
        key=lambda one: (str(one.metadata.creation_timestamp), one.metadata.name),
        default=None,
    )


def named_in(receipt: Receipt, attestations: Iterable[Attestation]) -> Attestation | None:
    """The statement that a Receipt proves, if it does.

    Whoever wrote the Receipt may have been killed before the statement was put on record.
    """
    evidence = receipt.spec.payload.get("evidence")
    named = evidence.get("attestation") if isinstance(evidence, Mapping) else None
    uid = named.get("uid") if isinstance(named, Mapping) else None
    known = (one for one in attestations if one.spec.actor is not None)
    return next((one for one in known if one.metadata.uid == uid), None)


def untold(
    attestations: Iterable[Attestation], subject: Attested, related: Callable[[str, str], Key]
) -> tuple[Wake, ...]:
    """Statements that do not know yet what is decided of them, or that they may be bound.

    Asked on every look: the answer to the write that decided it may have been lost.
    """
    judged = ((one, verdict(one, subject)) for one in attestations)
    return tuple(
        Wake(related("Attestation", one.metadata.name))
        for one, found in judged
        if found.final or (found.counts and one.status.bound_uid is None)
    )


def entered(
    ledger: Sequence[CountedAttestation], attestation: Attestation, now: datetime
) -> list[CountedAttestation]:
    """The ledger with one more."""
    spec, actor = attestation.spec, attestation.spec.actor
    assert actor is not None  # the verdict has seen to it
    counted = CountedAttestation(
        name=attestation.metadata.name,
        uid=attestation.metadata.uid,
        username=actor.username,
        attempt_key=spec.attempt_key,
        outcome=spec.outcome,
        reason=redact_text(spec.reason)[:4096],
        time=now,
    )
    return [*ledger, counted][-LEDGER_LIMIT:]


def evidence_of(attestation: Attestation) -> dict[str, Any]:
    """What goes into the Receipt, redacted there."""
    meta, spec = attestation.metadata, attestation.spec
    actor, agent, made = spec.actor, spec.on_behalf_of, meta.creation_timestamp
    return {
        "attestation": {
            "name": meta.name,
            "uid": meta.uid,
            "attemptKey": spec.attempt_key,
            "outcome": str(spec.outcome),
            "actor": actor.username if actor is not None else None,
            "onBehalfOf": agent.username if agent is not None else None,
            "madeAt": rfc3339(made) if made is not None else None,
            "reason": spec.reason,
            "evidence": dict(spec.evidence),
        }
    }


def said(attestation: Attestation) -> str:
    """What it says, in a sentence, redacted."""
    who = attestation.spec.actor.username if attestation.spec.actor is not None else "nobody"
    return redact_text(f"{attestation.spec.outcome}, attested by {who}: {attestation.spec.reason}")

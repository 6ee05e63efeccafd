"""Attesting: a person says what came of a retry; what counts is put on record and acted upon."""

from dataclasses import replace
from typing import Any

from amends.api.attestation import Attestation, AttestedKind, AttestedOutcome
from amends.api.dead_letter import DeadLetterPhase
from amends.api.outcome import Outcome
from amends.api.receipt import Receipt
from amends.core.attested import Attested, countable, entered, evidence_of, named_in, said, untold
from amends.core.decision import Decision, Tell
from amends.core.letters import retries
from amends.core.letters.progress import may_be_sent_again
from amends.core.outcome import Applied, NotApplied
from amends.core.world import DeadLetterWorld


def attested(world: DeadLetterWorld) -> Attested:
    """What a statement about one of its dispatches is judged against."""
    meta, status = world.letter.metadata, world.letter.status
    sent = status.outbox is not None and status.phase is DeadLetterPhase.RETRYING
    return Attested(
        AttestedKind.DEAD_LETTER,
        meta.name,
        meta.uid,
        status.outbox,
        status.attestations,
        ended=None if sent or _is_known(world) else str(status.phase),
        later=_later(world) if sent else None,
    )


def _is_known(world: DeadLetterWorld) -> bool:
    outbox = world.letter.status.outbox
    return outbox is None or outbox.outcome not in (None, Outcome.UNKNOWN)


def _later(world: DeadLetterWorld) -> str | None:
    """Why nobody is needed to say what came of the dispatch yet."""
    outbox = world.letter.status.outbox
    if outbox is None or _is_known(world):
        return None
    if outbox.outcome is None:
        return f"dispatch {outbox.attempt_key} is under way, and its answer may still come"
    return "a repeat is safe, and follows by itself" if may_be_sent_again(world) else None


def has_somebody_attested(world: DeadLetterWorld) -> Decision | None:
    """The first statement that counts says what came of the dispatch."""
    letter = world.letter
    found = countable(world.attestations, attested(world), world.enforcement)
    if found is None or letter.status.outbox is None:
        return None
    known = _known(world, found)
    if found.spec.outcome is AttestedOutcome.APPLIED:
        decision = retries.proved(known, Applied(evidence_of(found)))
    else:
        decision = retries.failed(known, NotApplied(said(found)), evidence_of(found))
    return _counts(world, found, decision)


def is_proved_already(world: DeadLetterWorld, receipt: Receipt) -> Decision | None:
    """The Receipt of a statement is there, and only the ledger does not know of it yet."""
    found = named_in(receipt, world.attestations)
    if found is None:
        return None
    return _counts(world, found, retries.found(_known(world, found), receipt))


def _known(world: DeadLetterWorld, found: Attestation) -> DeadLetterWorld:
    """The world with the statement on record: whoever looked has answered every earlier doubt."""
    ledger = entered(world.letter.status.attestations, found, world.now)
    return certain(world, attestations=ledger)


def certain(world: DeadLetterWorld, **changes: Any) -> DeadLetterWorld:
    """The world without a doubt about earlier dispatches: somebody has looked since."""
    status = world.letter.status
    assert status.outbox is not None
    outbox = status.outbox.model_copy(update={"doubt": None})
    known = status.model_copy(update={"outbox": outbox, **changes})
    return replace(world, letter=world.letter.model_copy(update={"status": known}))


def _counts(world: DeadLetterWorld, found: Attestation, decision: Decision) -> Decision:
    message = f"attestation {found.metadata.name} counts: {said(found)}"
    return replace(decision, effects=(Tell(world.key, "Attested", message), *decision.effects))


def telling(world: DeadLetterWorld, decision: Decision) -> Decision:
    """The same decision, of which every statement about a dispatch is told."""
    if not world.attestations or decision.remove:
        return decision
    letter = world.letter.model_copy(update={"status": decision.status or world.letter.status})
    return decision.waking(
        *untold(world.attestations, attested(replace(world, letter=letter)), world.related)
    )

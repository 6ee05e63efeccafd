"""Attesting: a person says what came of an attempt; what counts is put on record and acted upon."""

from dataclasses import replace
from typing import Any

from amends.api.attestation import Attestation, AttestedKind, AttestedOutcome
from amends.api.compensation import Compensation, CompensationPhase
from amends.api.outcome import Outcome
from amends.api.receipt import Receipt
from amends.api.wire import rfc3339
from amends.core.attested import Attested, countable, entered, evidence_of, named_in, said, untold
from amends.core.decision import Decision, Tell, WakeFollowers
from amends.core.key import Key
from amends.core.machines import COMPENSATION
from amends.core.outcome import Applied, NotApplied
from amends.core.undo import attempts
from amends.core.undo.awaiting import by_hand, is_overdue, is_unknown
from amends.core.undo.progress import observed
from amends.core.world import CompensationWorld


def attested(compensation: Compensation) -> Attested:
    """What a statement about one of its attempts is judged against."""
    meta, status = compensation.metadata, compensation.status
    return Attested(
        AttestedKind.COMPENSATION,
        meta.name,
        meta.uid,
        status.outbox,
        status.attestations,
        ended=str(status.phase) if status.phase in COMPENSATION.terminal else None,
        later=_later(compensation),
    )


def _later(compensation: Compensation) -> str | None:
    """Why nobody is needed to say what came of the attempt yet."""
    status = compensation.status
    if status.outbox is None:
        return None
    if status.phase is not CompensationPhase.RUNNING:
        return f"it is {status.phase}, and nothing of it is under way"
    if by_hand(compensation) or is_unknown(compensation):
        return None
    if status.outbox.outcome is Outcome.UNKNOWN and status.next_attempt_at is not None:
        return f"a repeat is safe, and follows at {rfc3339(status.next_attempt_at)}"
    return f"attempt {status.outbox.attempt_key} is under way, and its answer may still come"


def has_somebody_attested(world: CompensationWorld) -> Decision | None:
    """The first statement that counts says what came of the attempt."""
    subject = attested(world.compensation)
    found = countable(world.attestations, subject, world.enforcement)
    if found is None:
        return None
    if world.obstacle is not None:
        return observed(world, look_again=world.lease / 2)  # its Receipt's name is taken
    who = found.spec.actor
    assert who is not None  # the verdict has seen to it
    known = _known(world, found)
    if found.spec.outcome is AttestedOutcome.APPLIED:
        applied = Applied(evidence_of(found))
        decision = attempts.proved(known, applied, how=said(found), by=who.username)
    else:
        again = world.compensation.spec.execution.manual is None
        decision = attempts.failed(known, NotApplied(said(found), again), by=who.username)
    return _counts(world, found, decision)


def is_proved_already(world: CompensationWorld, receipt: Receipt) -> Decision | None:
    """The Receipt of a statement is there, and only the ledger does not know of it yet."""
    found = named_in(receipt, world.attestations)
    if found is None or found.spec.actor is None:
        return None
    name, who, known = receipt.metadata.name, found.spec.actor.username, _known(world, found)
    decision = attempts.completed(known, receipt=name, how=said(found), by=who)
    return _counts(world, found, decision)


def _counts(world: CompensationWorld, found: Attestation, decision: Decision) -> Decision:
    message = f"attestation {found.metadata.name} counts: {said(found)}"
    told = Tell(world.key, "Attested", message)
    return replace(decision, effects=(told, *decision.effects))


def _known(world: CompensationWorld, found: Attestation) -> CompensationWorld:
    """The world with the statement on record: whoever looked has answered every earlier doubt."""
    ledger = entered(world.compensation.status.attestations, found, world.now)
    return certain(world, attestations=ledger)


def certain(world: CompensationWorld, **changes: Any) -> CompensationWorld:
    """The world without a doubt about earlier attempts: somebody has looked at the target since."""
    compensation = world.compensation
    assert compensation.status.outbox is not None
    outbox = compensation.status.outbox.model_copy(update={"doubt": None})
    status = compensation.status.model_copy(update={"outbox": outbox, **changes})
    return replace(world, compensation=compensation.model_copy(update={"status": status}))


def is_it_done_by_hand(world: CompensationWorld) -> Decision | None:
    """A person is to do it: nothing happens until somebody attests; if late, that is said once."""
    compensation, before = world.compensation, world.compensation.status.conditions
    if not by_hand(compensation):
        return None
    deadline = compensation.status.attestation_deadline
    if not is_overdue(compensation, world.now):
        left = deadline - world.now if deadline is not None else None
        return observed(world, look_again=left)
    decision = observed(world)
    if any(one.type == "AttestationOverdue" for one in before):
        return decision
    name = compensation.metadata.name
    message = (
        f"nobody has attested by {rfc3339(deadline)}: kubectl amends attest {name}"
        if deadline is not None
        else ""
    )
    return replace(decision, effects=(Tell(world.key, "AttestationOverdue", message, "Warning"),))


def telling(world: CompensationWorld, decision: Decision) -> Decision:
    """The same decision, of which every statement about an attempt is told."""
    if decision.remove:
        return decision
    status = decision.status or world.compensation.status
    after = world.compensation.model_copy(update={"status": status})
    if is_unknown(after) and not is_unknown(world.compensation):
        return decision.waking(WakeFollowers("Attestation"))  # nobody was needed until now

    def related(kind: str, name: str) -> Key:
        return Key(kind, world.key.namespace, name)

    return decision.waking(*untold(world.attestations, attested(after), related))

"""Verifying: where nobody knows what came of an attempt, the target is asked, as the plan says.

A probe changes nothing, so it needs no claim: after a crash, or by two at a time, it is only asked
once more.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from amends.api.outbox import Probing
from amends.api.receipt import Receipt
from amends.core.decision import Decision, Probe, Release, Tell
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.records import identity
from amends.core.records.redaction import redact_text
from amends.core.undo import attempts
from amends.core.undo.attesting import certain
from amends.core.undo.awaiting import is_probed
from amends.core.undo.progress import observed
from amends.core.world import CompensationWorld


def is_it_being_verified(world: CompensationWorld) -> Decision | None:
    """Ask the target when it is time, and take in what it says."""
    compensation = world.compensation
    if not is_probed(compensation):
        return None
    if world.probe is not None and world.probe.outcome is not None:
        return _answered(world, world.probe.outcome)
    if compensation.spec.cancel:
        return None
    if world.probe is not None:
        return observed(world)
    due = _probing(world).next_at or world.now
    if due > world.now:
        return observed(world, look_again=due - world.now)
    return _asked(world)


def _asked(world: CompensationWorld) -> Decision | None:
    compensation = world.compensation
    outbox, verification = compensation.status.outbox, compensation.spec.verify
    if outbox is None or verification is None:
        return None
    work = attempts.execute(compensation, outbox)
    return Decision(effects=(Probe(work, verification, identity.probe_key(outbox)),))


def _answered(world: CompensationWorld, outcome: Outcome) -> Decision:
    number = _probing(world).count + 1
    match outcome:
        case Applied(evidence):
            found = Applied({"probe": number, "verified": dict(evidence)})
            return attempts.proved(world, found, how=_found_by(number))
        case NotApplied(reason):
            failure = NotApplied(f"probe {number}: {reason}", True, outcome.retry_after)
            return attempts.failed(certain(world), failure)
        case Unknown(reason):
            return _not_told(world, redact_text(reason))


def how_verified(receipt: Receipt) -> str | None:
    """In words, where it was a probe that has proved it."""
    evidence = receipt.spec.payload.get("evidence")
    probed = isinstance(evidence, Mapping) and "verified" in evidence
    return _found_by(evidence.get("probe")) if probed else None


def _found_by(number: Any) -> str:
    return f"probe {number} has found the effect"


def _not_told(world: CompensationWorld, reason: str) -> Decision:
    """It could not be told: ask again later, or leave it to a person."""
    compensation, count = world.compensation, _probing(world).count + 1
    assert compensation.status.outbox is not None
    most = compensation.spec.verify.attempts if compensation.spec.verify is not None else 0
    policy = compensation.spec.retry
    seconds = min(policy.backoff_seconds * 2 ** (count - 1), policy.max_backoff_seconds)
    pause = timedelta(seconds=seconds) if count < most else None
    probing = Probing(
        count=count,
        next_at=world.now + pause if pause is not None else None,
        detail=reason[:4096],
    )
    outbox = compensation.status.outbox.model_copy(update={"verification": probing})
    status = compensation.status.model_copy(update={"outbox": outbox})
    stays = observed(world, status, look_again=pause)
    message = f"probe {count} of {most}: {reason}"
    given_up = (Tell(world.key, "OutcomeUnknown", f"{message}; somebody must attest", "Warning"),)
    return Decision(
        status=stays.status,
        effects=(Release(), *(given_up if pause is None else ())),
        look_again=pause,
    )


def _probing(world: CompensationWorld) -> Probing:
    outbox = world.compensation.status.outbox
    probing = outbox.verification if outbox is not None else None
    assert probing is not None  # is_probed has seen to it
    return probing

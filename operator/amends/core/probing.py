"""Probing: where nobody knows what came of an attempt, the target is asked, so often and then.

A probe changes nothing, so it needs no claim: after a crash, or by two at a time, it is only asked
once more. What its answer leads to is decided by the object whose attempt it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from amends.api import outcome as wire
from amends.api.outbox import Outbox, Probing
from amends.api.receipt import Receipt
from amends.api.verification import Verification
from amends.api.wire import rfc3339
from amends.core.conditions import Observed, reconciling
from amends.core.decision import Effect, Release, Tell
from amends.core.key import Key
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.records import identity
from amends.core.records.redaction import redact_text
from amends.core.world import Attempt


@dataclass(frozen=True)
class NotYet:
    """It is asked in so long: the attempt may still be at work, or the target needs its rest."""

    left: timedelta


@dataclass(frozen=True)
class Due:
    """It is time to ask, under this name."""

    verification: Verification
    key: str


@dataclass(frozen=True)
class UnderWay:
    """This process asks just now."""


@dataclass(frozen=True)
class Found:
    """The effect is there. how: what makes that certain, in words."""

    applied: Applied
    how: str


@dataclass(frozen=True)
class NotThere:
    """The effect is there neither from this attempt nor from an earlier one."""

    failure: NotApplied


@dataclass(frozen=True)
class Untold:
    """It could not be told, and that is on record in the outbox.

    pause: until it is asked again; None: somebody has to attest.
    """

    outbox: Outbox
    pause: timedelta | None
    message: str

    def effects(self, key: Key) -> tuple[Effect, ...]:
        """This probe is over; after the last one a person is told on the object."""
        if self.pause is not None:
            return (Release(),)
        message = f"{self.message}; somebody must attest"
        return (Release(), Tell(key, "OutcomeUnknown", message, "Warning"))


Stage = NotYet | Due | UnderWay | Found | NotThere | Untold


def first(verification: Verification | None, now: datetime) -> Probing | None:
    """What goes on record of an attempt that has just ended without an answer, if it says how the
    target is asked."""
    if verification is None:
        return None
    return Probing(next_at=now + timedelta(seconds=verification.after_seconds))


def is_asked(outbox: Outbox | None) -> bool:
    """Whether by the ledger the target is still being asked."""
    return _under_way(outbox) is not None


def stage(
    outbox: Outbox | None,
    verification: Verification | None,
    probe: Attempt | None,
    now: datetime,
    pause_after: Callable[[int], timedelta],
) -> Stage | None:
    """How far it is with the current attempt; None: nothing is asked, or not any more.

    verification: None if nothing says any more how it is asked. pause_after: so many probes.
    """
    probing = _under_way(outbox)
    if outbox is None or probing is None or probing.next_at is None:
        return None
    if probe is not None and probe.outcome is not None:
        return _answered(outbox, probing, verification, probe.outcome, now, pause_after)
    if verification is None:
        gone = "nothing says any more how the target is asked"
        return _untold(outbox, probing, None, now, gone, gone)
    if probe is not None:
        return UnderWay()
    left = probing.next_at - now
    if left > timedelta(0):
        return NotYet(left)
    return Due(verification, identity.probe_key(outbox))


def _under_way(outbox: Outbox | None) -> Probing | None:
    if outbox is None or outbox.outcome is not wire.Outcome.UNKNOWN:
        return None
    probing = outbox.verification
    return probing if probing is not None and probing.next_at is not None else None


def _answered(
    outbox: Outbox,
    probing: Probing,
    verification: Verification | None,
    outcome: Outcome,
    now: datetime,
    pause_after: Callable[[int], timedelta],
) -> Found | NotThere | Untold:
    number = probing.count + 1
    match outcome:
        case Applied(evidence):
            return Found(Applied({"probe": number, "verified": dict(evidence)}), _found_by(number))
        case NotApplied(reason):
            return NotThere(NotApplied(f"probe {number}: {reason}", True, outcome.retry_after))
        case Unknown(reason):
            most = verification.attempts if verification is not None else number
            asked = probing.model_copy(update={"count": number})
            wait = max(pause_after(number), outcome.retry_after or timedelta(0))
            pause = wait if number < most else None
            reason = redact_text(reason)
            return _untold(outbox, asked, pause, now, reason, f"probe {number} of {most}: {reason}")


def _untold(
    outbox: Outbox,
    probing: Probing,
    pause: timedelta | None,
    now: datetime,
    detail: str,
    message: str,
) -> Untold:
    next_at = now + pause if pause is not None else None
    recorded = probing.model_copy(update={"next_at": next_at, "detail": detail[:4096]})
    return Untold(outbox.model_copy(update={"verification": recorded}), pause, message)


# ----------------------------------------------------------------------------------- in words


def noted(outbox: Outbox | None, doubt: str | None) -> tuple[Observed, Observed] | None:
    """What stands on the object while the target is asked; None: it is not asked any more."""
    probing = _under_way(outbox)
    if probing is None or probing.next_at is None:
        return None
    when = rfc3339(probing.next_at)
    return reconciling("Verifying", f"{doubt}{so_far(outbox)}; the target is asked at {when}")


def so_far(outbox: Outbox | None) -> str:
    """How often asking has told nothing, where it has: what a sentence about the doubt ends in."""
    probing = outbox.verification if outbox is not None else None
    if probing is None or not probing.count:
        return ""
    probes = "1 probe has" if probing.count == 1 else f"{probing.count} probes have"
    return f"; {probes} told nothing"


def how_verified(receipt: Receipt) -> str | None:
    """In words, where it was a probe that has proved it."""
    evidence = receipt.spec.payload.get("evidence")
    probed = isinstance(evidence, Mapping) and "verified" in evidence
    return _found_by(evidence.get("probe")) if probed else None


def _found_by(number: Any) -> str:
    return f"probe {number} has found the effect"

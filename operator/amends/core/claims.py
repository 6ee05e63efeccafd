"""Claims: in whose hands an attempt is. The ledger says it, the clock decides when it ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from amends.api.outbox import Outbox, OutboxPhase
from amends.core.outcome import Outcome
from amends.core.world import Attempt


@dataclass(frozen=True)
class Stray:
    """This process still works under a claim that is not its own any more: let go first."""


@dataclass(frozen=True)
class Elsewhere:
    """Another process holds it: leave it alone for so long."""

    left: timedelta


@dataclass(frozen=True)
class Abandoned:
    """The claim has run out, and whoever held it left no answer."""

    why: str


@dataclass(frozen=True)
class Unstarted:
    """The claim is ours, and nothing was started under it: the answer to its write was lost."""


@dataclass(frozen=True)
class Working:
    """The executor works for this process."""


@dataclass(frozen=True)
class Answered:
    """The executor has answered this process."""

    outcome: Outcome


Hand = Stray | Elsewhere | Abandoned | Unstarted | Working | Answered


def hand(outbox: Outbox | None, attempt: Attempt | None, holder: str, now: datetime) -> Hand | None:
    """In whose hands it is; None: nothing is under way, or it is in no process's hands."""
    if outbox is None or outbox.phase is not OutboxPhase.CLAIMED or outbox.outcome is not None:
        return None
    if outbox.claimed_by is None:
        return None  # a person does it
    left = (outbox.claim_expires_at or now) - now
    if outbox.claimed_by != holder or left <= timedelta(0):
        if attempt is not None:
            return Stray()
        if left > timedelta(0):
            return Elsewhere(left)
        gone = f"{outbox.claimed_by} stopped during attempt {outbox.attempt} without an answer"
        return Abandoned(gone)
    if attempt is None:
        return Unstarted()
    return Working() if attempt.outcome is None else Answered(attempt.outcome)


def renewal(outbox: Outbox, lease: timedelta, now: datetime) -> timedelta:
    """How long until the claim is due to be renewed; not positive: now."""
    return (outbox.claim_expires_at or now) - now - lease / 2


def extended(outbox: Outbox, lease: timedelta, now: datetime) -> Outbox:
    """The claim, for another lease from now."""
    return outbox.model_copy(update={"claim_expires_at": now + lease})

"""Claims: in whose hands an attempt is. The ledger says it, the clock decides when it ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from amends.api.outbox import Outbox, OutboxPhase
from amends.core.outcome import Outcome, Unknown
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
    """The claim is ours, and nothing works under it.

    The answer to its write was lost, it may not begin yet, or somebody has taken the claim away and
    given it back. begun: another process has held it before, and may have begun it.
    """

    begun: bool = False


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
    if outbox.claimed_by is None and outbox.claim_expires_at is None:
        return None  # a person does it
    left = (outbox.claim_expires_at or now) - now
    if outbox.claimed_by != holder or left <= timedelta(0):
        if attempt is not None:
            return Stray()
        if left > timedelta(0):
            return Elsewhere(left)
        who = outbox.claimed_by or "whoever held the claim"
        return Abandoned(f"{who} stopped during attempt {outbox.attempt} without an answer")
    if attempt is None:
        return Unstarted(was_taken_over(outbox))
    return Working() if attempt.outcome is None else Answered(attempt.outcome)


def altered(outbox: Outbox) -> str:
    """Why nobody knows whether anything has left under a claim that is ours again."""
    return (
        f"the claim on attempt {outbox.attempt} was altered by somebody else, or taken away and "
        "given back, and something may have left under it before"
    )


def renewal(outbox: Outbox, lease: timedelta, now: datetime) -> timedelta:
    """How long until the claim is due to be renewed; not positive: now."""
    return (outbox.claim_expires_at or now) - now - lease / 2


def was_taken_over(outbox: Outbox) -> bool:
    """Whether this attempt was claimed by another process first."""
    return outbox.before is not None and outbox.claimed_at != outbox.before.time


def is_unbegun(outbox: Outbox | None, outcome: Outcome) -> bool:
    """Whether who took it over has found that it may still be begun under this very claim."""
    looked = isinstance(outcome, Unknown) and outcome.untraced
    return looked and outbox is not None and was_taken_over(outbox)


def taken(outbox: Outbox, holder: str, lease: timedelta, now: datetime) -> Outbox:
    """The claim in this process's hands, for another lease from now. The attempt stays the same."""
    stands = outbox.claimed_by == holder and (outbox.claim_expires_at or now) > now
    claimed_at = outbox.claimed_at if stands else now
    ours = outbox.model_copy(update={"claimed_by": holder, "claimed_at": claimed_at})
    return extended(ours, lease, now)


def extended(outbox: Outbox, lease: timedelta, now: datetime) -> Outbox:
    """The claim, for another lease from now."""
    return outbox.model_copy(update={"claim_expires_at": now + lease})

"""What one attempt to change the outside world came to. An executor answers with one of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Applied:
    """The effect is certain. The evidence goes into the Receipt, redacted."""

    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NotApplied:
    """It is certain that nothing happened.

    Retryable says whether another attempt may go better; retry_after is the target's own wish.
    target_is_down: it did not answer, or only that it cannot, so others need not try just now.
    """

    reason: str
    retryable: bool = True
    retry_after: timedelta | None = None
    target_is_down: bool = False


@dataclass(frozen=True)
class Unknown:
    """The effect may or may not have happened: nobody may assume either.

    target_is_down: as of NotApplied. untraced: what another process may have begun was only looked
    for, and there is no trace of it; it may still be begun under the same claim. retry_after: of a
    probe, the target's own wish for the next.
    """

    reason: str
    target_is_down: bool = False
    untraced: bool = False
    retry_after: timedelta | None = None


Outcome = Applied | NotApplied | Unknown


@dataclass(frozen=True)
class Preview:
    """What a change would do now, found out without doing it.

    digest: of everything that it would change. changes: the same in words, bounded, without
    secrets. uid, version: of the object that it would change, None if there is none.
    """

    digest: str
    changes: Sequence[str]
    uid: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Unseen:
    """Why it cannot be told just now what a change would do, and how soon to look again."""

    why: str
    again: timedelta

"""What one attempt to change the outside world came to. An executor answers with one of these."""

from collections.abc import Mapping
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
    """

    reason: str
    retryable: bool = True
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class Unknown:
    """The effect may or may not have happened: nobody may assume either."""

    reason: str


Outcome = Applied | NotApplied | Unknown

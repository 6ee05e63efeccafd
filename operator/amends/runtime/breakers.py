"""Circuit breakers: a target that does not answer is left alone, then tried by one attempt."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from amends.api.wire import rfc3339
from amends.core.hold import Hold
from amends.core.key import Key
from amends.core.outcome import Applied, Outcome

OPENS_AFTER = 5
"""Attempts in a row that found the target down."""
SHORTEST = timedelta(seconds=30)
"""How long the target is left alone first, unless whoever runs the operator says otherwise."""
LONGEST = timedelta(minutes=5)

T = TypeVar("T", bound=Hashable)


@dataclass
class _Breaker:
    """failures: in a row. until: open until then. trial: who tries it, half open."""

    failures: int = 0
    until: datetime | None = None
    trial: Key | None = None


class Breakers(Generic[T]):
    """One per target. What they know is lost with the process, and found out again."""

    def __init__(self, shortest: timedelta = SHORTEST) -> None:
        self._shortest = shortest
        self._breakers: dict[T, _Breaker] = {}

    def refuses(self, target: T, key: Key, now: datetime) -> Hold | None:
        """Why nothing is sent there now. Half open, the first who asks is the trial."""
        breaker = self._breakers.get(target)
        if breaker is None or breaker.until is None:
            return None
        down = f"{breaker.failures} attempts in a row found the target down"
        if now < breaker.until:
            again = rfc3339(breaker.until)
            message = f"{down}: the next one is made at {again}"
            return Hold("TargetUnavailable", message, breaker.until - now)
        if breaker.trial not in (None, key):
            message = f"{down}: waits for the attempt of {breaker.trial}, which tries it"
            return Hold("TargetUnavailable", message, self._shortest)
        breaker.trial = key
        return None

    def count(self, target: T, outcome: Outcome, now: datetime) -> None:
        """Whatever the target answered closes it; an attempt that found it down may open it."""
        if isinstance(outcome, Applied) or not outcome.target_is_down:
            self._breakers.pop(target, None)
            return
        breaker = self._breakers.setdefault(target, _Breaker())
        breaker.failures += 1
        breaker.trial = None
        over = breaker.failures - OPENS_AFTER
        if over >= 0:
            breaker.until = now + min(self._shortest * 2 ** min(over, 8), LONGEST)

    def passed(self, target: T, key: Key) -> None:
        """Who was to try it does not, or has: the next one may."""
        breaker = self._breakers.get(target)
        if breaker is not None and breaker.trial == key:
            breaker.trial = None

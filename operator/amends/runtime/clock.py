"""Time and dice: the only place that asks the system for either."""

import socket
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import structlog

log = structlog.get_logger(__name__)

WORTH_TELLING = 2.0
"""Seconds of a correction that somebody should hear of."""
_STOPWATCH = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Also goes on while the machine sleeps, and nobody can set it."""


class SystemClock:
    """The Clock port over the system's clock."""

    def now(self) -> datetime:
        """Now, in UTC, in whole milliseconds (what the wire keeps)."""
        return _whole(datetime.now(UTC))


class ServerClock:
    """The Clock port: the time of day as the API server has it, whatever this machine's clock says.

    Replicas judge each other's claims by it, so they have to agree, and the server is what they
    have in common. Each answer says when it was given (RFC 9110, Date, in whole seconds): after it
    was asked for and before it came. The clock is moved only as far as that proves it wrong, so one
    that is right is never moved. Between answers a stopwatch goes on: a clock that is set while the
    process runs changes nothing.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = lambda: time.clock_gettime(_STOPWATCH),
    ) -> None:
        self._stopwatch = stopwatch
        self._started = wall() - stopwatch()

    def now(self) -> datetime:
        """Now, in UTC, in whole milliseconds (what the wire keeps)."""
        return _whole(datetime.fromtimestamp(self._started + self._stopwatch(), UTC))

    def listening(self) -> Callable[[str | None], None]:
        """Call this before the server is asked, and what it returns with the Date of the answer."""
        asked = self._stopwatch()

        def heard(date: str | None) -> None:
            said = _seconds(date)
            if said is None:
                return
            earliest, latest = said - self._stopwatch(), said + 1 - asked
            right = min(max(self._started, earliest), latest)
            if abs(right - self._started) > WORTH_TELLING:
                log.warning(
                    "this machine's clock is wrong: going by the API server's",
                    seconds=round(self._started - right),
                )
            self._started = right

        return heard


def process_identity() -> str:
    """A name for this process that no other process has or will have."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"


def _whole(now: datetime) -> datetime:
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _seconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None

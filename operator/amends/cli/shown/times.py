"""Times as people read them, in UTC: they compare them with a log, not with the wall."""

from datetime import datetime, timedelta

_UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
)


def at(time: datetime, now: datetime) -> str:
    """A time, and how far away it is: `2026-01-31 09:00:05 UTC (3 h ago)`."""
    away = f"in {lasting(time - now)}" if time > now else f"{lasting(now - time)} ago"
    return f"{stamp(time)} ({away})"


def stamp(time: datetime) -> str:
    """A time alone."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def lasting(span: timedelta) -> str:
    """A length of time in one unit: 90 s, 5 min, 47 h, 3 d."""
    for unit, name in _UNITS:
        if span >= unit * 2:
            return f"{span // unit} {name}"
    return f"{max(int(span.total_seconds()), 0)} s"

"""Periods: four hours by UTC, the selectable times of creation that lists go by.

The API server lists by name, and no field selector compares. By these equal times a list can ask
for what is newest without asking for everything.
"""

from datetime import UTC, datetime, timedelta

LENGTH = timedelta(hours=4)


def period_of(when: datetime) -> str:
    """The period that a time is in.

    >>> period_of(datetime(2026, 1, 31, 9, 30, tzinfo=UTC))
    '2026-01-31T08'
    """
    utc = when.astimezone(UTC)
    return f"{utc:%Y-%m-%d}T{utc.hour - utc.hour % 4:02}"


def start(period: str) -> datetime:
    """Its first moment."""
    return datetime.strptime(f"{period}+0000", "%Y-%m-%dT%H%z")


def before(period: str) -> str:
    """The period before."""
    return period_of(start(period) - LENGTH)

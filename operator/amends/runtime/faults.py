"""What a fault means for the next look: the one place that judges errors. Pure."""

from datetime import timedelta

from amends.ports import Conflict, Gone, Unsure, Waiting

FIRST = 0.1
LONGEST = timedelta(minutes=5)
FREE_CONFLICTS = 3


def pause_after(why: Exception, failures: int) -> timedelta:
    """How long to wait before looking again, after so many failures in a row.

    A conflict means somebody wrote first: look at once, a few times. A server that asks for
    patience gets as much as it asks for. Everything else waits twice as long each time.
    """
    backoff = min(timedelta(seconds=FIRST * 2 ** min(failures - 1, 20)), LONGEST)
    match why:
        case Conflict() | Gone() if failures <= FREE_CONFLICTS:
            return timedelta(0)
        case Waiting(retry_after=timedelta() as asked):
            return max(backoff, min(asked, LONGEST))
        case Unsure() if failures == 1:
            return timedelta(0)
        case _:
            return backoff

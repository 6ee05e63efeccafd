"""The one place that judges errors: how long to wait before looking again."""

from datetime import timedelta

import pytest

from amends.ports import Conflict, Exists, Fault, Gone, Rejected, Unsure, Waiting
from amends.runtime.faults import FREE_CONFLICTS, LONGEST, pause_after


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("why", "failures", "pause"),
    [
        pytest.param(Conflict(), 1, seconds(0), id="somebody wrote first: look at once"),
        pytest.param(Conflict(), 3, seconds(0), id="a third time in a row: still at once"),
        pytest.param(Conflict(), 4, seconds(0.8), id="a fourth time: step back"),
        pytest.param(Gone(), 1, seconds(0), id="gone: look at once"),
        pytest.param(Gone(), 4, seconds(0.8), id="gone again and again: step back"),
        pytest.param(Unsure(), 1, seconds(0), id="an answer was lost: read at once"),
        pytest.param(Unsure(), 2, seconds(0.2), id="another answer was lost: step back"),
        pytest.param(Waiting("busy"), 1, seconds(0.1), id="asks for patience without a time"),
        pytest.param(
            Waiting("busy", seconds(7)), 1, seconds(7), id="gets the patience it asks for"
        ),
        pytest.param(
            Waiting("busy", seconds(1)), 6, seconds(3.2), id="asks for less than the backoff"
        ),
        pytest.param(
            Waiting("busy", seconds(9999)), 1, LONGEST, id="asks for more than the longest"
        ),
        pytest.param(Rejected(), 1, seconds(0.1), id="refused: a short pause"),
        pytest.param(Rejected(), 2, seconds(0.2), id="refused again: twice as long"),
        pytest.param(Rejected(), 12, seconds(204.8), id="twice as long each time"),
        pytest.param(Rejected(), 13, LONGEST, id="up to the longest"),
        pytest.param(Rejected(), 10**9, LONGEST, id="never more, however often"),
        pytest.param(Exists(), 1, seconds(0.1), id="a name that is taken where none should be"),
        pytest.param(Fault(), 1, seconds(0.1), id="any other fault"),
        pytest.param(ValueError(), 1, seconds(0.1), id="a bug of ours"),
    ],
)
def test_pause_after(why: Exception, failures: int, pause: timedelta) -> None:
    assert pause_after(why, failures) == pause


def test_conflicts_are_free_only_a_few_times() -> None:
    pauses = [pause_after(Conflict(), failures) for failures in range(1, 10)]
    assert pauses.count(timedelta(0)) == FREE_CONFLICTS
    assert pauses == sorted(pauses)

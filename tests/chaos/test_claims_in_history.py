"""What the campaigns call a claim that was taken too early, or that lasts too long."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from chaos.etcd_history import Change, History
from chaos.history_invariants import claims_do_not_overlap, nothing_is_missing

pytestmark = pytest.mark.chaos

LEASE = 6.0
BEGAN = time.monotonic() - 60


def claimed(by: str, until: float, **more: Any) -> dict[str, Any]:
    """An object under a claim that ends so many seconds after it all began."""
    end = datetime.fromtimestamp(time.time() - time.monotonic() + BEGAN + until, UTC)
    entry = {"phase": "Claimed", "claimedBy": by, "claimExpiresAt": end.isoformat(), **more}
    metadata = {"namespace": "here", "name": "undo", "uid": "uid"}
    return {"kind": "Compensation", "metadata": metadata, "status": {"outbox": entry}}


def by_hand(**more: Any) -> dict[str, Any]:
    """One that a person is to carry out: nobody's claim."""
    raw = claimed("nobody", 0, **more)
    for name in ("claimedBy", "claimExpiresAt"):
        del raw["status"]["outbox"][name]
    return raw


def history(*commits: tuple[float, dict[str, Any]]) -> History:
    """Commits, so many seconds after it all began."""
    befores = [{}, *(stored for _, stored in commits)]
    return History(
        [
            Change(number, BEGAN + at, "/undo", before, stored)
            for number, ((at, stored), before) in enumerate(zip(commits, befores, strict=False), 1)
        ]
    )


GIVEN_UP = {"outcome": "Unknown", "detail": "first stopped during attempt 1 without an answer"}


@pytest.mark.parametrize(
    ("commits", "said"),
    [
        pytest.param([(0, claimed("first", 6)), (6, claimed("other", 12))], "", id="run out"),
        pytest.param(
            [(0, claimed("first", 6)), (3, claimed("other", 9))],
            "undo at revision 2: the claim of first was taken from it 3.0 s before it ran out",
            id="taken",
        ),
        pytest.param(
            [(0, claimed("first", 6)), (3, claimed("first", 6, **GIVEN_UP))],
            "undo at revision 2: the claim of first was taken from it 3.0 s before it ran out",
            id="given up for it",
        ),
        pytest.param(
            [(0, by_hand()), (3, by_hand(outcome="Applied", detail="seen"))], "", id="by hand"
        ),
        pytest.param(
            [(0, claimed("first", 600))],
            "undo at revision 1: first claims it for 600.0 s, and not 6",
            id="for too long",
        ),
        pytest.param(
            [(5, claimed("first", 6)), (6, claimed("other", 12))], "", id="written late, run out"
        ),
        pytest.param(
            [(0, claimed("first", 6)), (3, claimed("first", 9))],
            "",
            id="extended",
        ),
    ],
)
def test_a_claim_is_left_alone_until_it_has_run_out(
    commits: list[tuple[float, dict[str, Any]]], said: str
) -> None:
    found = [*claims_do_not_overlap(history(*commits), lease=LEASE)]
    assert [one.removeprefix("/") for one in found] == ([said] if said else [])


def test_who_began_to_read_too_late_is_told_what_is_missing() -> None:
    whole = history((0, claimed("first", 6)), (6, claimed("other", 12)))
    assert [*nothing_is_missing(whole)] == []
    assert [*nothing_is_missing(History(whole.changes[1:]))] == [
        "/undo at revision 2: what was written to it before was not seen"
    ]

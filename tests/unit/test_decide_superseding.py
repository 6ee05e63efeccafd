"""Superseding: row A7. Success removes what nobody has touched and asks about the rest."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api import Compensation, DeadLetter
from amends.api.resource import MANAGED_BY
from amends.core.decide import decide
from amends.core.superseding import announced, is_held
from amends.core.undo.approval import verdict
from support.worlds import (
    NO_FLOORS,
    NOW,
    action,
    after,
    approval,
    compensation,
    counted,
    dead_letter,
    disposition,
    failed,
    letter_world,
    reasons,
    running,
    superseded_by,
    told,
    world,
    written,
)

NEWS = superseded_by()
SUPERSEDED: Any = {"supersededBy": NEWS.wire()}
FREE: Any = {"approval": {"required": False}}


def proposed(phase: str = "AwaitingApproval", generation: int = 1, **status: Any) -> Compensation:
    """One that the operator made."""
    made = compensation(phase, **status)
    meta = made.metadata.model_copy(update={"labels": MANAGED_BY, "generation": generation})
    return made.model_copy(update={"metadata": meta})


@pytest.mark.parametrize("phase", ["Proposed", "AwaitingApproval"])
def test_a7_an_untouched_compensation_goes_away(phase: str) -> None:
    decision = decide(world(proposed(phase), success=NEWS))
    assert (decision.remove, decision.status, decision.children) == (True, None, ())


@pytest.mark.parametrize(
    ("one", "approvals", "phase", "ready"),
    [
        pytest.param(
            proposed(approvals=[counted()]), (), "AwaitingApproval", "Superseded", id="counted"
        ),
        pytest.param(proposed(), (approval(),), "AwaitingApproval", "Superseded", id="stated"),
        pytest.param(
            proposed(generation=2), (), "AwaitingApproval", "Superseded", id="plan changed"
        ),
        pytest.param(
            compensation("AwaitingApproval"), (), "AwaitingApproval", "Superseded", id="by hand"
        ),
        pytest.param(
            proposed("Approved", approvals=[counted()]),
            *((), "AwaitingApproval", "Superseded"),
            id="approved: it asks again",
        ),
        pytest.param(running(), (), "Running", "Running", id="running: it goes on"),
        pytest.param(
            failed(nextAttemptAt=after(5)),
            (),
            "Failed",
            "Superseded",
            id="failed: no more tries",
        ),
        pytest.param(proposed("Completed"), (), "Completed", "Completed", id="already done"),
    ],
)
def test_a7_a_touched_compensation_stays_and_says_so(
    one: Compensation, approvals: Any, phase: str, ready: str
) -> None:
    decision = decide(world(one, success=NEWS, approvals=approvals, attempt=phase == "Running"))

    status = written(decision)
    assert (status.phase, status.superseded_by) == (phase, NEWS)
    assert reasons(decision)["Superseded"] == ("True", "EffectSucceeded")
    assert reasons(decision)["Ready"][1] == ready
    assert told(decision)[0] == "tell Compensation undo: Superseded"
    assert status.approvals == [] or phase in ("Running", "Failed", "Completed")


def test_a7_a_compensation_that_a_person_has_chosen_for_a_dead_letter_is_touched() -> None:
    decision = decide(world(proposed(), success=NEWS, chosen=True))
    assert (decision.remove, written(decision).superseded_by) == (False, NEWS)


def test_a_superseded_compensation_begins_nothing_until_it_is_approved_again() -> None:
    held = compensation("Approved", spec=FREE, **SUPERSEDED)
    decision = decide(world(held))
    assert (written(decision).phase, told(decision)) == ("Approved", [])
    assert reasons(decision)["Stalled"] == ("True", "Superseded")

    again = compensation("Approved", approvals=[{**counted(), "time": after(1)}], **SUPERSEDED)
    assert not is_held(again.status)
    assert written(decide(world(again, now=NOW + timedelta(seconds=2)))).phase == "Running"


def test_an_attempt_that_was_under_way_ends_and_no_other_one_follows() -> None:
    one = failed(nextAttemptAt=after(-1), approvals=[counted()], **SUPERSEDED)
    decision = decide(world(one))
    assert (written(decision).phase, told(decision)) == ("Failed", [])
    assert "set spec.cancel: true" in written(decision).conditions[0].message


def test_only_an_approval_that_was_made_knowing_of_it_counts() -> None:
    subject = compensation("AwaitingApproval", **SUPERSEDED)
    before = approval()
    late = approval("late")
    meta = late.metadata.model_copy(update={"creation_timestamp": NOW + timedelta(seconds=5)})
    late = late.model_copy(update={"metadata": meta})

    assert verdict(before, subject, (), NO_FLOORS, NOW).reason == "Superseded"
    assert verdict(late, subject, (), NO_FLOORS, NOW).reason == "Countable"
    asked = decide(world(subject, approvals=(before,)))
    assert (written(asked).phase, reasons(asked)["Ready"][1]) == ("AwaitingApproval", "Superseded")
    assert written(decide(world(subject, approvals=(late,)))).phase == "Approved"


@pytest.mark.parametrize(
    ("letter", "dispositions", "stays"),
    [
        pytest.param(dead_letter(), (), False, id="untouched"),
        pytest.param(
            dead_letter(compensationRef={"name": "undo"}), (), False, id="only linked by us"
        ),
        pytest.param(dead_letter(), (disposition(),), True, id="somebody has decided"),
        pytest.param(dead_letter("RetryRequested"), (), True, id="a retry was asked for"),
        pytest.param(
            dead_letter("LinkedToCompensation", settled=True), (), True, id="already undone"
        ),
    ],
)
def test_a7_an_untouched_dead_letter_goes_away_a_touched_one_says_so(
    letter: DeadLetter, dispositions: Any, stays: bool
) -> None:
    decision = decide(letter_world(letter, success=NEWS, dispositions=dispositions))

    assert decision.remove == (not stays)
    if stays:
        assert written(decision).superseded_by == NEWS
        assert (written(decision).phase, written(decision).settled) == (
            letter.status.phase,
            letter.status.settled,
        )
        assert reasons(decision)["Superseded"] == ("True", "EffectSucceeded")
        again = letter.model_copy(update={"status": written(decision)})
        assert not decide(letter_world(again, success=NEWS)).remove


def test_success_is_announced_by_an_open_action_or_a_retry_that_applied() -> None:
    told_status = {
        "effect": {"id": "effect-1", "outcome": "Succeeded"},
        "outbox": {"id": "outbox-1", "operation": "board.post", "phase": "Sent"},
        "receiptRef": {"name": "effect-1-2"},
    }
    telling = action("sent", status=told_status)
    recorded = action("sent", status={**told_status, "phase": "Recorded"})
    unproved = action("sent", status={**told_status, "receiptRef": None})
    dispatch = {
        "outbox": {
            "id": "outbox-1",
            "operation": "board.post",
            "phase": "Sent",
            "outcome": "Applied",
            "receiptRef": {"name": "effect-1-2"},
        }
    }
    assert announced([telling], [], NOW) == NEWS
    assert announced([], [dead_letter("Retrying", **dispatch)], NOW) == NEWS
    assert announced([recorded, unproved], [dead_letter("Resolved", **dispatch)], NOW) is None

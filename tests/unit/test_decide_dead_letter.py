"""DeadLetter: row B5 and which Compensation it waits for."""

import pytest

from amends.api import Compensation, DeadLetter
from amends.core.decide import decide
from amends.core.decision import Decision, WakeFollowers
from support.api import Object
from support.worlds import compensation, counted, dead_letter, letter_world, told, written

NAMED: Object = {"compensationRef": {"name": "undo"}}
DONE = compensation("Completed", approvals=[{**counted(), "reason": "a test"}])
OPEN = compensation("AwaitingApproval")
GONE = compensation("Cancelled")
OLDER = compensation("Approved", "older")


@pytest.mark.parametrize(
    ("letter", "named", "candidates", "reason", "waits_for"),
    [
        pytest.param(dead_letter(), None, [], "AwaitingDecision", None, id="nothing undoes it"),
        pytest.param(dead_letter(), None, [OPEN], "AwaitingCompensation", "undo", id="one does"),
        pytest.param(
            dead_letter(),
            *(None, [OPEN, OLDER], "AwaitingCompensation", "older"),
            id="two do: the first by age and name",
        ),
        pytest.param(
            dead_letter(), None, [GONE], "AwaitingDecision", None, id="a cancelled one does not"
        ),
        pytest.param(
            dead_letter(**NAMED),
            *(OPEN, [OLDER], "AwaitingCompensation", "undo"),
            id="it keeps to the one it named",
        ),
        pytest.param(
            dead_letter(**NAMED),
            *(GONE, [OLDER], "AwaitingCompensation", "older"),
            id="the one it named was cancelled",
        ),
        pytest.param(
            dead_letter(**NAMED), GONE, [], "AwaitingDecision", None, id="and there is no other"
        ),
        pytest.param(
            dead_letter(**NAMED), None, [], "AwaitingDecision", None, id="the one it named is gone"
        ),
    ],
)
def test_which_compensation_it_waits_for(
    letter: DeadLetter,
    named: Compensation | None,
    candidates: list[Compensation],
    reason: str,
    waits_for: str | None,
) -> None:
    decision = decide(letter_world(letter, named, *candidates))

    status = written(decision)
    assert [one.reason for one in status.conditions] == [reason]
    assert (status.compensation_ref.name if status.compensation_ref else None) == waits_for
    assert (status.phase, status.settled, status.disposition) == ("Open", None, None)
    # Who is named anew may have waited for that.
    is_new = letter.status.compensation_ref != status.compensation_ref
    hears = [f"wake Compensation {waits_for}"] if waits_for and is_new else []
    assert told(decision) == [*hears, "wake followers"]  # this is the first look at it


@pytest.mark.parametrize("phase", ["Open", "RetryRequested"])
@pytest.mark.parametrize(
    ("done", "actor", "reason"),
    [
        pytest.param(DONE, "alice", "a test", id="approved with a reason"),
        pytest.param(
            compensation("Completed"), "amends", "compensation `undo` completed", id="not approved"
        ),
        pytest.param(
            compensation(
                "Completed",
                approvals=[counted(), counted("two", "dora"), counted("no", "eve", "Reject")],
            ),
            *("alice, dora", "compensation `undo` completed"),
            id="approved by two",
        ),
    ],
)
def test_b5_it_is_linked_to_what_has_undone_it(
    phase: str, done: Compensation, actor: str, reason: str
) -> None:
    decision = decide(letter_world(dead_letter(phase, **NAMED), done))

    status = written(decision)
    assert (status.phase, status.settled) == ("LinkedToCompensation", True)
    assert status.disposition.choice == "Compensate"
    assert (status.disposition.actor, status.disposition.reason) == (actor, reason)
    assert [(one.from_, one.to) for one in status.history] == [(phase, "LinkedToCompensation")]
    assert told(decision) == ["tell DeadLetter letter: Compensated"]


@pytest.mark.parametrize("phase", ["Retrying", "Ignored", "Resolved"])
def test_b5_in_any_other_phase_it_is_left_alone_and_that_is_told_once(phase: str) -> None:
    letter = dead_letter(phase, **NAMED)
    first = decide(letter_world(letter, DONE))
    status = written(first)
    assert (status.phase, status.disposition, status.history) == (phase, None, [])
    assert status.settled == (phase != "Retrying" or None)
    assert [one.reason for one in status.conditions] == ["NotLinked"]
    assert told(first) == ["tell DeadLetter letter: NotLinked"]

    unsettled = status.model_copy(update={"settled": None})
    again = decide(letter_world(letter.model_copy(update={"status": unsettled}), DONE))
    assert (again.status, told(again)) == (status, [])


def test_what_is_settled_stays_so() -> None:
    settled = decide(letter_world(dead_letter(settled=True), DONE))
    assert settled == Decision(effects=(WakeFollowers(),))

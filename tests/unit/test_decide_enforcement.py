"""While the admission policies are not enforced nothing is counted, and nothing begins."""

from datetime import timedelta
from typing import Any, TypeVar

import pytest

from amends.api import Approval, Compensation, DeadLetter, Disposition
from amends.core.decide import decide
from amends.core.enforcement import NOT_ENFORCED, WAITS, Enforcement
from amends.core.outcome import Applied
from amends.core.world import ApprovalWorld, DispositionWorld
from support.api import Object
from support.worlds import (
    ME,
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
    told,
    unknown,
    world,
    written,
)

GAP = Enforcement(gap="a policy is missing: apply it")
BROKEN_TILL_NOW = Enforcement(since=NOW)
SAFE: Object = {"http": {"method": "POST", "url": "https://b/", "retrySafety": "ProviderKey"}}
POST = action("failed", idempotencyKey="run-7/post", retry=SAFE)
CHOSEN: Object = {
    "name": "choice",
    "uid": "uid-choice",
    "choice": "Retry",
    "reason": "the board is back",
    "actor": "alice",
    "time": after(-2),
}


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(compensation("AwaitingApproval"), id="waits for approval"),
        pytest.param(compensation("Approved", approvals=[counted()]), id="approved"),
        pytest.param(failed(nextAttemptAt=after(-1)), id="to be tried again"),
        pytest.param(unknown(nextAttemptAt=after(-1)), id="to be repeated, as that is safe"),
    ],
)
def test_an_undo_that_would_go_on_waits_and_says_why(one: Compensation) -> None:
    decision = decide(world(one, enforcement=GAP))

    assert written(decision).phase is one.status.phase
    assert reasons(decision)["Ready"] == ("False", NOT_ENFORCED)
    assert written(decision).conditions[0].message == f"{WAITS}: a policy is missing: apply it"
    assert not {"Reconciling", "Stalled"} & set(reasons(decision))
    assert told(decision) == [f"tell Compensation undo: {NOT_ENFORCED}"]
    assert decision.look_again is None


def test_a_person_is_told_once_whatever_else_is_found_to_be_missing() -> None:
    one = compensation("Approved")
    before = decide(world(one, enforcement=GAP))
    waiting = one.model_copy(update={"status": written(before)})

    again = decide(world(waiting, enforcement=Enforcement(gap="another one is missing, too")))

    assert written(again).conditions[0].message == f"{WAITS}: another one is missing, too"
    assert told(again) == []


def test_when_they_are_back_it_begins() -> None:
    one = compensation("Approved")
    waiting = one.model_copy(update={"status": written(decide(world(one, enforcement=GAP)))})

    assert told(decide(world(waiting))) == ["execute undo:1"]


@pytest.mark.parametrize(
    ("spec", "phase"),
    [({"suspend": True}, "Approved"), ({"cancel": True}, "Cancelled")],
)
def test_people_can_still_hold_it_and_call_it_off(spec: Object, phase: str) -> None:
    decision = decide(world(compensation("Approved", spec=spec), enforcement=GAP))

    assert written(decision).phase == phase
    assert reasons(decision)["Ready"][1] != NOT_ENFORCED


def test_what_runs_goes_on_to_its_end() -> None:
    assert decide(world(running(), attempt=True, enforcement=GAP)).status is None
    done = decide(world(running(), outcome=Applied({}), enforcement=GAP))
    assert written(done).phase == "Completed"


def test_what_was_claimed_before_and_not_begun_waits() -> None:
    decision = decide(world(running(by=ME), enforcement=GAP))

    assert told(decision) == []
    assert reasons(decision)["Ready"] == ("False", NOT_ENFORCED)


def test_what_has_ended_says_so_and_nothing_else() -> None:
    decision = decide(world(failed(), enforcement=GAP))

    assert reasons(decision)["Ready"] == ("False", "Failed")


S = TypeVar("S", Approval, Disposition)


def made(one: S, seconds: float) -> S:
    """The statement, created so long after NOW."""
    created = {"creation_timestamp": NOW + timedelta(seconds=seconds)}
    return one.model_copy(update={"metadata": one.metadata.model_copy(update=created)})


def said(**changes: Any) -> ApprovalWorld:
    one = approval(**{"status": {}, **changes})
    return ApprovalWorld(one, compensation("AwaitingApproval"), NO_FLOORS, NOW, GAP)


def test_an_approval_waits_too_and_is_not_bound() -> None:
    decision = decide(said())

    assert reasons(decision) == {"Ready": ("Unknown", NOT_ENFORCED)}
    assert written(decision).bound_uid is None
    assert told(decision) == [f"tell Compensation undo: {NOT_ENFORCED}"]


def test_an_approval_that_has_counted_or_never_can_is_settled_all_the_same() -> None:
    listed = compensation("Approved", approvals=[counted()])
    of_another = approval(status={}, subject={"uid": "uid-other"})

    for one, subject, reason in (
        (approval(), listed, "Counted"),
        (of_another, compensation("AwaitingApproval"), "BoundToAnother"),
    ):
        decision = decide(ApprovalWorld(one, subject, NO_FLOORS, NOW, GAP))
        assert reasons(decision)["Ready"][1] == reason
        assert written(decision).settled is True


def test_an_approval_made_before_the_policies_last_changed_never_counts() -> None:
    one = compensation("AwaitingApproval")
    early, bound = made(approval(status={}), -60), made(approval(), -60)

    refused = decide(ApprovalWorld(early, one, NO_FLOORS, NOW, BROKEN_TILL_NOW))
    assert reasons(refused) == {"Ready": ("False", "Unauthenticated")}
    assert written(refused).settled is True
    assert told(refused) == ["tell Compensation undo: Unauthenticated"]
    uncounted = decide(world(one, approvals=[bound], enforcement=BROKEN_TILL_NOW))
    assert (written(uncounted).phase, written(uncounted).approvals) == ("AwaitingApproval", [])


def test_an_approval_made_since_then_counts() -> None:
    one = made(approval(), 0)

    counts = decide(
        world(compensation("AwaitingApproval"), approvals=[one], enforcement=BROKEN_TILL_NOW)
    )

    assert written(counts).phase == "Approved"


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(dead_letter("RetryRequested", disposition=CHOSEN), id="a retry is asked for"),
        pytest.param(
            dead_letter(
                "Retrying",
                disposition=CHOSEN,
                dispatch={"count": 1, "lastTime": after(-9), "nextTime": after(-1)},
                outbox={
                    "id": "outbox-1",
                    "operation": "board.post",
                    "phase": "Claimed",
                    "attempt": 1,
                    "outcome": "Unknown",
                    "detail": "no answer",
                },
            ),
            id="a retry is to be repeated",
        ),
    ],
)
def test_a_retry_waits_and_says_why(one: DeadLetter) -> None:
    decision = decide(letter_world(one, action=POST, enforcement=GAP))

    assert written(decision).phase is one.status.phase
    assert reasons(decision)["Ready"] == ("False", NOT_ENFORCED)
    assert told(decision) == [f"tell DeadLetter letter: {NOT_ENFORCED}"]
    assert told(decide(letter_world(one, action=POST))) != told(decision)


def test_a_decision_on_a_dead_letter_waits_too_and_is_not_carried_out() -> None:
    letter, choice = dead_letter(), disposition()

    on_the_letter = decide(letter_world(letter, dispositions=[choice], enforcement=GAP))
    on_itself = decide(
        DispositionWorld(disposition(status={}), letter_world(letter, enforcement=GAP), NOW)
    )

    assert written(on_the_letter).phase == "Open"
    assert reasons(on_itself) == {"Ready": ("Unknown", NOT_ENFORCED)}
    assert written(on_itself).bound_uid is None


def test_a_decision_made_before_the_policies_last_changed_is_never_carried_out() -> None:
    choice = made(disposition(), -60)
    letter = letter_world(dead_letter(), dispositions=[choice], enforcement=BROKEN_TILL_NOW)

    assert written(decide(letter)).phase == "Open"
    decision = decide(DispositionWorld(choice, letter, NOW))
    assert reasons(decision)["Ready"][1] == "Withdrawn"
    withdrawn = choice.model_copy(update={"status": written(decision)})
    decision = decide(DispositionWorld(withdrawn, letter, NOW))
    assert reasons(decision)["Ready"] == ("False", "Unauthenticated")

"""Disposition: row C1, and what a person may decide from which phase."""

from typing import Any

import pytest

from amends.api import Action, Compensation, DeadLetter, Disposition
from amends.core.decide import decide
from amends.core.letters.disposing import TO
from amends.core.letters.disposition import APPLIES_TO, verdict
from amends.core.machines import DEAD_LETTER
from amends.core.world import DispositionWorld
from support.api import Object
from support.worlds import (
    NOW,
    action,
    after,
    compensation,
    dead_letter,
    disposition,
    letter_world,
    superseded_by,
    told,
    written,
)

HTTP: Object = {"http": {"method": "POST", "url": "https://board/"}}
RETRYABLE = action("failed", idempotencyKey="key-1", retry=HTTP)
UNDOABLE = action("failed", compensation={"rollbackInstruction": "remove it"})
PLAIN = action("failed")
UNDO = compensation("AwaitingApproval")
CLAIM: Object = {
    "outbox": {
        "id": "outbox-1",
        "operation": "board.post",
        "phase": "Claimed",
        "attempt": 1,
        "claimedBy": "operator-1",
        "claimExpiresAt": after(60),
    },
    "dispatch": {"count": 1},
}
LOST: Object = {**CLAIM, "outbox": {**CLAIM["outbox"], "outcome": "Unknown", "detail": "lost"}}
SPENT: Object = {"dispatch": {"count": 5}}
NEWS: Object = {"supersededBy": superseded_by().wire()}


@pytest.mark.parametrize(
    ("choice", "letter", "failed", "candidates", "reason", "final"),
    [
        ("Retry", dead_letter(), RETRYABLE, [], "Applicable", False),
        ("Retry", dead_letter("RetryRequested"), RETRYABLE, [], "NotApplicable", True),
        ("Retry", dead_letter("Retrying", **LOST), RETRYABLE, [], "NotApplicable", True),
        ("Retry", dead_letter("Ignored", settled=True), RETRYABLE, [], "NotApplicable", True),
        ("Retry", dead_letter(), PLAIN, [], "NoRetryDeclared", True),
        ("Retry", dead_letter(), None, [], "ActionNotFound", True),
        ("Retry", dead_letter(**SPENT), RETRYABLE, [], "RetriesExhausted", True),
        ("Retry", dead_letter(**NEWS), RETRYABLE, [], "Superseded", True),
        ("Ignore", dead_letter(), PLAIN, [], "Applicable", False),
        ("Ignore", dead_letter("RetryRequested"), PLAIN, [], "Applicable", False),
        ("Ignore", dead_letter("Retrying", **CLAIM), PLAIN, [], "RetryUnderWay", False),
        ("Ignore", dead_letter("Retrying", **LOST), PLAIN, [], "Applicable", False),
        ("Abandon", dead_letter("LinkedToCompensation"), PLAIN, [], "NotApplicable", True),
        ("Compensate", dead_letter(), PLAIN, [], "NoCompensation", True),
        ("Compensate", dead_letter(), PLAIN, [UNDO], "Applicable", False),
        ("Compensate", dead_letter(), UNDOABLE, [], "Applicable", False),
        ("Compensate", dead_letter(**NEWS), UNDOABLE, [], "Superseded", True),
        ("Compensate", dead_letter("Retrying", **LOST), UNDOABLE, [], "Applicable", False),
        ("Resolve", dead_letter("LinkedToCompensation"), PLAIN, [], "Applicable", False),
        ("Resolve", dead_letter("Ignored", settled=True), PLAIN, [], "NotApplicable", True),
        ("Reopen", dead_letter("Ignored", settled=True), PLAIN, [], "Applicable", False),
        ("Reopen", dead_letter("Resolved", settled=True), PLAIN, [], "NotApplicable", True),
        ("Reopen", dead_letter(), PLAIN, [], "NotApplicable", True),
    ],
)
def test_c1_what_may_be_decided_and_why_not(
    choice: str,
    letter: DeadLetter,
    failed: Action | None,
    candidates: list[Compensation],
    reason: str,
    final: bool,
) -> None:
    made = disposition(choice, status={})
    world = letter_world(letter, None, *candidates, action=failed, dispositions=(made,))

    found = verdict(made, world)

    assert (found.reason, found.final) == (reason, final)
    decision = decide(DispositionWorld(made, world, NOW))
    status = written(decision)
    assert (status.settled, [c.reason for c in status.conditions]) == (final or None, [reason])
    wakes = reason == "Applicable"
    told_of = ["wake DeadLetter letter"] if wakes else [f"tell DeadLetter letter: {reason}"]
    assert told(decision) == (told_of if wakes or final else [])


@pytest.mark.parametrize(
    ("changes", "known", "reason"),
    [
        ({"actor": None}, {}, "Unauthenticated"),
        ({"status": {"boundUid": "uid-of-another"}}, {}, "BoundToAnother"),
        ({"deadLetterRef": {"name": "letter", "uid": "x"}, "status": {}}, {}, "BoundToAnother"),
        ({}, {"objection": "https://board/ is not allowed"}, "NotExecutable"),
    ],
)
def test_c1_a_statement_that_cannot_count_says_why(changes: Any, known: Any, reason: str) -> None:
    made = disposition("Retry", **changes)
    found = verdict(made, letter_world(dead_letter(), action=RETRYABLE, **known))
    assert (found.reason, found.final, found.counts) == (reason, True, False)


def test_a_statement_waits_for_its_dead_letter() -> None:
    decision = decide(DispositionWorld(disposition(status={}), None, NOW))
    status = written(decision)
    assert (status.settled, status.bound_uid) == (None, None)
    assert [c.reason for c in status.conditions] == ["SubjectNotFound"]


def test_it_is_bound_before_it_is_carried_out() -> None:
    made = disposition(status={})
    world = letter_world(dead_letter(), action=PLAIN, dispositions=(made,))
    assert written(decide(DispositionWorld(made, world, NOW))).bound_uid == "uid-letter"
    assert written(decide(world)).phase == "Open"


@pytest.mark.parametrize(
    ("choice", "letter", "phase"),
    [
        ("Retry", dead_letter(), "RetryRequested"),
        ("Ignore", dead_letter(), "Ignored"),
        ("Abandon", dead_letter(), "Ignored"),
        ("Compensate", dead_letter(), "LinkedToCompensation"),
        ("Resolve", dead_letter(), "Resolved"),
        ("Reopen", dead_letter("Ignored", settled=True), "Open"),
    ],
)
def test_c1_phase_disposition_reason_actor_and_time_are_recorded(
    choice: str, letter: DeadLetter, phase: str
) -> None:
    made = disposition(choice, reason="token=abc is why")
    failed = action("failed", idempotencyKey="key-1", retry=HTTP)
    world = letter_world(letter, None, UNDO, action=failed, dispositions=(made,))

    status = written(decide(world))

    assert (status.phase, status.settled) == (phase, None)
    assert status.disposition.wire() == {
        "name": "choice",
        "uid": "uid-choice",
        "choice": choice,
        "reason": "token=[redacted] is why",
        "actor": "alice",
        "time": "2026-01-31T09:00:00.000Z",
    }
    step = status.history[-1]
    assert (step.from_, step.to, step.actor) == (letter.status.phase, phase, "alice")
    linked = status.compensation_ref.name if status.compensation_ref else None
    assert linked == (None if choice in ("Retry", "Reopen") else "undo")


@pytest.mark.parametrize("choice", ["Ignore", "Resolve"])
def test_it_is_settled_once_no_compensation_of_its_effect_has_still_to_end(choice: str) -> None:
    made = disposition(choice)
    alone = letter_world(dead_letter(), action=PLAIN, dispositions=(made,))
    assert written(decide(alone)).settled is True

    beside = letter_world(dead_letter(), None, UNDO, action=PLAIN, dispositions=(made,))
    decided = dead_letter().model_copy(update={"status": written(decide(beside))})
    assert written(decide(letter_world(decided, UNDO, UNDO))).settled is None
    assert written(decide(letter_world(decided, compensation("Cancelled")))).settled is True


def test_the_next_one_waits_until_the_last_one_knows_that_it_was_carried_out() -> None:
    first, second = disposition("Retry", "first"), disposition("Ignore", "second")
    recorded = {"name": "first", "uid": "uid-first", "choice": "Retry", "reason": "x"}
    recorded |= {"actor": "alice", "time": after(-1)}
    letter = dead_letter("RetryRequested", disposition=recorded)

    waiting = decide(letter_world(letter, action=RETRYABLE, dispositions=(first, second)))
    assert (waiting.status, told(waiting)) == (None, ["wake Disposition first"])

    done = decide(letter_world(letter, action=RETRYABLE, dispositions=(second,)))
    assert written(done).phase == "Ignored"


def test_a_decision_that_is_refused_is_never_carried_out_meanwhile() -> None:
    """Each is written on its own: one of the two may be late."""
    made = disposition("Retry")
    busy, free = dead_letter("RetryRequested"), dead_letter(observedGeneration=1)

    refusing = after_look(made, busy)
    assert (refusing.status.settled, says(refusing)) == (None, "Withdrawn")
    carried_out = decide(letter_world(free, action=RETRYABLE, dispositions=(made,)))
    then = free.model_copy(update={"status": written(carried_out)})
    assert then.status.phase == "RetryRequested"
    assert says(after_look(refusing, then)) == "Applied"

    refused = after_look(refusing, busy)
    assert (refused.status.settled, says(refused)) == (True, "NotApplicable")
    left_alone = decide(letter_world(free, action=RETRYABLE, dispositions=(refusing,)))
    assert written(left_alone).phase == "Open"
    assert "wake Disposition choice" in told(left_alone)
    assert says(after_look(refusing, free)) == "Applicable"


def after_look(made: Disposition, letter: DeadLetter) -> Disposition:
    """The Disposition after it was looked at while the dead letter stood so."""
    world = letter_world(letter, action=RETRYABLE, dispositions=(made,))
    status = written(decide(DispositionWorld(made, world, NOW)))
    return made.model_copy(update={"status": status})


def says(made: Disposition) -> str:
    return made.status.conditions[0].reason


def test_a_person_gives_the_compensation_that_the_action_did_not() -> None:
    plan = {"rollbackInstruction": "remove it by hand", "timeoutSeconds": 7}
    made = disposition("Compensate", compensation=plan)
    decision = decide(letter_world(dead_letter(), action=PLAIN, dispositions=(made,)))

    (child,) = decision.children
    spec = child.spec.wire()
    assert (child.kind, child.name) == ("Compensation", "compensation-effect-1-uid-choi")
    assert {name: spec[name] for name in (*plan, "targetEffect", "actionRef", "requester")} == {
        **plan,
        "targetEffect": "effect-1",
        "actionRef": {"name": "post"},
        "requester": {"username": "alice", "uid": "", "groups": []},
    }
    status = written(decision)
    assert (status.phase, status.compensation_ref.name) == ("LinkedToCompensation", child.name)


def test_a_name_that_is_taken_is_said_and_tried_again() -> None:
    made = disposition("Compensate", compensation={"name": "taken"})
    world = letter_world(
        dead_letter(), action=PLAIN, dispositions=(made,), obstacle="taken by another"
    )
    decision = decide(world)
    status = written(decision)
    assert (status.phase, [c.reason for c in status.conditions]) == ("Open", ["NameTaken"])
    assert decision.look_again is not None


@pytest.mark.parametrize(
    ("named", "became"),
    [
        (compensation("Cancelled"), "Cancelled"),
        (compensation("Failed"), "Failed"),
        (None, "gone"),
    ],
)
def test_a_compensation_that_ends_without_effect_opens_its_dead_letter_again(
    named: Compensation | None, became: str
) -> None:
    letter = dead_letter("LinkedToCompensation", compensationRef={"name": "undo"})
    decision = decide(letter_world(letter, named))
    status = written(decision)
    assert (status.phase, status.compensation_ref) == ("Open", None)
    assert status.history[-1].reason == f"compensation undo is {became}, and nothing was undone"
    assert told(decision) == ["tell DeadLetter letter: Reopened"]


def test_a_compensation_that_is_tried_again_does_not() -> None:
    letter = dead_letter("LinkedToCompensation", compensationRef={"name": "undo"})
    trying = compensation("Failed", nextAttemptAt=after(5))
    assert written(decide(letter_world(letter, trying))).phase == "LinkedToCompensation"


def test_every_choice_is_a_step_of_the_machine() -> None:
    for choice, phases in APPLIES_TO.items():
        assert all(DEAD_LETTER.allows(phase, TO[choice]) for phase in phases), choice


def test_a_decided_link_stays_the_persons_when_the_compensation_completes() -> None:
    recorded = {"name": "choice", "uid": "uid-choice", "choice": "Compensate", "reason": "x"}
    recorded |= {"actor": "alice", "time": after(-1)}
    letter = dead_letter(
        "LinkedToCompensation", compensationRef={"name": "undo"}, disposition=recorded
    )
    status = written(decide(letter_world(letter, compensation("Completed"))))
    assert (status.settled, status.disposition) == (True, letter.status.disposition)

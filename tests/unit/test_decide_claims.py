"""Claims of our own that somebody has altered, or taken away and given back: nobody guesses."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api import Action, Compensation
from amends.core.decide import decide
from amends.core.decision import Execute
from support.api import Object
from support.worlds import (
    LEASE,
    ME,
    NOW,
    ONCE,
    SAFE,
    action,
    after,
    compensation,
    dead_letter,
    letter_world,
    reasons,
    running,
    told,
    world,
    written,
)

JOB: Object = {"execution": {"job": {"template": {"image": "undo:1"}}}}
ASKED = "wake followers of kind Attestation"
IN_DOUBT = ["release", "tell Compensation undo: OutcomeUnknown", ASKED]
GIVEN_BACK = (
    "the claim on attempt 1 was altered by somebody else, or taken away and given back, and "
    "something may have left under it before"
)


@pytest.mark.parametrize(
    ("spec", "known", "ready", "effects"),
    [
        pytest.param(
            ONCE,
            {"unbegun": True},
            "Running",
            ["execute undo:1"],
            id="the answer to its writing was lost: nothing has left",
        ),
        pytest.param(ONCE, {}, "OutcomeUnknown", IN_DOUBT, id="it may have left, and but once"),
        pytest.param(
            {**ONCE, "verify": {"http": {"url": "https://x/"}}},
            {},
            "Verifying",
            IN_DOUBT,
            id="it may have left, and the target can be asked",
        ),
        pytest.param(SAFE, {}, "Running", ["execute undo:1"], id="a repeat is safe"),
        pytest.param(
            ONCE, {"freeze": "frozen"}, "OutcomeUnknown", IN_DOUBT, id="and all is frozen"
        ),
    ],
)
def test_nothing_is_sent_twice_under_a_claim_that_is_ours_again(
    spec: Object, known: Any, ready: str, effects: list[str]
) -> None:
    decision = decide(world(running(spec=spec), **known))

    assert told(decision) == effects
    status = written(decision)
    assert reasons(decision)["Ready"][1] == ready
    doubted = ready != "Running"
    assert (status.outbox.detail, status.next_attempt_at) == (GIVEN_BACK if doubted else None, None)


def test_a_job_that_may_have_begun_is_looked_for_and_not_created_again() -> None:
    (work,) = decide(world(running(spec=JOB))).effects
    assert isinstance(work, Execute)
    assert work.begun


@pytest.mark.parametrize("attempt", [True, False])
def test_a_claim_of_nobody_is_waited_for_and_then_in_doubt(attempt: bool) -> None:
    """Somebody has deleted the name of its holder. A person's attempt has no claim at all."""
    nobodys = running(spec=ONCE, outbox={"claimedBy": None})
    decision = decide(world(nobodys, attempt=attempt))
    assert (told(decision), decision.look_again) == (
        (["disown"], timedelta(0)) if attempt else ([], LEASE)
    )

    over = running(spec=ONCE, expires=0, outbox={"claimedBy": None})
    assert told(decide(world(over))) == IN_DOUBT


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(
            running(
                spec=ONCE,
                outbox={"outcome": "Unknown", "detail": "lost"},
                nextAttemptAt=after(0),
            ),
            id="nobody knows what came of the last one",
        ),
        pytest.param(
            compensation(
                "Failed",
                spec=ONCE,
                attempts=1,
                outbox=running().status.outbox.wire(),  # type: ignore[union-attr]
                nextAttemptAt=after(0),
            ),
            id="the last one has no outcome",
        ),
    ],
)
def test_where_a_repeat_may_do_harm_no_attempt_follows_one_of_unknown_outcome(
    one: Compensation,
) -> None:
    """The operator never plans it: somebody else has written when the next one is due."""
    decision = decide(world(one))

    assert "execute undo:2" not in told(decision)
    status = written(decision)
    assert (status.phase, status.next_attempt_at) == ("Running", None)
    assert reasons(decision)["Ready"][1] == "OutcomeUnknown"


@pytest.mark.parametrize(
    ("safety", "unbegun", "effects"),
    [
        ("None", False, ["release", "tell DeadLetter letter: OutcomeUnknown", "wake followers"]),
        ("None", True, ["execute letter:1"]),
        ("ProviderKey", False, ["execute letter:1"]),
    ],
)
def test_the_same_goes_for_a_retry(safety: str, unbegun: bool, effects: list[str]) -> None:
    decision = decide(letter_world(sent(), action=failed(safety), unbegun=unbegun))

    assert told(decision) == effects
    if effects[0] == "release":
        assert reasons(decision)["Stalled"][1] == "OutcomeUnknown"
        assert written(decision).outbox.detail == GIVEN_BACK


def failed(safety: str) -> Action:
    http = {"method": "POST", "url": "https://b/", "retrySafety": safety}
    return action("failed", idempotencyKey="run-7/post", retry={"http": http})


def sent() -> Any:
    claim = {
        "id": "outbox-retry-1",
        "operation": "board.post",
        "phase": "Claimed",
        "attempt": 1,
        "idempotencyKey": "run-7/post",
        "attemptKey": "letter:1",
        "claimedBy": ME,
        "claimExpiresAt": (NOW + LEASE).isoformat(),
    }
    dispatch = {"count": 1, "lastTime": after(-1), "nextTime": after(1)}
    return dead_letter("Retrying", outbox=claim, dispatch=dispatch, observedGeneration=1)

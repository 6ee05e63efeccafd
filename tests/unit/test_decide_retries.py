"""Retries: rows C2 to C4. A failed action is sent again under its own key, and never twice."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api import DeadLetter
from amends.api.receipt import EffectOutcome, Receipt
from amends.core.decide import decide
from amends.core.decision import Decision, Execute
from amends.core.letters import evidence
from amends.core.letters.retries import pause_after
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from support.api import Object
from support.worlds import (
    LEASE,
    ME,
    NOW,
    OTHER,
    SCOPE,
    action,
    after,
    compensation,
    dead_letter,
    letter_world,
    metadata,
    reasons,
    superseded_by,
    told,
    written,
)

SAFE: Object = {"http": {"method": "POST", "url": "https://b/", "retrySafety": "ProviderKey"}}
ONCE: Object = {"http": {"method": "POST", "url": "https://b/"}}
POST = action("failed", idempotencyKey="run-7/post", retry=SAFE)
POST_ONCE = action("failed", idempotencyKey="run-7/post", retry=ONCE)
ASKED: Object = {
    "disposition": {
        "name": "choice",
        "uid": "uid-choice",
        "choice": "Retry",
        "reason": "the board is back",
        "actor": "alice",
        "time": after(-2),
    }
}


def requested(**status: Any) -> DeadLetter:
    return dead_letter("RetryRequested", **{**ASKED, **status})


def retrying(
    count: int = 1,
    *,
    by: str = ME,
    expires: float = 300,
    outbox: Object | None = None,
    **status: Any,
) -> DeadLetter:
    claim = {
        "id": "outbox-retry-1",
        "operation": "board.post",
        "phase": "Claimed",
        "attempt": count,
        "idempotencyKey": "run-7/post",
        "attemptKey": f"letter:{count}",
        "claimedBy": by,
        "claimExpiresAt": after(expires),
        **(outbox or {}),
    }
    dispatch = {"count": count, "lastTime": after(-1), "nextTime": after(count)}
    return dead_letter("Retrying", **{**ASKED, "outbox": claim, "dispatch": dispatch, **status})


def lost(count: int = 1) -> DeadLetter:
    return retrying(count, outbox={"outcome": "Unknown", "detail": "no answer"})


def receipt(letter: DeadLetter, outcome: str = "Succeeded") -> Receipt:
    child = evidence.of_dispatch(letter, (), EffectOutcome(outcome), {"id": 17}, "503", SCOPE, NOW)
    return Receipt.read({"metadata": metadata(child.name), "spec": child.spec.wire()})


def executed(decision: Decision) -> Execute:
    (found,) = [effect for effect in decision.effects if isinstance(effect, Execute)]
    return found


def test_c2_it_is_claimed_and_then_sent_under_the_actions_own_key() -> None:
    decision = decide(letter_world(requested(), action=POST))

    status = written(decision)
    assert (status.phase, status.dispatch.count, status.dispatch.last_time) == ("Retrying", 1, NOW)
    assert (status.outbox.phase, status.outbox.outcome) == ("Claimed", None)
    assert (status.outbox.claimed_by, status.outbox.claim_expires_at) == (ME, NOW + LEASE)
    work = executed(decision)
    assert (work.idempotency_key, work.attempt_key) == ("run-7/post", "letter:1")
    assert POST.spec.retry is not None
    assert work.execution == POST.spec.retry.execution
    assert status.outbox.idempotency_key == "run-7/post"


def test_c2_a_body_with_a_number_that_has_no_exact_form_is_sent_all_the_same() -> None:
    big: Object = {"http": {**SAFE["http"], "body": {"id": 2**53}}}
    post = action("failed", idempotencyKey="run-7/post", retry=big)

    decision = decide(letter_world(requested(), action=post))

    spelled: Object = {"http": {**SAFE["http"], "body": {"id": str(2**53)}}}
    alike = action("failed", idempotencyKey="run-7/post", retry=spelled)
    same = decide(letter_world(requested(), action=alike))
    assert written(decision).outbox.payload_digest == written(same).outbox.payload_digest
    assert post.spec.retry is not None
    assert executed(decision).execution == post.spec.retry.execution


@pytest.mark.parametrize(
    ("dispatches", "seconds"), [(1, 1), (2, 2), (3, 4), (5, 16), (9, 256), (10, 300), (99, 300)]
)
def test_c3_the_pause_doubles_up_to_five_minutes(dispatches: int, seconds: int) -> None:
    assert pause_after(dispatches) == timedelta(seconds=seconds)


def test_c3_it_is_not_sent_before_its_time() -> None:
    letter = requested(dispatch={"count": 2, "lastTime": after(-1), "nextTime": after(3)})
    decision = decide(letter_world(letter, action=POST))
    assert (written(decision).phase, told(decision)) == ("RetryRequested", [])
    assert decision.look_again == timedelta(seconds=3)


def test_it_is_not_sent_beside_an_undo() -> None:
    named = requested(compensationRef={"name": "undo"})
    undo = compensation("AwaitingApproval")
    apart = decide(letter_world(named, undo, undo, action=POST))
    assert (written(apart).compensation_ref, told(apart)) == (None, [])

    for running in (compensation("Approved"), compensation("Failed", nextAttemptAt=after(9))):
        beside = decide(letter_world(requested(), None, running, action=POST))
        assert written(beside).phase == "RetryRequested"
        assert written(beside).compensation_ref.name == "undo"  # it may go first
        assert told(beside) == ["wake Compensation undo", "wake followers"]

    waiting = letter_world(requested(), None, undo, action=POST)
    assert written(decide(waiting)).phase == "Retrying"


@pytest.mark.parametrize(
    ("letter", "known", "effects", "again"),
    [
        pytest.param(retrying(), {"attempt": True}, [], LEASE / 2, id="works: waited for"),
        pytest.param(retrying(), {}, ["execute letter:1"], LEASE / 2, id="not started: started"),
        pytest.param(retrying(by=OTHER), {}, [], LEASE, id="in other hands: left alone"),
        pytest.param(
            retrying(by=OTHER), {"attempt": True}, ["disown"], timedelta(0), id="not ours any more"
        ),
    ],
)
def test_c4_a_retry_in_flight_is_not_sent_twice(
    letter: DeadLetter, known: Any, effects: list[str], again: timedelta
) -> None:
    decision = decide(letter_world(letter, action=POST, **known))
    assert (told(decision), decision.look_again) == (effects, again)


def test_a_claim_is_renewed_while_the_executor_works() -> None:
    decision = decide(letter_world(retrying(expires=100), action=POST, attempt=True))
    assert written(decision).outbox.claim_expires_at == NOW + LEASE


def test_c4_success_resolves_it_and_is_put_on_record_first() -> None:
    letter = retrying()
    decision = decide(letter_world(letter, action=POST, outcome=Applied({"id": 17})))

    (child,) = decision.children
    spec = child.spec.wire()
    assert (child.name, child.in_sequence) == ("effect-1-1", True)
    assert {key: spec[key] for key in ("subject", "source", "effectId", "outcome", "attempt")} == {
        "subject": {"kind": "DeadLetter", "name": "letter", "uid": "uid-letter"},
        "source": "tool_effect",
        "effectId": "effect-1",
        "outcome": "Succeeded",
        "attempt": 2,
    }
    status = written(decision)
    assert (status.phase, status.settled) == ("Resolved", True)
    assert (status.outbox.phase, status.outbox.receipt_ref.name) == ("Sent", "effect-1-1")
    assert told(decision) == ["release", "tell DeadLetter letter: Resolved", "wake followers"]


def test_a_new_outcome_names_the_receipt_that_it_supersedes() -> None:
    earlier = receipt(retrying(), "Failed")
    decision = decide(
        letter_world(retrying(2), action=POST, receipts=(earlier,), outcome=Applied({}))
    )
    (child,) = decision.children
    assert child.name == "effect-1-2"
    assert child.spec.wire()["supersedes"] == {"name": "effect-1-1"}


def test_a_failure_does_not_supersede_a_success_that_was_reported_meanwhile() -> None:
    reported = receipt(retrying())
    decision = decide(
        letter_world(retrying(2), action=POST, receipts=(reported,), outcome=NotApplied("503"))
    )
    (child,) = decision.children
    assert (child.name, child.spec.wire().get("supersedes")) == ("effect-1-2", None)


def test_success_is_told_to_who_was_to_undo_the_failure_before_it_is_resolved() -> None:
    undo = compensation("AwaitingApproval")
    letter = retrying()
    telling = decide(letter_world(letter, None, undo, action=POST, outcome=Applied({})))
    status = written(telling)
    assert (status.phase, status.outbox.outcome) == ("Retrying", "Applied")
    assert told(telling) == ["release", "wake Compensation undo"]

    told_all = letter.model_copy(update={"status": status})
    knows = compensation("AwaitingApproval", supersededBy=superseded_by().wire())
    assert written(decide(letter_world(told_all, None, undo, action=POST))).phase == "Retrying"
    assert written(decide(letter_world(told_all, None, knows, action=POST))).phase == "Resolved"


@pytest.mark.parametrize(
    ("count", "phase", "choice"), [(1, "Open", "Retry"), (5, "Ignored", "retry_exhausted")]
)
def test_c4_a_new_failure_opens_it_again_until_c3_it_is_exhausted(
    count: int, phase: str, choice: str
) -> None:
    decision = decide(letter_world(retrying(count), action=POST, outcome=NotApplied("503")))
    (child,) = decision.children
    assert child.spec.wire()["outcome"] == "Failed"
    status = written(decision)
    assert (status.phase, status.settled) == (phase, phase == "Ignored" or None)
    assert (status.disposition.choice, status.dispatch.count) == (choice, count)
    assert told(decision) == ["release", "tell DeadLetter letter: RetryFailed", "wake followers"]


@pytest.mark.parametrize(("asked", "waits"), [(3600, 3600), (1, 8)])
def test_c3_the_target_is_left_alone_for_as_long_as_it_asks(asked: int, waits: int) -> None:
    busy = NotApplied("429", retry_after=timedelta(seconds=asked))
    letter = retrying(dispatch={"count": 1, "lastTime": after(0), "nextTime": after(8)})
    status = written(decide(letter_world(letter, action=POST, outcome=busy)))
    assert status.phase == "Open"
    assert status.dispatch.next_time == NOW + timedelta(seconds=waits)


@pytest.mark.parametrize(
    ("failed", "outcome", "ready"),
    [
        pytest.param(POST, Unknown("no answer"), "Retrying", id="a repeat is safe"),
        pytest.param(POST_ONCE, Unknown("no answer"), "OutcomeUnknown", id="it is not"),
    ],
)
def test_nobody_guesses_what_became_of_it(failed: Any, outcome: Outcome, ready: str) -> None:
    decision = decide(letter_world(retrying(), action=failed, outcome=outcome))
    status = written(decision)
    assert (status.phase, status.outbox.outcome, decision.children) == ("Retrying", "Unknown", ())
    assert reasons(decision)["Ready"][1] == ready
    assert ("Stalled" in reasons(decision)) == (ready == "OutcomeUnknown")
    assert told(decision) == ["release", "tell DeadLetter letter: OutcomeUnknown", "wake followers"]


def test_an_unknown_outcome_is_sent_again_only_where_that_is_safe_and_in_time() -> None:
    waiting = decide(letter_world(lost(), action=POST))
    assert (told(waiting), waiting.look_again) == ([], timedelta(seconds=1))

    due = letter_world(lost(), action=POST, now=NOW + timedelta(seconds=1))
    again = decide(due)
    assert told(again) == ["execute letter:2"]
    assert written(again).outbox.doubt == "no answer"

    for never in (letter_world(lost(), action=POST_ONCE), letter_world(lost(5), action=POST)):
        stalled = decide(never)
        assert (told(stalled), reasons(stalled)["Stalled"][1]) == ([], "OutcomeUnknown")


def test_a_doubt_is_never_forgotten() -> None:
    letter = retrying(2, outbox={"doubt": "no answer"})
    decision = decide(letter_world(letter, action=POST, outcome=NotApplied("404")))
    status = written(decision)
    assert (status.phase, decision.children) == ("Retrying", ())
    assert status.outbox.detail == "no answer; dispatch 2: 404"


@pytest.mark.parametrize(("outcome", "phase"), [("Succeeded", "Resolved"), ("Failed", "Open")])
def test_after_a_crash_the_receipt_says_how_it_ended(outcome: str, phase: str) -> None:
    letter = retrying(by=OTHER, expires=-1)
    proof = receipt(letter, outcome)
    decision = decide(letter_world(letter, action=POST, receipts=(proof,)))
    assert (written(decision).phase, decision.children) == (phase, ())


def test_after_a_crash_without_a_receipt_nobody_knows() -> None:
    decision = decide(letter_world(retrying(by=OTHER, expires=-1), action=POST))
    assert written(decision).outbox.outcome == "Unknown"


@pytest.mark.parametrize(
    ("failed", "known"), [(None, {}), (POST, {"objection": "https://b/ is not allowed"})]
)
def test_what_cannot_be_sent_any_more_says_so(failed: Any, known: Any) -> None:
    decision = decide(letter_world(requested(), action=failed, **known))
    assert reasons(decision) == {"Ready": ("False", "NotExecutable")}
    assert told(decision) == ["wake followers"]  # this is the first look at it


def test_a_dispatch_that_the_cluster_remembers_is_taken_over_and_not_doubted() -> None:
    template = {"spec": {"containers": [{"name": "post", "image": "x"}]}}
    retry: Object = {"job": {"template": template}}
    post = action("failed", idempotencyKey="run-7/post", retry=retry, runId="run-7")
    abandoned = retrying(by=OTHER, expires=-1)

    decision = decide(letter_world(abandoned, action=post))

    status, work = written(decision), executed(decision)
    assert (status.phase, status.dispatch.count, status.outbox.outcome) == ("Retrying", 1, None)
    assert (status.outbox.claimed_by, status.outbox.claim_expires_at) == (ME, NOW + LEASE)
    assert (work.attempt_key, work.begun, work.run_id) == ("letter:1", True, "run-7")

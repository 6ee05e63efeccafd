"""Verify of a retry: nobody knows what came of it, and the Action says how that is found out."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api import Action, DeadLetter
from amends.core.decide import decide
from amends.core.decision import AT_ONCE, Probe
from amends.core.enforcement import Enforcement
from amends.core.letters.attesting import attested
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.world import Attempt, DeadLetterWorld
from support.api import Object
from support.worlds import (
    ME,
    NOW,
    action,
    after,
    attestation,
    compensation,
    dead_letter,
    disposition,
    left_behind,
    letter_world,
    reasons,
    told,
    written,
)

VERIFY: Object = {"http": {"url": "https://b/1"}, "afterSeconds": 7, "attempts": 2}


def declares(safety: str = "None", **retry: Any) -> Action:
    sent = {"method": "POST", "url": "https://b/", "retrySafety": safety}
    declared = {"http": sent, "timeoutSeconds": 9, "verify": VERIFY, **retry}
    return action("failed", idempotencyKey="run-7/post", retry=declared, runId="run-7")


POST = declares()


def sent(**outbox: Any) -> DeadLetter:
    claim: Object = {
        "id": "outbox-retry-1",
        "operation": "board.post",
        "phase": "Claimed",
        "attempt": 1,
        "idempotencyKey": "run-7/post",
        "attemptKey": "letter:1",
        "claimedBy": ME,
        "claimExpiresAt": after(300),
        **outbox,
    }
    count = claim["attempt"]
    dispatch = {"count": count, "lastTime": after(-1), "nextTime": after(1)}
    return dead_letter("Retrying", outbox=claim, dispatch=dispatch)


def unsure(count: int = 0, due: float | None = 0, **outbox: Any) -> DeadLetter:
    probing = {"count": count, "nextAt": after(due) if due is not None else None}
    lost = {"outcome": "Unknown", "detail": "lost", "doubt": "before", "verification": probing}
    return sent(**{**lost, **outbox})


def known(letter: DeadLetter, **facts: Any) -> DeadLetterWorld:
    return letter_world(letter, **{"action": POST, **facts})


def answered(letter: DeadLetter, outcome: Outcome | None, **facts: Any) -> DeadLetterWorld:
    outbox = letter.status.outbox
    assert outbox is not None
    assert outbox.verification is not None
    number = outbox.verification.count + 1
    return known(letter, probe=Attempt(f"letter:1/verify-{number}", outcome), **facts)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("failed", "attempt", "ready", "is_asked"),
    [
        pytest.param(POST, 1, "Verifying", True, id="the target is asked"),
        pytest.param(declares("Natural"), 1, "Retrying", False, id="a repeat is safe: that first"),
        pytest.param(declares("Natural"), 5, "Verifying", True, id="no repeat is left: asked"),
        pytest.param(
            declares(verify=None), 1, "OutcomeUnknown", False, id="nothing to ask: a person"
        ),
        pytest.param(None, 1, "OutcomeUnknown", False, id="nobody says how to ask: a person"),
    ],
)
def test_a_lost_answer_goes_to_repeat_then_to_verify_then_to_a_person(
    failed: Action | None, attempt: int, ready: str, is_asked: bool
) -> None:
    letter = sent(attempt=attempt)
    decision = decide(known(letter, action=failed, outcome=Unknown("no answer")))

    status = written(decision)
    assert (status.phase, decision.children) == ("Retrying", ())
    assert reasons(decision)["Ready"][1] == ready
    assert reasons(decision)["OutcomeUnknown"] == ("True", "OutcomeUnknown")
    told_of = "tell DeadLetter letter: OutcomeUnknown"
    assert told(decision) == ["release", told_of, "wake followers"]
    found = status.outbox.verification
    assert (found is not None) == is_asked
    if is_asked:
        assert (found.count, found.next_at) == (0, NOW + seconds(7))
        assert "Stalled" not in reasons(decision)


RESOLVED = "tell DeadLetter letter: Resolved"
FAILED = "tell DeadLetter letter: RetryFailed"


@pytest.mark.parametrize(
    ("world", "phase", "ready", "effects", "again"),
    [
        pytest.param(known(unsure(due=3)), "Retrying", "Verifying", [], seconds(3), id="not yet"),
        pytest.param(
            known(unsure()), None, None, ["probe letter:1/verify-1"], None, id="it is time"
        ),
        pytest.param(
            known(unsure(count=1)), None, None, ["probe letter:1/verify-2"], None, id="again"
        ),
        pytest.param(answered(unsure(), None), "Retrying", "Verifying", [], None, id="being asked"),
        pytest.param(
            answered(unsure(), Applied({"status": 200})),
            *("Resolved", "Resolved", ["release", RESOLVED, "wake followers"], None),
            id="it is there",
        ),
        pytest.param(
            answered(unsure(), NotApplied("404")),
            *("Open", "AwaitingDecision", ["release", FAILED, "wake followers"]),
            AT_ONCE,
            id="it is not there: open again",
        ),
        pytest.param(
            answered(unsure(attempt=5), NotApplied("404")),
            *("Ignored", "Ignored", ["release", FAILED, "wake followers"], AT_ONCE),
            id="it is not there, and was sent often enough",
        ),
        pytest.param(
            answered(unsure(), Unknown("503")),
            *("Retrying", "Verifying", ["release"], seconds(1)),
            id="it cannot be told: asked again",
        ),
        pytest.param(
            answered(unsure(count=1), Unknown("503")),
            *("Retrying", "OutcomeUnknown"),
            ["release", "tell DeadLetter letter: OutcomeUnknown"],
            None,
            id="it cannot be told, and was the last time: a person",
        ),
        pytest.param(
            known(unsure(), action=None),
            *("Retrying", "OutcomeUnknown"),
            ["release", "tell DeadLetter letter: OutcomeUnknown"],
            None,
            id="nothing says any more how it is asked: a person",
        ),
        pytest.param(
            known(unsure(), freeze="incident 42", enforcement=Enforcement(gap="none stands")),
            *(None, None, ["probe letter:1/verify-1"], None),
            id="nothing may begin: asked all the same, it changes nothing",
        ),
    ],
)
def test_what_the_target_says(
    world: DeadLetterWorld,
    phase: str | None,
    ready: str | None,
    effects: list[str],
    again: timedelta | None,
) -> None:
    decision = decide(world)

    assert told(decision) == effects
    assert decision.look_again == again
    if phase is None:
        assert decision.status is None
        return
    assert (written(decision).phase, reasons(decision)["Ready"][1]) == (phase, ready)
    assert ("Stalled" in reasons(decision)) == (ready == "OutcomeUnknown")


def test_it_is_asked_as_the_retry_was_sent() -> None:
    (probe,) = decide(known(unsure())).effects
    assert isinstance(probe, Probe)
    assert POST.spec.retry is not None
    assert probe.verification == POST.spec.retry.verify
    work = probe.work
    assert (work.idempotency_key, work.attempt_key) == ("run-7/post", "letter:1")
    assert (work.service_account, work.timeout) == ("amends-runner", seconds(9))


@pytest.mark.parametrize(("count", "pause"), [(0, 1), (1, 2), (3, 8), (12, 300)])
def test_the_pause_between_probes_is_that_between_dispatches(count: int, pause: int) -> None:
    often = declares(verify={**VERIFY, "attempts": 20})
    status = written(decide(answered(unsure(count), Unknown("503"), action=often)))
    probing = status.outbox.verification
    assert (probing.count, probing.next_at) == (count + 1, NOW + seconds(pause))
    assert probing.detail == "503"


def test_the_condition_says_what_is_not_known_how_often_it_was_asked_and_when_it_is_again() -> None:
    (ready, *_) = written(decide(known(unsure(count=1, due=3)))).conditions
    assert ready.message == (
        "lost; 1 probe has told nothing; the target is asked at 2026-01-31T09:00:03.000Z"
    )
    (ready, *_) = written(decide(answered(unsure(count=1), Unknown("503")))).conditions
    assert ready.message.startswith(
        "lost; 2 probes have told nothing: look at the target yourself, then create an Attestation "
        "(kubectl amends attest dead-letter/letter)"
    )


def test_what_the_probe_has_found_is_the_evidence_and_the_reason() -> None:
    decision = decide(answered(unsure(), Applied({"status": 200, "token": "planted"})))

    (receipt,) = decision.children
    spec = receipt.spec.wire()
    assert (receipt.name, spec["outcome"]) == ("effect-1-1", "Succeeded")
    assert spec["payload"]["evidence"] == {
        "probe": 1,
        "verified": {"status": 200, "token": "[redacted]"},
    }
    assert written(decision).history[-1].reason == (
        "dispatch 1 applied, receipt effect-1-1: probe 1 has found the effect"
    )


def test_what_the_target_says_is_put_on_record_without_its_secrets() -> None:
    secret = "s3cr3t-9f2a-x7"
    for outcome in (NotApplied(f"404, token={secret}"), Unknown(f"503, token={secret}")):
        decision = decide(answered(unsure(count=1), outcome))
        assert "token=[redacted]" in str(decision)
        assert secret not in str(decision)


def test_not_there_ends_the_doubt_about_earlier_dispatches() -> None:
    decision = decide(answered(unsure(), NotApplied("404")))

    (receipt,) = decision.children
    spec = receipt.spec.wire()
    assert (spec["outcome"], spec["error"]) == ("Failed", "probe 1: 404")
    outbox = written(decision).outbox
    assert (outbox.outcome, outbox.doubt) == ("NotApplied", None)


@pytest.mark.parametrize("outcome", [Applied({"status": 200}), NotApplied("404")])
def test_who_finds_the_receipt_of_a_probe_goes_on_as_if_it_had_asked(outcome: Outcome) -> None:
    killed = decide(answered(unsure(), outcome))

    next_one = decide(known(unsure(), receipts=(left_behind(killed),)))

    assert not next_one.children
    assert written(next_one) == written(killed)


def test_the_others_hear_of_it_first_and_then_it_says_who_has_found_it() -> None:
    undo = compensation("AwaitingApproval")
    telling = decide(letter_world(unsure(), None, undo, action=POST, probe=found(1)))
    assert written(telling).phase == "Retrying"

    letter = unsure().model_copy(update={"status": written(telling)})
    done = decide(known(letter, receipts=(left_behind(telling),)))

    assert written(done).phase == "Resolved"
    assert written(done).history[-1].reason.endswith(": probe 1 has found the effect")


def found(number: int) -> Attempt:
    return Attempt(f"letter:1/verify-{number}", Applied({"status": 200}))


@pytest.mark.parametrize(("choice", "phase"), [("Ignore", "Ignored"), ("Resolve", "Resolved")])
@pytest.mark.parametrize("probe", [None, Attempt("letter:1/verify-1")])
def test_a_person_may_decide_while_the_target_is_asked(
    choice: str, phase: str, probe: Attempt | None
) -> None:
    decision = decide(known(unsure(), dispositions=[disposition(choice)], probe=probe))
    assert written(decision).phase == phase
    assert ("release" in told(decision)) == (probe is not None)


def test_what_is_known_counts_more_than_a_decision_without_knowing() -> None:
    asked = answered(unsure(), Applied({}), dispositions=[disposition("Ignore")])
    assert written(decide(asked)).phase == "Resolved"


def test_a_probe_that_nobody_waits_for_any_more_is_let_go_of() -> None:
    ignored = dead_letter("Ignored", settled=True, outbox=unsure().status.outbox)
    assert told(decide(known(ignored, probe=Attempt("letter:1/verify-1")))) == [
        "release",
        "wake followers",
    ]


@pytest.mark.parametrize("phase", ["Open", "RetryRequested", "LinkedToCompensation"])
def test_only_what_is_being_retried_is_asked_about(phase: str) -> None:
    left_unknown = sent(outcome="Unknown", detail="lost").status.outbox
    decision = decide(known(dead_letter(phase, outbox=left_unknown)))
    assert written(decision).outbox.verification is None


def test_a_person_may_attest_while_the_target_is_asked() -> None:
    about = {"kind": "DeadLetter", "name": "letter"}
    said = attestation(subject=about, status={"boundUid": "uid-letter"}, attemptKey="letter:1")
    asked = known(unsure(due=3), attestations=[said])
    assert attested(asked).later is None
    assert written(decide(asked)).phase == "Resolved"


def test_what_can_be_sent_again_no_more_is_asked_about() -> None:
    safe = {"action": declares("Natural"), "objection": "https://b/ is not allowed any more"}
    lost = sent(outcome="Unknown", detail="lost")
    begun = decide(known(lost, **safe))
    assert reasons(begun)["Ready"][1] == "Verifying"

    asked = lost.model_copy(update={"status": written(begun)})
    due = known(asked, **safe, now=NOW + seconds(7))
    assert told(decide(due)) == ["probe letter:1/verify-1"]
    allowed = known(asked, action=safe["action"], now=NOW + seconds(7))
    assert told(decide(allowed)) == ["execute letter:2"]

"""What a person's word about an attempt leads to: for an undo, by hand or not, and for a retry."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.api import Attestation, Compensation, DeadLetter
from amends.core.decide import decide
from amends.core.decision import AT_ONCE
from amends.core.enforcement import Enforcement
from amends.core.key import Key
from amends.core.undo.awaiting import awaits_attestation, is_overdue
from support.worlds import (
    LEASE,
    MANUAL,
    NAMESPACE,
    NOW,
    ONCE,
    after,
    attestation,
    attested,
    check_step,
    compensation,
    dead_letter,
    left_behind,
    letter_world,
    reasons,
    running,
    superseded_by,
    told,
    world,
    written,
)

LETTER = Key("DeadLetter", NAMESPACE, "letter")
UNKNOWN = {"outcome": "Unknown", "detail": "lost", "doubt": "lost before"}
LOST = running(outbox=UNKNOWN, spec=ONCE)
HEARS = "wake Attestation saw"


def by_hand(**changes: Any) -> Compensation:
    spec = {**MANUAL, **changes.pop("spec", {})}
    changes.setdefault("attestationDeadline", after(60))
    return running(spec=spec, outbox={"claimedBy": None, "claimExpiresAt": None}, **changes)


@pytest.mark.parametrize("one", [LOST, by_hand(), by_hand(spec={"cancel": True})])
def test_applied_is_put_on_record_and_completes_it(one: Compensation) -> None:
    said = attestation(evidence={"ticket": "OPS-17", "password": "planted"})
    decision = decide(world(one, attestations=[said]))

    (receipt,) = decision.children
    evidence = receipt.spec.wire()["payload"]["evidence"]["attestation"]
    assert evidence == {
        "name": "saw",
        "uid": "uid-saw",
        "attemptKey": "undo:1",
        "outcome": "Applied",
        "actor": "alice",
        "onBehalfOf": None,
        "madeAt": "2026-01-31T08:59:00.000Z",
        "reason": "I looked",
        "evidence": {"ticket": "OPS-17", "password": "[redacted]"},
    }
    status = written(decision)
    assert (status.phase, status.receipt_ref.name) == ("Completed", receipt.name)
    assert [(one.name, one.username, one.outcome) for one in status.attestations] == [
        ("saw", "alice", "Applied")
    ]
    assert status.history[-1].actor == "alice"
    assert "OutcomeUnknown" not in reasons(decision)
    executed = ["release", "tell Compensation undo: Executed", "wake followers"]
    assert told(decision) == ["tell Compensation undo: Attested", *executed]


@pytest.mark.parametrize(
    ("one", "ready", "wait"),
    [
        pytest.param(LOST, "Retrying", timedelta(seconds=2), id="tried again as approved"),
        pytest.param(by_hand(), "Failed", None, id="by hand: failed for good"),
        pytest.param(
            running(attempt=5, outbox=UNKNOWN, spec=ONCE), "Failed", None, id="no attempt is left"
        ),
    ],
)
def test_not_applied_ends_every_doubt(
    one: Compensation, ready: str, wait: timedelta | None
) -> None:
    outbox = one.status.outbox
    assert outbox is not None
    said = attestation("NotApplied", attemptKey=outbox.attempt_key)
    decision = decide(world(one, attestations=[said]))

    status = written(decision)
    assert (status.phase, reasons(decision)["Ready"][1]) == ("Failed", ready)
    assert (status.outbox.outcome, status.outbox.doubt) == ("NotApplied", None)
    assert status.outbox.detail == "NotApplied, attested by alice: I looked"
    assert "OutcomeUnknown" not in reasons(decision)
    assert decision.look_again == wait
    assert decision.children == ()


def test_the_oldest_that_counts_wins_and_the_other_is_told() -> None:
    first = attestation("NotApplied", name="z-first", meta={"creationTimestamp": after(-90)})
    later = attestation("Applied", name="a-later")
    decision = decide(world(LOST, attestations=[later, first]))
    assert [one.name for one in written(decision).attestations] == ["z-first"]
    assert told(decision)[-2:] == ["wake Attestation a-later", "wake Attestation z-first"]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(attestation(status={"boundUid": "uid-other"}), id="of a namesake"),
        pytest.param(attestation(attemptKey="undo:7"), id="of another attempt"),
        pytest.param(attestation(user=None), id="by nobody"),
    ],
)
def test_what_does_not_count_changes_nothing_and_is_looked_at_again(said: Attestation) -> None:
    decision = decide(world(LOST, attestations=[said]))
    assert (written(decision).phase, written(decision).attestations) == ("Running", [])
    assert told(decision) == [HEARS]


def test_one_that_is_not_bound_yet_is_woken_to_be_bound() -> None:
    decision = decide(world(LOST, attestations=[attestation(status={})]))
    assert written(decision).phase == "Running"
    assert told(decision) == [HEARS]


def test_nobody_is_believed_while_the_policies_are_not_enforced() -> None:
    gap = Enforcement(gap="a policy is missing")
    decision = decide(world(LOST, attestations=[attestation()], enforcement=gap))
    assert written(decision).phase == "Running"


def test_a_statement_waits_while_the_answer_may_still_come() -> None:
    known = world(running(spec=ONCE), attempt=True, attestations=[attestation(status={})])
    assert told(decide(known)) == []


def test_while_the_receipts_name_is_taken_nothing_counts() -> None:
    decision = decide(world(LOST, attestations=[attestation()], obstacle="Receipt x is taken"))
    assert (written(decision).phase, written(decision).attestations) == ("Running", [])
    assert reasons(decision)["Ready"][1] == "NameTaken"
    assert decision.look_again == LEASE / 2


# -------------------------------------------------------------------------------------- by hand


def test_what_a_person_is_to_do_is_claimed_by_no_process() -> None:
    decision = decide(world(compensation("Approved", spec=MANUAL)))
    status = written(decision)
    assert status.phase == "Running"
    assert (status.outbox.phase, status.outbox.attempt_key) == ("Claimed", "undo:1")
    assert (status.outbox.claimed_by, status.outbox.claim_expires_at) == (None, None)
    assert status.attestation_deadline == NOW + timedelta(seconds=60)
    assert told(decision) == ["tell Compensation undo: AwaitingAttestation"]
    assert decision.look_again == AT_ONCE


@pytest.mark.parametrize("spec", [{}, {"suspend": True}])
def test_it_waits_for_somebody_to_attest(spec: dict[str, bool]) -> None:
    one = by_hand(spec=spec)
    decision = decide(world(one))
    assert told(decision) == []
    assert decision.look_again == timedelta(seconds=60)
    (ready, _) = written(decision).conditions
    assert ready.reason == "AwaitingAttestation"
    assert ready.message == (
        "waits for a person to do it: unplug it; then create an Attestation (kubectl amends "
        "attest undo)"
    )
    assert awaits_attestation(one)


def test_past_its_deadline_that_is_said_once_and_it_still_waits() -> None:
    late = by_hand(attestationDeadline=after(-1))
    decision = decide(world(late))
    assert told(decision) == ["tell Compensation undo: AttestationOverdue"]
    assert reasons(decision)["AttestationOverdue"] == ("True", "AttestationOverdue")
    assert (written(decision).phase, decision.look_again) == ("Running", None)
    assert is_overdue(late, NOW)

    again = late.model_copy(update={"status": written(decision)})
    assert told(decide(world(again))) == []
    assert written(decide(world(again, attestations=[attestation()]))).phase == "Completed"


def test_cancelled_while_it_waits_says_that_nobody_has_attested() -> None:
    decision = decide(world(by_hand(spec={"cancel": True})))
    assert written(decision).phase == "Cancelled"
    assert written(decision).reason == (
        "Cancelled: spec.cancel is true; nobody has attested to attempt undo:1, which may have "
        "had its effect"
    )


def test_superseded_while_a_person_does_it_it_still_waits_for_what_they_say() -> None:
    one = by_hand(supersededBy=superseded_by().wire())
    decision = decide(world(one))
    assert reasons(decision)["Ready"][1] == "AwaitingAttestation"


# ------------------------------------------------------------------------------------- a retry


def letter() -> DeadLetter:
    outbox = {
        "id": "outbox-1",
        "operation": "board.post",
        "phase": "Claimed",
        "attempt": 1,
        "idempotencyKey": "key-1",
        "attemptKey": "letter:1",
        "outcome": "Unknown",
        "detail": "lost",
        "doubt": "lost before",
    }
    return dead_letter("Retrying", dispatch={"count": 1}, outbox=outbox)


def about_the_retry(outcome: str) -> Attestation:
    subject = {"kind": "DeadLetter", "name": "letter"}
    bound = {"boundUid": "uid-letter"}
    return attestation(outcome, subject=subject, status=bound, attemptKey="letter:1")


@pytest.mark.parametrize(
    ("outcome", "phase", "proof"),
    [("Applied", "Resolved", "Succeeded"), ("NotApplied", "Open", "Failed")],
)
def test_a_retry_is_attested_to_as_well(outcome: str, phase: str, proof: str) -> None:
    known = replace(letter_world(letter()), attestations=[about_the_retry(outcome)])

    decision = decide(known)

    status = written(decision)
    (receipt,) = decision.children
    assert (status.phase, receipt.spec.wire()["outcome"]) == (phase, proof)
    assert receipt.spec.wire()["payload"]["evidence"]["attestation"]["actor"] == "alice"
    assert [one.outcome for one in status.attestations] == [outcome]
    assert told(decision)[0] == "tell DeadLetter letter: Attested"
    assert told(decision)[-1] == "wake followers"


@pytest.mark.parametrize("one", [LOST, by_hand()])
def test_who_finds_the_receipt_of_a_statement_puts_it_on_record(one: Compensation) -> None:
    known = world(one, attestations=[attestation()])
    killed = decide(known)

    next_one = decide(replace(known, receipt=left_behind(killed)))

    assert not next_one.children
    assert written(next_one) == written(killed)
    assert told(next_one) == told(killed)


@pytest.mark.parametrize("outcome", ["Applied", "NotApplied"])
def test_so_does_who_finds_that_of_a_retry(outcome: str) -> None:
    killed = decide(replace(letter_world(letter()), attestations=[about_the_retry(outcome)]))
    receipts = [left_behind(killed)]
    known = replace(letter_world(letter()), receipts=receipts)

    next_one = decide(replace(known, attestations=[about_the_retry(outcome)]))

    assert not next_one.children
    assert written(next_one) == written(killed)
    assert told(next_one) == told(killed)


def test_what_is_on_record_is_never_counted_twice() -> None:
    one = running(outbox=UNKNOWN, spec=ONCE, attestations=[attested()])
    check_step(world(one, attestations=[attestation()]), "Running", "OutcomeUnknown", [HEARS], None)

"""Row A9: what was on record before anything was sent, as the core decides it."""

from typing import Any

import pytest

from amends.api import Action
from amends.core.decide import decide
from amends.core.world import ActionWorld
from support.digests import sha256, short
from support.reports import KEY, action_world, after_status, children, keyed, proof
from support.worlds import after, reasons, told, written

ENTRY = f"outbox-{short(KEY)}"
EFFECT = f"effect-{short(KEY)}"
BY_WRITER = {"source": {"kind": "agent", "id": "writer"}}
SENDING = {"text": "hello"}
STAMP = "2026-01-31T08:59:00.000Z"
NOON = "2026-01-31T09:00:00.000Z"


def claimed(name: str = "claim", outcome: str = "claimed", **given: Any) -> Action:
    return keyed(outcome, name, **{"input": SENDING, **BY_WRITER, **given})


def looked_at(one: Action, *evidence: Any, **known: Any) -> Action:
    return after_status(one, decide(action_world(one, *evidence, **known)))


def edited(one: Action, outcome: str, **given: Any) -> Action:
    """The same Action, once the automation has said what came of it."""
    spec = {**one.spec.wire(), "outcome": outcome, **given}
    meta = one.metadata.model_copy(update={"generation": one.metadata.generation + 1})
    return one.model_copy(update={"metadata": meta, "spec": type(one.spec).model_validate(spec)})


CLAIM = {
    "id": ENTRY,
    "operation": "board.post",
    "createdAt": STAMP,
    "phase": "Pending",
    "attempt": 1,
    "idempotencyKey": KEY,
    "payloadDigest": sha256(SENDING),
    "claimedBy": "writer",
    "claimedAt": NOON,
    "before": {"time": NOON, "outcome": "claimed", "payloadDigest": sha256(SENDING)},
    "effectId": EFFECT,
}


def test_a9_a_claim_is_on_record_before_anything_is_sent() -> None:
    decision = decide(action_world(claimed()))

    assert written(decision).outbox.wire() == CLAIM
    assert (children(decision), told(decision), decision.look_again) == ([], [], None)
    assert reasons(decision) == {"Ready": ("False", "Pending")}


@pytest.mark.parametrize(
    ("given", "holder"),
    [
        ({"source": None}, "bob"),
        ({"source": None, "requester": None}, None),
        ({"source": None, "requester": {"username": "u" * 300}}, "u" * 256),
    ],
)
def test_a9_without_a_source_the_requester_holds_the_claim(given: Any, holder: str | None) -> None:
    outbox = looked_at(claimed(**given)).status.outbox
    assert outbox is not None
    assert outbox.claimed_by == holder


def test_a9_a_claim_survives_every_later_look() -> None:
    """Also one at other data: what was to be sent first stays."""
    one = looked_at(claimed(attempt=3))
    for outcome in ("queued", "timeout", "claimed"):
        one = looked_at(edited(one, outcome, attempt=1, input={"text": "other"}))

    assert one.status.outbox is not None
    assert one.status.outbox.wire() == {**CLAIM, "attempt": 3}


@pytest.mark.parametrize(("outcome", "phase"), [("sent", "Sent"), ("failed", "Failed")])
def test_a9_the_outcome_is_added_to_the_claim(outcome: str, phase: str) -> None:
    one = edited(looked_at(claimed()), outcome, receipt={"id": 7}, input={})

    decision = decide(action_world(one))

    outbox = written(decision).outbox.wire()
    assert outbox.pop("sentAt", None) == (NOON if phase == "Sent" else None)
    assert outbox == {
        **CLAIM,
        "phase": phase,
        "after": {"time": NOON, "outcome": outcome, "payloadDigest": sha256({"id": 7})},
        "receiptRef": {"name": f"{EFFECT}-1"},
    }
    assert written(decision).phase == "Recorded"


def test_a9_an_error_is_what_was_seen_whatever_the_text_says() -> None:
    one = edited(looked_at(claimed()), "sent", error="the answer was empty")
    assert written(decide(action_world(one))).outbox.after.outcome == "Failed"


def test_a9_an_outcome_that_was_never_claimed_has_no_before() -> None:
    outbox = written(decide(action_world(keyed("sent")))).outbox
    assert (outbox.created_at, outbox.claimed_by, outbox.before, outbox.after) == (None,) * 4


def test_a9_a_secret_in_the_outcome_text_is_not_repeated() -> None:
    decision = decide(action_world(claimed(outcome="password=hunter2-planted")))
    assert "hunter2" not in str(written(decision).wire())


@pytest.mark.parametrize("seen", [True, False])
def test_a9_an_outcome_from_another_action_takes_the_claim_over(seen: bool) -> None:
    claim = looked_at(claimed()) if seen else claimed()
    report = keyed("sent", "report", attempt=2, receipt={"id": 7})

    # The report has its receipt and the claim, but it does not leave before the claim knows.
    telling = decide(action_world(report, reports=[claim]))
    assert children(telling) == [f"Receipt {EFFECT}-1"]
    assert (written(telling).phase, reasons(telling)["Ready"][1]) == ("Pending", "Telling")
    assert told(telling) == ["wake Action claim"]
    outbox = written(telling).outbox
    assert {field: outbox.wire()[field] for field in ("createdAt", "claimedBy", "before")} == {
        field: CLAIM[field] for field in ("createdAt", "claimedBy", "before")
    }
    assert outbox.after.payload_digest == sha256({"id": 7})
    # Nothing that reads "a success is being told" may take this for a success after a failure.
    assert written(telling).receipt_ref is None

    known = [proof(report, "Succeeded")]
    report = after_status(report, telling)
    assert written(decide(action_world(report, *known, reports=[claim]))) == report.status

    heard = decide(action_world(claim, *known, reports=[report]))
    assert reasons(heard)["Ready"] == ("True", "ReportedBy")
    assert (written(heard).phase, written(heard).effect.outcome) == ("Recorded", "Succeeded")
    assert written(heard).receipt_ref.name == f"{EFFECT}-1"
    assert written(heard).outbox.after.wire() == {"time": NOON, "outcome": "Succeeded"}
    assert told(heard) == ["tell Action claim: ReportedBy", "wake Action report"]

    last = decide(action_world(report, *known))
    assert written(last).outbox == outbox
    assert (written(last).phase, last.look_again) == ("Recorded", None)


def test_a9_the_earliest_claim_and_the_highest_attempt_survive() -> None:
    later = looked_at(claimed("later", attempt=2, meta={"creationTimestamp": after(-61)}))
    first = looked_at(claimed("first", meta={"creationTimestamp": after(-90)}))
    report = keyed("sent", "report", attempt=2)

    outbox = written(decide(action_world(report, reports=[later, first]))).outbox

    assert outbox.created_at == first.metadata.creation_timestamp
    assert outbox.attempt == 2


@pytest.mark.parametrize(
    ("claim", "report"),
    [
        pytest.param({"attempt": 2}, {}, id="of a later attempt"),
        pytest.param({"meta": {"creationTimestamp": after(-30)}}, {}, id="made later"),
    ],
)
def test_a9_a_claim_that_the_outcome_cannot_be_about_goes_on(claim: Any, report: Any) -> None:
    one = looked_at(claimed(**claim))
    other = keyed("sent", "report", **report)
    assert written(decide(action_world(other, reports=[one]))).phase == "Recorded"

    outbox = {**CLAIM, "receiptRef": {"name": f"{EFFECT}-1"}}
    other = keyed("sent", "report", status={"outbox": outbox}, **report)
    assert written(decide(heard_of(one, other))).phase == "Pending"


def heard_of(claim: Action, report: Action) -> ActionWorld:
    return action_world(claim, proof(report, "Succeeded", seconds=-29.5), reports=[report])


@pytest.mark.parametrize(
    ("seconds", "attempt", "phase"),
    [(-10, 1, "Recorded"), (-59, 1, "Recorded"), (-59.5, 1, "Pending"), (-10, 2, "Pending")],
)
def test_a9_a_reporter_that_ended_without_telling_is_heard_through_its_receipt(
    seconds: float, attempt: int, phase: str
) -> None:
    """Creation times have whole seconds: in the same second nobody knows which came first."""
    evidence = proof(keyed("failed", "report"), "Failed", seconds=seconds)

    decision = decide(action_world(claimed(attempt=attempt), evidence))

    assert written(decision).phase == phase
    assert children(decision) == []


def test_a9_a_reporter_at_work_is_heard_when_it_tells() -> None:
    """Its receipt is there, but not yet the status in which it has taken the claim over."""
    report = keyed("failed", "report")
    evidence = proof(report, "Failed", seconds=-10)
    decision = decide(action_world(claimed(), evidence, reports=[report]))
    assert written(decision).phase == "Pending"

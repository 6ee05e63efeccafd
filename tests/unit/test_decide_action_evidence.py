"""Actions with one key: rows A4, A7 and A8, late and repeated reports, as the core decides them."""

from typing import Any

import pytest

from amends.api import Receipt
from amends.api.wire import ObjectRef
from amends.core.decide import decide
from amends.core.decision import AT_ONCE, Create
from amends.core.key import Key
from support.digests import short
from support.reports import KEY, action_world, after_status, children, keyed, proof, receipt_spec
from support.worlds import (
    action,
    after,
    dead_letter,
    metadata,
    reasons,
    told,
    written,
)

EFFECT = f"effect-{short(KEY)}"
LETTER = f"dead-letter-{EFFECT}"
FIRST, SECOND = (f"Receipt {EFFECT}-{number}" for number in (1, 2))
FAILED = proof(keyed("failed", "first"), "Failed", seconds=-30)
SENT = proof(keyed("sent", "first"), "Succeeded", seconds=-30)
SENT_AFTER = proof(keyed("sent", "second"), "Succeeded", 2, replaces=FAILED)
FAILED_AT_2 = proof(keyed("failed", "second", attempt=2), "Failed", 2, replaces=SENT)
LATE = proof(keyed("failed", "old"), "Failed", 2)
RECORDED = {"phase": "Recorded"}


@pytest.mark.parametrize(
    ("given", "evidence", "created", "ready", "supersedes"),
    [
        pytest.param(keyed("sent"), [], [FIRST], "Recorded", None, id="the first"),
        pytest.param(keyed("sent"), [SENT], [], "Repeated", None, id="the same again"),
        pytest.param(
            keyed("failed", attempt=2),
            [FAILED],
            [],
            "Repeated",
            None,
            id="the same again, of a later attempt",
        ),
        pytest.param(
            keyed("failed"),
            [SENT],
            [SECOND, f"DeadLetter {LETTER}"],
            "Recorded",
            f"{EFFECT}-1",
            id="failed after it had succeeded",
        ),
        pytest.param(
            keyed("sent"), [FAILED], [SECOND], "Recorded", f"{EFFECT}-1", id="row A7: succeeded"
        ),
        pytest.param(
            keyed("sent", attempt=1),
            [proof(keyed(attempt=2), "Failed")],
            [SECOND],
            "Late",
            None,
            id="late: of an earlier attempt",
        ),
        pytest.param(
            keyed("sent", attempt=1),
            [SENT, FAILED_AT_2],
            [],
            "Repeated",
            None,
            id="late, and on record already",
        ),
        pytest.param(
            keyed("failed", attempt=1),
            [SENT, FAILED_AT_2],
            [],
            "Repeated",
            None,
            id="late, and the same as what is known",
        ),
    ],
)
def test_a4_what_a_report_adds(
    given: Any, evidence: list[Receipt], created: list[str], ready: str, supersedes: str | None
) -> None:
    failed_last = bool(evidence) and evidence[-1].spec.outcome == "Failed"
    held = dead_letter() if failed_last else None
    decision = decide(action_world(given, *evidence, letter=held))

    assert children(decision) == created
    assert (written(decision).phase, reasons(decision)["Ready"]) == ("Recorded", ("True", ready))
    assert decision.look_again is None
    if created:
        spec = receipt_spec(decision)
        assert spec.get("supersedes") == (supersedes and {"name": supersedes})
        assert spec["sequence"] == int(created[0].rpartition("-")[2])
        assert written(decision).receipt_ref.name == created[0].removeprefix("Receipt ")


def test_a_failure_whose_dead_letter_was_deleted_is_held_again_when_it_is_reported_again() -> None:
    """Nothing is lost; but while who reported it first is at work, it may still be on its way."""
    again = keyed("failed", "again", compensation={"rollbackInstruction": "remove it"})
    assert children(decide(action_world(again, FAILED))) == [
        f"DeadLetter {LETTER}",
        f"Compensation compensation-{EFFECT}",
    ]
    first = keyed("failed", "first")
    assert FAILED.spec.subject.uid == first.metadata.uid
    assert children(decide(action_world(again, FAILED, reports=(first,)))) == []


def test_a4_the_name_is_the_lock_of_a_sequence() -> None:
    receipt = decide(action_world(keyed("sent"), FAILED)).children[0]

    assert isinstance(receipt, Create)
    assert receipt.in_sequence
    assert receipt.is_ours(receipt.spec.wire())
    assert not receipt.is_ours(SENT_AFTER.spec.wire())


def test_a4_without_a_key_every_action_is_an_effect_of_its_own() -> None:
    """An Action that was deleted and created again reports anew."""
    namesake = proof(action("failed", meta={"uid": "uid-before"}), "Failed", seconds=-30)

    decision = decide(action_world(action("failed"), namesake))

    assert children(decision) == ["Receipt effect-post-2", "DeadLetter dead-letter-effect-post"]
    assert receipt_spec(decision)["supersedes"] == {"name": "effect-post-1"}


def test_what_was_done_before_a_crash_is_not_done_again() -> None:
    one = keyed("failed", compensation={})
    first = decide(action_world(one))
    again = decide(action_world(one, proof(one, "Failed")))

    assert children(again) == children(first)[1:]
    assert written(again) == written(first)


def test_a_report_that_was_edited_before_it_was_recorded_adds_its_last_word() -> None:
    one = keyed("sent")
    failed = proof(one, "Failed")

    assert children(decide(action_world(one, failed))) == [SECOND]


def test_a_report_that_was_overtaken_while_it_was_recorded_moves_nothing() -> None:
    one = keyed("failed")
    mine = proof(one, "Failed")
    newer = proof(keyed("sent", "second"), "Succeeded", 2, replaces=mine)

    decision = decide(action_world(one, mine, newer))

    assert children(decision) == []
    assert reasons(decision)["Ready"] == ("True", "Overtaken")
    assert written(decision).dead_letter_ref is None


@pytest.mark.parametrize(
    ("of", "named"),
    [("uid-fails", "letter"), ("uid-of-another", None)],
    ids=["its own", "another's"],
)
def test_a_failure_that_was_overtaken_names_the_dead_letter_that_is_its_own(
    of: str, named: str | None
) -> None:
    """A retry may have succeeded before this was written."""
    one = keyed("failed", "fails")
    mine = proof(one, "Failed")
    newer = proof(keyed("sent", "second"), "Succeeded", 2, replaces=mine)
    held = dead_letter("Resolved")
    ref = ObjectRef(name="fails", uid=of)
    letter = held.model_copy(update={"spec": held.spec.model_copy(update={"action_ref": ref})})

    decision = decide(action_world(one, mine, newer, letter=letter))

    assert reasons(decision)["Ready"] == ("True", "Overtaken")
    found = written(decision).dead_letter_ref
    assert (found.name if found is not None else None) == named


@pytest.mark.parametrize(
    ("created", "generation", "ready"),
    [(-90, 1, "Late"), (-90, 2, "Recorded"), (-60, 1, "Recorded"), (-30, 1, "Recorded")],
)
def test_of_one_attempt_the_older_report_is_late(created: int, generation: int, ready: str) -> None:
    """Whichever is looked at first: after a restart that is any. An edited one shows no age."""
    meta = {"creationTimestamp": after(created), "generation": generation}
    one = keyed("failed", meta=meta)
    reporter = keyed("sent", "first", status=RECORDED)

    decision = decide(action_world(one, SENT, witnesses=[reporter]))

    assert reasons(decision)["Ready"] == ("True", ready)
    assert ("DeadLetter" in "".join(children(decision))) == (ready == "Recorded")


def test_of_who_says_what_is_known_the_latest_counts() -> None:
    """It had nothing to add, so it has no receipt of its own, but it says what has become."""
    first = keyed("failed", "first", status=RECORDED)
    third = keyed("failed", "third", status=RECORDED, attempt=3)

    decision = decide(action_world(keyed("sent", attempt=2), FAILED, witnesses=[first, third]))

    assert reasons(decision)["Ready"] == ("True", "Late")
    assert children(decision) == [SECOND]


def test_late_evidence_is_never_what_is_known() -> None:
    decision = decide(action_world(keyed("sent"), SENT, LATE))

    assert reasons(decision)["Ready"] == ("True", "Repeated")
    assert written(decision).receipt_ref.name == f"{EFFECT}-1"


def test_a7_success_after_failure_is_announced_until_everybody_knows() -> None:
    one = keyed("sent", "second")
    recovery = [Key("DeadLetter", "tenant-a", "letter"), Key("Compensation", "tenant-a", "undo")]

    first = decide(action_world(one, FAILED, recovery=recovery))

    status = written(first)
    assert children(first) == [SECOND]
    assert (status.phase, status.effect.outcome, status.outbox.phase) == (
        "Pending",
        "Succeeded",
        "Sent",
    )
    assert status.receipt_ref.name == status.outbox.receipt_ref.name == f"{EFFECT}-2"
    assert reasons(first) == {"Ready": ("Unknown", "Telling"), "Reconciling": ("True", "Telling")}
    assert told(first) == ["wake DeadLetter letter", "wake Compensation undo"]
    assert first.look_again is not None
    assert first.look_again > AT_ONCE

    told_one = after_status(one, first)
    again = decide(action_world(told_one, FAILED, SENT_AFTER, recovery=recovery[1:]))
    assert children(again) == []
    assert told(again) == ["wake Compensation undo"]

    last = decide(action_world(told_one, FAILED, SENT_AFTER))
    done = written(last)
    assert (done.phase, done.receipt_ref.name) == ("Recorded", f"{EFFECT}-2")
    assert (done.dead_letter_ref, done.compensation_ref) == (None, None)
    assert done.outbox == status.outbox
    assert told(last) == ["tell Action second: Recorded"]


def test_a7_without_recovery_it_is_one_write() -> None:
    decision = decide(action_world(keyed("sent"), FAILED))
    assert (written(decision).phase, decision.look_again) == ("Recorded", None)


def test_a7_a_success_that_was_never_a_failure_ends_nothing() -> None:
    """A compensation of an effect that succeeded is there to undo it."""
    undo = [Key("Compensation", "tenant-a", "undo")]
    decision = decide(action_world(keyed("sent"), SENT, recovery=undo))
    assert (written(decision).phase, told(decision)) == (
        "Recorded",
        ["tell Action post: Repeated"],
    )


def test_a8_unknown_after_failed_moves_nothing() -> None:
    before = proof(keyed("failed", "first"), "Failed", seconds=-90)
    decision = decide(action_world(keyed("timeout"), before))

    status = written(decision)
    assert (children(decision), told(decision), decision.look_again) == ([], [], None)
    assert (status.phase, status.outbox.phase, status.effect.outcome) == (
        "Pending",
        "Pending",
        "Unknown",
    )
    assert status.receipt_ref is None


OUTBOX = {"id": "o", "operation": "board.post", "phase": "Failed"}


@pytest.mark.parametrize(
    ("mine", "newest", "phase", "has_receipt", "waits"),
    [
        pytest.param("failed", SENT, "Pending", True, True, id="failure, success being told"),
        pytest.param("failed", SENT, "Recorded", True, False, id="failure, success told"),
        pytest.param("sent", FAILED, "Pending", False, True, id="success, failure being created"),
        pytest.param("sent", FAILED, "Pending", True, False, id="success, failure stalled"),
        pytest.param("sent", SENT, "Pending", False, False, id="the same again"),
    ],
)
def test_reports_of_one_effect_take_turns(
    mine: str, newest: Receipt, phase: str, has_receipt: bool, waits: bool
) -> None:
    ref = {"receiptRef": {"name": f"{EFFECT}-1"}} if has_receipt else {}
    status = {"phase": phase, "outbox": {**OUTBOX, **ref}}
    reporter = keyed("sent" if newest is SENT else "failed", "first", status=status)

    decision = decide(action_world(keyed(mine), newest, witnesses=[reporter]))

    assert (reasons(decision)["Ready"][1] == "WaitingItsTurn") == waits
    assert (written(decision).phase, decision.look_again is None) == (
        ("Pending", False) if waits else ("Recorded", True)
    )


@pytest.mark.parametrize("mine", ["failed", "sent"])
def test_a_failure_waits_while_a_retry_tells_of_its_success(mine: str) -> None:
    """The dead letter that it would adopt is about to be resolved."""
    letter = dead_letter("Retrying", outbox={**OUTBOX, "outcome": "Applied"})
    dispatched = proof(keyed("failed", attempt=2), "Succeeded", 2, replaces=FAILED)
    subject = {"kind": "DeadLetter", "name": "letter", "uid": "uid-letter"}
    spec = {**dispatched.spec.wire(), "subject": subject}
    newest = Receipt.read({"metadata": metadata(f"{EFFECT}-2"), "spec": spec})

    decision = decide(action_world(keyed(mine, attempt=2), FAILED, newest, witnesses=[letter]))

    ready = "WaitingItsTurn" if mine == "failed" else "Repeated"
    assert reasons(decision)["Ready"][1] == ready

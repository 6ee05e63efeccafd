"""Failures: which dead letter and which compensation are there because of one (rows A5, A6)."""

import pytest

from amends.api import Compensation, DeadLetter
from amends.core.decide import decide
from amends.core.records.identity import numbered
from support.digests import short
from support.reports import KEY, action_world, children, keyed, proof
from support.worlds import after, compensation, dead_letter, metadata, superseded_by, written

EFFECT = f"effect-{short(KEY)}"
LETTER = f"dead-letter-{EFFECT}"
THIRD = f"Receipt {EFFECT}-3"
FAILED = proof(keyed("failed", "first"), "Failed", seconds=-30)
SENT_AFTER = proof(keyed("sent", "second"), "Succeeded", 2, replaces=FAILED)


@pytest.mark.parametrize(
    ("letter", "undo", "suffix"),
    [
        pytest.param(None, None, ("", ""), id="both are gone"),
        pytest.param(
            dead_letter("Open"), compensation("AwaitingApproval"), ("", ""), id="both are open"
        ),
        pytest.param(
            dead_letter("Resolved", settled=True),
            compensation("Cancelled"),
            ("-3", "-3"),
            id="both are over",
        ),
        pytest.param(
            dead_letter("Open", supersededBy=superseded_by().wire()),
            compensation("AwaitingApproval", supersededBy=superseded_by().wire()),
            ("-3", "-3"),
            id="both are superseded",
        ),
        pytest.param(
            None,
            compensation("Running", supersededBy=superseded_by().wire()),
            ("", "-3"),
            id="one was touched",
        ),
    ],
)
def test_a_new_failure_after_a_success_gets_its_own_recovery(
    letter: DeadLetter | None, undo: Compensation | None, suffix: tuple[str, str]
) -> None:
    one = keyed("failed", compensation={})
    known = {"letter": letter, "undo": undo}

    first = decide(action_world(one, FAILED, SENT_AFTER, **known))
    letter_name = f"{LETTER}{suffix[0]}"
    undo_name = f"compensation-{EFFECT}{suffix[1]}"
    assert children(first) == [THIRD, f"DeadLetter {letter_name}", f"Compensation {undo_name}"]
    assert written(first).dead_letter_ref.name == letter_name
    assert written(first).compensation_ref.name == undo_name

    mine = proof(one, "Failed", 3, replaces=SENT_AFTER)
    again = decide(action_world(one, FAILED, SENT_AFTER, mine, **known))
    assert children(again) == children(first)[1:]


def test_after_a_crash_its_own_recovery_is_not_taken_for_that_of_an_earlier_failure() -> None:
    one = keyed("failed", compensation={})
    meta = metadata("letter", creationTimestamp=after(-29))
    settled = dead_letter("Resolved", settled=True)
    letter = DeadLetter.read({**settled.model_dump(by_alias=True), "metadata": meta})

    decision = decide(action_world(one, proof(one, "Failed", seconds=-30), letter=letter))

    assert children(decision)[0] == f"DeadLetter {LETTER}"


def test_the_same_failure_again_names_the_dead_letter_that_there_is() -> None:
    letter = dead_letter("Open", compensationRef={"name": "undo"})
    status = written(decide(action_world(keyed("failed"), FAILED, letter=letter)))
    assert (status.dead_letter_ref.name, status.compensation_ref.name) == ("letter", "undo")


def test_a_name_for_a_later_failure_is_never_too_long() -> None:
    assert numbered("undo", 3) == "undo-3"
    assert numbered("n" * 197 + ".name", 12) == "n" * 197 + "-12"

"""N7: a dead letter says irreversible, whoever had set the window in which it could be undone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.api import Compensation, DeadLetter
from amends.core.decide import decide
from amends.core.decision import AT_ONCE
from support.worlds import (
    NOW,
    after,
    compensation,
    dead_letter,
    letter_world,
    reasons,
    told,
    written,
)

LINKED: Any = {
    "compensationRef": {"name": "undo"},
    "disposition": {"choice": "Compensate", "reason": "x", "actor": "alice", "time": after(-9)},
}
NAMED: Any = {"compensationRef": {"name": "undo"}}
SAYS = (
    "it could be undone until 2026-01-31T08:59:59.000Z, and now it is irreversible: repair it (a "
    "Compensation with direction ForwardFix), or choose Retry, Resolve, Ignore or Abandon"
)


def undo(phase: str, until: float | None, **spec: Any) -> Compensation:
    """An undo that is possible for so many seconds more."""
    window = {"compensableUntil": after(until)} if until is not None else {}
    return compensation(phase, spec={**window, **spec})


def of_an_action(until: float, phase: str = "Open", **status: Any) -> DeadLetter:
    """A dead letter of an Action that has said until when it could be undone."""
    letter = dead_letter(phase, **status)
    told_by_it = {"compensable_until": NOW + timedelta(seconds=until)}
    return letter.model_copy(update={"spec": letter.spec.model_copy(update=told_by_it)})


@pytest.mark.parametrize(
    "letter",
    [
        pytest.param(dead_letter("LinkedToCompensation", **LINKED), id="a person had chosen it"),
        pytest.param(dead_letter("Open", **NAMED), id="the dead letter had named it"),
    ],
)
def test_the_window_of_an_undo_that_was_refused_is_the_dead_letters(letter: DeadLetter) -> None:
    refused = undo("Cancelled", -1, rollbackInstruction="void the charge")
    first = written(decide(letter_world(letter, refused)))
    assert first.compensation_ref is None
    assert reasons(decide(letter_world(letter, refused)))["Irreversible"] == (
        "True",
        "WindowClosed",
    )

    # It is named no more, and nobody reads the Compensation any more.
    later = decide(letter_world(letter.model_copy(update={"status": first})))
    assert (written(later).phase, reasons(later)["Ready"]) == ("Open", ("False", "Irreversible"))
    assert written(later).conditions[0].message == SAYS


def test_it_is_looked_at_when_the_window_of_the_undo_that_it_names_closes() -> None:
    named = letter_world(dead_letter("Open"), None, undo("AwaitingApproval", 90))
    decision = decide(named)
    assert "Irreversible" not in reasons(decision)
    assert decision.look_again == timedelta(seconds=90)

    alone = named.letter.model_copy(update={"status": written(decision)})
    then = letter_world(alone, now=NOW + timedelta(seconds=90))
    assert reasons(decide(then))["Ready"] == ("False", "Irreversible")


@pytest.mark.parametrize(
    ("letter", "ended"),
    [
        pytest.param(dead_letter("Open", **NAMED), undo("Cancelled", 90), id="still open"),
        pytest.param(dead_letter("Open", **NAMED), undo("Cancelled", None), id="without a window"),
        pytest.param(
            dead_letter("Open", **NAMED),
            undo("Cancelled", -1, direction="ForwardFix"),
            id="the window was that of a repair",
        ),
    ],
)
def test_otherwise_it_only_is_open_again(letter: DeadLetter, ended: Compensation) -> None:
    decision = decide(letter_world(letter, ended))
    assert reasons(decision) == {"Ready": ("False", "AwaitingDecision")}


@pytest.mark.parametrize(
    ("by_the_action", "by_the_undo"),
    [pytest.param(90, -1, id="the undo's"), pytest.param(-1, 90, id="the Action's")],
)
def test_of_two_windows_the_first_that_closes_counts(
    by_the_action: float, by_the_undo: float
) -> None:
    letter = of_an_action(by_the_action, **NAMED)
    decision = decide(letter_world(letter, undo("Cancelled", by_the_undo)))
    assert reasons(decision)["Ready"] == ("False", "Irreversible")


def test_who_names_another_undo_goes_by_its_window() -> None:
    letter = dead_letter("Open", compensableUntil=after(-1))
    assert reasons(decide(letter_world(letter)))["Ready"] == ("False", "Irreversible")

    mended = decide(letter_world(letter, None, undo("AwaitingApproval", 90)))
    assert reasons(mended) == {"Ready": ("False", "AwaitingCompensation")}
    assert written(mended).compensable_until == NOW + timedelta(seconds=90)


def test_what_was_undone_in_time_is_not_irreversible() -> None:
    letter = dead_letter("Open", **NAMED)
    decision = decide(letter_world(letter, undo("Completed", -1)))
    assert reasons(decision) == {"Ready": ("True", "Compensated")}


def test_a_person_who_chose_the_undo_is_told_once_that_it_is_open_again() -> None:
    linked = letter_world(dead_letter("LinkedToCompensation", **LINKED), undo("Cancelled", -1))
    decision = decide(linked)
    assert (told(decision), decision.look_again) == (
        ["tell DeadLetter letter: Reopened"],
        AT_ONCE,
    )
    status = written(decision)
    again = decide(replace(linked, letter=linked.letter.model_copy(update={"status": status})))
    assert told(again) == []

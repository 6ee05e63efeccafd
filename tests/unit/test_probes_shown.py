"""That the target is asked what came of an attempt, as `top` and `show` tell it."""

from typing import Any

import pytest
from rich.console import Console

from amends.api import Compensation, DeadLetter, Resource
from amends.cli.look import story
from amends.cli.look.casefile import CaseFile
from amends.cli.look.desk import Waiting, waiting
from amends.cli.shown.step import Typing
from amends.core.decide import decide
from support.worlds import (
    NAMESPACE,
    NOW,
    ONCE,
    action,
    after,
    dead_letter,
    letter_world,
    running,
    world,
    written,
)

VERIFY = {"http": {"url": "https://b/1"}}
RETRY = {"http": {"method": "POST", "url": "https://b/"}, "verify": VERIFY}
POST = action("failed", idempotencyKey="run-7/post", retry=RETRY)


def lost(due: float | None) -> dict[str, Any]:
    """What stands on record after two probes that told nothing."""
    next_at = {"nextAt": after(due)} if due is not None else {}
    probing = {"count": 2, "detail": "the probe answered 503", **next_at}
    return {"outcome": "Unknown", "detail": "no answer", "verification": probing}


def letter(due: float | None) -> DeadLetter:
    claim = {"id": "1", "operation": "x", "phase": "Claimed", "attemptKey": "letter:1"}
    one = dead_letter("Retrying", dispatch={"count": 1}, outbox={**claim, **lost(due)})
    status = written(decide(letter_world(one, action=POST)))
    return one.model_copy(update={"status": status})


def undo(due: float | None) -> Compensation:
    one = running(spec={**ONCE, "verify": VERIFY}, outbox=lost(due))
    return one.model_copy(update={"status": written(decide(world(one)))})


def shown(one: Resource) -> str:
    console = Console(width=200)
    with console.capture() as said:
        console.print(*story.told(one, CaseFile(NAMESPACE), Typing(NAMESPACE), NOW))
    return said.get()


def rows(one: Compensation | DeadLetter) -> list[Waiting]:
    meta = one.metadata.model_dump(by_alias=True, mode="json")
    raw = {"kind": type(one).__name__, "metadata": meta, "spec": one.spec.wire()}
    return waiting([{**raw, "status": one.status.wire()}], "", NOW)


@pytest.mark.parametrize("make", [letter, undo])
def test_while_it_is_asked_show_says_when_and_nobody_has_to_act(make: Any) -> None:
    one = make(30)

    said = shown(one)

    probes = "2 told nothing, the last: the probe answered 503; the next at 2026-01-31 09:00:30 UTC"
    assert probes in said
    assert "no answer; 2 probes have told nothing; the target is asked at" in said
    assert "kubectl amends attest" in said
    assert rows(one) == []


@pytest.mark.parametrize("make", [letter, undo])
def test_once_it_has_been_asked_often_enough_a_person_has_to_act(make: Any) -> None:
    one = make(None)

    said = shown(one)
    assert "2 told nothing, the last: the probe answered 503" in said
    assert "the next at" not in said
    (row,) = rows(one)
    assert row.unknown
    assert "no answer; 2 probes have told nothing: look at the target yourself" in row.why

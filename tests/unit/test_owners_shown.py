"""Whose it is, as `top` and `show` tell it."""

from typing import Any

from rich.console import Console

from amends.api import Compensation
from amends.cli.look import owners
from amends.cli.look.desk import waiting
from support.worlds import NOW, ONCE, after, running

ESCALATED = {
    "owner": "payments",
    "reason": "OutcomeUnknown",
    "message": "lost",
    "since": after(-600),
    "deadline": after(-300),
    "escalatedAt": after(-300),
    "notice": {"id": "escalation-1", "attempts": 3, "lastError": "it answered 503"},
}
STALLED = {
    "type": "Stalled",
    "status": "True",
    "observedGeneration": 1,
    "lastTransitionTime": after(-600),
    "reason": "OutcomeUnknown",
    "message": "lost",
}


def lost(**escalation: Any) -> Compensation:
    unknown = {"outcome": "Unknown", "detail": "lost"}
    given: dict[str, Any] = {"escalation": escalation} if escalation else {}
    return running(outbox=unknown, spec=ONCE, conditions=[STALLED], **given)


def row(one: Compensation) -> str:
    meta = one.metadata.model_dump(by_alias=True, mode="json")
    raw = {"kind": "Compensation", "metadata": meta}
    (found,) = waiting([{**raw, "spec": one.spec.wire(), "status": one.status.wire()}], "", NOW)
    return found.why


def told(one: Compensation) -> str:
    console = Console(width=80)
    with console.capture() as said:
        console.print(*owners.told(one, NOW))
    return said.get()


def test_top_names_the_owner_and_that_it_has_escalated() -> None:
    plain = row(lost())

    assert row(lost(**ESCALATED)) == f"{plain} (payments; escalated)"
    assert row(lost(owner="payments")) == f"{plain} (payments)"


def test_show_tells_the_deadline_and_whether_the_receiver_knows() -> None:
    said = told(lost(**ESCALATED))

    assert "payments" in said
    assert "told 3 times in vain: it answered 503" in said
    assert told(lost()).strip() == ""

"""Action: rows A1, A2, A5, A6 and A10 as the core decides them."""

from typing import Any

import pytest

from amends.api.action import ActionOutcome, ActionSpec
from amends.core.actions.words import classify
from amends.core.decide import decide
from amends.core.decision import NOTHING
from amends.core.records.identity import run_id
from support.reports import action_world
from support.worlds import NOW, action, reasons, told, written

SUCCEEDED = "posted sent succeeded success completed delivered matched"
PENDING = "pending queued claimed"
FAILED = "failed error rejected denied cancelled"
UNKNOWN = ["", "done", "ok", "posted!", "not sent", "sent sent", "canceled", "0", "unbekannt"]
TABLE = [
    *[(word, ActionOutcome.SUCCEEDED) for word in SUCCEEDED.split()],
    *[(word, ActionOutcome.PENDING) for word in PENDING.split()],
    *[(word, ActionOutcome.FAILED) for word in FAILED.split()],
    *[(word, ActionOutcome.UNKNOWN) for word in UNKNOWN],
]


@pytest.mark.parametrize(("word", "meaning"), TABLE)
def test_a1_what_an_outcome_means(word: str, meaning: ActionOutcome) -> None:
    assert classify(word, None) is meaning
    assert classify(word.upper(), None) is meaning
    assert classify(f" {word.title()}\n", None) is meaning
    assert classify(word, "") is meaning
    assert classify(word, " \t\n") is meaning
    assert classify(word, "it broke") is ActionOutcome.FAILED


@pytest.mark.parametrize(
    ("given", "run"),
    [
        ({}, None),
        ({"contextRunId": "run-1"}, "run-1"),
        ({"contextRunId": "automation-v2-run-1"}, "run-1"),
        ({"contextRunId": "workflow-run-1"}, "run-1"),
        ({"contextRunId": "routine-run-1"}, "run-1"),
        ({"contextRunId": "workflow-routine-1"}, "routine-1"),
        ({"contextRunId": "my-workflow-1"}, "my-workflow-1"),
        ({"routineRunId": "routine-1", "contextRunId": "c"}, "routine-1"),
        ({"workflowRunId": "workflow-1", "routineRunId": "r", "contextRunId": "c"}, "workflow-1"),
        (
            {"runId": "run-1", "workflowRunId": "w", "routineRunId": "r", "contextRunId": "c"},
            "run-1",
        ),
        ({"runId": "", "workflowRunId": "w"}, "w"),
    ],
)
def test_a10_the_run_an_action_belongs_to(given: dict[str, Any], run: str | None) -> None:
    assert run_id(ActionSpec.model_validate({"operation": "board.post", **given})) == run


@pytest.mark.parametrize(
    ("outcome", "outbox", "phase", "children"),
    [
        ("sent", "Sent", "Recorded", ["Receipt"]),
        ("failed", "Failed", "Recorded", ["Receipt", "DeadLetter"]),
        ("queued", "Pending", "Pending", []),
        ("moved", "Pending", "Pending", []),
    ],
)
def test_a2_what_an_outcome_leads_to(
    outcome: str, outbox: str, phase: str, children: list[str]
) -> None:
    decision = decide(action_world(action(outcome)))

    status = written(decision)
    assert [child.kind for child in decision.children] == children
    assert (status.phase, status.outbox.phase) == (phase, outbox)
    assert status.outbox.sent_at == (NOW if outbox == "Sent" else None)
    assert told(decision) == (["tell Action post: Recorded"] if children else [])
    assert decision.look_again is None


def test_a5_a_failure_has_a_dead_letter_with_a_redacted_reason() -> None:
    decision = decide(action_world(action("failed", error=" password=hunter2-planted ")))

    letter = decision.children[-1]
    assert (letter.kind, letter.name) == ("DeadLetter", "dead-letter-effect-post")
    assert letter.spec.wire()["reason"] == "password=[redacted]"
    assert letter.same == ("source", "effectId")


def test_a6_the_dead_letter_is_there_before_the_compensation_can_run() -> None:
    decision = decide(action_world(action("failed", compensation={"type": "message.remove"})))

    receipt, letter, compensation = decision.children
    assert (receipt.kind, letter.kind) == ("Receipt", "DeadLetter")
    assert compensation.name == "compensation-effect-post"
    assert compensation.spec.wire()["requester"]["username"] == "bob"
    assert set(compensation.same) == {"targetEffect", "actionRef"}  # people may change the plan


def test_a6_a_success_proposes_nothing() -> None:
    decision = decide(action_world(action("sent", compensation={})))
    assert [child.kind for child in decision.children] == ["Receipt"]
    assert written(decision).compensation_ref is None


def test_a6_a_name_that_is_taken_stalls_and_is_told_once() -> None:
    first = decide(action_world(action("failed"), obstacle="Receipt x is taken"))
    assert first.children == ()
    assert reasons(first) == {"Ready": ("False", "NameTaken"), "Stalled": ("True", "NameTaken")}
    assert told(first) == ["tell Action post: NameTaken"]
    assert written(first).phase == "Pending"

    known = action("failed", status=written(first).wire())
    again = decide(action_world(known, obstacle="Receipt x is taken"))
    assert told(again) == []
    assert written(again) == written(first)


def test_what_is_recorded_is_never_recorded_again() -> None:
    assert decide(action_world(action("failed", status={"phase": "Recorded"}))) == NOTHING

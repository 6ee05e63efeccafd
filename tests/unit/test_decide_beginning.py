"""What keeps an undo or a retry that is due from beginning: window, freeze, order, target."""

from datetime import timedelta
from typing import Any

import pytest

from amends.core.decide import decide
from amends.core.decision import Decision
from amends.core.hold import Hold
from amends.core.key import Key
from amends.core.world import CompensationWorld
from support.worlds import NAMESPACE, after, compensation, failed, running, told, world

FROZEN = "namespace tenant-a is frozen (incident 42)"
BUSY = Hold("TargetBusy", "waits for https://x:443", timedelta(seconds=30))
LETTER = Key("DeadLetter", NAMESPACE, "letter")


def conditions(decision: Decision) -> dict[str, tuple[str, str]]:
    """Reason and message of every condition that is written."""
    assert decision.status is not None
    written = decision.status.wire()["conditions"]
    return {one["type"]: (one["reason"], one["message"]) for one in written}


def with_window(phase: str, seconds: float, **known: Any) -> CompensationWorld:
    spec = {"compensableUntil": after(seconds)}
    return world(compensation(phase, spec=spec), **known)


@pytest.mark.parametrize(
    ("known", "ready", "message"),
    [
        pytest.param({"freeze": FROZEN}, "Frozen", FROZEN, id="frozen"),
        pytest.param(
            {"ahead": ["first", "second"]},
            "Ordered",
            "waits for compensation first, second, earlier with orderingKey None, to come to its "
            "end: attest to it, if nobody knows what came of it (kubectl amends attest first), or "
            "cancel it (kubectl amends cancel first)",
            id="others come first",
        ),
        pytest.param({"hold": BUSY}, "TargetBusy", BUSY.message, id="the target is busy"),
        pytest.param({"freeze": FROZEN, "hold": BUSY}, "Frozen", FROZEN, id="frozen and busy"),
    ],
)
@pytest.mark.parametrize("due", [compensation("Approved"), failed(nextAttemptAt=after(-1))])
def test_n11_what_is_due_waits_and_says_for_what(
    due: Any, known: dict[str, Any], ready: str, message: str
) -> None:
    decision = decide(world(due, **known))
    assert conditions(decision)["Ready"] == (ready, message)
    assert [one for one in told(decision) if one.startswith("execute")] == []
    assert decision.status is not None
    assert decision.status.wire()["phase"] == due.status.phase


def test_n11_everything_open_says_that_it_is_frozen() -> None:
    decision = decide(world(compensation("AwaitingApproval"), freeze=FROZEN))
    assert conditions(decision)["Frozen"] == ("Frozen", FROZEN)


def test_n11_a_claim_under_which_nothing_was_started_starts_nothing_while_frozen() -> None:
    assert told(decide(world(running()))) == ["execute undo:1"]
    assert told(decide(world(running(), freeze=FROZEN))) == []


def test_n11_what_is_under_way_comes_to_its_end() -> None:
    assert told(decide(world(running(), attempt=True, freeze=FROZEN))) == []


@pytest.mark.parametrize("phase", ["Proposed", "AwaitingApproval", "Approved", "Failed"])
def test_n7_after_its_window_it_is_refused(phase: str) -> None:
    decision = decide(with_window(phase, -1))
    assert decision.status is not None
    assert decision.status.wire()["phase"] == "Cancelled"
    assert decision.status.wire()["reason"] == (
        "WindowClosed: spec.compensableUntil 2026-01-31T08:59:59.000Z has passed: the target lets "
        "the effect be undone no more: repair it with a new Compensation (direction: ForwardFix)"
    )
    assert told(decision) == [
        "release",
        "tell Compensation undo: WindowClosed",
        "wake followers",
    ]


def test_n7_after_its_window_nothing_is_repeated_that_may_have_happened() -> None:
    spec = {
        "compensableUntil": after(-1),
        "execution": {"http": {"method": "POST", "url": "https://x/", "retrySafety": "Natural"}},
    }
    lost = {"outcome": "Unknown", "detail": "lost"}
    decision = decide(world(running(outbox=lost, spec=spec, nextAttemptAt=after(-1))))
    assert decision.status is not None
    assert "nextAttemptAt" not in decision.status.wire()
    assert told(decision) == [
        "tell Compensation undo: WindowClosed",
        "wake followers of kind Attestation",
    ]
    reason, message = conditions(decision)["Ready"]
    assert reason == "OutcomeUnknown"
    assert message.startswith(
        "lost; it is not tried again, because spec.compensableUntil 2026-01-31T08:59:59.000Z has "
        "passed: look at the target yourself, then create an Attestation "
    )


def test_n7_it_is_looked_at_when_its_window_closes() -> None:
    decision = decide(with_window("AwaitingApproval", 90))
    assert decision.look_again == timedelta(seconds=90)

"""Compensation: from running to its end, every question of the core answered both ways."""

from datetime import timedelta

import pytest

from amends.api import Compensation
from amends.core.decide import decide
from amends.core.decision import AT_ONCE
from amends.core.key import Key
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.world import CompensationWorld
from support.worlds import (
    LEASE,
    NAMESPACE,
    OF_AN_OBJECT,
    ONCE,
    OTHER,
    SAFE,
    after,
    check_step,
    compensation,
    failed,
    reasons,
    receipt_of,
    running,
    told,
    unknown,
    world,
    written,
)

LETTER = Key("DeadLetter", NAMESPACE, "letter")
HALF = LEASE / 2


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def cancelled(one: Compensation) -> Compensation:
    return one.model_copy(update={"spec": one.spec.model_copy(update={"cancel": True})})


@pytest.mark.parametrize(
    ("known", "phase", "ready", "effects", "again"),
    [
        # ------------------------------------------------------ is it being executed?
        pytest.param(
            world(running(), attempt=True),
            *(None, None, [], HALF),
            id="the executor works",
        ),
        pytest.param(
            world(running(expires=100), attempt=True),
            *("Running", "Running", [], HALF),
            id="the executor works, and half of the claim is over",
        ),
        pytest.param(
            world(running()),
            *("Running", "Running", ["execute undo:1"], HALF),
            id="the answer to the claim's write was lost",
        ),
        pytest.param(
            world(running(by=OTHER), attempt=True),
            *(None, None, ["disown"], AT_ONCE),
            id="another process has taken it over",
        ),
        pytest.param(
            world(running(by=OTHER)),
            *(None, None, [], seconds(300)),
            id="another process works",
        ),
        pytest.param(
            world(running(by=OTHER, expires=0, spec=ONCE)),
            "Running",
            "OutcomeUnknown",
            [
                "release",
                "tell Compensation undo: OutcomeUnknown",
                "wake followers of kind Attestation",
            ],
            None,
            id="another process has stopped",
        ),
        pytest.param(
            world(running(by=OTHER, expires=0, spec=SAFE)),
            "Running",
            "Retrying",
            ["release", "tell Compensation undo: OutcomeUnknown"],
            seconds(2),
            id="another process has stopped, and a repeat is safe",
        ),
        *[
            pytest.param(
                world(running(by=OTHER, expires=0, spec=change)),
                *("Running", "Running", ["execute undo:1"], HALF),
                id=f"another process has stopped, and the object may tell: {operation}",
            )
            for operation, change in OF_AN_OBJECT.items()
        ],
        pytest.param(
            world(running(expires=-1), outcome=Applied()),
            *(None, None, ["disown"], AT_ONCE),
            id="the claim ran out in our hands: it is let go, and its answer is no state",
        ),
        pytest.param(
            world(running(expires=-1, spec=ONCE)),
            "Running",
            "OutcomeUnknown",
            [
                "release",
                "tell Compensation undo: OutcomeUnknown",
                "wake followers of kind Attestation",
            ],
            None,
            id="the claim ran out, and nobody works on it",
        ),
        pytest.param(
            world(running(by=OTHER), receipt=receipt_of(running())),
            "Completed",
            "Completed",
            ["release", "tell Compensation undo: Executed", "wake followers"],
            None,
            id="another process left the proof",
        ),
        # ------------------------------------------------------ what it came to
        pytest.param(
            world(running(), outcome=Applied({"recorded": True})),
            "Completed",
            "Completed",
            ["release", "tell Compensation undo: Executed", "wake followers"],
            None,
            id="applied",
        ),
        pytest.param(
            world(running(), outcome=Applied(), obstacle="Receipt x is taken"),
            *("Running", "NameTaken", ["tell Compensation undo: Stalled"], HALF),
            id="applied, but the receipt's name is taken",
        ),
        pytest.param(
            world(running(), outcome=NotApplied("busy")),
            *("Failed", "Retrying", ["release", "tell Compensation undo: Failed"], seconds(2)),
            id="not applied: again after a pause",
        ),
        pytest.param(
            world(running(attempt=3), outcome=NotApplied("busy")),
            *("Failed", "Retrying", ["release", "tell Compensation undo: Failed"], seconds(8)),
            id="not applied: the pause doubles",
        ),
        pytest.param(
            world(running(), outcome=NotApplied("busy", retry_after=seconds(90))),
            *("Failed", "Retrying", ["release", "tell Compensation undo: Failed"], seconds(90)),
            id="not applied: the target's wish counts",
        ),
        pytest.param(
            world(running(attempt=5), outcome=NotApplied("busy")),
            "Failed",
            "Failed",
            ["release", "tell Compensation undo: Failed", "wake followers"],
            None,
            id="not applied, and no attempt is left",
        ),
        pytest.param(
            world(running(), outcome=NotApplied("no", retryable=False)),
            "Failed",
            "Failed",
            ["release", "tell Compensation undo: Failed", "wake followers"],
            None,
            id="not applied, for good",
        ),
        pytest.param(
            world(running(spec=ONCE), outcome=Unknown("lost")),
            "Running",
            "OutcomeUnknown",
            [
                "release",
                "tell Compensation undo: OutcomeUnknown",
                "wake followers of kind Attestation",
            ],
            None,
            id="nobody knows",
        ),
        pytest.param(
            world(running(spec=SAFE), outcome=Unknown("lost")),
            "Running",
            "Retrying",
            ["release", "tell Compensation undo: OutcomeUnknown"],
            seconds(2),
            id="nobody knows, but a repeat is safe",
        ),
        *[
            pytest.param(
                world(running(spec=change), outcome=Unknown("lost")),
                "Running",
                "OutcomeUnknown",
                [
                    "release",
                    "tell Compensation undo: OutcomeUnknown",
                    "wake followers of kind Attestation",
                ],
                None,
                id=f"nobody knows, and the object does not tell: {operation}",
            )
            for operation, change in OF_AN_OBJECT.items()
        ],
        pytest.param(
            world(running(spec=SAFE, outbox={"doubt": "lost"}), outcome=NotApplied("no", False)),
            "Running",
            "OutcomeUnknown",
            [
                "release",
                "tell Compensation undo: OutcomeUnknown",
                "wake followers of kind Attestation",
            ],
            None,
            id="refused for good, but an earlier attempt may have applied",
        ),
        pytest.param(
            world(running(spec=SAFE, outbox={"doubt": "lost"}), outcome=NotApplied("busy")),
            "Running",
            "Retrying",
            ["release", "tell Compensation undo: OutcomeUnknown"],
            seconds(2),
            id="refused for now, and an earlier attempt may have applied",
        ),
        # ------------------------------------------------------ was it cancelled? is it settled?
        *[
            pytest.param(
                world(
                    one.model_copy(update={"spec": one.spec.model_copy(update={"cancel": True})})
                ),
                "Cancelled",
                "Cancelled",
                ["release", "tell Compensation undo: Cancelled", "wake followers"],
                None,
                id=f"cancelled, from {one.status.phase}",
            )
            for one in (
                compensation(),
                compensation("AwaitingApproval"),
                compensation("Approved"),
                failed(nextAttemptAt=after(30)),
                unknown(),
            )
        ],
        pytest.param(
            world(running(spec={"cancel": True}), attempt=True),
            *(None, None, ["stop"], HALF),
            id="cancelled while the executor works: it is asked to stop, and comes to its end",
        ),
        pytest.param(
            world(compensation("Completed")),
            *(None, None, ["wake followers"], None),
            id="completed",
        ),
        pytest.param(
            world(compensation("Cancelled")),
            *(None, None, ["wake followers"], None),
            id="cancelled",
        ),
        pytest.param(
            world(compensation("Cancelled"), attempt=True),
            *(None, None, ["release", "wake followers"], None),
            id="settled, and somebody still works on it",
        ),
    ],
)
def test_what_happens_next(
    known: CompensationWorld,
    phase: str | None,
    ready: str | None,
    effects: list[str],
    again: timedelta | None,
) -> None:
    check_step(known, phase, ready, effects, again)


def test_a_claim_carries_the_doubt_about_the_attempt_before() -> None:
    status = written(decide(world(unknown(nextAttemptAt=after(0)))))
    assert status.outbox.doubt == "lost"
    assert status.outbox.outcome is None
    assert (status.attempts, status.next_attempt_at) == (2, None)
    assert reasons(decide(world(unknown(nextAttemptAt=after(0)))))["OutcomeUnknown"] == (
        *("True", "OutcomeUnknown"),
    )


def test_the_receipt_is_created_before_the_status_points_to_it() -> None:
    decision = decide(world(running(), outcome=Applied({"token": "planted"})))
    (receipt,) = decision.children
    assert receipt.kind == "Receipt"
    assert written(decision).receipt_ref.name == receipt.name
    assert written(decision).outbox.receipt_ref.name == receipt.name
    assert receipt.spec.wire()["payload"]["evidence"] == {"token": "[redacted]"}


@pytest.mark.parametrize(
    "outcome", [NotApplied("password=planted"), Unknown("Bearer planted8f7a6b5c4d3e")]
)
def test_reasons_are_redacted_wherever_they_are_written(outcome: Outcome) -> None:
    decision = decide(world(running(), outcome=outcome))
    assert "planted" not in str(decision)


def test_a_claim_without_an_entry_is_left_to_people() -> None:
    """Only somebody else than the operator can have written this."""
    decision = decide(world(compensation("Running", attempts=1)))
    assert told(decision) == []
    assert written(decision).phase == "Running"

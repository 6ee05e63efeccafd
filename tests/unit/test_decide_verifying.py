"""Verify: where nobody knows what came of an attempt, the target is asked, so often and then."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api import Compensation
from amends.core.decide import decide
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.undo.awaiting import awaits_attestation
from amends.core.world import Attempt, CompensationWorld
from support.worlds import (
    NOW,
    OF_AN_OBJECT,
    ONCE,
    SAFE,
    after,
    attestation,
    check_step,
    left_behind,
    reasons,
    running,
    told,
    world,
    written,
)

VERIFY = {"verify": {"http": {"url": "https://x/"}, "afterSeconds": 7, "attempts": 2}}


def unsure(count: int = 0, due: float | None = 0, **spec: Any) -> Compensation:
    probing = {"count": count, "nextAt": after(due) if due is not None else None}
    outbox = {"outcome": "Unknown", "detail": "lost", "doubt": "before", "verification": probing}
    return running(spec={**ONCE, **VERIFY, **spec}, outbox=outbox)


def answered(one: Compensation, outcome: Outcome | None, number: int = 1) -> CompensationWorld:
    return world(one, probe=Attempt(f"undo:1/verify-{number}", outcome))


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("spec", "ready", "wait", "probing"),
    [
        pytest.param({**ONCE, **VERIFY}, "Verifying", 7, True, id="the target is asked"),
        pytest.param({**SAFE, **VERIFY}, "Retrying", 2, False, id="a repeat is safe: that first"),
        pytest.param(ONCE, "OutcomeUnknown", None, False, id="nothing to ask: a person"),
        *[
            pytest.param(
                {**change, **VERIFY}, "Verifying", 7, True, id=f"of an object: {operation}"
            )
            for operation, change in OF_AN_OBJECT.items()
        ],
    ],
)
def test_an_unknown_outcome_goes_to_repeat_then_to_verify_then_to_a_person(
    spec: dict[str, Any], ready: str, wait: float | None, probing: bool
) -> None:
    decision = decide(world(running(spec=spec), outcome=Unknown("lost")))
    assert reasons(decision)["Ready"][1] == ready
    assert reasons(decision)["OutcomeUnknown"] == ("True", "OutcomeUnknown")
    assert decision.look_again == (seconds(wait) if wait is not None else None)
    found = written(decision).outbox.verification
    assert (found is not None) == probing
    if probing:
        assert (found.count, found.next_at) == (0, NOW + seconds(7))


def test_when_no_repeat_is_left_the_target_is_asked() -> None:
    last = running(attempt=5, spec={**SAFE, **VERIFY})
    assert reasons(decide(world(last, outcome=Unknown("lost"))))["Ready"][1] == "Verifying"


@pytest.mark.parametrize(
    ("known", "phase", "ready", "effects", "again"),
    [
        pytest.param(world(unsure(due=3)), "Running", "Verifying", [], seconds(3), id="not yet"),
        pytest.param(world(unsure()), None, None, ["probe undo:1/verify-1"], None, id="it is time"),
        pytest.param(
            world(unsure(count=1)), None, None, ["probe undo:1/verify-2"], None, id="again"
        ),
        pytest.param(answered(unsure(), None), "Running", "Verifying", [], None, id="being asked"),
        pytest.param(
            answered(unsure(), Applied({"status": 200})),
            "Completed",
            "Completed",
            ["release", "tell Compensation undo: Executed", "wake followers"],
            None,
            id="it is there",
        ),
        pytest.param(
            answered(unsure(), NotApplied("404")),
            *("Failed", "Retrying", ["release", "tell Compensation undo: Failed"], seconds(2)),
            id="it is not there: tried again as approved",
        ),
        pytest.param(
            answered(unsure(), Unknown("503")),
            *("Running", "Verifying", ["release"], seconds(2)),
            id="it cannot be told: asked again",
        ),
        pytest.param(
            answered(unsure(), Unknown("429", retry_after=seconds(9))),
            *("Running", "Verifying", ["release"], seconds(9)),
            id="asked too soon: asked again when the target says",
        ),
        pytest.param(
            answered(unsure(count=1), Unknown("503"), 2),
            "Running",
            "OutcomeUnknown",
            ["release", "tell Compensation undo: OutcomeUnknown"],
            None,
            id="it cannot be told, and was the last time: a person",
        ),
        pytest.param(
            world(unsure(cancel=True)),
            "Cancelled",
            "Cancelled",
            ["release", "tell Compensation undo: Cancelled", "wake followers"],
            None,
            id="cancelled: nothing is asked any more",
        ),
        pytest.param(
            answered(unsure(cancel=True), Applied()),
            "Completed",
            "Completed",
            ["release", "tell Compensation undo: Executed", "wake followers"],
            None,
            id="cancelled, but now it is known",
        ),
    ],
)
def test_what_the_target_says(
    known: CompensationWorld,
    phase: str | None,
    ready: str | None,
    effects: list[str],
    again: timedelta | None,
) -> None:
    check_step(known, phase, ready, effects, again)


def test_who_finds_the_receipt_of_a_probe_says_so_as_well() -> None:
    killed = decide(answered(unsure(), Applied({"status": 200})))

    next_one = decide(world(unsure(), receipt=left_behind(killed)))

    assert not next_one.children
    assert written(next_one) == written(killed)


def test_what_the_probe_has_found_is_the_evidence() -> None:
    decision = decide(answered(unsure(), Applied({"status": 200, "token": "planted"})))
    (receipt,) = decision.children
    assert receipt.spec.wire()["payload"]["evidence"] == {
        "probe": 1,
        "verified": {"status": 200, "token": "[redacted]"},
    }


def test_not_there_ends_the_doubt_about_earlier_attempts() -> None:
    status = written(decide(answered(unsure(), NotApplied("404"))))
    assert (status.outbox.outcome, status.outbox.doubt) == ("NotApplied", None)


def test_a_person_may_attest_while_the_target_is_asked() -> None:
    known = world(unsure(due=3), attestations=[attestation()])
    assert written(decide(known)).phase == "Completed"
    assert told(decide(known))[1] == "release"


def test_only_when_nothing_is_asked_any_more_a_person_is_waited_for() -> None:
    assert not awaits_attestation(unsure(due=3))
    assert awaits_attestation(unsure(count=2, due=None))

"""N11, N7: claimed before and at work for nobody here; nothing begins that may not begin now.

What another process may have begun is looked for all the same, and what is found comes to its end.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from amends.api import Compensation, DeadLetter
from amends.core.decide import decide
from amends.core.decision import AT_ONCE, Decision, Execute
from amends.core.enforcement import NOT_ENFORCED, Enforcement
from amends.core.outcome import Applied, Unknown
from amends.core.world import Attempt, CompensationWorld, DeadLetterWorld
from support.api import Object
from support.worlds import (
    LEASE,
    ME,
    NOW,
    ONCE,
    OTHER,
    SAFE,
    action,
    after,
    dead_letter,
    letter_world,
    reasons,
    running,
    told,
    world,
    written,
)

JOB: Object = {
    "job": {
        "template": {"spec": {"containers": [{"name": "undo", "image": "x"}]}},
        "retrySafety": "Natural",
    }
}
CHANGE: Object = {
    "kubernetes": {
        "operation": "Delete",
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "settings",
    }
}
HTTP: Object = {"http": {"method": "POST", "url": "https://b/", "retrySafety": "ProviderKey"}}
FROZEN = {"freeze": "namespace tenant-a is frozen (incident 42)"}
GAP = {"enforcement": Enforcement(gap="a policy is missing: apply it")}
PASSED: Object = {"compensableUntil": after(-1)}
CANCEL: Object = {"cancel": True}
NO_TRACE = Unknown("it was looked for and is not there", untraced=True)
LETTER: Object = {
    "id": "outbox-retry-1",
    "operation": "board.post",
    "phase": "Claimed",
    "attempt": 1,
    "idempotencyKey": "run-7/post",
    "attemptKey": "letter:1",
    "claimedAt": after(-9),
    "before": {"time": after(-9), "outcome": "claimed"},
}

HELD = pytest.mark.parametrize(
    ("known", "ready"),
    [
        pytest.param(FROZEN, "Frozen", id="frozen"),
        pytest.param(GAP, NOT_ENFORCED, id="policies not enforced"),
        pytest.param({**FROZEN, **GAP}, NOT_ENFORCED, id="both"),
    ],
)
OUTLIVES = pytest.mark.parametrize("execution", [JOB, CHANGE], ids=["job", "kubernetes"])

W = TypeVar("W", CompensationWorld, DeadLetterWorld)


def claimed(execution: Object | None = None, **changes: Any) -> Compensation:
    """Claimed nine seconds ago."""
    spec = {"execution": execution or JOB, **changes.pop("spec", {})}
    claim = {"claimedAt": after(-9), "before": {"time": after(-9), "outcome": "claimed"}}
    return running(spec=spec, outbox={**claim, **changes.pop("outbox", {})}, **changes)


def abandoned(execution: Object | None = None, **changes: Any) -> Compensation:
    """Whoever claimed it has stopped."""
    return claimed(execution, by=OTHER, expires=-1, **changes)


def sent_again(
    execution: Object, *, by: str = ME, expires: float = 300, **known: Any
) -> DeadLetterWorld:
    """A retry that was claimed nine seconds ago."""
    outbox = {**LETTER, "claimedBy": by, "claimExpiresAt": after(expires)}
    dispatch = {"count": 1, "lastTime": after(-9), "nextTime": after(-8)}
    post = action("failed", idempotencyKey="run-7/post", retry=execution)
    letter = dead_letter("Retrying", outbox=outbox, dispatch=dispatch)
    return letter_world(letter, action=post, **known)


def after_it(known: W, decision: Decision, **changes: Any) -> W:
    """The world once the decision is carried out, and what else has become known."""
    status = decision.status
    if isinstance(known, CompensationWorld):
        undo = known.compensation
        undo = undo if status is None else undo.model_copy(update={"status": status})
        return replace(known, compensation=undo, **changes)
    letter: DeadLetter = known.letter
    letter = letter if status is None else letter.model_copy(update={"status": status})
    return replace(known, letter=letter, **changes)


def executed(decision: Decision) -> Execute:
    (found,) = [effect for effect in decision.effects if isinstance(effect, Execute)]
    return found


@HELD
@pytest.mark.parametrize("execution", [JOB, CHANGE, HTTP], ids=["job", "kubernetes", "http"])
def test_n11_an_undo_that_nobody_has_begun_waits_and_keeps_its_claim(
    execution: Object, known: dict[str, Any], ready: str
) -> None:
    decision = decide(world(claimed(execution, expires=100), unbegun=True, **known))
    assert told(decision) == []
    assert reasons(decision)["Ready"] == ("False", ready)
    assert (written(decision).phase, written(decision).attempts) == ("Running", 1)
    assert written(decision).outbox.claim_expires_at == NOW + LEASE
    assert decision.look_again == LEASE / 2


@HELD
@pytest.mark.parametrize("execution", [JOB, HTTP], ids=["job", "http"])
def test_n11_a_retry_that_nobody_has_begun_waits_and_keeps_its_claim(
    execution: Object, known: dict[str, Any], ready: str
) -> None:
    decision = decide(sent_again(execution, expires=100, **known))
    assert told(decision) == []
    assert reasons(decision)["Ready"] == ("False", ready)
    assert written(decision).phase == "Retrying"
    assert written(decision).outbox.claim_expires_at == NOW + LEASE
    assert decision.look_again == LEASE / 2


@HELD
@OUTLIVES
def test_n11_an_undo_that_may_be_under_way_is_looked_for_and_nothing_else(
    execution: Object, known: dict[str, Any], ready: str
) -> None:
    decision = decide(world(abandoned(execution), **known))
    work = executed(decision)
    assert (work.attempt_key, work.begun, work.only_look) == ("undo:1", True, True)
    assert told(decision) == ["execute undo:1"]
    assert written(decision).outbox.claimed_by == ME


@HELD
def test_n11_a_retry_that_may_be_under_way_is_looked_for_and_nothing_else(
    known: dict[str, Any], ready: str
) -> None:
    decision = decide(sent_again(JOB, by=OTHER, expires=-1, **known))
    work = executed(decision)
    assert (work.attempt_key, work.begun, work.only_look) == ("letter:1", True, True)
    assert written(decision).outbox.claimed_by == ME


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(world(abandoned()), id="undo"),
        pytest.param(sent_again(JOB, by=OTHER, expires=-1), id="retry"),
    ],
)
@HELD
def test_n11_what_is_not_there_waits_and_is_begun_afterwards_under_the_same_claim(
    lost: Any, known: dict[str, Any], ready: str
) -> None:
    lost = replace(lost, **known)
    looked = after_it(lost, decide(lost))
    key = executed(decide(lost)).attempt_key
    seconds_later = looked.now + timedelta(seconds=1)
    looked = replace(looked, now=seconds_later, attempt=Attempt(key, NO_TRACE))

    let_go = decide(looked)
    assert (told(let_go), let_go.look_again, let_go.status) == (["release"], AT_ONCE, None)

    waits = after_it(looked, let_go, attempt=None)
    held = decide(waits)
    assert told(held) == []
    assert reasons(held)["Ready"] == ("False", ready)

    thawed = after_it(waits, held, freeze=None, enforcement=Enforcement())
    work = executed(decide(thawed))
    assert (work.attempt_key, work.begun, work.only_look) == (key, True, False)


@HELD
def test_n11_what_is_found_comes_to_its_end(known: dict[str, Any], ready: str) -> None:
    found = claimed(outbox={"claimedAt": after(-1)})
    assert written(decide(world(found, outcome=Applied({}), **known))).phase == "Completed"
    unclear = written(decide(world(found, outcome=Unknown("evicted"), **known)))
    assert unclear.outbox.outcome == "Unknown"


@HELD
@pytest.mark.parametrize("execution", [ONCE, SAFE], ids=["once", "safe"])
def test_n11_what_no_cluster_remembers_is_in_doubt_as_ever(
    execution: Object, known: dict[str, Any], ready: str
) -> None:
    decision = decide(world(abandoned(execution["execution"]), **known))
    assert written(decision).outbox.outcome == "Unknown"


@pytest.mark.parametrize(
    ("spec", "known", "reason"),
    [
        pytest.param(PASSED, {}, "WindowClosed", id="n7: its window has closed"),
        pytest.param(CANCEL, {}, "Cancelled", id="cancelled"),
        pytest.param(CANCEL, FROZEN, "Cancelled", id="cancelled while frozen"),
        pytest.param({**PASSED, **CANCEL}, GAP, "Cancelled", id="everything at once"),
    ],
)
@pytest.mark.parametrize("execution", [JOB, CHANGE, HTTP], ids=["job", "kubernetes", "http"])
def test_what_nobody_has_begun_and_never_may_be_is_called_off(
    execution: Object, spec: Object, known: dict[str, Any], reason: str
) -> None:
    decision = decide(world(claimed(execution, spec=spec), unbegun=True, **known))
    assert written(decision).phase == "Cancelled"
    assert written(decision).reason.startswith(f"{reason}: ")
    assert written(decision).reason.endswith("; attempt undo:1 was not begun")
    assert told(decision) == ["release", f"tell Compensation undo: {reason}", "wake followers"]


def test_what_an_earlier_attempt_may_have_done_is_not_forgotten_over_it() -> None:
    doubtful = claimed(HTTP, spec=PASSED, outbox={"doubt": "attempt 1 was lost"})
    status = written(decide(world(doubtful)))
    assert (status.phase, status.outbox.outcome) == ("Running", "Unknown")


@pytest.mark.parametrize(
    ("spec", "effects"),
    [
        pytest.param(PASSED, ["execute undo:1"], id="n7: its window has closed"),
        pytest.param(CANCEL, ["execute undo:1", "stop"], id="cancelled"),
    ],
)
@pytest.mark.parametrize("known", [{}, FROZEN, GAP], ids=["", "frozen", "not enforced"])
@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(abandoned, id="its holder is gone"),
        pytest.param(
            lambda **more: claimed(outbox={"claimedAt": after(-1)}, **more),
            id="ours since, and the answer to that was lost",
        ),
    ],
)
def test_what_may_be_under_way_and_never_may_be_begun_is_only_looked_for(
    lost: Any, spec: Object, known: dict[str, Any], effects: list[str]
) -> None:
    decision = decide(world(lost(spec=spec), **known))
    work = executed(decision)
    assert (told(decision), work.begun, work.only_look) == (effects, True, True)


@pytest.mark.parametrize(("spec", "reason"), [(PASSED, None), (CANCEL, "Cancelled")])
def test_what_is_not_there_and_never_may_be_begun_is_in_doubt(
    spec: Object, reason: str | None
) -> None:
    looked = world(claimed(outbox={"claimedAt": after(-1)}, spec=spec), outcome=NO_TRACE)
    decision = decide(looked)
    assert written(decision).outbox.outcome == "Unknown"
    assert decision.look_again == AT_ONCE

    then = decide(after_it(looked, decision, attempt=None))
    assert written(then).next_attempt_at is None
    assert written(then).phase == ("Cancelled" if reason else "Running")


def test_who_says_so_without_having_taken_it_over_is_not_sent_again() -> None:
    assert written(decide(world(claimed(HTTP), outcome=NO_TRACE))).outbox.outcome == "Unknown"


def test_after_the_answer_to_taking_it_over_was_lost_it_still_may_have_been_begun() -> None:
    taken = claimed(outbox={"claimedAt": after(-1)})
    assert executed(decide(world(taken))).begun
    assert not executed(decide(world(claimed()))).begun


@pytest.mark.parametrize("spec", [PASSED, CANCEL])
def test_whose_proof_has_no_name_is_not_looked_at_without_a_pause(spec: Object) -> None:
    known = world(claimed(spec=spec), outcome=Applied({}), obstacle="Receipt x is taken")
    assert decide(known).look_again == LEASE / 2

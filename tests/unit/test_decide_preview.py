"""Compensation: what a change would do now is part of what is approved, and drift undoes that."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.api import Compensation
from amends.api.compensation import CompensationSpec
from amends.core.decide import decide
from amends.core.decision import AT_ONCE, Execute
from amends.core.outcome import Preview, Unseen
from amends.core.records.digest import plan_digest, plan_digest_of
from amends.core.world import CompensationWorld
from support.api import Object
from support.worlds import (
    NAMESPACE,
    NOW,
    after,
    check_step,
    compensation,
    counted,
    running,
    told,
    world,
    written,
)

SAW, SEES = "sha256:" + "a" * 64, "sha256:" + "b" * 64
PREVIEW = {"digest": SAW, "changes": ["/data/a: 1 → 2"], "uid": "uid-1", "time": after(-60)}
SAME = Preview(SAW, ["/data/a: 1 → 2"], "uid-1")
OTHER = Preview(SEES, ["/data/a: 3 → 2"], "uid-1")
UNSEEN = Unseen("no answer", timedelta(seconds=4))
PRIOR: Object = {"approvals": [counted()], "approvalDeadline": after(600)}


def plan(drift: str = "Refuse") -> Object:
    named = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings"}
    change = {"operation": "Delete", **named, "previewDrift": drift}
    return {"execution": {"kubernetes": change}}


def seen(phase: str, drift: str = "Refuse", **status: Any) -> Compensation:
    """One that was looked at a minute ago."""
    spec = plan(drift)
    read = compensation(spec=spec).spec
    digest = plan_digest(NAMESPACE, "undo", read, SAW)
    given = {"preview": PREVIEW, "planDigest": digest, **status}
    return compensation(phase, spec=spec, **given)


@pytest.mark.parametrize(
    ("known", "phase", "ready", "effects", "again"),
    [
        pytest.param(
            world(compensation(spec=plan()), preview=SAME),
            *("AwaitingApproval", "AwaitingApproval", ["wake followers"], AT_ONCE),
            id="new: it awaits approval of what it would do",
        ),
        pytest.param(
            world(compensation(spec=plan()), objection="the account may not patch it"),
            *("Proposed", "NotExecutable", ["tell Compensation undo: Stalled"]),
            timedelta(seconds=30),
            id="it can never be done as it is, until somebody gives the right",
        ),
        pytest.param(
            world(seen("AwaitingApproval"), unseen=UNSEEN),
            *("AwaitingApproval", "PreviewUnavailable", [], UNSEEN.again),
            id="it cannot be seen now",
        ),
        pytest.param(
            world(seen("AwaitingApproval", **PRIOR), preview=SAME),
            *("Approved", "Approved", ["wake followers of kind Approval"], AT_ONCE),
            id="it would still do the same",
        ),
        pytest.param(
            world(seen("AwaitingApproval", **PRIOR), preview=OTHER),
            *("AwaitingApproval", "AwaitingApproval"),
            ["tell Compensation undo: PreviewChanged", "wake followers"],
            AT_ONCE,
            id="waiting, and it would do something else",
        ),
        pytest.param(
            world(seen("Approved", **PRIOR), preview=OTHER),
            *("AwaitingApproval", "AwaitingApproval"),
            ["tell Compensation undo: PreviewChanged", "wake followers"],
            AT_ONCE,
            id="approved, and it would do something else",
        ),
        pytest.param(
            world(seen("Failed", nextAttemptAt=after(0), **PRIOR), preview=OTHER),
            *("Approved", "Approved", [], AT_ONCE),
            id="to be tried again, and it would do something else",
        ),
    ],
)
def test_what_happens_next(
    known: CompensationWorld,
    phase: str,
    ready: str,
    effects: list[str],
    again: timedelta | None,
) -> None:
    check_step(known, phase, ready, effects, again)


def test_what_failed_and_drifted_asks_for_approval_in_two_legal_steps() -> None:
    failed = seen("Failed", attempts=1, nextAttemptAt=after(5), **PRIOR)

    first = decide(world(failed, preview=OTHER))
    between = failed.model_copy(update={"status": written(first)})
    second = decide(world(between, preview=OTHER))

    assert written(first).preview == failed.status.preview
    status = written(second)
    assert [(one.from_, one.to) for one in status.history] == [
        ("Failed", "Approved"),
        ("Approved", "AwaitingApproval"),
    ]
    assert (status.approvals, status.next_attempt_at, status.preview.digest) == ([], None, SEES)
    assert status.plan_digest == plan_digest(NAMESPACE, "undo", failed.spec, SEES)
    assert told(second) == ["tell Compensation undo: PreviewChanged", "wake followers"]
    stored = failed.model_copy(update={"status": status})
    assert plan_digest_of(stored) == status.plan_digest


def test_drift_does_not_put_the_deadline_off_for_those_who_wait() -> None:
    waiting = written(decide(world(seen("AwaitingApproval", **PRIOR), preview=OTHER)))
    assert (waiting.approvals, waiting.approval_deadline) == ([], NOW + timedelta(seconds=600))

    approved = written(decide(world(seen("Approved", **PRIOR), preview=OTHER)))
    assert approved.approval_deadline == NOW + timedelta(days=1)


def test_a_look_that_sees_the_same_changes_nothing_on_record() -> None:
    again = written(decide(world(seen("AwaitingApproval"), preview=SAME)))
    assert again.preview == seen("AwaitingApproval").status.preview


@pytest.mark.parametrize("drift", ["Refuse", "Allow"])
def test_a_claim_says_what_version_the_object_had_before_anything_was_sent(drift: str) -> None:
    newer = replace(SAME, version="8")
    waits = written(decide(world(seen("AwaitingApproval", drift), preview=newer)))
    assert waits.preview.resource_version is None

    decision = decide(world(seen("Approved", drift, **PRIOR), preview=newer))

    (execute,) = decision.effects
    assert isinstance(execute, Execute)
    assert execute.preview == newer
    assert written(decision).preview.digest == SAW
    assert written(decision).preview.resource_version == "8"


def test_where_drift_is_allowed_the_digest_stays_and_the_newest_preview_runs() -> None:
    spec = CompensationSpec.model_validate({"targetEffect": "effect-1", **plan("Allow")})
    assert plan_digest(NAMESPACE, "undo", spec, SAW) == plan_digest(NAMESPACE, "undo", spec)

    decision = decide(world(seen("Approved", "Allow", **PRIOR), preview=OTHER))

    (execute,) = decision.effects
    assert isinstance(execute, Execute)
    assert execute.preview == OTHER
    assert written(decision).phase == "Running"
    assert written(decision).preview.digest == SEES


def test_what_runs_is_what_was_seen_and_approved() -> None:
    decision = decide(world(seen("Approved", **PRIOR), preview=SAME))

    (execute,) = decision.effects
    assert isinstance(execute, Execute)
    assert (execute.preview, execute.begun) == (SAME, False)


def test_another_process_goes_on_with_what_was_approved_when_it_was_claimed() -> None:
    seen_at = {**PREVIEW, "resourceVersion": "7"}
    claimed = running(by="operator-2", expires=-1, spec=plan(), preview=seen_at)

    decision = decide(world(claimed))

    (execute,) = decision.effects
    assert isinstance(execute, Execute)
    same = replace(SAME, version="7")
    assert (execute.attempt_key, execute.preview, execute.begun) == ("undo:1", same, True)
    assert written(decision).outbox.claimed_by == "operator-1"


def test_cancel_is_obeyed_whether_it_can_be_seen_or_not() -> None:
    known = world(seen("AwaitingApproval"), unseen=UNSEEN)
    spec = known.compensation.spec.model_copy(update={"cancel": True})
    blind = replace(known, compensation=known.compensation.model_copy(update={"spec": spec}))
    assert written(decide(blind)).phase == "Cancelled"


@pytest.mark.parametrize("execution", [{"record": {}}, plan("Allow")["execution"]])
def test_the_digest_of_every_other_plan_is_what_it_was(execution: Object) -> None:
    spec = CompensationSpec.model_validate({"targetEffect": "e", "execution": execution})
    assert plan_digest("a", "b", spec, SAW) == plan_digest("a", "b", spec)

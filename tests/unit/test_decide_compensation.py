"""Compensation: from proposed to running, every question of the core answered both ways."""

from dataclasses import replace
from datetime import timedelta

import pytest

from amends.api import Approval, Compensation
from amends.core.decide import decide
from amends.core.decision import AT_ONCE, NOTHING
from amends.core.key import Key
from amends.core.undo.compensation import decide as step
from amends.core.world import CompensationWorld
from support.api import Object
from support.worlds import (
    LEASE,
    NAMESPACE,
    NOW,
    after,
    approval,
    check_step,
    compensation,
    counted,
    failed,
    reasons,
    told,
    unknown,
    world,
    written,
)

LETTER = Key("DeadLetter", NAMESPACE, "letter")
NOT_REQUIRED = {"approval": {"required": False}}
INEXACT = {"execution": {"http": {"method": "POST", "url": "https://x/", "body": {"a": 2**60}}}}
TWO = {"approval": {"approvers": 2}}
DEADLINE: Object = {"approvalDeadline": after(600)}
HALF = LEASE / 2


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("known", "phase", "ready", "effects", "again"),
    [
        # ------------------------------------------------------ is it planned?
        pytest.param(
            world(compensation()),
            *("AwaitingApproval", "AwaitingApproval", ["wake followers"], AT_ONCE),
            id="new: it awaits approval, and who waits for it is told",
        ),
        pytest.param(
            world(compensation(spec=NOT_REQUIRED)),
            *("Approved", "Approved", ["wake followers"], AT_ONCE),
            id="new, nobody need approve",
        ),
        pytest.param(
            world(compensation(spec={"suspend": True})),
            *("AwaitingApproval", "Suspended", ["wake followers"], AT_ONCE),
            id="new and suspended: it awaits approval",
        ),
        pytest.param(
            world(compensation("Approved", planDigest="sha256:" + "1" * 64)),
            *("AwaitingApproval", "AwaitingApproval", ["wake followers"], AT_ONCE),
            id="approved, but then the plan changed",
        ),
        pytest.param(
            world(compensation(), objection="no such executor"),
            *("Proposed", "NotExecutable", ["tell Compensation undo: Stalled"], None),
            id="no executor here will carry it out",
        ),
        pytest.param(
            world(compensation(spec=INEXACT)),
            *("Proposed", "NotExecutable", ["tell Compensation undo: Stalled"], None),
            id="a plan without a digest",
        ),
        # ------------------------------------------------------ is it approved?
        pytest.param(
            world(compensation("AwaitingApproval", **DEADLINE)),
            *("AwaitingApproval", "AwaitingApproval", [], seconds(600)),
            id="nobody has approved",
        ),
        pytest.param(
            world(compensation("AwaitingApproval")),
            *("AwaitingApproval", "AwaitingApproval", [], None),
            id="nobody has approved, and there is no deadline",
        ),
        pytest.param(
            world(compensation("AwaitingApproval", **DEADLINE), approvals=[approval(status={})]),
            *("AwaitingApproval", "AwaitingApproval", ["wake Approval yes"], seconds(600)),
            id="an approval that is not bound yet",
        ),
        pytest.param(
            world(compensation("AwaitingApproval", **DEADLINE), approvals=[approval()]),
            "Approved",
            "Approved",
            ["tell Compensation undo: ApprovalCounted", "wake followers of kind Approval"],
            AT_ONCE,
            id="one approval is enough",
        ),
        pytest.param(
            world(compensation("AwaitingApproval", **DEADLINE), approvals=[approval(user="bob")]),
            *("AwaitingApproval", "AwaitingApproval", ["wake Approval yes"], seconds(600)),
            id="who asked does not count",
        ),
        pytest.param(
            world(
                compensation("AwaitingApproval", **DEADLINE),
                approvals=[approval(decision="Reject")],
            ),
            "Cancelled",
            "Cancelled",
            ["release", "tell Compensation undo: Rejected", "wake followers"],
            None,
            id="rejected",
        ),
        pytest.param(
            world(compensation("AwaitingApproval", approvalDeadline=after(0))),
            "Cancelled",
            "Cancelled",
            ["release", "tell Compensation undo: Expired", "wake followers"],
            None,
            id="too late",
        ),
        pytest.param(
            world(compensation("AwaitingApproval", spec={"suspend": True}), approvals=[approval()]),
            *("AwaitingApproval", "Suspended", [], None),
            id="suspended: nothing is counted",
        ),
        # ------------------------------------------------------ shall it run?
        pytest.param(
            world(compensation("Approved")),
            *("Running", "Running", ["execute undo:1"], HALF),
            id="approved: claim, then execute",
        ),
        pytest.param(
            world(compensation("Approved"), unlinked=[LETTER]),
            *("Approved", "Approved", ["wake DeadLetter letter"], seconds(1)),
            id="approved, but a dead letter does not name it yet",
        ),
        pytest.param(
            world(compensation("Approved", spec={"suspend": True})),
            *("Approved", "Suspended", [], None),
            id="approved and suspended",
        ),
        pytest.param(
            world(failed(nextAttemptAt=after(30))),
            *("Failed", "Retrying", [], seconds(30)),
            id="failed: the pause is not over",
        ),
        pytest.param(
            world(failed(nextAttemptAt=after(0))),
            *("Running", "Running", ["execute undo:2"], HALF),
            id="failed: the pause is over",
        ),
        pytest.param(world(failed()), *("Failed", "Failed", [], None), id="failed for good"),
        pytest.param(
            world(failed(), named_by=[LETTER]),
            *("Failed", "Failed", ["wake DeadLetter letter"], None),
            id="failed for good, and a dead letter waits for it all the same",
        ),
        pytest.param(
            world(compensation("Failed", spec={"suspend": True}), named_by=[LETTER]),
            *("Failed", "Failed", ["wake DeadLetter letter"], None),
            id="the same, and it is suspended",
        ),
        pytest.param(
            world(failed(nextAttemptAt=after(30)), named_by=[LETTER]),
            *("Failed", "Retrying", [], seconds(30)),
            id="failed, and a dead letter waits for the next attempt",
        ),
        pytest.param(
            world(unknown(nextAttemptAt=after(0))),
            *("Running", "Running", ["execute undo:2"], HALF),
            id="nobody knows, and a repeat is safe",
        ),
        pytest.param(
            world(unknown()), *("Running", "OutcomeUnknown", [], None), id="nobody knows, for good"
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


def approvals_of(subject: Compensation, *people: str) -> list[Approval]:
    digest = subject.status.plan_digest
    return [approval(name=who, user=who, digest=digest) for who in people]


def test_two_people_are_counted_in_one_step_or_in_two() -> None:
    subject = compensation("AwaitingApproval", spec=TWO, **DEADLINE)
    both = decide(world(subject, approvals=approvals_of(subject, "alice", "dora")))
    one = decide(world(subject, approvals=approvals_of(subject, "alice")))
    assert written(one).phase == "AwaitingApproval"
    assert written(one).conditions[0].message == (
        f"waits for approval of planDigest {subject.status.plan_digest}: 1 of 2 approvals "
        "(spec.approval.approvers: 2)"
    )

    later = subject.model_copy(update={"status": written(one)})
    other = decide(world(later, approvals=approvals_of(subject, "dora")))

    for decision in (both, other):
        assert written(decision).phase == "Approved"
        assert [entry.username for entry in written(decision).approvals] == ["alice", "dora"]
    assert written(other).reason == "approved by alice, dora"


def test_one_person_counts_once_however_often_they_approve() -> None:
    subject = compensation("AwaitingApproval", spec=TWO, **DEADLINE)
    digest = subject.status.plan_digest
    twice = [approval(name=name, digest=digest) for name in ("one", "two")]

    decision = decide(world(subject, approvals=twice))

    assert [entry.name for entry in written(decision).approvals] == ["one"]
    assert written(decision).phase == "AwaitingApproval"


def test_more_approvals_than_asked_for_stay_out_of_the_ledger_but_a_rejection_does_not() -> None:
    subject = compensation("AwaitingApproval", spec=TWO, **DEADLINE)
    crowd = approvals_of(subject, *(f"person-{number:02}" for number in range(40)))

    assert len(written(decide(world(subject, approvals=crowd))).approvals) == 2

    digest = crowd[0].spec.plan_digest
    late = approval("z", user="dora", decision="Reject", planDigest=digest)
    rejected = written(decide(world(subject, approvals=[*crowd, late])))
    assert rejected.phase == "Cancelled"
    assert [one.username for one in rejected.approvals][2:] == ["dora"]


@pytest.mark.parametrize(
    ("requester", "left"),
    [({"username": "alice"}, []), ({"username": "bob"}, ["alice"]), (None, ["alice"])],
)
def test_who_takes_the_request_over_has_not_approved_it(
    requester: dict[str, str] | None, left: list[str]
) -> None:
    spec = {**TWO, "requester": requester}
    subject = compensation("AwaitingApproval", spec=spec, approvals=[counted()], **DEADLINE)

    assert [one.username for one in written(decide(world(subject))).approvals] == left


def test_a_rejection_by_who_asked_stays() -> None:
    ledger = [counted(user="bob", decision="Reject")]
    subject = compensation("AwaitingApproval", spec=TWO, approvals=ledger, **DEADLINE)

    assert [one.username for one in written(decide(world(subject))).approvals] == ["bob"]


def test_a_new_plan_begins_the_approval_anew() -> None:
    old = compensation("Approved", planDigest="sha256:" + "1" * 64, approvals=[counted()])
    status = written(decide(world(old)))
    assert status.approvals == []
    assert status.plan_digest == compensation("Approved").status.plan_digest
    assert status.approval_deadline == NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("approvers", "ledger"),
    [
        pytest.param(1, [], id="by nobody"),
        pytest.param(2, [counted()], id="by one of two"),
        pytest.param(2, [counted(), counted("again")], id="by one, twice"),
        pytest.param(1, [counted(decision="Reject")], id="by who rejected it"),
    ],
)
def test_approved_without_the_approvals_on_record_is_not_begun_but_counted_anew(
    approvers: int, ledger: list[Object]
) -> None:
    spec = {"approval": {"approvers": approvers}}
    decision = decide(world(compensation("Approved", spec=spec, approvals=ledger)))
    assert written(decision).phase == "AwaitingApproval"
    assert decision.look_again == timedelta(0)
    assert told(decision) == ["wake followers of kind Approval"]


def test_an_objection_is_told_once() -> None:
    first = decide(world(compensation(), objection="no such executor"))
    known = compensation().model_copy(update={"status": written(first)})
    again = decide(world(known, objection="no such executor"))
    assert (again.status, told(again)) == (first.status, [])
    assert reasons(first)["Stalled"] == ("True", "NotExecutable")


def test_where_no_question_is_answered_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amends.core.undo.compensation.QUESTIONS", ())
    assert step(world(compensation())) == NOTHING


def test_i1_a_changed_plan_that_cannot_run_here_does_not_inherit_approvals() -> None:
    old = "sha256:" + "1" * 64
    subject = compensation("AwaitingApproval", planDigest=old, approvals=[counted()])
    stuck = world(subject, objection="not allowed")
    status = written(decide(stuck))
    assert status.plan_digest == old

    allowed = replace(stuck, compensation=stuck.compensation.model_copy(update={"status": status}))
    free = written(decide(replace(allowed, objection=None)))
    assert free.plan_digest != status.plan_digest
    assert free.approvals == []


def test_e3_the_reason_of_an_approval_is_redacted_in_the_ledger() -> None:
    said = approval(reason="use password=" + "hunter" + "22")
    ledger = written(decide(world(compensation("AwaitingApproval"), approvals=[said]))).approvals
    assert [one.reason for one in ledger] == ["use password=[redacted]"]

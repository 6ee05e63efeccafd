"""Floors of the namespace, as the operator checks them whenever an approval counts."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api import Approval, Compensation
from amends.core.decide import decide
from amends.core.decision import AT_ONCE
from amends.core.namespace import APPROVAL_VALIDITY, Floors
from support.api import Object
from support.worlds import (
    NO_FLOORS,
    NOW,
    after,
    approval,
    approval_world,
    compensation,
    counted,
    reasons,
    superseded_by,
    told,
    world,
    written,
)

TWO = Floors(approvers=2)
SRE = Floors(groups=("sre",))
BRIEF = Floors(approvers=2, validity=timedelta(seconds=61))
BROKEN = Floors(unreadable=("annotation amends.dev/approvers: 'two' is no number",))
UNASKED = {"approval": {"required": False}}
DEADLINE: Object = {"approvalDeadline": after(600)}


def waiting(*ledger: Object, spec: Object | None = None) -> Compensation:
    return compensation("AwaitingApproval", spec=spec, approvals=list(ledger), **DEADLINE)


def by(user: str, *groups: str, age: float = 60, name: str = "", **changes: Any) -> Approval:
    """What somebody of these groups stated so many seconds ago."""
    made = approval(name or f"{user}-says", user, **changes)
    assert made.spec.actor is not None
    actor = made.spec.actor.model_copy(update={"groups": list(groups)})
    created = NOW - timedelta(seconds=age)
    meta = made.metadata.model_copy(update={"creation_timestamp": created})
    spec = made.spec.model_copy(update={"actor": actor})
    return made.model_copy(update={"metadata": meta, "spec": spec})


def people(decision: Any) -> list[tuple[str, list[str]]]:
    return [(one.username, one.groups) for one in written(decision).approvals]


@pytest.mark.parametrize(
    ("one", "subject", "floors", "reason", "final", "said"),
    [
        pytest.param(
            by("alice"),
            *(waiting(counted("dora-says", "dora")), SRE, "NotOfGroup", False),
            "1 of 1 approval; nobody of group sre yet, and by spec.actor.groups alice is of no "
            "group: somebody of that group must approve",
            id="enough people, and not of the group that is missing",
        ),
        pytest.param(
            by("alice", "sre"),
            *(waiting(counted("dora-says", "dora")), SRE, "Countable", False, "bound to"),
            id="enough people, and of the group that is missing",
        ),
        pytest.param(
            by("alice", "ops"),
            *(waiting(), SRE, "Countable", False, "bound to"),
            id="not of the group, but people are missing anyway",
        ),
        pytest.param(
            by("alice", "sre", name="again"),
            *(waiting(counted()), SRE, "Countable", False, "bound to"),
            id="again, and now of the group",
        ),
        pytest.param(
            by("alice", "ops", name="again"),
            *(waiting(counted()), SRE, "Duplicate", True, "a statement by alice already counts"),
            id="again, and still not of the group",
        ),
        pytest.param(
            by("alice"),
            *(waiting(), BROKEN, "AnnotationUnreadable", False),
            f"nothing is approved here until it is repaired; {BROKEN.unreadable[0]}",
            id="an annotation cannot be read",
        ),
        pytest.param(
            by("alice", decision="Reject"),
            *(waiting(), BROKEN, "Countable", False, "bound to"),
            id="a rejection counts even then",
        ),
        pytest.param(
            by("alice", age=121),
            *(waiting(), BRIEF, "Expired", True),
            f"it was made at 2026-01-31T08:57:59.000Z, and by annotation {APPROVAL_VALIDITY} of "
            "the namespace an approval counts for 61s: approve again",
            id="too old",
        ),
        pytest.param(
            by("alice", age=60), *(waiting(), BRIEF, "Countable", False, "bound"), id="old enough"
        ),
        pytest.param(
            by("alice", age=121),
            *(None, BRIEF, "Expired", True, "it was made"),
            id="too old, early",
        ),
        pytest.param(
            by("alice", age=9999, decision="Reject"),
            *(waiting(), BRIEF, "Countable", False, "bound to"),
            id="a rejection does not age",
        ),
    ],
)
def test_verdicts(
    one: Approval, subject: Compensation | None, floors: Floors, reason: str, final: bool, said: str
) -> None:
    decision = decide(approval_world(one, subject, floors))
    assert reasons(decision) == {"Ready": ("False" if final else "Unknown", reason)}
    assert written(decision).settled == (True if final else None)
    assert written(decision).conditions[0].message.startswith(said)


def test_an_approval_that_waits_is_looked_at_when_it_is_too_old() -> None:
    other = by("alice", age=11, digest="sha256:" + "0" * 64)
    assert decide(approval_world(other, waiting(), BRIEF)).look_again == timedelta(seconds=50)


@pytest.mark.parametrize(
    ("floors", "approvals", "phase", "entered"),
    [
        pytest.param(TWO, [by("alice")], "AwaitingApproval", [("alice", [])], id="one of two"),
        pytest.param(
            TWO,
            [by("alice"), by("dora")],
            *("Approved", [("alice", []), ("dora", [])]),
            id="two of two, though the plan asks for one",
        ),
        pytest.param(
            SRE,
            [by("alice"), by("dora", "ops"), by("erin", "ops", "sre")],
            *("Approved", [("alice", []), ("erin", ["sre"])]),
            id="beyond the number only who is of the missing group is entered",
        ),
        pytest.param(
            SRE,
            [by("alice"), by("alice", "sre", name="alice-says-more")],
            *("Approved", [("alice", ["sre"])]),
            id="who names the group later takes their own place",
        ),
        pytest.param(BROKEN, [by("alice")], "AwaitingApproval", [], id="nothing is approved"),
        pytest.param(
            BRIEF, [by("alice"), by("dora", age=61)], "AwaitingApproval", [("alice", [])], id="old"
        ),
        pytest.param(
            SRE,
            [by("alice"), by("dora", decision="Reject", age=1)],
            *("Cancelled", [("alice", []), ("dora", [])]),
            id="a rejection ends it, of whatever group",
        ),
    ],
)
def test_what_is_entered(
    floors: Floors, approvals: list[Approval], phase: str, entered: list[tuple[str, list[str]]]
) -> None:
    decision = decide(world(waiting(), floors=floors, approvals=approvals))
    assert (written(decision).phase, people(decision)) == (phase, entered)


def test_whoever_names_another_group_later_keeps_the_one_named_before() -> None:
    both = Floors(groups=("sre", "security"))
    first = decide(world(waiting(), floors=both, approvals=[by("alice", "sre")]))
    later = waiting().model_copy(update={"status": written(first)})
    decision = decide(
        world(later, floors=both, approvals=[by("alice", "security", name="alice-says-more")])
    )
    assert (written(decision).phase, people(decision)) == (
        "Approved",
        [("alice", ["sre", "security"])],
    )


def test_an_entry_that_grows_too_old_leaves_the_ledger_and_that_is_told() -> None:
    old = {**counted(), "madeAt": after(-61)}
    fresh = {**counted("dora-says", "dora"), "madeAt": after(-1)}
    unheard = by("erin", digest="sha256:" + "0" * 64)
    decision = decide(world(waiting(old, fresh), floors=BRIEF, approvals=[unheard]))
    assert people(decision) == [("dora", [])]
    assert told(decision) == [
        "tell Compensation undo: ApprovalExpired",
        "wake followers of kind Approval",
    ]
    assert decision.look_again == timedelta(seconds=60)


def test_an_entry_that_does_not_say_when_it_was_stated_is_as_old_as_its_counting() -> None:
    decision = decide(world(waiting(counted()), floors=BRIEF))
    assert people(decision) == [("alice", [])]
    assert decision.look_again == timedelta(seconds=56)


def test_what_is_missing_and_who_asks_for_it_stands_in_the_condition() -> None:
    floors = Floors(approvers=2, groups=("sre",))
    subject = waiting(counted())
    status = written(decide(world(subject, floors=floors)))
    assert status.conditions[0].message == (
        f"waits for approval of planDigest {subject.status.plan_digest}: 1 of 2 approvals; nobody "
        "of group sre yet (annotation amends.dev/approvers: 2 of the namespace is stricter than "
        "spec.approval.approvers: 1; annotation amends.dev/approver-groups: sre of the namespace)"
    )


def test_an_annotation_that_cannot_be_read_is_the_reason() -> None:
    decision = decide(world(waiting(), floors=BROKEN))
    assert reasons(decision)["Ready"] == ("False", "AnnotationUnreadable")
    assert BROKEN.unreadable[0] in written(decision).conditions[0].message


def test_the_deadline_says_what_was_missing() -> None:
    late = compensation("AwaitingApproval", approvals=[counted()], approvalDeadline=after(0))
    status = written(decide(world(late, floors=SRE)))
    assert status.reason == ("Expired: 1 of 1 approval; nobody of group sre within 86400 s")


# ------------------------------------------------------------------------- approval not required


def test_a_plan_that_nobody_need_approve_waits_where_that_does_not_count() -> None:
    decision = decide(world(compensation(spec=UNASKED), floors=Floors()))
    assert written(decision).phase == "AwaitingApproval"
    assert told(decision) == ["tell Compensation undo: ApprovalRequired", "wake followers"]
    assert decision.look_again == AT_ONCE


def test_it_is_approved_by_people_then_and_says_so() -> None:
    subject = waiting(spec=UNASKED)
    alice = by("alice", digest=subject.status.plan_digest)
    decision = decide(world(subject, floors=Floors(), approvals=[alice]))
    assert written(decision).phase == "Approved"
    assert reasons(decision)["Approved"] == ("True", "Approved")


def test_it_goes_on_once_that_counts_after_all() -> None:
    decision = decide(world(waiting(spec=UNASKED), floors=NO_FLOORS))
    status = written(decision)
    assert (status.phase, status.reason) == ("Approved", "approval is not required")
    assert reasons(decision)["Approved"] == ("True", "NotRequired")


def test_a_rejection_counts_before_that() -> None:
    subject = waiting(spec=UNASKED)
    no = by("alice", decision="Reject", digest=subject.status.plan_digest)
    decision = decide(world(subject, floors=NO_FLOORS, approvals=[no]))
    assert written(decision).phase == "Cancelled"


@pytest.mark.parametrize("spec", [UNASKED, None])
def test_what_is_approved_stays_so_whatever_the_namespace_demands_later(
    spec: Object | None,
) -> None:
    approved = compensation("Approved", spec=spec, approvals=[] if spec else [counted()])
    demanded = (
        Floors(approvers=3, groups=("sre",), validity=timedelta(seconds=1)) if spec else BROKEN
    )
    assert written(decide(world(approved, floors=demanded))).phase == "Running"


def test_what_has_been_superseded_asks_again_where_people_have_to_approve() -> None:
    approved = compensation("Approved", spec=UNASKED)
    news = superseded_by()
    asked = decide(world(approved, floors=Floors(), success=news))
    left = decide(world(approved, floors=NO_FLOORS, success=news))
    assert written(asked).phase == "AwaitingApproval"
    assert written(left).phase == "Approved"

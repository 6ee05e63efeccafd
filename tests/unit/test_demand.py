"""What it takes to approve a plan: the strictest of what spec and namespace ask, and who asks."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api.compensation import CountedApproval
from amends.api.execution import ApprovalPolicy
from amends.core.namespace import Floors
from amends.core.undo.demand import Demand
from support.worlds import NO_FLOORS, counted

UNASKED = "spec.approval.required: false"
ALONE = "spec.approval.approvers: 1"
OF_NAMESPACE = "of the namespace"
STRICTER = f"annotation amends.dev/approvers: 3 {OF_NAMESPACE} is stricter than"
LEAST = f"is at least annotation amends.dev/approvers: 2 {OF_NAMESPACE}"
VALIDITY = f"by annotation amends.dev/approval-validity {OF_NAMESPACE}"
ALLOWED = "only in a namespace with annotation amends.dev/unapproved: allow"
BROKEN = "annotation amends.dev/approvers: 'two' is no number"
NONE_REQUIRED: Any = {"required": False}


def demand(floors: Floors = NO_FLOORS, **policy: Any) -> Demand:
    return Demand(ApprovalPolicy.model_validate(policy), floors)


def ledger(*people: str) -> list[CountedApproval]:
    """Each as name or name:group,group."""
    entries = [person.partition(":") for person in people]
    return [
        CountedApproval.model_validate(
            {**counted(name, name), "groups": groups.split(",") if groups else []}
        )
        for name, _, groups in entries
    ]


@pytest.mark.parametrize(
    ("asked", "required", "approvers", "rules"),
    [
        pytest.param(
            demand(approvers=2), True, 2, ["spec.approval.approvers: 2"], id="the plan alone"
        ),
        pytest.param(
            demand(Floors(approvers=3), approvers=2),
            *(True, 3),
            [f"{STRICTER} spec.approval.approvers: 2"],
            id="the namespace asks for more people",
        ),
        pytest.param(
            demand(Floors(approvers=2), approvers=3),
            *(True, 3),
            [f"spec.approval.approvers: 3 {LEAST}"],
            id="the plan asks for more people",
        ),
        pytest.param(
            demand(Floors(groups=("sre", "security"), validity=timedelta(hours=6))),
            *(True, 1),
            [
                ALONE,
                f"annotation amends.dev/approver-groups: sre,security {OF_NAMESPACE}",
                f"an approval counts for 6h {VALIDITY}",
            ],
            id="the namespace asks for groups, and not too long ago",
        ),
        pytest.param(
            demand(**NONE_REQUIRED),
            *(False, 1),
            [f"{UNASKED}, and annotation amends.dev/unapproved: allow allows it"],
            id="nobody need approve",
        ),
        pytest.param(
            demand(Floors(), **NONE_REQUIRED),
            *(True, 1),
            [
                f"{UNASKED} counts {ALLOWED}",
                ALONE,
            ],
            id="nobody need approve, but the namespace does not let that be",
        ),
        pytest.param(
            demand(Floors(unapproved=True, groups=("sre",)), **NONE_REQUIRED),
            *(True, 1),
            [
                f"{UNASKED} does not count: the namespace asks for people",
                ALONE,
                f"annotation amends.dev/approver-groups: sre {OF_NAMESPACE}",
            ],
            id="a namespace that asks for a group asks it of every plan",
        ),
        pytest.param(
            demand(Floors(unapproved=True, validity=timedelta(days=1)), **NONE_REQUIRED),
            *(False, 1),
            [f"{UNASKED}, and annotation amends.dev/unapproved: allow allows it"],
            id="how old approvals may be does not ask for any",
        ),
        pytest.param(
            demand(Floors(unapproved=True, unreadable=(BROKEN,)), **NONE_REQUIRED),
            *(True, 1),
            [
                f"nothing is approved here until it is repaired: {BROKEN}",
                f"{UNASKED} does not count: the namespace asks for people",
                ALONE,
            ],
            id="an annotation cannot be read",
        ),
    ],
)
def test_the_strictest_of_what_is_set_counts(
    asked: Demand, required: bool, approvers: int, rules: list[str]
) -> None:
    assert (asked.required, asked.approvers, list(asked.rules())) == (required, approvers, rules)


BOTH = Floors(approvers=2, groups=("sre", "security"))


@pytest.mark.parametrize(
    ("asked", "people", "met", "standing"),
    [
        (demand(), [], False, "0 of 1 approval"),
        (demand(), ["alice"], True, "1 of 1 approval"),
        (demand(**NONE_REQUIRED), [], True, "0 of 1 approval"),
        (demand(BOTH), [], False, "0 of 2 approvals; nobody of groups sre, security yet"),
        (
            demand(BOTH),
            ["alice:sre", "dora"],
            False,
            "2 of 2 approvals; nobody of group security yet",
        ),
        (demand(BOTH), ["alice:sre,security"], False, "1 of 2 approvals"),
        (demand(BOTH), ["alice:sre,security", "dora"], True, "2 of 2 approvals"),
        (demand(BOTH), ["alice", "dora:sre", "erin:security"], True, "3 of 2 approvals"),
        (demand(Floors(unreadable=(BROKEN,))), ["alice"], False, "1 of 1 approval"),
    ],
)
def test_it_is_met_by_enough_people_and_every_group(
    asked: Demand, people: list[str], met: bool, standing: str
) -> None:
    assert (asked.is_met(ledger(*people)), asked.standing(ledger(*people))) == (met, standing)

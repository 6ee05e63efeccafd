"""What people are told that it takes, also where they may not see the namespace. No server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amends.api.approval import ApprovalDecision
from amends.cli.shown import demands
from amends.cli.shown.me import Me
from amends.core.namespace import Floors
from support.worlds import compensation, counted

UNSEEN = (
    "the annotations of the namespace may ask for more: you may not get namespace tenant-a, so "
    "they are not shown"
)
NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
FREE = Floors(unapproved=True)
BOTH = Floors(approvers=2, groups=("sre", "security"))
OF_SRE = {**counted("dora-says", "dora"), "groups": ["sre"]}
ALICE, ERIN = Me("alice", ("sre", "ops")), Me("erin", ("security",))


def waiting(*ledger: Any, phase: str = "AwaitingApproval", **approval: Any) -> Any:
    return compensation(phase, spec={"approval": approval}, approvals=list(ledger))


def test_who_may_not_see_the_namespace_is_told_that_it_may_ask_for_more() -> None:
    assert list(demands.rules(waiting(approvers=2), None)) == [
        "spec.approval.approvers: 2",
        UNSEEN,
    ]


def test_what_is_decided_asks_for_nothing_more() -> None:
    assert list(demands.rules(waiting(phase="Approved"), BOTH)) == []


@pytest.mark.parametrize(
    ("one", "floors", "words"),
    [
        (waiting(), FREE, "an approval"),
        (waiting(approvers=2), FREE, "2 approvals"),
        (waiting(counted(), approvers=2), FREE, "1 more approval"),
        (waiting(), BOTH, "2 approvals, among them somebody of sre and of security"),
        (waiting(OF_SRE), BOTH, "1 more approval, by somebody of security"),
        (waiting(OF_SRE, counted()), BOTH, "1 more approval, by somebody of security"),
        (waiting(required=False), None, "an approval"),
        (waiting(counted()), None, "1 more approval"),
    ],
)
def test_what_is_missing(one: Any, floors: Floors | None, words: str) -> None:
    assert demands.missing(one, floors) == words


@pytest.mark.parametrize(
    ("one", "me", "then"),
    [
        (
            waiting(),
            ALICE,
            "After yours, one other person must approve: somebody of security.",
        ),
        (waiting(OF_SRE), ERIN, "Yours is the last that is missing: then it runs."),
        (waiting(OF_SRE), ALICE, "After yours, somebody of security must approve."),
    ],
)
def test_what_a_statement_leads_to(one: Any, me: Me, then: str) -> None:
    words = demands.leads_to(one, ApprovalDecision.APPROVE, BOTH, me, NOW)
    assert words.endswith(
        f"(annotation amends.dev/approvers: 2 of the namespace is stricter than "
        "spec.approval.approvers: 1; annotation amends.dev/approver-groups: sre,security of the "
        f"namespace). {then}"
    )


def test_a_deadline_is_told_as_well() -> None:
    deadline = (NOW + timedelta(hours=1)).isoformat()
    one = compensation("AwaitingApproval", approvalDeadline=deadline)
    assert demands.leads_to(one, ApprovalDecision.APPROVE, FREE, ALICE, NOW) == (
        "0 of 1 approval (spec.approval.approvers: 1). Yours is the last that is missing: then it "
        "runs. Without enough by 2026-01-31 10:00:00 UTC (in 60 min), it is cancelled."
    )


def test_a_rejection_needs_nobody_else() -> None:
    said = demands.leads_to(waiting(), ApprovalDecision.REJECT, BOTH, ALICE, NOW)
    assert said == "One rejection ends it: it will be Cancelled, whoever approves."

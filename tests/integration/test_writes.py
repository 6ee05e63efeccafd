"""What the operator writes, counted in the API server's audit log."""

from collections import Counter

import pytest

from installation import RunningOperator
from support.audit import AuditLog
from support.manifests import action, compensation, unapproved
from support.target import Answer, Target, refused
from support.tenant import Tenant

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


def test_an_approved_compensation_with_a_dead_letter_takes_four_writes(
    tenant: Tenant, target: Target, running: RunningOperator
) -> None:
    route = target.route(Answer())
    plan = {"name": "undo", "execution": {"http": {"method": "POST", "url": route.url}}}
    audit, letter = AuditLog(tenant.installed), "dead-letter-effect-post"
    tenant.create(action("post", "failed", compensation=plan))
    reported = tenant.ready("Action", "post", "Recorded")["status"]["receiptRef"]["name"]
    tenant.ready("DeadLetter", letter, "AwaitingCompensation")
    tenant.planned("undo")
    before = audit.writes(tenant.namespace)

    tenant.approve("undo")
    proof = tenant.in_phase("undo", "Completed")["status"]["receiptRef"]["name"]
    tenant.ready("DeadLetter", letter, "Compensated")
    tenant.ready("Approval", "alice-approves-undo", "Counted")
    tenant.wait_for_event(letter, "Compensated")
    writes = audit.writes(tenant.namespace)

    # What exists because the action failed, and that it waits for approval.
    assert Counter(map(str, before)) == Counter(
        [
            f"create receipts {reported}",
            "create compensations undo",
            f"create deadletters {letter}",
            "patch actions/status post",
            "patch compensations/status undo",
            # It is created first, so at first nothing undoes it; then it names what does.
            f"patch deadletters/status {letter}",
            f"patch deadletters/status {letter}",
        ]
    )
    # The statement is bound to its subject before it may count, and told that it did.
    since = writes[len(before) :]
    assert [str(one) for one in since if one.resource == "approvals/status"] == [
        "patch approvals/status alice-approves-undo",
        "patch approvals/status alice-approves-undo",
    ]
    approved, *four = [str(one) for one in since if one.resource != "approvals/status"]
    assert approved == "patch compensations/status undo"
    assert four == [
        "patch compensations/status undo",
        f"create receipts {proof}",
        "patch compensations/status undo",
        f"patch deadletters/status {letter}",
    ]
    assert {one.code for one in writes} == {200, 201}
    # Events are beside the record: one for each thing that a person wants to know.
    assert len(audit.events(tenant.namespace)) == 4
    reasons = [one["reason"] for name in ("post", "undo", letter) for one in tenant.events(name)]
    assert sorted(reasons) == ["ApprovalCounted", "Compensated", "Executed", "Recorded"]


def test_without_approval_and_dead_letter_it_is_as_few(tenant: Tenant) -> None:
    audit = AuditLog(tenant.installed)
    tenant.create(unapproved("undo"))
    proof = tenant.in_phase("undo", "Completed")["status"]["receiptRef"]["name"]

    assert [str(one) for one in audit.writes(tenant.namespace)] == [
        "patch compensations/status undo",
        "patch compensations/status undo",
        f"create receipts {proof}",
        "patch compensations/status undo",
    ]


def test_an_attempt_more_costs_two_writes(tenant: Tenant, target: Target) -> None:
    route = target.route(refused(429), Answer())
    audit = AuditLog(tenant.installed)
    tenant.create(unapproved("undo", http={"url": route.url}))
    tenant.in_phase("undo", "Completed")

    kinds = [f"{one.verb} {one.resource}" for one in audit.writes(tenant.namespace)]
    status = "patch compensations/status"
    assert kinds == [status, status, status, status, "create receipts", status]


def test_what_people_do_that_changes_nothing_is_not_answered_with_writes(
    tenant: Tenant,
) -> None:
    tenant.create(compensation("undo"))
    tenant.planned("undo")
    audit = AuditLog(tenant.installed)

    for value in ("one", "two", "three"):
        tenant.patch("Compensation", "undo", {"metadata": {"annotations": {"note": value}}})
    # What is looked at later, by the same operator, shows that it has looked at these.
    tenant.approve("undo")
    tenant.in_phase("undo", "Completed")
    tenant.ready("Approval", "alice-approves-undo", "Counted")

    writes = Counter(f"{one.verb} {one.resource}" for one in audit.writes(tenant.namespace))
    assert writes == {
        "patch approvals/status": 2,
        "patch compensations/status": 3,
        "create receipts": 1,
    }

"""Who may approve what, and what is said to whoever may not. People: bob asks, alice decides."""

from datetime import UTC, datetime, timedelta

import pytest

from integration.approvals import counted, refused
from support.manifests import approval, compensation, unapproved
from support.target import Answer, Target
from support.tenant import Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

OTHER_DIGEST = "sha256:" + "0" * 64


def in_seconds(seconds: float) -> str:
    # A test of time needs the time; milliseconds are what the wire keeps.
    then = datetime.now(UTC) + timedelta(seconds=seconds)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_who_approved_is_on_record(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    made = tenant.approve("undo", reason="looks right")
    done = tenant.in_phase("undo", "Completed")
    settled = tenant.ready("Approval", "alice-approves-undo", "Counted")

    (entry,) = done["status"]["approvals"]
    assert entry.pop("time") == done["status"]["history"][1]["time"]
    stated = datetime.fromisoformat(entry.pop("madeAt"))
    assert stated == datetime.fromisoformat(made["metadata"]["creationTimestamp"])
    assert entry == {
        "name": "alice-approves-undo",
        "uid": made["metadata"]["uid"],
        "username": "alice",
        "decision": "Approve",
        "reason": "looks right",
        "groups": [],
    }
    assert settled["status"]["settled"] is True
    assert settled["status"]["boundUid"] == done["metadata"]["uid"]
    assert conditions(settled) == {"Ready": ("True", "Counted")}
    assert tenant.wait_for_event("undo", "ApprovalCounted") == (
        "approval alice-approves-undo by alice counts"
    )


def test_another_digest_does_not_count(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    digest = tenant.planned("undo")
    tenant.approve("undo", planDigest=OTHER_DIGEST)

    message = refused(tenant, "alice-approves-undo", "DigestMismatch")

    assert message == (
        f"spec.planDigest is {OTHER_DIGEST}, but the plan of compensation undo is {digest}: "
        "read the plan again and approve that digest"
    )
    assert counted(tenant) == []


def test_who_asked_may_not_approve(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    tenant.approve("undo", "bob")

    message = refused(tenant, "bob-approves-undo", "SelfApproval")

    assert message == "bob asked for compensation undo and may not approve it: another person must"
    assert counted(tenant) == []
    assert tenant.read("Compensation", "undo")["status"]["phase"] == "AwaitingApproval"


def test_who_asked_may_reject(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    tenant.approve("undo", "bob", decision="Reject")

    assert tenant.in_phase("undo", "Cancelled")["status"]["reason"] == (
        "Rejected: rejected by bob: no reason given"
    )


def test_one_person_counts_once(tenant: Tenant) -> None:
    tenant.create(compensation("undo", approval={"approvers": 2}))
    tenant.approve("undo")
    tenant.ready("Approval", "alice-approves-undo", "Counted")
    tenant.approve("undo", name="again")

    assert refused(tenant, "again", "Duplicate") == "a statement by alice already counts"
    assert counted(tenant) == [("alice", "Approve")]


def test_an_approval_may_expire(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    past = in_seconds(-60)
    tenant.approve("undo", expiresAt=past)

    message = refused(tenant, "alice-approves-undo", "Expired")

    assert message.startswith(f"spec.expiresAt {past[:19]}")
    assert message.endswith(" has passed")


def test_an_approval_that_waits_expires_by_itself(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    tenant.approve("undo", planDigest=OTHER_DIGEST, expiresAt=in_seconds(5))
    tenant.ready("Approval", "alice-approves-undo", "DigestMismatch")

    assert tenant.ready("Approval", "alice-approves-undo", "Expired")["status"]["settled"] is True


def test_an_approval_of_what_is_over_is_too_late(tenant: Tenant) -> None:
    tenant.create(unapproved("undo"))
    tenant.in_phase("undo", "Completed")
    tenant.approve("undo")

    message = refused(tenant, "alice-approves-undo", "TooLate")

    assert message == "compensation undo is already Completed"


def test_an_approval_does_not_count_for_a_namesake(tenant: Tenant) -> None:
    tenant.create(compensation("undo", approval={"approvers": 2}))
    tenant.approve("undo")
    tenant.ready("Approval", "alice-approves-undo", "Counted")
    tenant.delete("Compensation", "undo")
    second = tenant.create(compensation("undo", approval={"approvers": 2}))

    tenant.approve("undo", "dora")
    tenant.ready("Approval", "dora-approves-undo", "Counted")
    assert counted(tenant) == [("dora", "Approve")]

    tenant.approve("undo", name="alice-again")
    done = tenant.in_phase("undo", "Completed")
    assert done["metadata"]["uid"] == second["metadata"]["uid"]
    assert counted(tenant) == [("dora", "Approve"), ("alice", "Approve")]


def test_an_approval_that_waited_is_not_bound_to_a_namesake(tenant: Tenant) -> None:
    first = tenant.create(compensation("undo"))["metadata"]["uid"]
    digest = tenant.planned("undo")
    tenant.delete("Compensation", "undo")
    second = tenant.create(compensation("undo"))["metadata"]["uid"]
    tenant.create(approval("for-the-first", "undo", planDigest=digest, uid=first), "alice")

    message = refused(tenant, "for-the-first", "BoundToAnother")

    assert message == (
        f"it is bound to uid {first}, but compensation undo has uid {second}: "
        "approve this one with a new Approval"
    )
    tenant.approve("undo", name="for-the-second", uid=second)
    tenant.in_phase("undo", "Completed")


def test_an_approval_may_come_before_its_subject(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    digest = tenant.planned("undo")
    tenant.delete("Compensation", "undo")
    tenant.create(approval("early", "undo", planDigest=digest), "alice")
    waiting = tenant.ready("Approval", "early", "SubjectNotFound")
    assert conditions(waiting) == {"Ready": ("Unknown", "SubjectNotFound")}
    assert "settled" not in waiting["status"]

    tenant.create(compensation("undo"))

    tenant.in_phase("undo", "Completed")
    tenant.ready("Approval", "early", "Counted")


def test_two_approvers_are_two_people(tenant: Tenant) -> None:
    tenant.create(compensation("undo", approval={"approvers": 2}))
    tenant.approve("undo")
    tenant.ready("Approval", "alice-approves-undo", "Counted")
    waiting = tenant.wait_until("Compensation", "undo", lambda one: one["status"]["approvals"])
    assert waiting["status"]["phase"] == "AwaitingApproval"
    assert condition(waiting)["message"] == (
        f"waits for approval of planDigest {waiting['status']['planDigest']}: 1 of 2 approvals "
        "(spec.approval.approvers: 2)"
    )
    assert condition(waiting, "Approved")["message"] == "decided so far: alice (Approve)"

    tenant.approve("undo", "dora")

    done = tenant.in_phase("undo", "Completed")
    assert counted(tenant) == [("alice", "Approve"), ("dora", "Approve")]
    assert done["status"]["history"][1]["actor"] == "alice, dora"


def test_one_rejection_ends_it(tenant: Tenant, target: Target) -> None:
    route = target.route(Answer())
    tenant.create(compensation("undo", http={"url": route.url}, approval={"approvers": 2}))
    tenant.approve("undo")
    tenant.ready("Approval", "alice-approves-undo", "Counted")
    tenant.approve("undo", "dora", decision="Reject", reason="it is correct")

    ended = tenant.in_phase("undo", "Cancelled")

    assert ended["status"]["reason"] == "Rejected: rejected by dora: it is correct"
    assert conditions(ended) == {
        "Ready": ("True", "Cancelled"),
        "Approved": ("False", "NotApproved"),
        "Executed": ("False", "Cancelled"),
    }
    assert counted(tenant) == [("alice", "Approve"), ("dora", "Reject")]
    assert tenant.wait_for_event("undo", "Rejected") == "rejected by dora: it is correct"
    tenant.ready("Approval", "dora-approves-undo", "Counted")
    assert route.requests == []


def test_without_enough_approvals_in_time_it_is_cancelled(tenant: Tenant) -> None:
    tenant.create(compensation("undo", approval={"approvers": 2, "deadlineSeconds": 5}))
    tenant.approve("undo")

    ended = tenant.in_phase("undo", "Cancelled")

    assert ended["status"]["reason"] == "Expired: 1 of 2 approvals within 5 s"
    assert tenant.wait_for_event("undo", "Expired") == "1 of 2 approvals within 5 s"
    assert ended["status"]["history"][-1]["time"] >= ended["status"]["approvalDeadline"]


def test_where_no_approval_is_required_nobody_is_asked(tenant: Tenant) -> None:
    tenant.create(unapproved("undo"))

    done = tenant.in_phase("undo", "Completed")

    assert conditions(done)["Approved"] == ("True", "NotRequired")
    assert counted(tenant) == []
    receipt = tenant.read("Receipt", done["status"]["receiptRef"]["name"])
    assert receipt["spec"]["payload"]["actor"] == []

"""What becomes of approvals when the plan changes, or who asks for it."""

import pytest

from integration.approvals import counted, refused
from support.manifests import compensation
from support.tenant import Tenant

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


def test_a_new_plan_needs_new_approvals_and_has_a_new_requester(tenant: Tenant) -> None:
    tenant.create(compensation("undo", approval={"approvers": 2}))
    first = tenant.planned("undo")
    tenant.approve("undo")
    tenant.ready("Approval", "alice-approves-undo", "Counted")

    changed = tenant.change("undo", "dora", rollbackInstruction="remove all of it")
    assert changed["spec"]["requester"]["username"] == "dora"
    second = tenant.planned("undo")

    assert second != first
    assert counted(tenant) == []
    # dora now is who asked, and bob is not any more.
    tenant.approve("undo", "dora")
    refused(tenant, "dora-approves-undo", "SelfApproval")
    tenant.approve("undo", "bob")
    tenant.approve("undo", "alice", name="alice-again")
    done = tenant.in_phase("undo", "Completed")
    assert sorted(counted(tenant)) == [("alice", "Approve"), ("bob", "Approve")]
    assert done["status"]["planDigest"] == second


def test_who_takes_a_request_over_has_not_approved_it(tenant: Tenant) -> None:
    tenant.create(compensation("undo", approval={"approvers": 2}))
    tenant.approve("undo", "dora")
    tenant.ready("Approval", "dora-approves-undo", "Counted")
    me = {"username": "dora", "uid": "dora", "groups": ["tenant-a"]}

    tenant.change("undo", "dora", requester=me)
    tenant.wait_until("Compensation", "undo", lambda one: not one["status"]["approvals"])
    tenant.approve("undo", "alice")
    tenant.ready("Approval", "alice-approves-undo", "Counted")

    assert tenant.read("Compensation", "undo")["status"]["phase"] == "AwaitingApproval"
    tenant.approve("undo", "bob")
    tenant.in_phase("undo", "Completed")
    assert counted(tenant) == [("alice", "Approve"), ("bob", "Approve")]


def test_an_approval_that_waits_for_its_plan_counts_when_the_plan_comes_back(
    tenant: Tenant,
) -> None:
    tenant.create(compensation("undo", rollbackInstruction="one"))
    digest = tenant.planned("undo")
    tenant.change("undo", rollbackInstruction="two")
    tenant.planned("undo")
    tenant.approve("undo", planDigest=digest)
    refused(tenant, "alice-approves-undo", "DigestMismatch")

    tenant.change("undo", rollbackInstruction="one")

    assert tenant.in_phase("undo", "Completed")["status"]["planDigest"] == digest


def test_a_plan_that_stops_requiring_approval_runs(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    tenant.planned("undo")

    tenant.change("undo", approval={"required": False})

    tenant.in_phase("undo", "Completed")
    assert counted(tenant) == []

"""What a namespace demands of approvals, whatever a plan is content with."""

from collections.abc import Mapping

import pytest

from support.manifests import compensation, unapproved, unique
from support.namespaces import annotate
from support.tenant import Installed, Tenant, condition, conditions
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

A_MINUTE = 60
"""A changed annotation is noticed before that."""
UNAPPROVED, APPROVERS = "amends.dev/unapproved", "amends.dev/approvers"
GROUPS, VALIDITY = "amends.dev/approver-groups", "amends.dev/approval-validity"
TWO = {APPROVERS: "2"}


def demanding(installed: Installed, annotations: Mapping[str, str]) -> Tenant:
    return installed.tenant(unique("strict"), annotations=annotations)


def waits(tenant: Tenant, standing: str) -> str:
    """Which rules ask for what, once it is said that so much is there."""

    def said() -> bool:
        message = condition(tenant.read("Compensation", "undo")).get("message", "")
        return f": {standing} (" in message

    wait_for(said, seconds=A_MINUTE, what=f"undo to say {standing}")
    waiting = tenant.read("Compensation", "undo")
    assert conditions(waiting)["Ready"] == ("False", "AwaitingApproval")
    message = str(condition(waiting)["message"])
    begins = f"waits for approval of planDigest {waiting['status']['planDigest']}: {standing} ("
    assert message.startswith(begins)
    return message.removeprefix(begins).removesuffix(")")


def test_the_namespace_asks_for_more_people_than_the_plan(installed: Installed) -> None:
    tenant = demanding(installed, TWO)
    tenant.create(compensation("undo"))
    tenant.approve("undo")
    tenant.ready("Approval", "alice-approves-undo", "Counted")

    rules = waits(tenant, "1 of 2 approvals")

    assert rules == (
        "annotation amends.dev/approvers: 2 of the namespace is stricter than "
        "spec.approval.approvers: 1"
    )
    tenant.approve("undo", "dora")
    done = tenant.in_phase("undo", "Completed")
    assert done["status"]["history"][1]["reason"] == "approved by alice, dora"


def test_somebody_of_a_group_must_approve_also_beyond_the_number(installed: Installed) -> None:
    tenant = demanding(installed, {GROUPS: "tenant-a, system:masters"})
    tenant.create(compensation("undo"))
    tenant.approve("undo", "alice")
    tenant.ready("Approval", "alice-approves-undo", "Counted")
    rules = waits(tenant, "1 of 1 approval; nobody of group system:masters yet")
    assert rules == (
        "spec.approval.approvers: 1; annotation amends.dev/approver-groups: "
        "tenant-a,system:masters of the namespace"
    )

    tenant.approve("undo", "dora")
    surplus = tenant.ready("Approval", "dora-approves-undo", "NotOfGroup")
    assert condition(surplus)["status"] == "Unknown"
    message = (
        "1 of 1 approval; nobody of group system:masters yet, and by spec.actor.groups dora is of "
        "tenant-a: somebody of that group must approve, and where this cluster does not stamp "
        "spec.actor, name the group in spec.actor.groups"
    )
    assert condition(surplus)["message"] == message
    assert tenant.wait_for_event("undo", "NotOfGroup") == (
        f"approval dora-approves-undo does not count: {message}"
    )

    tenant.approve("undo", "admin")

    done = tenant.in_phase("undo", "Completed")
    assert [(one["username"], one["groups"]) for one in done["status"]["approvals"]] == [
        ("alice", ["tenant-a"]),
        ("admin", ["system:masters"]),
    ]
    tenant.ready("Approval", "dora-approves-undo", "TooLate")


def test_an_approval_that_waits_for_others_grows_too_old(installed: Installed) -> None:
    tenant = demanding(installed, {**TWO, VALIDITY: "5s"})
    tenant.create(compensation("undo"))
    tenant.approve("undo")
    tenant.ready("Approval", "alice-approves-undo", "Counted")

    told = tenant.wait_for_event("undo", "ApprovalExpired")

    assert told.startswith("approval alice-approves-undo by alice counts no more: it was made at ")
    assert told.endswith(
        ", and by annotation amends.dev/approval-validity of the namespace an approval counts for "
        "5s: approve again"
    )
    rules = waits(tenant, "0 of 2 approvals")
    by = "annotation amends.dev/approval-validity of the namespace"
    assert rules.endswith(f"; an approval counts for 5s by {by}")
    assert tenant.read("Compensation", "undo")["status"]["approvals"] == []


def test_whoever_waits_notices_within_a_minute_that_the_namespace_demands_something_else(
    installed: Installed,
) -> None:
    tenant = demanding(installed, {UNAPPROVED: "allow", APPROVERS: "2"})
    tenant.create(unapproved("undo"))
    asked = waits(tenant, "0 of 2 approvals")
    unheeded = "spec.approval.required: false does not count: the namespace asks for people"
    assert asked == (
        f"{unheeded}; annotation amends.dev/approvers: 2 of the namespace is stricter than "
        "spec.approval.approvers: 1"
    )
    assert tenant.wait_for_event("undo", "ApprovalRequired") == unheeded

    annotate(tenant, tenant.namespace, {APPROVERS: None})

    wait_for(
        lambda: tenant.read("Compensation", "undo")["status"]["phase"] == "Completed",
        seconds=A_MINUTE,
        what="the new demand to be noticed",
    )
    done = tenant.read("Compensation", "undo")
    assert done["status"].get("approvals", []) == []
    assert conditions(done)["Approved"] == ("True", "NotRequired")

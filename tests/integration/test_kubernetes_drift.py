"""What would be changed is part of what is approved: when it has changed, it is approved anew."""

import pytest

from integration.cluster_objects import (
    CONFIGMAPS,
    UNASKED,
    Namespaced,
    change,
    merge,
    preview,
    runner_may,
)
from support.namespaces import frozen
from support.tenant import Tenant, condition

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


@pytest.fixture
def objects(tenant: Tenant) -> Namespaced:
    """The settings are there, and the runner may change them."""
    runner_may(tenant, CONFIGMAPS, "get", "patch", "delete")
    made = Namespaced(tenant)
    made.settings()
    return made


def digest_with(tenant: Tenant, change: str) -> str:
    """The plan digest once the preview says this."""
    seen = tenant.wait_until(
        "Compensation",
        "undo",
        lambda one: change in one["status"].get("preview", {}).get("changes", ()),
    )
    return str(seen["status"]["planDigest"])


def test_an_approval_of_what_it_would_no_longer_do_does_not_count(
    tenant: Tenant, objects: Namespaced
) -> None:
    tenant.create(merge())
    seen = digest_with(tenant, '/data/color: "red" → "blue"')
    deadline = tenant.read("Compensation", "undo")["status"]["approvalDeadline"]

    objects.merge(CONFIGMAPS, {"data": {"color": "green"}})
    tenant.approve("undo", planDigest=seen)

    now = digest_with(tenant, '/data/color: "green" → "blue"')
    assert now != seen
    tenant.ready("Approval", "alice-approves-undo", "DigestMismatch")
    said = tenant.wait_for_event("undo", "PreviewChanged")
    assert said.startswith("PreviewChanged: what it would change is not what it was")
    status = tenant.read("Compensation", "undo")["status"]
    assert (status["phase"], status["approvals"], status["attempts"]) == ("AwaitingApproval", [], 0)
    assert status["approvalDeadline"] == deadline
    assert objects.data()["color"] == "green"

    tenant.approve("undo", name="again", planDigest=now)
    tenant.in_phase("undo", "Completed")
    assert objects.data() == {"color": "blue", "size": "2"}


def test_what_was_approved_and_has_drifted_since_goes_back_to_the_approval(
    tenant: Tenant, objects: Namespaced
) -> None:
    tenant.create(merge())
    seen = digest_with(tenant, '/data/color: "red" → "blue"')
    with frozen(tenant, tenant.namespace):
        tenant.approve("undo", planDigest=seen)
        tenant.in_phase("undo", "Approved")
        objects.merge(CONFIGMAPS, {"data": {"color": "green"}})
    back = tenant.in_phase("undo", "AwaitingApproval")

    assert back["status"]["planDigest"] != seen
    assert back["status"]["preview"]["changes"] == ['/data/color: "green" → "blue"']
    last = back["status"]["history"][-1]
    assert (last["from"], last["to"]) == ("Approved", "AwaitingApproval")
    assert last["reason"].startswith("PreviewChanged")
    assert objects.data()["color"] == "green"


def test_what_does_not_touch_the_change_is_no_drift(tenant: Tenant, objects: Namespaced) -> None:
    tenant.create(merge())
    seen = digest_with(tenant, '/data/color: "red" → "blue"')

    objects.merge(CONFIGMAPS, {"data": {"shape": "round"}, "metadata": {"labels": {"a": "b"}}})
    tenant.approve("undo", planDigest=seen)
    tenant.in_phase("undo", "Completed")

    assert objects.data() == {"color": "blue", "size": "2", "shape": "round"}


def test_an_object_that_was_made_anew_is_not_the_one_that_was_to_be_deleted(
    tenant: Tenant, objects: Namespaced
) -> None:
    tenant.create(change("undo", "Delete"))
    first = preview(tenant)
    seen = tenant.planned("undo")

    objects.delete(CONFIGMAPS)
    uid = objects.settings()["metadata"]["uid"]
    tenant.approve("undo", planDigest=seen)

    digest_with(tenant, f"the object is deleted (uid {uid})")
    tenant.ready("Approval", "alice-approves-undo", "DigestMismatch")
    assert first[0] != f"the object is deleted (uid {uid})"
    assert "settings" in objects.names(CONFIGMAPS)


def test_where_drift_is_allowed_the_approval_counts_whatever_it_changes(
    tenant: Tenant, objects: Namespaced
) -> None:
    tenant.create(merge(previewDrift="Allow"))
    seen = digest_with(tenant, '/data/color: "red" → "blue"')

    objects.merge(CONFIGMAPS, {"data": {"color": "green"}})
    tenant.approve("undo", planDigest=seen)
    done = tenant.in_phase("undo", "Completed")

    assert objects.data()["color"] == "blue"
    assert done["status"]["planDigest"] == seen
    receipt = tenant.read("Receipt", done["status"]["receiptRef"]["name"])["spec"]
    assert len(receipt["payload"]["evidence"]["changes"]) == 1


def test_nobody_has_to_approve_what_drifts_where_nobody_has_to_approve_at_all(
    tenant: Tenant, objects: Namespaced
) -> None:
    tenant.create(merge(plan={**UNASKED, "suspend": True}))
    tenant.wait_until(
        "Compensation", "undo", lambda one: condition(one).get("reason") == "Suspended"
    )

    objects.merge(CONFIGMAPS, {"data": {"color": "green"}})
    tenant.change("undo", suspend=False)
    tenant.in_phase("undo", "Completed")

    assert objects.data()["color"] == "blue"

"""Who may approve or reject is asked of RBAC, so that `kubectl auth can-i` tells the truth."""

import pytest

from integration.cluster import Refused
from support.api import Object
from support.manifests import approval, disposition
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

DIGEST = "sha256:" + "0" * 64


def says(decision: str, subject: str = "undo") -> Object:
    return approval(f"says-{decision.lower()}", subject, planDigest=DIGEST, decision=decision)


def can_i(tenant: Tenant, user: str, *asked: str) -> str:
    """What the words of the documentation answer."""
    return tenant.installed.cp.kubectl(
        "auth", "can-i", "approve", *asked, "-n", tenant.namespace, user=user, check=False
    ).stdout.strip()


@pytest.fixture
def clerk(fresh: Tenant) -> Tenant:
    """A tenant in which carol may create Approvals and Dispositions, and no more."""
    fresh.let("carol", ("amends.dev", "approvals", "create", ""))
    fresh.let("carol", ("amends.dev", "dispositions", "create", ""))
    return fresh


@pytest.mark.parametrize("decision", ["Approve", "Reject"])
def test_who_may_only_create_approvals_does_not_decide(decision: str, clerk: Tenant) -> None:
    with pytest.raises(Refused) as refused:
        clerk.create(says(decision), "carol")

    assert refused.value.code == 403
    assert (
        "carol may not approve or reject compensation undo: bind ClusterRole amends-approver in "
        f"namespace {clerk.namespace}, or add to a Role there {{apiGroups: [amends.dev], "
        "resources: [compensations], resourceNames: [undo], verbs: [approve]}"
    ) in str(refused.value)
    assert clerk.every("Approval") == []
    assert can_i(clerk, "carol", "compensations.amends.dev") == "no"


@pytest.mark.parametrize("decision", ["Approve", "Reject"])
def test_an_approver_decides_and_the_server_says_beforehand_that_they_may(
    decision: str, tenant: Tenant
) -> None:
    assert can_i(tenant, "alice", "compensations.amends.dev") == "yes"

    assert tenant.create(says(decision), "alice")["spec"]["decision"] == decision


def test_the_right_can_be_given_for_one_compensation_by_name(clerk: Tenant) -> None:
    clerk.let("carol", ("amends.dev", "compensations", "approve", "undo"))

    assert clerk.create(says("Approve"), "carol")["spec"]["subjectRef"]["name"] == "undo"
    with pytest.raises(Refused, match="carol may not approve or reject compensation another"):
        clerk.create(says("Reject", "another"), "carol")
    assert can_i(clerk, "carol", "compensations.amends.dev/undo") == "yes"
    assert can_i(clerk, "carol", "compensations.amends.dev/another") == "no"


def test_a_right_in_one_namespace_is_none_in_another(tenant: Tenant, fresh: Tenant) -> None:
    fresh.let("carol", ("amends.dev", "compensations", "approve", ""))
    tenant.let("carol", ("amends.dev", "approvals", "create", ""))

    with pytest.raises(Refused, match="carol may not approve or reject compensation undo"):
        tenant.create(says("Approve"), "carol")


def test_a_disposition_needs_no_right_to_approve(clerk: Tenant) -> None:
    assert clerk.create(disposition("one", "letter"), "carol")["spec"]["choice"] == "Ignore"

"""What runs without approval is for the tenant to say, with an annotation of its Namespace."""

import pytest

from integration.cluster import Refused
from support.api import Object
from support.manifests import action, compensation, disposition, unique
from support.tenant import SECONDS, UNAPPROVED, Installed, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

NOBODY = {"approval": {"required": False}}
ASKED = [
    pytest.param("spec", compensation("one", **NOBODY), id="Compensation"),
    pytest.param("spec.compensation", action("one", compensation=NOBODY), id="Action"),
    pytest.param(
        "spec.compensation",
        disposition("one", "letter", choice="Compensate", compensation=NOBODY),
        id="Disposition",
    ),
]


@pytest.mark.parametrize("user", ["bob", "admin"])
@pytest.mark.parametrize(("place", "obj"), ASKED)
def test_a_plan_does_not_do_without_approval_by_itself(
    place: str, obj: Object, user: str, tenant: Tenant
) -> None:
    with pytest.raises(Refused) as refused:
        tenant.create(obj, user)

    assert refused.value.code == 403
    assert (
        f"{place}.approval.required is false, and namespace {tenant.namespace} lets nothing run "
        "without approval: leave it out, or have whoever administers the namespace set its "
        "annotation amends.dev/unapproved: allow"
    ) in str(refused.value)
    assert tenant.every(obj["kind"]) == []


@pytest.fixture(scope="module")
def allowing(installed: Installed) -> Tenant:
    """A tenant that lets things run without approval."""
    return installed.tenant(unique("tenant"), annotations=UNAPPROVED)


@pytest.mark.parametrize(("place", "obj"), ASKED)
def test_where_the_namespace_allows_it_a_plan_may_do_without_approval(
    place: str, obj: Object, allowing: Tenant
) -> None:
    made = allowing.create(obj)["spec"]

    plan = made if place == "spec" else made["compensation"]
    assert plan["approval"]["required"] is False
    allowing.clear()


@pytest.mark.parametrize("approval", [{}, {"required": True}, {"approvers": 3}], ids=str)
def test_a_plan_that_needs_approval_is_nobodys_concern(approval: Object, tenant: Tenant) -> None:
    assert tenant.create(compensation("one", approval=approval))["spec"]["approval"]["required"]


def test_a_plan_does_not_turn_its_approval_off_later(tenant: Tenant) -> None:
    tenant.create(compensation("one"))

    with pytest.raises(Refused, match=r"spec\.approval\.required is false, and namespace"):
        tenant.change("one", approval={"required": False})


def test_after_the_annotation_has_gone_a_plan_can_still_be_cancelled_or_repaired(
    fresh: Tenant,
) -> None:
    kubectl = fresh.installed.cp.kubectl
    annotate = ("annotate", "--overwrite", "namespace", fresh.namespace)

    def taken(name: str) -> bool:
        try:
            fresh.create(compensation(name, **NOBODY))
        except Refused:
            return False
        return True

    kubectl(*annotate, "amends.dev/unapproved=allow")
    wait_for(lambda: taken("one"), seconds=SECONDS, what="the annotation")
    kubectl(*annotate, "amends.dev/unapproved-")
    wait_for(lambda: not taken(unique("more")), seconds=SECONDS, what="the annotation to be gone")

    assert fresh.change("one", suspend=True)["spec"]["suspend"] is True
    assert fresh.change("one", approval={"required": True})["spec"]["approval"]["required"] is True


def test_what_the_operator_proposes_is_judged_by_the_operator(tenant: Tenant) -> None:
    obj = compensation("one", requester={"username": "bob"}, **NOBODY)

    assert tenant.create(obj, "operator")["spec"]["approval"]["required"] is False

"""One undo from asking to receipt, with the stamp and with the proof alone."""

import pytest

from admission.people import recorded
from installation import RunningOperator
from integration.cluster import Refused
from support.manifests import compensation
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane


def test_what_one_person_asks_for_and_another_approves_is_executed(
    tenant: Tenant, running: RunningOperator
) -> None:
    asked = tenant.create(compensation("undo"), "bob")
    with pytest.raises(
        Refused, match=r"spec\.actor\.username is alice but the request was made by"
    ):
        tenant.approve("undo", "bob", name="forged", actor={"username": "alice"})
    tenant.approve("undo", "alice")

    done = tenant.in_phase("undo", "Completed")

    assert asked["spec"]["requester"] == recorded(tenant, "bob")
    assert [one["username"] for one in done["status"]["approvals"]] == ["alice"]
    assert tenant.read("Receipt", done["status"]["receiptRef"]["name"])["spec"]["outcome"] == (
        "Succeeded"
    )

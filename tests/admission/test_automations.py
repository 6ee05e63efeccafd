"""An automation records its Actions in its own name, whether the server stamps it or not."""

import pytest

from admission.people import full
from amends.client import Recorder
from support.api import Object
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

UNDO = {"rollbackInstruction": "remove the posted message"}


def record(tenant: Tenant, user: str, *, undo: Object | None, outcome: str) -> Object:
    """One recorded call, and the spec of its Action as it is stored."""
    kubeconfig = tenant.installed.cp.kubeconfig(user)
    recorder = Recorder(kubeconfig=kubeconfig, namespace=tenant.namespace)
    with recorder.recording("board.post", idempotency_key="run-7/post", name="post") as action:
        action.compensation = undo
        if outcome == "succeeded":
            action.succeeded({"id": "m-1"})
        else:
            action.unknown("the answer was lost")
    spec: Object = tenant.read("Action", "post")["spec"]
    return spec


def test_an_automation_is_the_requester_of_what_it_records(tenant: Tenant) -> None:
    spec = record(tenant, "bob", undo=UNDO, outcome="succeeded")

    assert (spec["requester"], spec["outcome"]) == (full("bob"), "succeeded")
    assert spec["compensation"]["rollbackInstruction"] == UNDO["rollbackInstruction"]


def test_who_takes_an_action_over_with_another_undo_is_its_requester(tenant: Tenant) -> None:
    assert record(tenant, "dora", undo=None, outcome="unknown")["requester"] == full("dora")

    assert record(tenant, "bob", undo=UNDO, outcome="succeeded")["requester"] == full("bob")

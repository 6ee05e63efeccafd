"""With the operator at work: what a block records becomes evidence, or a failure with its undo."""

import pytest

from client.conftest import Automation, Begin, Job, employ
from support.tenant import Tenant

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

UNDO = {"name": "remove-message", "rollback_instruction": "remove m-1"}


@pytest.fixture
def job(tenant: Tenant) -> Job:
    """One for each test: what the operator makes of its Actions stays."""
    return employ(tenant)


def recorded(automation: Automation, name: str) -> str:
    """The outcome of the effect, once it is evidence."""
    action = automation.tenant.ready("Action", name, "Recorded")
    return str(action["status"]["effect"]["outcome"])


def test_a_claim_waits_and_its_success_becomes_a_receipt(
    automation: Automation, begin: Begin
) -> None:
    with begin(input={"text": "hello"}) as action:
        claimed = automation.tenant.ready("Action", "post", "Pending")
        action.succeeded({"id": "m-1"})

    assert claimed["status"]["outbox"]["phase"] == "Pending"
    assert recorded(automation, "post") == "Succeeded"
    (receipt,) = automation.tenant.every("Receipt")
    assert receipt["spec"]["payload"]["receipt"] == {"id": "m-1"}
    assert receipt["spec"]["payload"]["input"] == {"text": "hello"}


def test_a_failure_is_held_and_its_undo_proposed_in_the_name_of_the_job(
    automation: Automation, begin: Begin
) -> None:
    with begin() as action:
        action.compensation = UNDO
        action.failed("the board answered 422")

    assert recorded(automation, "post") == "Failed"
    (letter,) = automation.tenant.every("DeadLetter")
    assert letter["spec"]["reason"] == "the board answered 422"
    (proposed,) = automation.tenant.every("Compensation")
    assert proposed["metadata"]["name"] == "remove-message"
    assert proposed["spec"]["requester"]["username"] == automation.username


def test_the_next_run_of_a_recorded_failure_is_another_outcome_of_the_same_effect(
    automation: Automation, begin: Begin
) -> None:
    with begin() as action:
        action.failed("the board answered 422")
    assert recorded(automation, "post") == "Failed"
    with begin() as action:
        action.succeeded({"id": "m-1"})

    assert (action.name, action.attempt, action.earlier) == ("post-2", 2, "Failed")
    assert recorded(automation, "post-2") == "Succeeded"
    effects = {one["status"]["effect"]["id"] for one in automation.tenant.every("Action")}
    assert len(effects) == 1

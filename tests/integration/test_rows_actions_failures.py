"""Rows A5 and A6: an automation reports a failure; what people are asked because of that."""

import pytest

from installation import RunningOperator
from integration.reports import EFFECT, EVERYTHING, names, recorded
from support.api import Object
from support.manifests import action, compensation
from support.tenant import Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

PLAN: Object = {
    "type": "message.remove",
    "rollbackInstruction": "remove the message",
    "execution": {"record": {}},
}


def test_a5_a_failure_becomes_a_dead_letter(tenant: Tenant) -> None:
    uid = tenant.create(action("post", "failed", **EVERYTHING))["metadata"]["uid"]
    assert recorded(tenant)["status"]["deadLetterRef"] == {"name": f"dead-letter-{EFFECT}"}

    letter = tenant.ready("DeadLetter", f"dead-letter-{EFFECT}", "AwaitingDecision")

    assert letter["spec"] == {
        "source": "tool_effect",
        "actionRef": {"name": "post", "uid": uid},
        "effectId": EFFECT,
        "operation": "board.post",
        "provider": "board",
        "target": "general",
        "runId": "run-7",
        "nodeId": "step-3",
        "reason": "the board answered 503",
        "recoveryOptions": ["Retry", "Ignore", "Compensate"],
        "attempts": 4,
        "scope": {"namespace": tenant.namespace},
    }
    assert letter["status"]["phase"] == "Open"


def test_a5_a_failure_without_a_reason_is_given_one(tenant: Tenant) -> None:
    tenant.create(action("post", "failed"))
    recorded(tenant)

    spec = tenant.read("DeadLetter", "dead-letter-effect-post")["spec"]

    assert spec["reason"] == "external action `board.post` failed"
    assert spec["attempts"] == 1


@pytest.mark.parametrize("name", [None, "undo-post"])
def test_a6_a_failure_that_says_how_to_undo_it_proposes_a_compensation(
    name: str | None, tenant: Tenant
) -> None:
    plan = PLAN if name is None else {**PLAN, "name": name}
    tenant.create(action("post", "failed", **EVERYTHING, compensation=plan))
    expected = name or f"compensation-{EFFECT}"
    status = recorded(tenant)["status"]
    proposed = tenant.ready("Compensation", expected, "AwaitingApproval")

    assert proposed["spec"] == {
        **PLAN,
        "direction": "Rollback",
        "forwardFixInstruction": "",
        "approval": {"required": True, "approvers": 1, "deadlineSeconds": 86400},
        "retry": {"maxAttempts": 5, "backoffSeconds": 2, "maxBackoffSeconds": 300},
        "timeoutSeconds": 60,
        "serviceAccountName": "amends-runner",
        "targetEffect": EFFECT,
        "runId": "run-7",
        "actionRef": {"name": "post"},
        "suspend": False,
        "cancel": False,
        "requester": {
            "username": "bob",
            "uid": "bob",
            "groups": ["tenant-a", "system:authenticated"],
        },
    }
    assert status["compensationRef"] == {"name": expected}
    assert status["outbox"]["effectId"] == proposed["spec"]["targetEffect"]
    letter = tenant.ready("DeadLetter", f"dead-letter-{EFFECT}", "AwaitingCompensation")
    assert letter["status"]["compensationRef"] == {"name": expected}


def test_a6_without_a_type_an_operator_reviews(tenant: Tenant) -> None:
    tenant.create(action("post", "failed", compensation={}))
    recorded(tenant)

    spec = tenant.read("Compensation", "compensation-effect-post")["spec"]

    assert (spec["type"], spec["execution"]) == ("operator_review", {"record": {}})


def test_a6_a_name_that_is_taken_by_something_else_loses_nothing(tenant: Tenant) -> None:
    tenant.create(compensation("undo", rollbackInstruction="something else"))
    tenant.create(action("post", "failed", compensation={**PLAN, "name": "undo"}))

    stalled = tenant.ready("Action", "post", "NameTaken")

    assert stalled["status"]["phase"] == "Pending"
    assert conditions(stalled) == {
        "Ready": ("False", "NameTaken"),
        "Stalled": ("True", "NameTaken"),
    }
    message = condition(stalled)["message"]
    assert message.startswith("Compensation undo exists already and differs in one of spec.")
    assert "choose another name for it, or delete the one that is there" in message
    assert tenant.wait_for_event("post", "NameTaken") == message
    assert len(tenant.every("Receipt")) == 1
    assert names(tenant, "DeadLetter") == ["dead-letter-effect-post"]
    other = tenant.read("Compensation", "undo")["spec"]
    assert other["rollbackInstruction"] == "something else"

    tenant.patch("Action", "post", {"spec": {"compensation": {"name": "undo-post"}}})

    status = recorded(tenant)["status"]
    assert status["compensationRef"] == {"name": "undo-post"}
    assert len(tenant.every("Receipt")) == 1


def test_a6_a_compensation_that_says_the_same_is_adopted(
    tenant: Tenant, running: RunningOperator
) -> None:
    same = {**PLAN, "targetEffect": "effect-post", "actionRef": {"name": "post"}}
    before = tenant.create({**compensation("undo"), "spec": same})
    tenant.create(action("post", "failed", compensation={**PLAN, "name": "undo"}))

    assert recorded(tenant)["status"]["compensationRef"] == {"name": "undo"}
    assert tenant.read("Compensation", "undo")["metadata"]["uid"] == before["metadata"]["uid"]


def test_a6_the_longest_name_leaves_room_for_the_names_made_from_it(tenant: Tenant) -> None:
    name = "p" * 160
    tenant.create(action(name, "failed", compensation=PLAN))

    status = recorded(tenant, name)["status"]

    assert status["deadLetterRef"] == {"name": f"dead-letter-effect-{name}"}
    assert status["compensationRef"] == {"name": f"compensation-effect-{name}"}
    tenant.wait_for_event(name, "Recorded")

"""Rows A1 to A6: an automation reports what it did; what is put on record because of that."""

from datetime import datetime

import pytest

from amends.core.period import period_of
from installation import RunningOperator
from support.api import Object
from support.digests import sha256, short
from support.manifests import action, compensation
from support.tenant import Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

KEY = "run-7/post"
EFFECT = f"effect-{short(KEY)}"
EVERYTHING: Object = {
    "error": "the board answered 503",
    "provider": "board",
    "tool": "board-cli",
    "target": "general",
    "idempotencyKey": KEY,
    "workflowRunId": "run-7",
    "nodeId": "step-3",
    "attempt": 4,
    "source": {"kind": "agent", "id": "writer"},
    "policyDecisionId": "decision-1",
    "contextAssertionId": "assertion-1",
    "input": {"text": "hello", "big": 2**60},
    "receipt": {"id": 17, "result": {"stored": False}},
}
PLAN: Object = {
    "type": "message.remove",
    "rollbackInstruction": "remove the message",
    "execution": {"record": {}},
}


def recorded(tenant: Tenant, name: str = "post") -> Object:
    return tenant.ready("Action", name, "Recorded")


def names(tenant: Tenant, kind: str) -> list[str]:
    return [one["metadata"]["name"] for one in tenant.every(kind)]


@pytest.mark.parametrize(
    ("outcome", "error", "meaning"),
    [
        ("Delivered", None, "Succeeded"),
        ("REJECTED", None, "Failed"),
        ("succeeded", "but the answer was empty", "Failed"),
        ("posted", "  ", "Succeeded"),
    ],
)
def test_a1_a_final_outcome_is_recorded(
    outcome: str, error: str | None, meaning: str, tenant: Tenant
) -> None:
    tenant.create(action("post", outcome, **({} if error is None else {"error": error})))

    assert recorded(tenant)["status"]["effect"] == {"id": "effect-post", "outcome": meaning}
    assert [one["spec"]["outcome"] for one in tenant.every("Receipt")] == [meaning]
    assert len(tenant.every("DeadLetter")) == (meaning == "Failed")


@pytest.mark.parametrize(("outcome", "meaning"), [("queued", "Pending"), ("moved", "Unknown")])
def test_a1_an_outcome_that_is_not_final_is_waited_for(
    outcome: str, meaning: str, tenant: Tenant
) -> None:
    tenant.create(action("post", outcome))
    waiting = tenant.ready("Action", "post", meaning)
    assert waiting["status"]["phase"] == "Pending"
    assert waiting["status"]["effect"] == {"id": "effect-post", "outcome": meaning}
    assert waiting["status"]["outbox"]["phase"] == "Pending"
    assert names(tenant, "Receipt") == []

    tenant.patch("Action", "post", {"spec": {"outcome": "sent"}})

    assert recorded(tenant)["status"]["phase"] == "Recorded"
    assert len(tenant.every("Receipt")) == 1


@pytest.mark.parametrize(
    ("outcome", "key", "suffix", "phase"),
    [
        ("sent", KEY, short(KEY), "Sent"),
        ("denied", None, "post", "Failed"),
        ("queued", KEY, short(KEY), "Pending"),
        ("whatever", None, "post", "Pending"),
    ],
)
def test_a2_status_carries_an_outbox_entry_and_an_effect(
    outcome: str, key: str | None, suffix: str, phase: str, tenant: Tenant
) -> None:
    given = {"input": {"text": "hello"}, **({} if key is None else {"idempotencyKey": key})}
    tenant.create(action("post", outcome, **given))

    status = tenant.wait_until("Action", "post", lambda one: "outbox" in one["status"])["status"]

    outbox = status["outbox"]
    assert ("receiptRef" in outbox, "sentAt" in outbox) == (phase != "Pending", phase == "Sent")
    assert outbox.pop("receiptRef", None) == status.get("receiptRef")
    outbox.pop("sentAt", None)
    # Row A9: a claim keeps more.
    for field in ("createdAt", "claimedBy", "claimedAt", "before"):
        assert (field in outbox) == (outcome == "queued")
        outbox.pop(field, None)
    assert status["intentDigest"] == sha256(["board.post", None, {"text": "hello"}])
    assert status["effect"]["id"] == f"effect-{suffix}"
    assert outbox == {
        "id": f"outbox-{suffix}",
        "operation": "board.post",
        "phase": phase,
        "attempt": 1,
        "payloadDigest": sha256({"text": "hello"}),
        "effectId": f"effect-{suffix}",
        **({} if key is None else {"idempotencyKey": key}),
    }


def test_a3_the_receipt_holds_everything_an_auditor_asks_for(tenant: Tenant) -> None:
    tenant.installed.cp.kubectl(
        *("label", "namespace", tenant.namespace),
        *("amends.dev/org=acme", "amends.dev/workspace=blue"),
    )
    uid = tenant.create(action("post", "error", **EVERYTHING))["metadata"]["uid"]
    name = recorded(tenant)["status"]["receiptRef"]["name"]
    assert name == f"{EFFECT}-1"

    spec = tenant.read("Receipt", name)["spec"]

    # A number that JSON readers cannot hold exactly is evidence as text.
    given = {"text": "hello", "big": str(2**60)}
    payload = {
        "input": given,
        "receipt": EVERYTHING["receipt"],
        "outcome": "Failed",
        "error": "the board answered 503",
    }
    assert spec.pop("period") == period_of(datetime.fromisoformat(spec["recordedAt"]))
    assert spec.pop("recordedAt") > "2026"
    assert spec == {
        "subject": {"kind": "Action", "name": "post", "uid": uid},
        "source": "tool_effect",
        "effectId": EFFECT,
        "outboxId": f"outbox-{short(KEY)}",
        "outcome": "Failed",
        "operation": "board.post",
        "scope": {"namespace": tenant.namespace, "org": "acme", "workspace": "blue"},
        "provider": "board",
        "tool": "board-cli",
        "target": "general",
        "runId": "run-7",
        "nodeId": "step-3",
        "sourceKind": "agent",
        "sourceId": "writer",
        "policyDecisionId": "decision-1",
        "contextAssertionId": "assertion-1",
        "idempotencyKey": KEY,
        "attempt": 4,
        "sequence": 1,
        "inputDigest": sha256(given),
        "outputDigest": sha256({"stored": False}),
        "payloadDigest": sha256(payload),
        "payload": payload,
        "pointer": "external-action://post",
        "redactionTier": "safe_ui",
        "error": "the board answered 503",
        "auditHash": sha256([name, "post", "board.post", sha256(payload)]),
    }


def test_a3_without_a_result_the_whole_answer_is_digested(tenant: Tenant) -> None:
    tenant.create(action("post", "sent", receipt={"id": 17}))
    name = recorded(tenant)["status"]["receiptRef"]["name"]

    spec = tenant.read("Receipt", name)["spec"]

    assert spec["outputDigest"] == sha256({"id": 17})
    assert spec["outcome"] == "Succeeded"
    assert "error" not in spec


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

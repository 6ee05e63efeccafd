"""Rows A1 to A3: an automation reports what it did; what is put on record because of that."""

from datetime import datetime

import pytest

from amends.core.period import period_of
from integration.reports import EFFECT, EVERYTHING, KEY, names, recorded
from support.digests import sha256, short
from support.manifests import action
from support.tenant import Tenant

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


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

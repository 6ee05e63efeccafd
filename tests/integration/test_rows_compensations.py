"""Rows B1 to B5, B7 and B9: what happens when an undo is carried out, and what is left of it."""

import re
from datetime import datetime, timedelta

import pytest

from amends.core.machines import COMPENSATION, IllegalTransition
from amends.core.period import period_of
from installation import RunningOperator
from integration.cluster import Refused
from support.api import Object, path_of
from support.audit import AuditLog
from support.digests import sha256, short
from support.manifests import compensation, dead_letter, unapproved
from support.target import Answer, Target
from support.tenant import Tenant, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


def test_b1_running_and_a_claim_are_durable_before_anything_is_sent(
    tenant: Tenant, target: Target, running: RunningOperator
) -> None:
    seen: list[Object] = []
    route = target.route(
        Answer(on_arrival=lambda _: seen.append(tenant.read("Compensation", "undo")))
    )
    created = tenant.ask(compensation("undo", runId="run-7", http={"url": route.url}))
    tenant.in_phase("undo", "Completed")

    (before,) = seen
    status, uid = before["status"], created["metadata"]["uid"]
    outbox = status["outbox"]
    claimed_at, expires_at = outbox.pop("claimedAt"), outbox.pop("claimExpiresAt")
    assert (status["phase"], status["previousPhase"]) == ("Running", "Approved")
    assert status["attempts"] == 1
    assert outbox.pop("claimedBy") in running.log.read_text()
    payload_digest = sha256(before["spec"]["execution"])
    assert outbox == {
        "id": "outbox-compensation-" + short("undo", "run-7", 1, "outbox"),
        "operation": "compensation.operator_review",
        "phase": "Claimed",
        "attempt": 1,
        "idempotencyKey": f"amends:{tenant.namespace}/{uid}",
        "attemptKey": "undo:1",
        "payloadDigest": payload_digest,
        "target": target.origin,
        "createdAt": claimed_at,
        "before": {"time": claimed_at, "outcome": "claimed", "payloadDigest": payload_digest},
    }
    held = datetime.fromisoformat(expires_at) - datetime.fromisoformat(claimed_at)
    assert held == timedelta(minutes=5)
    assert [request.key for request in route.requests] == [outbox["idempotencyKey"]]


def test_b1_phase_and_claim_are_one_write(tenant: Tenant) -> None:
    since = tenant.ask(compensation("undo"))["metadata"]["resourceVersion"]
    last = tenant.in_phase("undo", "Completed")
    path = path_of("Compensation", tenant.namespace)

    steps = []
    for version in tenant.installed.user("admin").history(path, "undo", since):
        status = version["status"]
        outbox = status.get("outbox", {}).get("phase")
        steps.append((status["phase"], status["attempts"], outbox))
        if version["metadata"]["resourceVersion"] == last["metadata"]["resourceVersion"]:
            break

    assert steps == [
        ("AwaitingApproval", 0, None),
        ("Approved", 0, None),
        ("Running", 1, "Claimed"),
        ("Completed", 1, "Sent"),
    ]


def test_b2_the_receipt_proves_what_was_done(tenant: Tenant, target: Target) -> None:
    route = target.route(Answer(201, {"removed": True}))
    tenant.create(
        compensation(
            "undo",
            runId="run-7",
            rollbackInstruction="remove it",
            forwardFixInstruction="or post a correction",
            actionRef={"name": "post"},
            http={"url": route.url},
        )
    )
    tenant.approve("undo", reason="it was a test")
    done = tenant.in_phase("undo", "Completed")
    uid, status = done["metadata"]["uid"], done["status"]
    effect = "effect-compensation-" + short("undo", "run-7", 1)
    assert status["receiptRef"] == {"name": f"{effect}-{uid[:8]}"}

    spec = tenant.read("Receipt", status["receiptRef"]["name"])["spec"]

    payload = spec.pop("payload")
    evidence = payload["evidence"]
    assert spec.pop("period") == period_of(datetime.fromisoformat(spec["recordedAt"]))
    assert spec.pop("recordedAt") <= status["executedAt"]
    assert evidence["headers"].keys() == {"Date"}
    assert payload == {
        "status": "Completed",
        "compensation": "undo",
        "uid": uid,
        "planDigest": status["planDigest"],
        "action": "post",
        "run": "run-7",
        "targetEffect": "effect-undo",
        "direction": "Rollback",
        "rollbackInstruction": "remove it",
        "forwardFixInstruction": "or post a correction",
        "attempt": 1,
        "actor": ["alice"],
        "reason": "it was a test",
        "evidence": {
            "method": "POST",
            "url": route.url,
            "status": 201,
            "headers": evidence["headers"],
            "body": {"removed": True},
            "truncated": False,
        },
    }
    outbox = status["outbox"]
    assert spec == {
        "subject": {"kind": "Compensation", "name": "undo", "uid": uid},
        "source": "compensation",
        "effectId": effect,
        "outboxId": outbox["id"],
        "outcome": "Succeeded",
        "operation": "compensation.operator_review",
        "scope": {"namespace": tenant.namespace},
        "tool": "http",
        "target": "effect-undo",
        "runId": "run-7",
        "idempotencyKey": outbox["idempotencyKey"],
        "attempt": 1,
        "sequence": 1,
        "inputDigest": sha256(done["spec"]["execution"]),
        "outputDigest": sha256(evidence),
        "payloadDigest": sha256(payload),
        "pointer": "compensation://undo",
        "redactionTier": "safe_ui",
        "auditHash": sha256(
            [f"{effect}-{uid[:8]}", "undo", "compensation.operator_review", sha256(payload)]
        ),
    }
    assert outbox["phase"] == "Sent"
    assert outbox["outcome"] == "Applied"
    assert outbox["effectId"] == effect
    assert outbox["receiptRef"] == status["receiptRef"]
    assert outbox["sentAt"] == status["executedAt"]


def test_b3_what_is_completed_is_not_done_again(tenant: Tenant, target: Target) -> None:
    route = target.route(Answer())
    tenant.ask(compensation("undo", http={"url": route.url}))
    done = tenant.in_phase("undo", "Completed")
    tenant.ready("Approval", "alice-approves-undo", "Counted")
    audit = AuditLog(tenant.installed)

    with pytest.raises(Refused, match="compensation undo is already completed"):
        tenant.change("undo", suspend=True)
    tenant.patch("Compensation", "undo", {"metadata": {"labels": {"again": "please"}}})
    tenant.approve("undo", "dora")
    late = tenant.ready("Approval", "dora-approves-undo", "TooLate")

    assert "compensation undo is already Completed" in str(late["status"]["conditions"])
    assert tenant.read("Compensation", "undo")["status"] == done["status"]
    assert done["status"]["receiptRef"]["name"] in str(done["status"]["reason"])
    assert {str(one) for one in audit.writes(tenant.namespace)} == {
        "patch approvals/status dora-approves-undo"
    }
    assert len(route.effects) == 1
    assert len(tenant.every("Receipt")) == 1


def test_b4_what_is_cancelled_is_not_run(tenant: Tenant, target: Target) -> None:
    route = target.route(Answer())
    tenant.create(compensation("undo", http={"url": route.url}))
    digest = tenant.planned("undo")
    tenant.change("undo", cancel=True)
    tenant.in_phase("undo", "Cancelled")

    tenant.approve("undo", planDigest=digest)
    late = tenant.ready("Approval", "alice-approves-undo", "TooLate")

    assert "compensation undo is already Cancelled" in str(late["status"]["conditions"])
    with pytest.raises(Refused, match="compensation undo is cancelled"):
        tenant.change("undo", cancel=False)
    assert tenant.read("Compensation", "undo")["status"]["phase"] == "Cancelled"
    assert route.requests == []


@pytest.mark.parametrize(
    ("given", "recorded"),
    [("it was a test", "it was a test"), ("", "compensation `undo` completed")],
    ids=["a reason is given", "no reason is given"],
)
@pytest.mark.parametrize("phase", ["Open", "RetryRequested"])
def test_b5_a_dead_letter_that_waits_is_linked(
    phase: str, given: str, recorded: str, tenant: Tenant
) -> None:
    letter(tenant, "letter", phase)
    tenant.create(compensation("undo"))
    named = {"name": "undo"}
    tenant.wait_until(
        "DeadLetter", "letter", lambda one: one["status"].get("compensationRef") == named
    )
    tenant.approve("undo", reason=given)

    status = tenant.ready("DeadLetter", "letter", "Compensated")["status"]

    disposition = status["disposition"]
    assert disposition.pop("time") == status["history"][-1]["time"]
    assert disposition == {"choice": "Compensate", "reason": recorded, "actor": "alice"}
    assert status["phase"] == "LinkedToCompensation"
    assert status["settled"] is True
    assert status["compensationRef"] == {"name": "undo"}


def test_b5_any_other_dead_letter_is_reported_and_left_as_it_is(tenant: Tenant) -> None:
    letter(tenant, "letter", "Open")
    tenant.create(compensation("undo"))
    tenant.ready("DeadLetter", "letter", "AwaitingCompensation")
    tenant.write_status("DeadLetter", "letter", {"phase": "Ignored"})
    tenant.approve("undo")
    tenant.in_phase("undo", "Completed")

    status = tenant.ready("DeadLetter", "letter", "NotLinked")["status"]

    words = "compensation undo has undone it, but it is Ignored and stays so"
    assert (status["phase"], status["settled"], "disposition" in status) == ("Ignored", True, False)
    assert status["conditions"][0]["message"] == words
    assert tenant.wait_for_event("letter", "NotLinked") == words


def letter(tenant: Tenant, name: str, phase: str) -> None:
    """A dead letter for the effect that `undo` undoes, brought into a phase."""
    obj = dead_letter(name, tenant.namespace, "effect-undo")
    tenant.create(obj, "operator")
    tenant.ready("DeadLetter", name, "AwaitingDecision")
    tenant.write_status("DeadLetter", name, {"phase": phase})


@pytest.mark.parametrize("to", ["Proposed", "Running", "Failed", "Cancelled"])
def test_b7_an_illegal_step_is_refused_to_the_operator_itself(to: str, tenant: Tenant) -> None:
    tenant.create(unapproved("undo"))
    tenant.in_phase("undo", "Completed")
    words = f"illegal compensation status transition from Completed to {to}"

    with pytest.raises(Refused, match=words):
        tenant.write_status("Compensation", "undo", {"phase": to})

    phases = {str(phase): phase for phase in COMPENSATION.steps}
    with pytest.raises(IllegalTransition, match=f"^{re.escape(words)}$"):
        COMPENSATION.check(phases["Completed"], phases[to])
    tenant.write_status("Compensation", "undo", {"phase": "Completed"})


def test_b9_what_happened_is_in_status_and_what_people_wrote_is_kept(
    tenant: Tenant, running: RunningOperator
) -> None:
    obj = compensation("undo", rollbackInstruction="remove it")
    obj["metadata"] |= {"labels": {"team": "blue"}, "annotations": {"note": "by hand"}}
    before = tenant.ask(obj)
    done = tenant.in_phase("undo", "Completed")
    status = done["status"]

    assert done["spec"] == before["spec"]
    assert done["metadata"]["generation"] == 1
    assert done["metadata"]["labels"] == {"team": "blue"}
    assert done["metadata"]["annotations"] == {"note": "by hand"}
    assert (status["phase"], status["previousPhase"]) == ("Completed", "Running")
    assert status["executedBy"] == status["outbox"]["claimedBy"]
    assert status["executedBy"] in running.log.read_text()
    assert status["executedAt"] == status["outbox"]["sentAt"]
    receipt = status["receiptRef"]["name"]
    assert status["reason"] == f"applied by attempt 1, receipt {receipt}"
    assert [(one["from"], one["to"], one["actor"]) for one in status["history"]] == [
        ("Proposed", "AwaitingApproval", "amends"),
        ("AwaitingApproval", "Approved", "alice"),
        ("Approved", "Running", "amends"),
        ("Running", "Completed", "amends"),
    ]
    assert conditions(done) == {
        "Ready": ("True", "Completed"),
        "Approved": ("True", "Approved"),
        "Executed": ("True", "Completed"),
    }
    assert {one["observedGeneration"] for one in status["conditions"]} == {1}

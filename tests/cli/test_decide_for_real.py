"""What people type, with the operator at work: from the approval to a receipt that holds."""

import pytest

from support.manifests import action, compensation
from support.plugin import Plugin
from support.target import Answer, Target
from support.tenant import Tenant

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


def test_an_approval_counts_is_carried_out_and_can_be_verified(
    tenant: Tenant, target: Target
) -> None:
    route = target.route(Answer(200, {"removed": 17}))
    tenant.create(compensation("undo", http={"url": route.url, "body": {"message": 17}}))
    digest = tenant.planned("undo")
    alice = Plugin.of(tenant, "alice")

    approved = alice.run("approve", "undo", "--yes", "--wait", "--reason", "wrong channel")

    assert approved.code == 0, approved.err
    assert "the same computed here and by the operator" in approved.err
    assert f"  {digest}\n" in approved.err
    assert "approval undo-approve-alice counts" in approved.err
    ended = tenant.wait_until("Compensation", "undo", lambda one: one["status"].get("receiptRef"))
    receipt = ended["status"]["receiptRef"]["name"]
    verified = alice.run("verify-receipt", receipt)
    assert verified.code == 0, verified.out
    assert verified.out.splitlines()[-1] == "7 check(s) hold"


def test_a_dead_letter_is_ignored_and_opened_again(tenant: Tenant) -> None:
    tenant.create(action("post", "failed"))
    letter = "dead-letter-effect-post"
    tenant.wait_until("DeadLetter", letter, lambda one: one["status"]["phase"] == "Open")
    bob = Plugin.of(tenant, "bob")
    said = ("--yes", "--wait", "--reason", "a test message")

    ignored = bob.run("dispose", letter, "--choice", "Ignore", *said)
    phase = tenant.read("DeadLetter", letter)["status"]["phase"]
    reopened = bob.run("dispose", letter, "--choice", "Reopen", *said)

    assert (ignored.code, phase) == (0, "Ignored"), ignored.err
    assert f"disposition {letter}-ignore-bob counts" in ignored.err
    assert reopened.code == 0, reopened.err
    assert tenant.read("DeadLetter", letter)["status"]["phase"] == "Open"


def test_a_rejection_ends_it(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))
    tenant.planned("undo")
    rejected = Plugin.of(tenant, "alice").run(
        *("reject", "undo", "--yes", "--wait", "--reason", "it is right")
    )
    assert rejected.code == 0, rejected.err
    assert tenant.in_phase("undo", "Cancelled")["status"]["reason"] == (
        "Rejected: rejected by alice: it is right"
    )


def test_a_suspended_one_runs_once_it_is_resumed(tenant: Tenant) -> None:
    tenant.create(compensation("undo", suspend=True, approval={"required": False}))
    tenant.in_phase("undo", "Approved")
    assert Plugin.of(tenant, "alice").run("resume", "undo", "--yes").code == 0
    tenant.in_phase("undo", "Completed")

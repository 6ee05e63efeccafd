"""N1: nobody knows whether it happened, until somebody who has looked at the target says so."""

from typing import Any

import pytest

from integration import letters
from integration.cluster import Refused
from support import manifests
from support.api import Object
from support.manifests import unapproved, unique
from support.target import APPLIED, LOST, LOST_WITHOUT_EFFECT, Target
from support.tenant import SECONDS, Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

BY_HAND: Object = {"manual": {"instructions": "take the message down", "deadlineSeconds": 1}}


def in_doubt(tenant: Tenant, target: Target) -> str:
    """An undo of which nobody knows what came; a repeat would be answered."""
    route = target.route(LOST_WITHOUT_EFFECT, APPLIED)
    name = unique("undo")
    tenant.create(unapproved(name, http={"url": route.url}))
    tenant.ready("Compensation", name, "OutcomeUnknown")
    return name


def attest(
    tenant: Tenant, subject: str, outcome: str = "Applied", user: str = "bob", **spec: Any
) -> Object:
    """A person states what they have seen; the Attestation, once it has settled."""
    made = manifests.attestation(unique("saw"), subject, outcome, **spec)
    tenant.create(made, user)
    return tenant.wait_until(
        "Attestation", made["metadata"]["name"], lambda one: one["status"].get("settled") is True
    )


def reason(one: Object) -> str:
    return str(condition(one)["reason"])


def test_attested_applied_it_is_completed_with_a_receipt_of_who_has_seen_what(
    tenant: Tenant, target: Target
) -> None:
    undo = in_doubt(tenant, target)
    stalled = condition(tenant.read("Compensation", undo), "Stalled")["message"]
    assert f"kubectl amends attest {undo}" in stalled

    evidence = {"ticket": "OPS-17", "token": "planted8f7a6b5c"}
    said = attest(tenant, undo, evidence=evidence)

    assert reason(said) == "Counted"
    done = tenant.in_phase(undo, "Completed")
    assert conditions(done) == {
        "Ready": ("True", "Completed"),
        "Approved": ("True", "NotRequired"),
        "Executed": ("True", "Completed"),
    }
    (counted,) = done["status"]["attestations"]
    assert (counted["username"], counted["outcome"]) == ("bob", "Applied")
    assert done["status"]["history"][-1]["actor"] == "bob"
    (receipt,) = tenant.every("Receipt")
    seen = receipt["spec"]["payload"]["evidence"]["attestation"]
    assert (seen["uid"], seen["actor"]) == (said["metadata"]["uid"], "bob")
    assert seen["evidence"] == {"ticket": "OPS-17", "token": "[redacted]"}
    assert tenant.wait_for_event(undo, "Attested")


def test_attested_not_applied_it_is_sent_again_as_it_was_approved(
    tenant: Tenant, target: Target
) -> None:
    undo = in_doubt(tenant, target)

    attest(tenant, undo, "NotApplied")

    done = tenant.in_phase(undo, "Completed")
    assert [step["to"] for step in done["status"]["history"]] == [
        *("Approved", "Running", "Failed", "Running", "Completed")
    ]
    assert done["status"]["attempts"] == 2
    assert "doubt" not in done["status"]["outbox"]


def test_only_the_first_statement_counts_and_the_other_is_told(
    tenant: Tenant, target: Target
) -> None:
    undo = in_doubt(tenant, target)
    attest(tenant, undo)

    late = attest(tenant, undo, "NotApplied", "dora")

    assert reason(late) == "TooLate"
    assert "bob has attested first" in condition(late)["message"]
    assert tenant.wait_for_event(undo, "TooLate")
    assert tenant.read("Compensation", undo)["status"]["phase"] == "Completed"


def test_a_statement_about_another_attempt_does_not_count(tenant: Tenant, target: Target) -> None:
    undo = in_doubt(tenant, target)

    wrong = attest(tenant, undo, attemptKey=f"{undo}:2")

    assert reason(wrong) == "WrongAttempt"
    assert tenant.read("Compensation", undo)["status"]["phase"] == "Running"


def test_it_cannot_be_changed_afterwards(tenant: Tenant, target: Target) -> None:
    undo = in_doubt(tenant, target)
    said = attest(tenant, undo)
    change = {"spec": {"outcome": "NotApplied"}}
    with pytest.raises(Refused, match="spec of an Attestation is immutable"):
        tenant.patch("Attestation", said["metadata"]["name"], change)


def test_what_a_person_is_to_do_from_approval_to_receipt(tenant: Tenant) -> None:
    undo = unique("undo")
    tenant.ask(manifests.compensation(undo, execution=BY_HAND))

    waits = tenant.ready("Compensation", undo, "AwaitingAttestation")

    assert waits["status"]["phase"] == "Running"
    assert "claimedBy" not in waits["status"]["outbox"]
    assert "take the message down" in condition(waits)["message"]
    late = tenant.wait_until(
        "Compensation", undo, lambda one: "AttestationOverdue" in conditions(one)
    )
    assert late["status"]["phase"] == "Running"
    assert tenant.wait_for_event(undo, "AttestationOverdue")

    attest(tenant, undo)

    done = tenant.in_phase(undo, "Completed")
    assert (done["status"]["executedBy"], done["status"]["attempts"]) == ("bob", 1)
    assert len(tenant.every("Receipt")) == 1


def test_what_a_person_could_not_do_has_failed_for_good(tenant: Tenant) -> None:
    undo = unique("undo")
    tenant.create(unapproved(undo, execution=BY_HAND))
    tenant.ready("Compensation", undo, "AwaitingAttestation")

    attest(tenant, undo, "NotApplied")

    failed = tenant.ready("Compensation", undo, "Failed")
    assert (failed["status"]["phase"], failed["status"]["attempts"]) == ("Failed", 1)
    assert tenant.every("Receipt") == []


def test_what_a_person_is_to_do_can_be_cancelled_while_it_waits(tenant: Tenant) -> None:
    undo = unique("undo")
    tenant.create(unapproved(undo, execution=BY_HAND))
    tenant.ready("Compensation", undo, "AwaitingAttestation")

    tenant.change(undo, cancel=True)

    cancelled = tenant.in_phase(undo, "Cancelled")
    assert f"nobody has attested to attempt {undo}:1" in cancelled["status"]["reason"]


@pytest.mark.parametrize(
    ("outcome", "phase", "proof"),
    [("Applied", "Resolved", "Succeeded"), ("NotApplied", "Open", "Failed")],
)
def test_a_retry_that_nobody_knows_of_is_attested_to_as_well(
    outcome: str, phase: str, proof: str, tenant: Tenant, target: Target
) -> None:
    letter = letters.failed(tenant, target.route(LOST))
    letters.decide(tenant, letter, "Retry")
    tenant.ready("DeadLetter", letter, "OutcomeUnknown")

    attest(tenant, letter, outcome, kind="DeadLetter")

    settled = letters.in_phase(tenant, letter, phase, SECONDS)
    assert [one["username"] for one in settled["status"]["attestations"]] == ["bob"]
    *_, receipt = letters.receipts_of(tenant, letter)
    assert receipt["outcome"] == proof
    assert receipt["payload"]["evidence"]["attestation"]["actor"] == "bob"

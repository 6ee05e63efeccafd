"""The parts of the scene in which an undo has run: one nobody knows enough of, and one proved."""

from support import manifests
from support.scenery import (
    DIGEST,
    RUN,
    acted,
    approved,
    at,
    brought_through,
    condition,
    lettered,
    recorded,
    step,
)
from support.tenant import Tenant


def book_courier(tenant: Tenant) -> None:
    """Failed and undone, but nobody knows whether the undo reached its target."""
    effect = acted(tenant, "book-courier", "failed", 5, error="504 Gateway Timeout")
    recorded(tenant, effect, "book-courier", "Failed", 5, error="504 Gateway Timeout")
    undo = "cancel-courier"
    lettered(
        tenant,
        effect,
        "book-courier",
        {
            "phase": "LinkedToCompensation",
            "compensationRef": {"name": undo},
            "history": [step("Open", "LinkedToCompensation", 7, f"compensation {undo}")],
            "conditions": [
                condition(
                    "Ready", "False", "AwaitingCompensation", f"waits for compensation {undo}"
                )
            ],
        },
    )
    created = tenant.create(
        manifests.compensation(
            undo,
            http={"method": "DELETE", "url": "https://courier.example.com/bookings/9"},
            targetEffect=effect,
            runId=RUN,
            actionRef={"name": "book-courier"},
            rollbackInstruction="Cancel the booking.",
        )
    )
    given = approved(tenant, undo, "alice", "", 6)
    doubt = "no answer from https://courier.example.com within 60 s"
    steps = [
        step("Proposed", "AwaitingApproval", 5, "the plan waits for approval"),
        step("AwaitingApproval", "Approved", 6, "approved by alice", "alice"),
        step("Approved", "Running", 7, "attempt 1 of 5"),
    ]
    brought_through(
        tenant,
        created,
        ("AwaitingApproval", "Approved", "Running"),
        {
            "reason": doubt,
            "planDigest": DIGEST,
            "approvals": [given],
            "attempts": 1,
            "outbox": {
                "id": "outbox-compensation-0f1e2d3c4b5a6978",
                "operation": "compensation.operator_review",
                "phase": "Claimed",
                "attempt": 1,
                "idempotencyKey": f"amends:{tenant.namespace}/{created['metadata']['uid']}",
                "attemptKey": f"{undo}:1",
                "claimedBy": "amends-0-12345678",
                "claimedAt": at(7),
                "claimExpiresAt": at(12),
                "outcome": "Unknown",
                "detail": doubt,
            },
            "history": steps,
            "conditions": [
                condition(
                    "Ready",
                    "False",
                    "OutcomeUnknown",
                    f"{doubt}: look at the target yourself, then set spec.cancel: true here, and "
                    "create a new Compensation if it still must be undone",
                    8,
                ),
                condition("Stalled", "True", "OutcomeUnknown", doubt, 8),
                condition("Approved", "True", "Approved", "decided by alice (Approve)"),
                condition("OutcomeUnknown", "True", "OutcomeUnknown", doubt, 8),
            ],
        },
    )


def reserve_seat(tenant: Tenant) -> None:
    """Failed, undone and proved."""
    effect = acted(tenant, "reserve-seat", "failed", 8, error="409 Conflict")
    recorded(tenant, effect, "reserve-seat", "Failed", 8, error="409 Conflict")
    undo, receipt = "release-seat", "effect-compensation-1a2b3c4d5e6f7081"
    lettered(
        tenant,
        effect,
        "reserve-seat",
        {
            "phase": "LinkedToCompensation",
            "settled": True,
            "compensationRef": {"name": undo},
            "history": [step("Open", "LinkedToCompensation", 9, f"compensation {undo}")],
            "conditions": [
                condition("Ready", "True", "Compensated", f"compensation {undo} has undone it")
            ],
        },
    )
    created = tenant.create(
        manifests.compensation(
            undo,
            targetEffect=effect,
            runId=RUN,
            actionRef={"name": "reserve-seat"},
            forwardFixInstruction="Give the seat back at the counter.",
            direction="ForwardFix",
            approval={"required": False},
        )
    )
    evidence = {"kind": "Compensation", "name": undo, "uid": created["metadata"]["uid"]}
    proof = {
        "subject": evidence,
        "source": "compensation",
        "effectId": receipt,
        "outboxId": "outbox-compensation-1a2b3c4d5e6f7081",
        "outcome": "Succeeded",
        "operation": "compensation.operator_review",
        "runId": RUN,
        "scope": {"namespace": tenant.namespace},
        "payloadDigest": DIGEST,
        "payload": {"status": "completed"},
        "pointer": f"compensation://{undo}",
        "recordedAt": at(9, 30),
        "auditHash": DIGEST,
    }
    tenant.create(manifests.manifest("Receipt", receipt, proof), "operator")
    done = f"executed by record; receipt {receipt}"
    brought_through(
        tenant,
        created,
        ("Approved", "Running", "Completed"),
        {
            "reason": done,
            "planDigest": DIGEST,
            "attempts": 1,
            "executedAt": at(9, 30),
            "executedBy": "amends-0-12345678",
            "receiptRef": {"name": receipt},
            "outbox": {
                "id": "outbox-compensation-1a2b3c4d5e6f7081",
                "operation": "compensation.operator_review",
                "phase": "Sent",
                "attempt": 1,
                "attemptKey": f"{undo}:1",
                "claimedBy": "amends-0-12345678",
                "claimedAt": at(9),
                "outcome": "Applied",
                "receiptRef": {"name": receipt},
            },
            "history": [
                step("Proposed", "Approved", 8, "approval is not required"),
                step("Approved", "Running", 9, "attempt 1 of 5"),
                step("Running", "Completed", 9, done),
            ],
            "conditions": [
                condition("Ready", "True", "Completed", done, 9),
                condition("Approved", "True", "NotRequired", "spec.approval.required is false"),
                condition("Executed", "True", "Completed", done, 9),
            ],
        },
    )

"""A run of an automation that went wrong in several ways, with everything that people see of it.

The objects are created by their people, and the operator's account writes what it would have
written; no operator runs. Times of the story are fixed; only creation times are the server's.
"""

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
    next_second,
    recorded,
    step,
    write,
)
from support.tenant import Tenant

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
"""A credential: it must never be shown."""


def played(tenant: Tenant) -> None:
    """Bring the whole scene about in a tenant's namespace."""
    for part in (_publish_notice, _charge_card, _book_courier, _reserve_seat, _announce_sale):
        part(tenant)
        next_second()


def _publish_notice(tenant: Tenant) -> None:
    """Succeeded: nothing is to be done."""
    effect = acted(tenant, "publish-notice", "succeeded", 0, receipt={"id": 17})
    recorded(tenant, effect, "publish-notice", "Succeeded", 0)


def _charge_card(tenant: Tenant) -> None:
    """Failed; the refund waits for the second of two approvals."""
    effect = acted(
        tenant,
        "charge-card",
        "failed",
        1,
        error=f"402 card declined, token {TOKEN}",
        input={"api_key": TOKEN, "amount": {"value": 1250, "currency": "EUR"}},
    )
    recorded(tenant, effect, "charge-card", "Failed", 1, error="402 card declined")
    undo = "refund-charge"
    lettered(
        tenant,
        effect,
        "charge-card",
        {
            "phase": "Open",
            "compensationRef": {"name": undo},
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
            http={
                "method": "POST",
                "url": "https://pay.example.com/charges/1250/refund",
                "headers": [
                    {
                        "name": "Authorization",
                        "valueFrom": {"secretKeyRef": {"name": "pay", "key": "token"}},
                    }
                ],
                "body": {"reason": "duplicate", "password": "hunter2"},
                "retrySafety": "ProviderKey",
            },
            targetEffect=effect,
            runId=RUN,
            actionRef={"name": "charge-card"},
            rollbackInstruction="Refund the whole charge, then tell the customer.",
            approval={"required": True, "approvers": 2, "deadlineSeconds": 86400},
        )
    )
    given = approved(tenant, undo, "alice", "the customer called", 4)
    write(
        tenant,
        created,
        {
            "phase": "AwaitingApproval",
            "reason": "the plan waits for approval",
            "planDigest": DIGEST,
            "approvalDeadline": "2099-01-31T09:00:00.000Z",
            "approvals": [given],
            "history": [step("Proposed", "AwaitingApproval", 2, "the plan waits for approval")],
            "conditions": [
                condition(
                    "Ready",
                    "False",
                    "AwaitingApproval",
                    f"waits for approval of planDigest {DIGEST}: 1 of 2 approvals "
                    "(spec.approval.approvers: 2)",
                ),
                condition(
                    "Approved", "Unknown", "AwaitingApproval", "decided so far: alice (Approve)"
                ),
            ],
        },
    )


def _book_courier(tenant: Tenant) -> None:
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


def _reserve_seat(tenant: Tenant) -> None:
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


def _announce_sale(tenant: Tenant) -> None:
    """Failed, without an undo: a person ignored it once, and then reopened it."""
    effect = acted(tenant, "announce-sale", "failed", 10, error="503 Service Unavailable")
    recorded(tenant, effect, "announce-sale", "Failed", 10, error="503 Service Unavailable")
    name = f"dead-letter-{effect}"
    for choice, reason, minute in (
        ("Ignore", "the sale is over", 20),
        ("Reopen", "marketing does want it", 30),
    ):
        said = tenant.create(
            manifests.manifest(
                "Disposition",
                f"alice-{choice.lower()}s",
                {"deadLetterRef": {"name": name}, "choice": choice, "reason": reason},
            ),
            "alice",
        )
        counted = condition("Ready", "True", "Counted", f"dead letter {name}: {choice}", minute)
        write(tenant, said, {"settled": True, "conditions": [counted]})
        next_second()
    steps = [
        step("Open", "Ignored", 20, "Ignore: the sale is over", "alice"),
        step("Ignored", "Open", 30, "Reopen: marketing does want it", "alice"),
    ]
    lettered(
        tenant,
        effect,
        "announce-sale",
        {
            "phase": "Open",
            "disposition": {
                "name": "alice-reopens",
                "choice": "Reopen",
                "reason": "marketing does want it",
                "actor": "alice",
                "time": at(30),
            },
            "history": steps,
            "conditions": [condition("Ready", "False", "AwaitingDecision", "waits for a person")],
        },
    )

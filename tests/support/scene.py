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
    condition,
    lettered,
    next_second,
    recorded,
    step,
    write,
)
from support.tenant import Tenant
from support.undone import book_courier, reserve_seat

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
"""A credential: it must never be shown."""


def played(tenant: Tenant) -> None:
    """Bring the whole scene about in a tenant's namespace."""
    for part in (_publish_notice, _charge_card, book_courier, reserve_seat, _announce_sale):
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

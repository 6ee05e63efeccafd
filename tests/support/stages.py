"""Objects as a person meets them, with no operator about: their statuses are written here."""

from typing import Any

from support.api import Object
from support.digests import sha256, short
from support.manifests import action, compensation, dead_letter
from support.tenant import Tenant

HTTP: Object = {
    "method": "DELETE",
    "url": "https://api.example.com/messages/17?force=true",
    "headers": [
        {"name": "Accept", "value": "application/json"},
        {"name": "X-Api-Key", "value": "planted-key"},
        {"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "board", "key": "token"}}},
    ],
    "body": {"why": None, "lines": [1, 2.5, "three"], "password": "planted-password"},
    "bodyFrom": [{"path": "/auth/pin", "secretKeyRef": {"name": "board", "key": "pin"}}],
    "retrySafety": "ProviderKey",
}
RETRY: Object = {
    "http": {
        "method": "POST",
        "url": "https://api.example.com/messages",
        "headers": [
            {
                "name": "Authorization",
                "valueFrom": {"secretKeyRef": {"name": "board", "key": "token"}},
            }
        ],
        "body": {"channel": "general", "text": "hello"},
    }
}
KEY = "run-a/post"
EFFECT = f"effect-{short(KEY)}"
LETTER = f"dead-letter-{EFFECT}"
DEADLINE = "2099-01-31T09:00:00.000Z"


def plan_digest(stored: Object) -> str:
    """As an auditor computes it, from what the API server stored."""
    meta = stored["metadata"]
    not_plan = ("suspend", "cancel", "requester")
    plan = {field: value for field, value in stored["spec"].items() if field not in not_plan}
    return sha256(
        {
            "kind": "Compensation",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "spec": plan,
        }
    )


def ready(reason: str, message: str, status: str = "False") -> Object:
    """The condition Ready."""
    return condition("Ready", reason, message, status)


def condition(kind: str, reason: str, message: str, status: str = "True") -> Object:
    """A condition as the operator writes it."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-23T09:00:00.000Z",
    }


def awaiting(tenant: Tenant, name: str = "undo-post", **spec: Any) -> Object:
    """A Compensation that bob asked for and that waits for approval."""
    given = {"rollbackInstruction": "remove the posted message", **spec}
    stored = tenant.create(compensation(name, **given))
    digest = plan_digest(stored)
    message = f"waits for approval of planDigest {digest}: 0 of 1 approval"
    status = {
        "phase": "AwaitingApproval",
        "observedGeneration": stored["metadata"]["generation"],
        "planDigest": digest,
        "approvalDeadline": DEADLINE,
        "conditions": [ready("AwaitingApproval", message)],
    }
    return tenant.write_status("Compensation", name, status)


def brought_to(tenant: Tenant, name: str, *phases: str, **status: Any) -> Object:
    """The Compensation after these steps, with what else its status says then."""
    for phase in phases:
        tenant.write_status("Compensation", name, {"phase": phase})
    return tenant.write_status("Compensation", name, status)


def failed_action(tenant: Tenant, **spec: Any) -> Object:
    """An action that failed and says how it is sent again."""
    given = {
        "target": "general",
        "error": "503 Service Unavailable",
        "idempotencyKey": KEY,
        "retry": RETRY,
        **spec,
    }
    return tenant.create(action("post", **given))


def open_letter(tenant: Tenant, *phases: str, **status: Any) -> Object:
    """The dead letter of that action, after these steps."""
    letter = dead_letter(LETTER, tenant.namespace, EFFECT, target="general", attempts=3)
    stored = tenant.create(letter, "operator")
    for phase in phases:
        stored = tenant.write_status("DeadLetter", LETTER, {"phase": phase})
    return tenant.write_status("DeadLetter", LETTER, status) if status else stored

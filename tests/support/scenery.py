"""What the scene is made of: each piece as its people and the operator would have made it."""

import time
from typing import Any

from support import manifests
from support.api import Object
from support.tenant import Tenant
from waiting import wait_for

RUN = "run-42"
DIGEST = "sha256:" + "0123456789abcdef" * 4


def at(minute: int, second: int = 0) -> str:
    """A moment of the story."""
    return f"2026-01-31T09:{minute:02}:{second:02}.000Z"


def acted(tenant: Tenant, name: str, outcome: str, minute: int, **spec: Any) -> str:
    """An Action and what the operator recorded of it. Returns its effect."""
    effect = f"effect-{name}"
    action = manifests.action(
        name,
        outcome,
        operation=name.replace("-", "."),
        target="order-1250",
        runId=RUN,
        nodeId=f"step-{minute}",
        source={"kind": "agent", "id": "checkout"},
        provider="shop",
        **spec,
    )
    created = tenant.create(action)
    came = "Succeeded" if outcome == "succeeded" else "Failed"
    failed = {"deadLetterRef": {"name": f"dead-letter-{effect}"}} if came == "Failed" else {}
    write(
        tenant,
        created,
        {
            "phase": "Recorded",
            "runId": RUN,
            "effect": {"id": effect, "outcome": came},
            "outbox": {
                "id": f"outbox-{name}",
                "operation": name.replace("-", "."),
                "phase": "Sent" if came == "Succeeded" else "Failed",
            },
            "receiptRef": {"name": f"{effect}-1"},
            **failed,
            "conditions": [condition("Ready", "True", came, f"outcome {came}", minute)],
        },
    )
    return effect


def recorded(
    tenant: Tenant, effect: str, action: str, outcome: str, minute: int, **spec: Any
) -> None:
    """The evidence of an Action's outcome."""
    uid = tenant.read("Action", action)["metadata"]["uid"]
    evidence = {
        "subject": {"kind": "Action", "name": action, "uid": uid},
        "source": "tool_effect",
        "effectId": effect,
        "outboxId": f"outbox-{action}",
        "outcome": outcome,
        "operation": action.replace("-", "."),
        "target": "order-1250",
        "runId": RUN,
        "scope": {"namespace": tenant.namespace},
        "payloadDigest": DIGEST,
        "payload": {"status": outcome},
        "pointer": f"external-action://{action}",
        "recordedAt": at(minute, 1),
        "auditHash": DIGEST,
        **spec,
    }
    tenant.create(manifests.manifest("Receipt", f"{effect}-1", evidence), "operator")


def lettered(tenant: Tenant, effect: str, action: str, status: Object) -> None:
    """The dead letter of an Action that failed."""
    letter = manifests.dead_letter(
        f"dead-letter-{effect}",
        tenant.namespace,
        effect,
        actionRef={"name": action},
        operation=action.replace("-", "."),
        target="order-1250",
        runId=RUN,
        reason=tenant.read("Receipt", f"{effect}-1")["spec"]["error"],
    )
    created = tenant.create(letter, "operator")
    brought_through(tenant, created, (status.pop("phase"),), status)


def approved(tenant: Tenant, subject: str, user: str, reason: str, minute: int) -> Object:
    """A counted approval, as it stands in the status of its subject."""
    name = f"{user}-approves-{subject}"
    given = manifests.approval(name, subject, planDigest=DIGEST, reason=reason)
    created = tenant.create(given, user)
    counts = condition("Ready", "True", "Counted", f"counts for compensation {subject}", minute)
    write(tenant, created, {"settled": True, "conditions": [counts]})
    return {
        "name": name,
        "uid": created["metadata"]["uid"],
        "username": user,
        "decision": "Approve",
        "reason": reason,
        "time": at(minute),
    }


def brought_through(
    tenant: Tenant, created: Object, phases: tuple[str, ...], status: Object
) -> None:
    """Step by step, because the server refuses a leap."""
    for phase in phases:
        write(tenant, created, {**status, "phase": phase})


def write(tenant: Tenant, created: Object, status: Object) -> None:
    """Merge a change into the status, as the operator."""
    tenant.write_status(created["kind"], created["metadata"]["name"], status)


def next_second() -> None:
    """Creation times have whole seconds: what is created later is to be seen to be later."""
    second = int(time.time())
    wait_for(lambda: int(time.time()) > second, seconds=5, what="the next second")


def step(before: str, after: str, minute: int, why: str, actor: str = "operator") -> Object:
    """A line of the history."""
    return {"from": before, "to": after, "time": at(minute), "actor": actor, "reason": why}


def condition(kind: str, status: str, reason: str, message: str, minute: int = 2) -> Object:
    """A condition, last changed in a minute of the story."""
    return {
        "type": kind,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": at(minute),
        "reason": reason,
        "message": message,
    }

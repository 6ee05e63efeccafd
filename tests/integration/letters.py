"""Dead letters as people meet them: an action that failed, what they decide, what became of it."""

from datetime import datetime
from typing import Any

from support import manifests
from support.api import Object
from support.manifests import unique
from support.target import Route
from support.tenant import SECONDS, Tenant

UNDO: Object = {"execution": {"record": {}}, "rollbackInstruction": "remove the message"}


def failed(tenant: Tenant, route: Route | None = None, **spec: Any) -> str:
    """bob's automation has failed; the name of its dead letter, once that waits for a person.

    route: where the action is sent again; without one it declares no retry.
    """
    name = unique("post")
    given: Object = {"idempotencyKey": f"run-a/{name}", "error": "503 Service Unavailable"}
    if route is not None:
        http = {"method": "POST", "url": route.url, **spec.pop("http", {})}
        given["retry"] = {"http": http, **spec.pop("retry", {})}
    tenant.create(manifests.action(name, **{**given, **spec}))
    recorded = tenant.wait_until("Action", name, lambda one: "deadLetterRef" in one["status"])
    letter = str(recorded["status"]["deadLetterRef"]["name"])
    tenant.wait_until("DeadLetter", letter, lambda one: "observedGeneration" in one["status"])
    return letter


def key_of(tenant: Tenant, letter: str) -> str:
    """The idempotency key of the action that failed."""
    action = tenant.read("DeadLetter", letter)["spec"]["actionRef"]["name"]
    return str(tenant.read("Action", action)["spec"]["idempotencyKey"])


def decide(tenant: Tenant, letter: str, choice: str, user: str = "alice", **spec: Any) -> Object:
    """A person decides; the Disposition, once it says whether it was carried out."""
    name = unique(f"{user}-says-{choice.lower()}")
    tenant.create(manifests.disposition(name, letter, choice, **spec), user)
    return settled(tenant, name)


def settled(tenant: Tenant, disposition: str) -> Object:
    """The Disposition, once nothing more becomes of it."""
    return tenant.wait_until(
        "Disposition", disposition, lambda one: one["status"].get("settled") is True
    )


def in_phase(tenant: Tenant, letter: str, phase: str, seconds: float = SECONDS) -> Object:
    """The dead letter once it is in this phase."""
    return tenant.wait_until(
        "DeadLetter", letter, lambda one: one["status"]["phase"] == phase, seconds
    )


def undo_of(tenant: Tenant, letter: str) -> str:
    """The name of the Compensation that the dead letter names."""
    named = tenant.wait_until("DeadLetter", letter, lambda one: "compensationRef" in one["status"])
    return str(named["status"]["compensationRef"]["name"])


def receipts_of(tenant: Tenant, letter: str) -> list[Object]:
    """The specs of the receipts of its effect, in order."""
    effect = tenant.read("DeadLetter", letter)["spec"]["effectId"]
    specs = [one["spec"] for one in tenant.every("Receipt") if one["spec"]["effectId"] == effect]
    return sorted(specs, key=lambda spec: int(spec["sequence"]))


def steps(letter: Object) -> list[str]:
    """The phases it has come through."""
    return [step["to"] for step in letter["status"]["history"]]


def seconds_between(one: str, other: str) -> float:
    """From one time to another, as the API server writes them."""
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()

"""What an automation reports of one effect, and what has been put on record of it."""

from support.api import Object
from support.digests import short
from support.tenant import Tenant

KEY = "run-7/post"
EFFECT = f"effect-{short(KEY)}"
EVERYTHING: Object = {
    "error": "the board answered 503",
    "provider": "board",
    "tool": "board-cli",
    "target": "general",
    "idempotencyKey": KEY,
    "workflowRunId": "run-7",
    "nodeId": "step-3",
    "attempt": 4,
    "source": {"kind": "agent", "id": "writer"},
    "policyDecisionId": "decision-1",
    "contextAssertionId": "assertion-1",
    "input": {"text": "hello", "big": 2**60},
    "receipt": {"id": 17, "result": {"stored": False}},
}
"""Of an Action's spec: every field that an automation may report."""


def recorded(tenant: Tenant, name: str = "post") -> Object:
    """The Action, once what it reports is on record."""
    return tenant.ready("Action", name, "Recorded")


def names(tenant: Tenant, kind: str) -> list[str]:
    """The names of all objects of a kind."""
    return [one["metadata"]["name"] for one in tenant.every(kind)]

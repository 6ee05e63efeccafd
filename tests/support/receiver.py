"""A receiver of escalations: an address of the target, the Secret that names it, and its judgement.

It verifies as Standard Webhooks says, with code of its own: none of it is the operator's.
"""

import base64
import hmac
import json
from dataclasses import dataclass
from typing import Any

from support.manifests import unapproved
from support.namespaces import annotate
from support.target import Answer, Request, Route, Target, refused
from support.tenant import Tenant

KEY = base64.b64encode(b"thirty-two bytes that nobody has").decode()
PAGER = "pager"
RECEIVER = {"amends.dev/escalation-webhook-secret": PAGER}


@dataclass(frozen=True)
class Receiver:
    """Where the escalations of a tenant arrive."""

    route: Route

    @classmethod
    def of(cls, tenant: Tenant, target: Target, *answers: Answer) -> "Receiver":
        """The tenant's namespace tells it of whatever escalates."""
        receiver = cls(target.route(*answers))
        annotate(tenant, tenant.namespace, RECEIVER)
        receiver.known_to(tenant)
        return receiver

    def known_to(self, tenant: Tenant) -> None:
        """The Secret that names it."""
        tenant.secret(PAGER, url=self.route.url, secret=f"whsec_{KEY}")
        tenant.runner_may_read(PAGER)

    def events(self) -> list[dict[str, Any]]:
        """Every event that has arrived, each proved by its signature."""
        return [verified(request) for request in self.route.requests]


def verified(request: Request) -> dict[str, Any]:
    """The event in a request. Raises AssertionError unless exactly this was signed."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    wanted = base64.b64encode(hmac.digest(base64.b64decode(KEY), signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    event: dict[str, Any] = json.loads(request.body)
    assert event["id"] == headers["webhook-id"]
    return event


def doomed(name: str, target: Target, after_seconds: int = 0) -> dict[str, Any]:
    """An undo that the target refuses for good; payments owns it."""
    return unapproved(
        name,
        http={"url": target.route(refused(400)).url},
        escalation={"owner": "payments", "afterSeconds": after_seconds},
    )


def notice(compensation: dict[str, Any]) -> dict[str, Any]:
    """What is on record of the notice of an escalation; empty if there is none."""
    found: dict[str, Any] = compensation["status"].get("escalation", {}).get("notice", {})
    return found

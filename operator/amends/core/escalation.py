"""Escalation: what holds for a namespace, what is told to its receiver, what a delivery came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from amends.api.compensation import Compensation
from amends.api.escalation import Escalation
from amends.api.resource import GROUP, VERSION
from amends.api.wire import rfc3339

DEFAULT_AFTER = timedelta(hours=1)
"""How long a person may take where an owner or a receiver is named, and no time."""
EVENT_TYPE = f"{GROUP}.compensation.escalated"


@dataclass(frozen=True)
class Defaults:
    """What a namespace says of escalations. receiver: the Secret with the receiver's URL and key.
    Where it says nothing at all, only plans that ask for it escalate."""

    owner: str | None = None
    after: timedelta | None = None
    receiver: str | None = None


@dataclass(frozen=True)
class Delivered:
    """The receiver has acknowledged it."""


@dataclass(frozen=True)
class NotDelivered:
    """It has not, or nobody knows: it is sent again, and the receiver knows it by its id."""

    why: str


@dataclass(frozen=True)
class Delivery:
    """What this process knows of a delivery that it makes. came_to: None while it is under way.
    number: which attempt to deliver this notice, from 1."""

    id: str
    number: int
    came_to: Delivered | NotDelivered | None = None


def event_of(about: Compensation, escalation: Escalation) -> Mapping[str, Any]:
    """The notice as a CloudEvent 1.0: made of the record alone, so a repeat says the same."""
    notice, escalated_at = escalation.notice, escalation.escalated_at
    assert notice is not None  # a notice is made when it escalates
    assert escalated_at is not None
    meta, spec, status = about.metadata, about.spec, about.status
    data = {
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
        "owner": escalation.owner,
        "reason": escalation.reason,
        "message": escalation.message,
        "since": rfc3339(escalation.since) if escalation.since else None,
        "deadline": rfc3339(escalation.deadline) if escalation.deadline else None,
        "phase": str(status.phase),
        "attempts": status.attempts,
        "targetEffect": spec.target_effect,
        "runId": spec.run_id,
    }
    return {
        "specversion": "1.0",
        "id": notice.id,
        "source": f"/apis/{GROUP}/{VERSION}/namespaces/{meta.namespace}/compensations",
        "type": EVENT_TYPE,
        "subject": meta.name,
        "time": rfc3339(escalated_at),
        "datacontenttype": "application/json",
        "data": {field: value for field, value in data.items() if value is not None},
    }

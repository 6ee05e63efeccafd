"""Rest: what the end of an edited object is, and how people bring it there."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from chaos.edit_schema import Raw
from chaos.edit_subjects import Subject, where
from integration.cluster import Refused
from support.manifests import disposition, unique
from support.tenant import condition

SOON = 20.0
"""Seconds within which the operator tells of a new spec, or comes back to where it was."""
CLAIM = 20.0
LATE = CLAIM + SOON
"""Seconds within which it comes to rest where a claim may have to run out first."""


def ending(subject: Subject) -> Raw:
    """What remains of it: where it is, its ledger, its Receipts, its effects."""
    obj = subject.read()
    status, uid = obj.get("status", {}), obj["metadata"]["uid"]
    proofs = [
        one for one in subject.tenant.every("Receipt") if one["spec"]["subject"]["uid"] == uid
    ]
    outbox = status.get("outbox", {})
    return {
        "where": where(obj),
        "outbox": (outbox.get("phase"), outbox.get("outcome")),
        "attempts": status.get("attempts"),
        "receipts": len(proofs),
        "effects": len(subject.route.effects),
        "requests": len(subject.route.requests),
    }


def says(obj: Raw) -> bool:
    """Whether it says how it stands, or what it waits for."""
    return bool(condition(obj).get("reason") and condition(obj).get("message"))


def describe(obj: Raw) -> str:
    """Where it is, and what it says."""
    return f"{'/'.join(where(obj))}: {condition(obj).get('message', 'no condition')}"[:400]


def soon(holds: Callable[[], bool], seconds: float = SOON) -> bool:
    """Whether it holds within the time."""
    deadline = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


ENDS: Mapping[str, Sequence[str]] = {
    "Compensation": ("Completed", "Cancelled"),
    "DeadLetter": ("Ignored", "Resolved", "LinkedToCompensation"),
    "Action": ("Recorded",),
}


def brought_to_rest(subject: Subject) -> str | None:
    """People end it with what they always can do; what it says if that does not work."""
    subject.release()
    ends = ENDS.get(subject.kind)

    def over() -> bool:
        now = subject.read()
        return where(now)[0] in ends if ends is not None else says(now) or "status" not in now

    for way in _ways(subject):
        if soon(over, 2.0):
            return None
        try:
            way()
        except Refused as refusal:
            if refusal.code >= 500:
                raise
    return None if soon(over, LATE) else describe(subject.read())


def _ways(subject: Subject) -> Iterator[Callable[[], object]]:
    tenant, name = subject.tenant, subject.name
    match subject.kind:
        case "Compensation":
            yield lambda: tenant.change(name, cancel=True)
        case "DeadLetter":
            yield lambda: tenant.create(disposition(unique("alice-ends"), name), "alice")
        case "Action":
            yield lambda: tenant.patch("Action", name, {"spec": {"outcome": "succeeded"}})
        case _:
            pass

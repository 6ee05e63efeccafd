"""Objects as people write them, from the few words that a test is about."""

import itertools
from typing import Any

from amends.api import GROUP, VERSION

Object = dict[str, Any]

_numbers = itertools.count(1)


def unique(stem: str) -> str:
    """A name that nothing else in this run has."""
    return f"{stem}-{next(_numbers)}"


def manifest(kind: str, name: str, spec: Object) -> Object:
    """An object of one of our kinds."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def compensation(name: str, *, http: Object | None = None, **spec: Any) -> Object:
    """An undo: of an effect of its own, and only recorded, if nothing else is said."""
    execution: Object = {"record": {}} if http is None else {"http": {"method": "POST", **http}}
    plan = {"targetEffect": f"effect-{name}", "execution": execution, **spec}
    return manifest("Compensation", name, plan)


def unapproved(name: str, *, http: Object | None = None, **spec: Any) -> Object:
    """An undo that needs nobody's approval, and is tried again soon."""
    retry = {"maxAttempts": 3, "backoffSeconds": 1, "maxBackoffSeconds": 1}
    given = {"approval": {"required": False}, "retry": retry, **spec}
    return compensation(name, http=http, **given)


def action(name: str, outcome: str = "failed", **spec: Any) -> Object:
    """A report of an automation."""
    return manifest("Action", name, {"operation": "board.post", "outcome": outcome, **spec})


def approval(name: str, subject: str, *, planDigest: str, **spec: Any) -> Object:  # noqa: N803 - the field
    """A statement about a Compensation; Approve, if nothing else is said."""
    uid = spec.pop("uid", None)
    reference = {"name": subject} if uid is None else {"name": subject, "uid": uid}
    decided = {"decision": "Approve", "planDigest": planDigest, **spec}
    return manifest("Approval", name, {"subjectRef": reference, **decided})


def disposition(name: str, letter: str, choice: str = "Ignore", **spec: Any) -> Object:
    """A statement about a DeadLetter; Ignore, if nothing else is said."""
    given = {"deadLetterRef": {"name": letter}, "choice": choice, "reason": "of no account", **spec}
    return manifest("Disposition", name, given)


def attestation(
    name: str, subject: str, outcome: str = "Applied", *, kind: str = "Compensation", **spec: Any
) -> Object:
    """A statement about the first attempt of a Compensation, if nothing else is said."""
    given = {"attemptKey": f"{subject}:1", "reason": "I looked at the target", **spec}
    reference = {"kind": kind, "name": subject}
    return manifest("Attestation", name, {"subjectRef": reference, "outcome": outcome, **given})


def dead_letter(name: str, namespace: str, effect: str, **spec: Any) -> Object:
    """A failure, as the operator records it."""
    given = {
        "source": "tool_effect",
        "actionRef": {"name": "post"},
        "effectId": effect,
        "operation": "board.post",
        "reason": "503 Service Unavailable",
        "recoveryOptions": ["Retry", "Ignore", "Compensate"],
        "scope": {"namespace": namespace},
    }
    return manifest("DeadLetter", name, {**given, **spec})


NAMED = {
    "Action": "requester",
    "Compensation": "requester",
    "Approval": "actor",
    "Disposition": "actor",
    "Attestation": "actor",
}
"""The field of the spec that says who asks or who decides."""


def signed(obj: Object, user: str) -> Object:
    """The object in its author's name, as people write it where the server does not stamp it."""
    field = NAMED.get(obj["kind"])
    if field is None or user == "operator" or field in obj["spec"]:
        return obj
    return {**obj, "spec": {**obj["spec"], field: {"username": user}}}

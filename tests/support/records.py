"""Settled records as the API server stores them, from the few words that a row is about."""

from datetime import UTC, datetime, timedelta
from itertools import count

from amends.core.records import identity
from amends.core.records.digest import digest
from support.api import Object

NAMESPACE = "tenant-a"
NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)

_versions = count(1)


def ago(days: float) -> str:
    """So many days before NOW."""
    return (NOW - timedelta(days=days)).isoformat()


def record(kind: str, name: str, spec: Object, status: Object | None = None) -> Object:
    """An object; its uid tells its kind and name."""
    version = str(next(_versions))
    made: Object = {
        "apiVersion": "amends.dev/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid(kind, name),
            "resourceVersion": version,
            "creationTimestamp": ago(365),
        },
        "spec": spec,
    }
    return made if status is None else {**made, "status": status}


def uid(kind: str, name: str) -> str:
    """The uid of a record of that name."""
    return f"uid-{kind}-{name}"


def ready(days: float) -> Object:
    """The conditions of an object that came to rest so many days ago."""
    return {
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "observedGeneration": 1,
                "lastTransitionTime": ago(days),
                "reason": "Settled",
                "message": "",
            }
        ]
    }


def history(days: float, to: str) -> Object:
    """A history that ended so many days ago; it began long before."""
    first = {"from": "A", "to": "B", "time": ago(300), "actor": "amends", "reason": ""}
    return {"history": [first, {**first, "from": "B", "to": to, "time": ago(days)}]}


def action(
    name: str = "post",
    days: float = 40,
    *,
    key: str | None = "key-1",
    phase: str = "Recorded",
    outcome: str = "Succeeded",
    outbox: str = "Sent",
) -> Object:
    """An Action whose outcome was recorded so many days ago."""
    spec = {"operation": "board.post"} | ({"idempotencyKey": key} if key is not None else {})
    effect = effect_of(name, key)
    status = {
        "phase": phase,
        "effect": {"id": effect, "outcome": outcome},
        "outbox": {"id": "outbox-1", "operation": "board.post", "phase": outbox},
        **ready(days),
    }
    return record("Action", name, spec, status)


def effect_of(name: str = "post", key: str | None = "key-1") -> str:
    """The effect of an Action of that name with that key."""
    spec = {"idempotencyKey": key} if key is not None else {}
    return identity.effect_of({"metadata": {"name": name}, "spec": spec})


EFFECT = effect_of()


def letter(
    name: str = "letter",
    days: float = 40,
    *,
    phase: str = "Resolved",
    settled: bool = True,
    effect: str = EFFECT,
    compensation: str | None = None,
) -> Object:
    """A DeadLetter that was settled so many days ago."""
    spec = {
        "source": "tool_effect",
        "actionRef": {"name": "post"},
        "effectId": effect,
        "operation": "board.post",
        "reason": "503",
        "recoveryOptions": ["Retry"],
        "scope": {"namespace": NAMESPACE},
    }
    named = {} if compensation is None else {"compensationRef": {"name": compensation}}
    status = {"phase": phase, "settled": settled, **named, **history(days, phase)}
    return record("DeadLetter", name, spec, status)


def compensation(
    name: str = "undo", days: float = 40, *, phase: str = "Completed", effect: str = EFFECT
) -> Object:
    """A Compensation that ended so many days ago."""
    spec = {"targetEffect": effect, "execution": {"record": {}}}
    return record("Compensation", name, spec, {"phase": phase, **history(days, phase)})


def approval(
    name: str = "yes", days: float = 40, *, subject: str = "undo", settled: bool = True
) -> Object:
    """An Approval that was counted so many days ago, for the Compensation of that name."""
    spec = {
        "subjectRef": {"name": subject},
        "planDigest": digest("plan"),
        "decision": "Approve",
        "actor": {"username": "alice"},
    }
    bound = {"settled": settled, "boundUid": uid("Compensation", subject)}
    return record("Approval", name, spec, {**bound, **ready(days)})


def disposition(
    name: str = "ignore", days: float = 40, *, subject: str = "letter", settled: bool = True
) -> Object:
    """A Disposition that took effect so many days ago, on the DeadLetter of that name."""
    spec = {"deadLetterRef": {"name": subject}, "choice": "Ignore", "reason": "known"}
    bound = {"settled": settled, "boundUid": uid("DeadLetter", subject)}
    return record("Disposition", name, spec, {**bound, **ready(days)})


def receipt(
    days: float = 40,
    *,
    subject: tuple[str, str] = ("Action", "post"),
    effect: str = EFFECT,
    sequence: int = 1,
) -> Object:
    """The n-th evidence of an effect."""
    kind, name = subject
    earlier = {"supersedes": {"name": f"{effect}-{sequence - 1}"}} if sequence > 1 else {}
    spec = {
        "subject": {"kind": kind, "name": name, "uid": uid(kind, name)},
        "source": "tool_effect" if kind != "Compensation" else "compensation",
        "effectId": effect,
        "outboxId": "outbox-1",
        "outcome": "Succeeded",
        "operation": "board.post",
        "scope": {"namespace": NAMESPACE},
        "sequence": sequence,
        "payloadDigest": digest("payload"),
        "payload": {"input": {"channel": "general"}},
        "pointer": f"external-action://{name}",
        "recordedAt": ago(days),
        "auditHash": digest("audit"),
        **earlier,
    }
    return record("Receipt", f"{effect}-{sequence}", spec)

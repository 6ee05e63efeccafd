"""N1: how many outcomes nobody knows, and since when, as the metrics tell it."""

from datetime import UTC, datetime
from typing import Any

from amends.kube.cache import Cache
from amends.runtime.unknown import UnknownOutcomes


class Nine:
    def now(self) -> datetime:
        return datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


def stored(name: str, *conditions: dict[str, str]) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"}
    status = {"phase": "Running", "conditions": list(conditions)}
    spec = {"targetEffect": "effect-1"}
    return {"kind": "Compensation", "metadata": meta, "spec": spec, "status": status}


def reported(name: str, created: str, outcome: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1"}
    status = {"phase": "Pending", "effect": {"id": f"effect-{name}", "outcome": outcome}}
    spec = {"operation": "board.post"}
    metadata = {**meta, "creationTimestamp": created}
    return {"kind": "Action", "metadata": metadata, "spec": spec, "status": status}


def since(time: str, *, status: str = "True") -> dict[str, str]:
    moment = f"2026-01-31T{time}:00.000Z"
    return {"type": "OutcomeUnknown", "status": status, "lastTransitionTime": moment}


def test_n1_the_oldest_unknown_outcome_is_told_with_its_age() -> None:
    cache = Cache()
    cache.put(stored("known"))
    cache.put(stored("settled", since("06:00", status="False")))
    cache.put(stored("new", since("08:59")))
    cache.put(stored("old", since("08:00")))
    unknown = UnknownOutcomes(cache, Nine())
    assert unknown.by_kind() == {("Action",): 0, ("Compensation",): 2, ("DeadLetter",): 0}
    assert unknown.oldest() == {("Action",): 0, ("Compensation",): 3600, ("DeadLetter",): 0}


def test_n1_an_action_is_unknown_from_its_report_on() -> None:
    cache = Cache()
    for name, created, outcome in (("lost", "08:30", "Unknown"), ("queued", "08:00", "Pending")):
        cache.put(reported(name, f"2026-01-31T{created}:00Z", outcome))
    unknown = UnknownOutcomes(cache, Nine())
    assert unknown.by_kind() == {("Action",): 1, ("Compensation",): 0, ("DeadLetter",): 0}
    assert unknown.oldest() == {("Action",): 1800, ("Compensation",): 0, ("DeadLetter",): 0}

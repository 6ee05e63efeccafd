"""What a node says of a pod beside its status: in Events. Pure.

A kubelet writes them one after the other, in the order in which things happen to all of its pods,
and when it has time. So how late the start of a container was told says how late its end may be.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from amends.executors.job.pods import EVICTED
from amends.ports import Raw

_STARTED = "Started"
_KILLING = "Killing"


def why_stopped(events: Iterable[Raw], container: str) -> str | None:
    """What its node said when it stopped the container, None if it did not.

    A program that then ends with 0 leaves a pod that has succeeded: of an eviction or a failed
    probe nothing but Events tell. events: of one pod.
    """
    said = {
        str(event.get("reason")): _words(event) for event in events if _is_about(event, container)
    }
    if _KILLING not in said:
        return None
    if "Evicted" in said:
        return f"{EVICTED}: {said['Evicted']}"
    reason = "Unhealthy" if "Unhealthy" in said else _KILLING
    return f"was stopped by its node: {reason}: {said[reason]}"


def delay(events: Iterable[Raw], container: str) -> timedelta | None:
    """How late its node has told that the container has started, None if it has not told yet."""
    for event in events:
        if event.get("reason") == _STARTED and _is_about(event, container):
            happened = event.get("firstTimestamp") or event.get("eventTime")
            if happened is None:
                return timedelta(0)
            stored = datetime.fromisoformat(event["metadata"]["creationTimestamp"])
            return max(stored - datetime.fromisoformat(happened), timedelta(0))
    return None


def _is_about(event: Raw, container: str) -> bool:
    where = event["involvedObject"].get("fieldPath") or ""
    return where in ("", f"spec.containers{{{container}}}")


def _words(event: Raw) -> str:
    return " ".join(str(event.get("message") or "no message").split())[:500].rstrip(". ")

"""How one pod of a Job fared: whether its program began, how it ended, and who ended it. Pure.

The line that matters is the start of the container. Before it, whatever goes wrong is NotApplied;
it has to be proved, though: by the kubelet's last word, or because no node ever had the pod.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from amends.ports import Raw

LOST = "ContainerStatusUnknown"
"""The kubelet's reason where it no longer finds a container."""

NEVER_RAN = ("StartError", "ContainerCannotRun")
"""Reasons of a container that the runtime could not start, with an exit code all the same."""

STUCK = (
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
)
"""Reasons for which a container waits that it rarely leaves without a person's help."""

KEPT_OF_LOG = 2048
KEPT_OF_FILE = 4096
KEPT_OF_POD = 12 * 1024
"""Bytes that the kubelet keeps of a message: the last ones of a log, the first ones of a file, and
an equal share of the last number for each container of the pod."""

_FIXES = {
    "Unschedulable": "change what the template asks of a node (resources.requests, nodeSelector, "
    "affinity, tolerations), or add a node that has it",
    "CreateContainerConfigError": "create what is missing, or change the template",
    "StartError": "change command in the template, or its image",
    **dict.fromkeys(
        ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"),
        "change image, imagePullPolicy or imagePullSecrets in the template, or push the image",
    ),
}
"""What a person can do about a reason for which a container does not begin."""

EVICTED = "was evicted by its node"
_OUTSIDE = {
    "EvictionByEvictionAPI": "was evicted through the API",
    "TerminationByKubelet": EVICTED,
    "DeletionByTaintManager": "was evicted, as its node got a taint",
    "PreemptionByScheduler": "made way for a pod of higher priority",
    "DeletionByPodGC": "was lost with its node",
}


@dataclass(frozen=True)
class Ended:
    """The container ended, with this code.

    message: what it said last, as far as the kubelet keeps that; shown: the lines of it that are
    whole. by_itself: nobody had asked it to stop before.
    """

    code: int
    reason: str
    started_at: str | None
    finished_at: str | None
    message: str
    shown: str
    by_itself: bool


@dataclass(frozen=True)
class Fate:
    """What is certain about a pod.

    started: None if nobody can tell. disturbed: who or what ended it from outside, in words.
    waits: why it has not begun yet.
    """

    pod: str
    over: bool
    started: bool | None
    ended: Ended | None
    disturbed: str | None
    waits: str | None
    stuck: bool
    failed_before: str | None
    """The container that failed before the one that counts."""

    def after(self, earlier: "Fate | None") -> "Fate":
        """The same, with what an earlier version told and this one no longer does.

        How it ended is what the first version said that knew it: a pod may be deleted afterwards.
        """
        if earlier is None:
            return self
        return replace(self, waits=self.waits or earlier.waits, ended=earlier.ended or self.ended)

    def stopped(self, why: str) -> "Fate":
        """The same, now that it is known who stopped it."""
        ended = replace(self.ended, by_itself=False) if self.ended is not None else None
        return replace(self, ended=ended, disturbed=self.disturbed or why)


def fate_of(pod: Raw, container: str, *, gone: bool = False, ran: bool = False) -> Fate:
    """What this version of it tells. gone: it is deleted. ran: its container was seen to run."""
    status = pod.get("status", {})
    state = _state(status.get("containerStatuses", []), container)
    over = gone or status.get("phase") in ("Succeeded", "Failed")
    disturbance = _disturbance(pod, status)
    waiting = [_hindered(state), *_waiting_before(status)]
    failed_before = _failed_before(status)
    return Fate(
        pod=pod["metadata"]["name"],
        over=over,
        started=_started(pod, state, container, ran=ran, over=over),
        ended=_ended(pod["spec"], state, container, disturbance),
        disturbed=disturbance.words if disturbance is not None else None,
        waits=_waits(status, waiting, failed_before),
        stuck=any(one.get("reason") in STUCK for one in waiting),
        failed_before=failed_before[0] if failed_before is not None else None,
    )


def has_run(pod: Raw, container: str) -> bool:
    """Whether the container runs or has run."""
    found = _status(pod.get("status", {}).get("containerStatuses", []), container)
    state = found.get("state", {})
    terminated = state.get("terminated", {})
    ran = terminated.get("reason") not in (None, LOST, *NEVER_RAN)
    # There is no second time here, so a last state is of one that ran and was lost.
    return "running" in state or ran or bool(found.get("lastState"))


def _status(statuses: Sequence[Mapping[str, Any]], container: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((one for one in statuses if one["name"] == container), {})
    return found


def _state(statuses: Sequence[Mapping[str, Any]], container: str) -> Mapping[str, Any]:
    state: Mapping[str, Any] = _status(statuses, container).get("state", {})
    return state


def _started(
    pod: Raw, state: Mapping[str, Any], container: str, *, ran: bool, over: bool
) -> bool | None:
    if ran or has_run(pod, container):
        return True
    if state.get("terminated", {}).get("reason") in NEVER_RAN:
        return False
    if "nodeName" not in pod["spec"]:
        return False  # no kubelet ever had it; and one that is to go is given to none
    status = pod.get("status", {})
    if not over:
        return None if "deletionTimestamp" in pod["metadata"] else False
    if status.get("phase") != "Failed" or _cause(status) == "DeletionByPodGC":
        return None  # not the kubelet's word
    names = [one for one in status.get("containerStatuses", []) if one["name"] == container]
    return None if any(one.get("containerID") for one in names) else False


@dataclass(frozen=True)
class _Disturbance:
    words: str
    since: datetime | None
    """None: whatever came after may have come from it."""


def _disturbance(pod: Raw, status: Mapping[str, Any]) -> _Disturbance | None:
    if status.get("reason") == "Evicted":
        said = str(status.get("message") or "no reason given").rstrip(". ")
        return _Disturbance(f"{EVICTED}: {said}", None)
    metadata, cause = pod["metadata"], _cause(status)
    words = _OUTSIDE.get(cause or "", "was ended from outside")
    if "deletionTimestamp" in metadata:
        grace = metadata.get("deletionGracePeriodSeconds") or 0
        at = datetime.fromisoformat(metadata["deletionTimestamp"]) - timedelta(seconds=grace)
        # None left: the kubelet has asked once more, in the end, and when it began is lost.
        return _Disturbance("was deleted" if cause is None else words, at if grace else None)
    return _Disturbance(words, None) if cause is not None else None


def _cause(status: Mapping[str, Any]) -> str | None:
    found: Iterator[str] = (
        str(one.get("reason"))
        for one in status.get("conditions", [])
        if one["type"] == "DisruptionTarget" and one["status"] == "True"
    )
    return next(found, None)


def _ended(
    spec: Mapping[str, Any],
    state: Mapping[str, Any],
    container: str,
    disturbance: _Disturbance | None,
) -> Ended | None:
    terminated = state.get("terminated")
    if terminated is None or terminated.get("reason") == LOST:
        return None
    finished, message = terminated.get("finishedAt"), terminated.get("message") or ""
    return Ended(
        code=terminated["exitCode"],
        reason=terminated.get("reason") or "no reason given",
        started_at=terminated.get("startedAt"),
        finished_at=finished,
        message=message,
        shown=_whole_lines(message, spec, container),
        by_itself=disturbance is None or _before(finished, disturbance.since),
    )


def _whole_lines(message: str, spec: Mapping[str, Any], container: str) -> str:
    """Without the lines that the kubelet may have cut: half a secret cannot be recognised."""
    every = [*spec.get("initContainers", []), *spec.get("containers", [])]
    policies = [one.get("terminationMessagePolicy") for one in every if one["name"] == container]
    size = len(message.encode(errors="replace"))
    if size >= min(KEPT_OF_FILE, KEPT_OF_POD // max(len(every), 1)):
        message = message.rpartition("\n")[0]
    if size >= KEPT_OF_LOG and "FallbackToLogsOnError" in policies:
        message = message.partition("\n")[2]
    return message


def _before(finished: str | None, since: datetime | None) -> bool:
    """In whole seconds, so that what is not certain counts as not so."""
    return finished is not None and since is not None and datetime.fromisoformat(finished) < since


def _failed_before(status: Mapping[str, Any]) -> tuple[str, int] | None:
    """The init container that ended badly, and its code."""
    for one in status.get("initContainerStatuses", []):
        terminated = one.get("state", {}).get("terminated")
        if terminated is not None and terminated["exitCode"] != 0:
            return one["name"], terminated["exitCode"]
    return None


def _waits(
    status: Mapping[str, Any],
    waiting: Sequence[Mapping[str, Any]],
    failed_before: tuple[str, int] | None,
) -> str | None:
    if failed_before is not None:
        return f"init container {failed_before[0]} ended with exit code {failed_before[1]}"
    for one in status.get("conditions", []):
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return _with_fix(one)
    for one in waiting:
        if one.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return _with_fix(one)
    if status.get("phase") == "Failed" and status.get("reason") is not None:
        return f"{status['reason']}: {status.get('message') or 'no message'}"
    return None


def _with_fix(hindrance: Mapping[str, Any]) -> str:
    reason, message = hindrance.get("reason"), hindrance.get("message") or "no message"
    fix = _FIXES.get(str(reason))
    return f"{reason}: {message}" + (f" ({fix})" if fix is not None else "")


def _hindered(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Why the container does not run, if the runtime or the kubelet says so."""
    terminated: Mapping[str, Any] = state.get("terminated", {})
    waiting: Mapping[str, Any] = state.get("waiting", {})
    return terminated if terminated.get("reason") in NEVER_RAN else waiting


def _waiting_before(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for one in status.get("initContainerStatuses", []):
        yield one.get("state", {}).get("waiting", {})

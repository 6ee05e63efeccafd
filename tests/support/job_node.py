"""What runs a Job where no kubelet does: its pod says what a test wants to have happened."""

from support.api import MERGE_PATCH, Object
from support.tenant import SECONDS, Tenant
from waiting import wait_for

STARTED = "2026-01-01T00:00:00Z"
ENDED = "2026-01-01T00:00:07Z"
CONTAINER = "spec.containers{undo}"


def pod_of(job: Object) -> Object:
    """The pod that the Job controller would make, as if a scheduler had placed it."""
    template = job["spec"]["template"]
    metadata = {"name": f"{job['metadata']['name']}-1", **template["metadata"]}
    return {"metadata": metadata, "spec": {**template["spec"], "nodeName": "none"}}


def running() -> Object:
    """What a kubelet reports of a pod whose program runs."""
    return _reported("Running", {"running": {"startedAt": STARTED}})


def told(pod: Object) -> Object:
    """The Event by which a kubelet lets know, at once, that the program of a stored pod runs."""
    meta = pod["metadata"]
    named = {name: meta[name] for name in ("name", "namespace", "uid")}
    return {
        "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", **named, "fieldPath": CONTAINER},
        "reason": "Started",
        "type": "Normal",
    }


def ended(code: int, message: str = "") -> tuple[Object, Object]:
    """What a kubelet reports of a pod that has ended, and the Job controller of its Job."""
    phase, reason = ("Succeeded", "Completed") if code == 0 else ("Failed", "Error")
    times = {"startedAt": STARTED, "finishedAt": ENDED}
    terminated = {"exitCode": code, "reason": reason, "message": message, **times}
    criterion, condition = (
        ("SuccessCriteriaMet", "Complete") if code == 0 else ("FailureTarget", "Failed")
    )
    times = {"startTime": STARTED, **({"completionTime": ENDED} if code == 0 else {})}
    found = [
        {"type": kind, "status": "True", "reason": "x", "lastTransitionTime": ENDED}
        for kind in (criterion, condition)
    ]
    of_job = {"status": {**times, phase.lower(): 1, "conditions": found}}
    return _reported(phase, {"terminated": terminated}), of_job


def _reported(phase: str, state: Object) -> Object:
    container = {
        "name": "undo",
        "image": "x",
        "imageID": "x",
        "restartCount": 0,
        "ready": False,
        "containerID": "containerd://1",
        "state": state,
    }
    return {"status": {"phase": phase, "containerStatuses": [container]}}


class Node:
    """What the Job controller, the garbage collector and a kubelet would do for a tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._admin = tenant.installed.user("admin")
        self._pods = f"/api/v1/namespaces/{tenant.namespace}/pods"
        self._events = f"/api/v1/namespaces/{tenant.namespace}/events"
        self._jobs = f"/apis/batch/v1/namespaces/{tenant.namespace}/jobs"

    def jobs(self) -> list[Object]:
        items: list[Object] = self._admin.call("GET", self._jobs)["items"]
        return items

    def runs(self) -> None:
        """The Job's pod is made, and its program runs."""
        wait_for(self.jobs, seconds=SECONDS, what="a Job")
        (job,) = self.jobs()
        pod = self._admin.call("POST", self._pods, pod_of(job))
        self._report(running())
        self._admin.call("POST", self._events, told(pod))

    def ends(self, code: int, message: str = "") -> None:
        """The program ends, and with it the pod and the Job."""
        of_pod, of_job = ended(code, message)
        self._report(of_pod)
        (job,) = self.jobs()
        self._patch(f"{self._jobs}/{job['metadata']['name']}/status", of_job)

    def is_being_deleted(self) -> bool:
        """Whether somebody has asked for that."""
        (job,) = self.jobs()
        return "deletionTimestamp" in job["metadata"]

    def is_deleted(self) -> None:
        """Somebody deletes all of it at once."""
        (job,) = self.jobs()
        name = job["metadata"]["name"]
        for path in (f"{self._pods}/{name}-1", f"{self._jobs}/{name}"):
            at_once = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
            self._admin.call("DELETE", path, at_once)

    def is_collected(self) -> None:
        """Its program is killed, and then all of it goes."""
        (job,) = self.jobs()
        pod = f"{self._pods}/{job['metadata']['name']}-1"
        self._admin.call("DELETE", pod, {})
        times = {"startedAt": STARTED, "finishedAt": "2100-01-01T00:00:00Z"}
        killed = {"terminated": {"exitCode": 143, "reason": "Error", **times}}
        self._report(_reported("Failed", killed))
        self._admin.call("DELETE", pod, {"gracePeriodSeconds": 0})
        path = f"{self._jobs}/{job['metadata']['name']}"
        self._patch(path, {"metadata": {"finalizers": None}})

    def _report(self, status: Object) -> None:
        (job,) = self.jobs()
        self._patch(f"{self._pods}/{job['metadata']['name']}-1/status", status)

    def _patch(self, path: str, change: Object) -> None:
        self._admin.call("PATCH", path, change, content_type=MERGE_PATCH)

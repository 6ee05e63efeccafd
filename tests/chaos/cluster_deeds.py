"""Deeds in the cluster: the undo of a story changes an object there, or runs as a Job."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from amends.kube.paths import MERGE_PATCH
from amends.ports import Gone, Raw
from chaos.deeds import Deed, Place
from support.api import Object
from support.job_node import ended, pod_of, running, told

CORRECTED = "as it was before"


class OfAnObject(Deed):
    """A ConfigMap of the namespace is deleted."""

    sends = "delete configmaps"
    for_a_tenant = True
    named = "posted"
    change: ClassVar[Raw] = {"operation": "Delete"}

    def plan(self, origin: str, safety: str) -> Raw:
        named = {"apiVersion": "v1", "kind": "ConfigMap", "name": self.named}
        return {"execution": {"kubernetes": {**self.change, **named}}}

    async def prepare(self, place: Place) -> None:
        body = {"metadata": {"name": self.named}, "data": {"text": "posted by mistake"}}
        await place.scene.admin.call("POST", self._path(place), body=body)

    async def effects(self, place: Place) -> int:
        try:
            found = await place.scene.admin.call("GET", f"{self._path(place)}/{self.named}")
        except Gone:
            found = None
        return int(self.is_done(found))

    def is_done(self, found: Raw | None) -> bool:
        """Whether the object, or that there is none, shows the effect."""
        return found is None

    def _path(self, place: Place) -> str:
        return f"/api/v1/namespaces/{place.namespace}/configmaps"


class PatchOfAnObject(OfAnObject):
    """What a ConfigMap says is taken out of it."""

    sends = "patch configmaps"
    change: ClassVar[Raw] = {"operation": "Patch", "patch": {"merge": {"data": {"text": None}}}}

    def is_done(self, found: Raw | None) -> bool:
        return found is not None and "text" not in found.get("data", {})


class ApplyOfAnObject(OfAnObject):
    """A ConfigMap is made to say something else."""

    sends = "patch configmaps"
    change: ClassVar[Raw] = {"operation": "Apply", "manifest": {"data": {"text": CORRECTED}}}

    def is_done(self, found: Raw | None) -> bool:
        return found is not None and bool(found["data"]["text"] == CORRECTED)


class ByJob(Deed):
    """A Job; no kubelet runs here, so what it does is that it ended well."""

    sends = "create jobs"
    for_a_tenant = True

    def plan(self, origin: str, safety: str) -> Raw:
        container = {"name": "undo", "image": "registry.example.com/undo:1"}
        template = {"spec": {"containers": [container]}}
        return {"execution": {"job": {"template": template, "retrySafety": safety}}}

    async def prepare(self, place: Place) -> None:
        path = f"/api/v1/namespaces/{place.namespace}/serviceaccounts"
        await place.scene.admin.call("POST", path, body={"metadata": {"name": "amends-runner"}})

    async def attend(self, place: Place) -> None:
        """Be the Job controller and the kubelet, for one Job."""

        job = await self._job(place)
        name, admin = job["metadata"]["name"], place.scene.admin
        core = f"/api/v1/namespaces/{place.namespace}"
        pod = await admin.call("POST", f"{core}/pods", body=pod_of(job))
        await admin.call("POST", f"{core}/events", body=told(pod))
        of_pod, of_job = ended(0)
        for path, status in (
            (f"{core}/pods/{name}-1", running()),
            (f"{core}/pods/{name}-1", of_pod),
            (f"{self._path(place)}/{name}", of_job),
        ):
            await admin.call("PATCH", f"{path}/status", body=status, content_type=MERGE_PATCH)

    async def effects(self, place: Place) -> int:
        return len(await self._jobs(place))

    async def _job(
        self, place: Place, is_so: Callable[[Object], bool] = lambda job: True
    ) -> Object:
        """The Job, as soon as that holds. No mirror shows it, so the server is asked."""
        while True:
            if jobs := [job for job in await self._jobs(place) if is_so(job)]:
                return jobs[0]
            await asyncio.sleep(0.2)

    async def _jobs(self, place: Place) -> list[Object]:
        found: list[Object] = (await place.scene.admin.call("GET", self._path(place)))["items"]
        return found

    def _path(self, place: Place) -> str:
        return f"/apis/batch/v1/namespaces/{place.namespace}/jobs"


class JobCancelled(ByJob):
    """A Job that alice has stopped before its pod is there; no collector runs here either."""

    last_trace = "delete jobs"

    async def attend(self, place: Place) -> None:
        await self._job(place)
        (undo,) = (await place.seen())["Compensation"]
        cancelled = {"spec": {"cancel": True}}
        await place.change(place.scene.alice, "Compensation", undo["metadata"]["name"], cancelled)
        job = await self._job(place, lambda job: "deletionTimestamp" in job["metadata"])
        await place.scene.admin.call(
            "PATCH",
            f"{self._path(place)}/{job['metadata']['name']}",
            body={"metadata": {"finalizers": None}},
            content_type=MERGE_PATCH,
        )

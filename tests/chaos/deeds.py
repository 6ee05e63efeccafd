"""Deeds: by which executor the undo of a story is carried out, and what the world does besides."""

import asyncio
from typing import Any, Protocol

from board import Board

from amends.kube.paths import MERGE_PATCH
from amends.ports import Gone, Raw
from chaos.rig import Scene
from support.api import Object
from support.job_node import ended, pod_of, running

SENT = "run http"
"""The name of a request to a target."""
PROBED = "probe http"
"""The name of a question to a target."""
MESSAGE = "m-1"

ALICE_SAW = "alice-saw"


class Place(Protocol):
    """Where a story is told."""

    scene: Scene
    namespace: str
    origin: str
    board: Board

    async def seen(self) -> dict[str, list[Raw]]:
        """What is there, as it is known to whoever waits for it."""

    async def create(self, by: Any, kind: str, name: str, spec: Raw) -> None:
        """Somebody creates an object of ours."""


class Deed:
    """How it is done."""

    sends = SENT
    """What the call is named that has the effect; empty: a person brings it about."""
    for_a_tenant = False
    """Whether the API server is asked for it as the tenant's account."""
    probes = 0
    """How often the target is asked what has become of it, before a person has to look."""

    def plan(self, origin: str, safety: str) -> Raw:
        """What the plan says of it."""
        raise NotImplementedError

    async def prepare(self, place: Place) -> None:
        """What has to be there before."""

    async def attend(self, place: Place) -> None:
        """What others do, once it has begun."""

    async def effects(self, place: Place) -> int:
        """How often it really happened; by default, on the board."""
        return place.board.effects.total()


class ByHttp(Deed):
    """One request removes the message from the board."""

    def plan(self, origin: str, safety: str) -> Raw:
        return {"execution": {"http": request(origin, safety)}}


class Verified(ByHttp):
    """The same, and the board is asked where nobody knows.

    Not at once: what was given up after its time-out may still arrive a second later.
    """

    probes = 2

    def plan(self, origin: str, safety: str) -> Raw:
        gone = {"path": "$.messages", "equals": []}
        asked = {"url": f"{origin}/messages", "assertions": [gone], "otherwise": "NotApplied"}
        verify = {"http": asked, "afterSeconds": 2, "attempts": self.probes}
        return {**super().plan(origin, safety), "verify": verify}


class WithASecret(ByHttp):
    """The same, with a header from a Secret, which is read right before."""

    for_a_tenant = True
    named = "board"

    def plan(self, origin: str, safety: str) -> Raw:
        reference = {"secretKeyRef": {"name": self.named, "key": "token"}}
        headers = [{"name": "X-Token", "valueFrom": reference}]
        return {"execution": {"http": {**request(origin, safety), "headers": headers}}}

    async def prepare(self, place: Place) -> None:
        body = {"metadata": {"name": self.named}, "stringData": {"token": "s3cret-of-the-board"}}
        path = f"/api/v1/namespaces/{place.namespace}/secrets"
        await place.scene.admin.call("POST", path, body=body)


class ByHand(Deed):
    """alice removes the message herself, once, and says so."""

    sends = ""

    def plan(self, origin: str, safety: str) -> Raw:
        return {"execution": {"manual": {"instructions": "remove the message"}}}

    async def attend(self, place: Place) -> None:
        async def asked() -> bool:
            return bool(await _attempt(place))

        await place.scene.until(place.namespace, asked)
        # By no way that an operator's death could cut off.
        place.board.effects["by hand"] += place.board.messages.pop(MESSAGE, None) is not None
        undo, key = (await _attempt(place))[0]
        spec = {
            "subjectRef": {"kind": "Compensation", "name": undo},
            "attemptKey": key,
            "outcome": "Applied",
            "reason": "I did it",
        }
        await place.create(place.scene.alice, "Attestation", ALICE_SAW, spec)


class OfAnObject(Deed):
    """A ConfigMap of the namespace is deleted."""

    sends = "delete configmaps"
    for_a_tenant = True
    named = "posted"

    def plan(self, origin: str, safety: str) -> Raw:
        named = {"apiVersion": "v1", "kind": "ConfigMap", "name": self.named}
        return {"execution": {"kubernetes": {"operation": "Delete", **named}}}

    async def prepare(self, place: Place) -> None:
        body = {"metadata": {"name": self.named}, "data": {"text": "posted by mistake"}}
        await place.scene.admin.call("POST", self._path(place), body=body)

    async def effects(self, place: Place) -> int:
        try:
            await place.scene.admin.call("GET", f"{self._path(place)}/{self.named}")
        except Gone:
            return 1
        return 0

    def _path(self, place: Place) -> str:
        return f"/api/v1/namespaces/{place.namespace}/configmaps"


class PatchOfAnObject(OfAnObject):
    """What a ConfigMap says is taken out of it."""

    sends = "patch configmaps"

    def plan(self, origin: str, safety: str) -> Raw:
        named = {"apiVersion": "v1", "kind": "ConfigMap", "name": self.named}
        patch = {"merge": {"data": {"text": None}}}
        return {"execution": {"kubernetes": {"operation": "Patch", **named, "patch": patch}}}

    async def effects(self, place: Place) -> int:
        found = await place.scene.admin.call("GET", f"{self._path(place)}/{self.named}")
        return int("text" not in found.get("data", {}))


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

        job = await self._begun(place)
        name, admin = job["metadata"]["name"], place.scene.admin
        pods = f"/api/v1/namespaces/{place.namespace}/pods"
        await admin.call("POST", pods, body=pod_of(job))
        of_pod, of_job = ended(0)
        for path, status in (
            (f"{pods}/{name}-1", running()),
            (f"{pods}/{name}-1", of_pod),
            (f"{self._path(place)}/{name}", of_job),
        ):
            await admin.call("PATCH", f"{path}/status", body=status, content_type=MERGE_PATCH)

    async def effects(self, place: Place) -> int:
        return len(await self._jobs(place))

    async def _begun(self, place: Place) -> Object:
        """No mirror shows it, so the server is asked."""
        while True:
            if jobs := await self._jobs(place):
                return jobs[0]
            await asyncio.sleep(0.2)

    async def _jobs(self, place: Place) -> list[Object]:
        found: list[Object] = (await place.scene.admin.call("GET", self._path(place)))["items"]
        return found

    def _path(self, place: Place) -> str:
        return f"/apis/batch/v1/namespaces/{place.namespace}/jobs"


def request(origin: str, safety: str) -> Raw:
    """What removes the message from the board."""
    return {
        "method": "DELETE",
        "url": f"{origin}/messages/{MESSAGE}",
        "retrySafety": safety,
    }


async def _attempt(place: Place) -> list[tuple[str, str]]:
    """The undo that waits for what somebody does by hand, and the attempt."""
    return [
        (undo["metadata"]["name"], undo["status"]["outbox"]["attemptKey"])
        for undo in (await place.seen())["Compensation"]
        if undo["status"]["phase"] == "Running" and "attemptKey" in undo["status"].get("outbox", {})
    ]

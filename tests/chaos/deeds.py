"""Deeds: by which executor the undo of a story is carried out, and what the world does besides."""

from collections.abc import Sequence
from typing import Any, Protocol

from aiohttp import web
from board import Board

from amends.kube.paths import MERGE_PATCH
from amends.ports import Raw
from chaos.rig import Scene

SENT = "run http"
"""The name of a request to a target."""
PROBED = "probe http"
"""The name of a question to a target."""
BESIDE_THE_BOARD = {"/token": "ask for a token", "/pager": "send a notice"}
"""What else a story's target serves, and how a request to it is named."""
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

    async def change(self, by: Any, kind: str, name: str, change: Raw) -> None:
        """Somebody changes an object of ours."""


class Deed:
    """How it is done."""

    sends = SENT
    """What the call is named that has the effect; empty: a person brings it about."""
    for_a_tenant = False
    """Whether the API server is asked for it as the tenant's account."""
    last_trace = ""
    """The call after which nothing tells any more whether it had begun; empty: there is none."""
    probes = 0
    """How often the target is asked what has become of it, before a person has to look."""

    def plan(self, origin: str, safety: str) -> Raw:
        """What the plan says of it."""
        raise NotImplementedError

    async def prepare(self, place: Place) -> None:
        """What has to be there before."""

    def routes(self, notices: set[str]) -> Sequence[web.RouteDef]:
        """What its target serves beside the board. notices: the ids of those that have arrived."""
        return ()

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
        await _keep_secret(place, self.named, token="s3cret-of-the-board")


class WithAToken(ByHttp):
    """The same, with a token of OAuth2 that is asked for right before."""

    for_a_tenant = True
    named = "client"

    def plan(self, origin: str, safety: str) -> Raw:
        client = {"clientId": "amends", "clientSecretFrom": {"name": self.named, "key": "secret"}}
        oauth2 = {"tokenUrl": f"{origin}/token", **client}
        return {"execution": {"http": {**request(origin, safety), "oauth2": oauth2}}}

    async def prepare(self, place: Place) -> None:
        await _keep_secret(place, self.named, secret="s3cret-of-the-client")

    def routes(self, notices: set[str]) -> Sequence[web.RouteDef]:
        async def give(_: web.Request) -> web.Response:
            token = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600}
            return web.json_response(token)

        return [web.post("/token", give)]


class Refused(ByHttp):
    """The target refuses it for good, and the owner is told at once."""

    for_a_tenant = True
    named = "pager"

    def plan(self, origin: str, safety: str) -> Raw:
        nowhere = {"method": "POST", "url": f"{origin}/nowhere", "retrySafety": safety}
        escalation = {"owner": "payments", "afterSeconds": 0}
        return {"execution": {"http": nowhere}, "escalation": escalation}

    async def prepare(self, place: Place) -> None:
        await _keep_secret(
            place, self.named, url=f"{place.origin}/pager", secret="whsec_" + "c2VjcmV0" * 4
        )
        annotations = {"amends.dev/escalation-webhook-secret": self.named}
        await place.scene.admin.call(
            "PATCH",
            f"/api/v1/namespaces/{place.namespace}",
            body={"metadata": {"annotations": annotations}},
            content_type=MERGE_PATCH,
        )

    def routes(self, notices: set[str]) -> Sequence[web.RouteDef]:
        async def hear(request: web.Request) -> web.Response:
            notices.add((await request.json())["id"])
            return web.Response()

        return [web.post("/pager", hear)]


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


def request(origin: str, safety: str) -> Raw:
    """What removes the message from the board."""
    return {
        "method": "DELETE",
        "url": f"{origin}/messages/{MESSAGE}",
        "retrySafety": safety,
    }


def name_of(request: web.Request) -> str:
    """How a request to what stands for the outside is named."""
    return BESIDE_THE_BOARD.get(request.path) or (PROBED if request.method == "GET" else SENT)


async def _keep_secret(place: Place, name: str, **data: str) -> None:
    """In the namespace of the story."""
    path = f"/api/v1/namespaces/{place.namespace}/secrets"
    body = {"metadata": {"name": name}, "stringData": data}
    await place.scene.admin.call("POST", path, body=body)


async def _attempt(place: Place) -> list[tuple[str, str]]:
    """The undo that waits for what somebody does by hand, and the attempt."""
    return [
        (undo["metadata"]["name"], undo["status"]["outbox"]["attemptKey"])
        for undo in (await place.seen())["Compensation"]
        if undo["status"]["phase"] == "Running" and "attemptKey" in undo["status"].get("outbox", {})
    ]

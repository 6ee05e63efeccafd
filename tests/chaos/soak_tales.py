"""The soak's tales: what is asked for, what people do about it, and how each of them has to end."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from amends.api import GROUP, VERSION
from amends.kube.connection import Connection
from amends.ports import Exists, Gone, Raw, Unsure, Waiting
from chaos.soak_target import Target
from chaos.telling import ENDED, PLURALS

LOOKS_EVERY = 1.5
"""Seconds between two looks of a person at what is going on."""
DISPATCHES = 5
"""Of a retry, at most."""
OFTEN = {"maxAttempts": 50, "backoffSeconds": 1, "maxBackoffSeconds": 5}


@dataclass(frozen=True)
class Plot:
    """What is asked for. share: how many of all tales, against the others.

    asks: for an undo (Compensation), reports a failure with an undo or with a retry (Action), or a
    success. does: the executor. keyed: whether the target honours the idempotency key. says: what
    alice says of the plan; empty: no approval is needed.
    """

    name: str
    share: int
    asks: str
    does: str = "http"
    keyed: bool = True
    says: str = "Approve"

    @property
    def subject(self) -> str:
        """The kind whose phase tells how it ended."""
        kinds = {"failure with a retry": "DeadLetter", "success": "Action"}
        return kinds.get(self.asks, "Compensation")

    @property
    def ends(self) -> str:
        """The phase in the end."""
        if self.subject == "Compensation":
            return "Completed" if self.says in ("Approve", "") else "Cancelled"
        return {"DeadLetter": "Resolved", "Action": "Recorded"}[self.subject]

    @property
    def effects(self) -> int:
        """At the target, in the end."""
        return int(self.ends in ("Completed", "Resolved") and self.does == "http")


UNDO, WITH_UNDO, WITH_RETRY = "undo", "failure with an undo", "failure with a retry"
PLOTS: Sequence[Plot] = (
    Plot("undo, http under a key", 4, UNDO),
    Plot("undo, http without a key", 2, UNDO, keyed=False),
    Plot("undo, http, nobody has to approve", 3, UNDO, says=""),
    Plot("undo, record", 2, UNDO, does="record"),
    Plot("undo, manual", 1, UNDO, does="manual"),
    Plot("undo, rejected", 1, UNDO, says="Reject"),
    Plot("undo, cancelled by who asked", 1, UNDO, says="cancel"),
    Plot("failure, undone under a key", 4, WITH_UNDO),
    Plot("failure, undone without a key", 2, WITH_UNDO, keyed=False),
    Plot("failure, undo only recorded", 1, WITH_UNDO, does="record"),
    Plot("failure, sent again under a key", 2, WITH_RETRY),
    Plot("failure, sent again without a key", 1, WITH_RETRY, keyed=False),
    Plot("success", 1, "success", does="record"),
)


@dataclass
class People:
    """bob asks and alice decides, over connections that nothing is wrong with."""

    bob: Connection
    alice: Connection
    admin: Connection
    target: Target
    dice: random.Random

    async def call(self, by: Connection, method: str, path: str, **more: Any) -> Any:
        """Again, as long as the server is too busy."""
        while True:
            try:
                return await by.call(method, path, **more)
            except (Waiting, Unsure):
                await asyncio.sleep(LOOKS_EVERY)

    async def read(self, namespace: str, kind: str, name: str) -> Raw:
        """As it is stored now."""
        path = f"{collection(namespace, kind)}/{name}"
        return {"kind": kind, **await self.call(self.admin, "GET", path)}

    async def every(self, namespace: str, kind: str) -> list[Raw]:
        """All of a kind, page by page."""
        found: list[Raw] = []
        query = {"limit": "500"}
        while True:
            page = await self.call(self.admin, "GET", collection(namespace, kind), query=query)
            found += [{"kind": kind, **item} for item in page["items"]]
            if not (token := page["metadata"].get("continue")):
                return found
            query["continue"] = token


@dataclass
class Tale:
    """One of them, under way or over."""

    plot: Plot
    people: People
    namespace: str
    number: int
    over: bool = False
    _said: set[str] = field(default_factory=set)
    """Statements that were made, by name."""
    _letter: str = ""

    @property
    def name(self) -> str:
        """Of what was asked for."""
        return f"{'undo' if self.plot.asks == UNDO else 'post'}-{self.number}"

    @property
    def subject(self) -> tuple[str, str]:
        """Kind and name of what tells how it ended; no name: it is not there yet."""
        kind = self.plot.subject
        names = {"DeadLetter": self._letter, "Compensation": f"undo-{self.number}"}
        return kind, names.get(kind, self.name)

    async def tell(self) -> None:
        """From the first request until it has ended."""
        await self._begin()
        while True:
            if await self._moves():
                break
            await asyncio.sleep(LOOKS_EVERY * self.people.dice.uniform(0.5, 1.5))
        self.over = True

    async def _begin(self) -> None:
        plan = self._plan()
        if self.plot.asks == UNDO:
            undo = {"targetEffect": f"effect-{self.name}", **plan}
            await self._create(self.people.bob, "Compensation", self.name, undo)
            return
        spec: dict[str, Any] = {
            "operation": "board.post",
            "outcome": "succeeded" if self.plot.asks == "success" else "failed",
            "idempotencyKey": f"{self.namespace}/{self.name}",
            "runId": f"run-{self.number // 10}",
        }
        if self.plot.asks == WITH_UNDO:
            spec["compensation"] = {"name": f"undo-{self.number}", **plan}
        elif self.plot.asks == WITH_RETRY:
            spec["retry"] = plan["execution"]
        await self._create(self.people.bob, "Action", self.name, spec)

    def _plan(self) -> dict[str, Any]:
        http = {
            "method": "POST",
            "url": f"{self.people.target.origin}/undo?keys={int(self.plot.keyed)}",
            "retrySafety": "ProviderKey" if self.plot.keyed else "None",
        }
        execution = {"http": http} if self.plot.does == "http" else {self.plot.does: {}}
        return {
            "approval": {"required": bool(self.plot.says)},
            "execution": execution,
            "retry": OFTEN,
            "timeoutSeconds": 10,
        }

    async def _moves(self) -> bool:
        """People look, and do what is theirs to do; whether it has ended."""
        if self.plot.asks != UNDO:
            action = await self.people.read(self.namespace, "Action", self.name)
            if action["status"].get("phase") != "Recorded":
                return False
            self._letter = action["status"].get("deadLetterRef", {}).get("name", "")
        kind, name = self.subject
        if kind == "Action" or not name:
            return kind == "Action"
        try:
            raw = await self.people.read(self.namespace, kind, name)
        except Gone:  # it is not there yet
            return False
        if self._has_ended(raw):
            return True
        if is_true(raw, "OutcomeUnknown") and is_true(raw, "Stalled"):
            await self._look_at_the_target(raw)
        elif kind == "DeadLetter":
            await self._send_again(raw)
        else:
            await self._decide(raw)
        return False

    def _has_ended(self, raw: Raw) -> bool:
        if raw.get("kind") == "DeadLetter":
            return bool(raw["status"].get("settled"))
        return raw["status"]["phase"] in ENDED

    async def _decide(self, undo: Raw) -> None:
        status, name = undo["status"], undo["metadata"]["name"]
        if status["phase"] == "AwaitingApproval" and self.plot.says == "cancel":
            path = f"{collection(self.namespace, 'Compensation')}/{name}"
            merge = "application/merge-patch+json"
            change = {"spec": {"cancel": True}}
            await self.people.call(self.people.bob, "PATCH", path, body=change, content_type=merge)
        elif status["phase"] == "AwaitingApproval" and "planDigest" in status:
            spec = {
                "subjectRef": {"name": name},
                "planDigest": status["planDigest"],
                "decision": self.plot.says,
                "reason": "I looked at it",
            }
            await self._say("Approval", f"{name}-alice", spec)
        elif self.plot.does == "manual" and "attemptKey" in status.get("outbox", {}):
            await self._attest(undo, "Applied")

    async def _look_at_the_target(self, raw: Raw) -> None:
        """What nobody knows: the target's own record tells, once nothing is on its way there."""
        key, target = raw["status"]["outbox"]["idempotencyKey"], self.people.target
        if target.has_heard_all(key):
            await self._attest(raw, "Applied" if target.applied[key] else "NotApplied")

    async def _attest(self, raw: Raw, outcome: str) -> None:
        outbox, name = raw["status"]["outbox"], raw["metadata"]["name"]
        spec = {
            "subjectRef": {"kind": self.plot.subject, "name": name},
            "attemptKey": outbox["attemptKey"],
            "outcome": outcome,
            "reason": "I looked at the target",
        }
        await self._say("Attestation", f"{name}-attempt-{outbox['attempt']}", spec)

    async def _send_again(self, letter: Raw) -> None:
        """Each dispatch is asked for once the one before has ended."""
        times = letter["status"].get("dispatch", {}).get("count", 0)
        if letter["status"]["phase"] == "Open" and "observedGeneration" in letter["status"]:
            name = letter["metadata"]["name"]
            spec = {"deadLetterRef": {"name": name}, "choice": "Retry", "reason": "it is back"}
            await self._say("Disposition", f"{name}-{times + 1}", spec)

    async def _say(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        if name not in self._said:
            self._said.add(name)
            await self._create(self.people.alice, kind, name, spec)

    async def _create(self, by: Connection, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        with suppress(Exists):  # the answer to the first request was lost
            await self.people.call(by, "POST", collection(self.namespace, kind), body=body)


def collection(namespace: str, kind: str) -> str:
    """Where all of a kind are."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURALS[kind]}"


def is_true(raw: Raw, kind: str) -> bool:
    """Whether a condition of that type is."""
    found = raw["status"].get("conditions", ())
    return any(one["type"] == kind and one["status"] == "True" for one in found)

"""The telling of a story: the same way, whatever happens to the operator meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware
from board import Board

from amends.api import GROUP, KINDS, VERSION
from amends.api.compensation import Compensation
from amends.core.letters.recovery import is_live
from amends.kube.paths import MERGE_PATCH
from amends.ports import Raw
from chaos.rig import Incarnation, Scene
from chaos.stories import Story

PLURALS = {kind.__name__: kind.SERVED.plural for kind in KINDS}
ENDED = ("Completed", "Cancelled")

Objects = dict[str, list[Raw]]
"""Everything of ours in a namespace, by kind."""


@dataclass
class Told:
    """A story under way: its namespace, its target, and who has to do what."""

    story: Story
    scene: Scene
    namespace: str
    origin: str
    board: Board = field(default_factory=Board)
    runner: web.AppRunner | None = None
    """What serves the board."""
    notices: set[str] = field(default_factory=set)
    """The ids of those that have arrived."""

    async def begin(self) -> None:
        """bob's automation reports what it did."""
        await self.story.deed.prepare(self)
        await self.create(self.scene.bob, "Action", "post", _action(self.story, self.origin))

    async def decide(self) -> None:
        """alice decides as soon as there is a plan, or a dead letter, to decide about."""
        if self.story.choice:
            await self._dispose()
            await self.story.deed.attend(self)
        if not self.is_to_be_decided():
            return

        async def planned() -> bool:
            found = (await self.seen())["Compensation"]
            return any("planDigest" in one["status"] for one in found)

        await self.scene.until(self.namespace, planned)
        (undo,) = (await self.objects("Compensation"))["Compensation"]
        spec = {
            "subjectRef": {"name": undo["metadata"]["name"]},
            "planDigest": undo["status"]["planDigest"],
            "decision": self.story.decision,
            "reason": "I looked at it",
        }
        await self.create(self.scene.alice, "Approval", "alice-says", spec)
        await self.story.deed.attend(self)

    async def _dispose(self) -> None:
        async def failed() -> bool:
            found = (await self.seen())["DeadLetter"]
            return any("observedGeneration" in one["status"] for one in found)

        await self.scene.until(self.namespace, failed)
        (letter,) = (await self.objects("DeadLetter"))["DeadLetter"]
        spec = {
            "deadLetterRef": {"name": letter["metadata"]["name"]},
            "choice": self.story.choice,
            "reason": "I looked at it",
        }
        await self.create(self.scene.alice, "Disposition", "alice-chooses", spec)

    def is_to_be_decided(self) -> bool:
        """Whether there will be an Approval."""
        story = self.story
        return bool(story.ends and story.decision and story.approval_required)

    async def objects(self, *kinds: str) -> Objects:
        """What the server holds now."""
        found: Objects = {}
        for kind in kinds or PLURALS:
            page = await self.scene.admin.call("GET", self._path(kind))
            found[kind] = [{"kind": kind, **item} for item in page["items"]]
        return found

    async def seen(self) -> Objects:
        """What is there, as it is known to whoever waits for it."""
        return await self.objects()

    async def is_over(self) -> bool:
        """Whether nothing more is going to happen by itself."""
        found = await self.seen()
        return (
            len(found["Action"]) == 1
            and all(one["status"]["phase"] == "Recorded" for one in found["Action"])
            and len(found["Compensation"]) == bool(self.story.ends)
            and all(
                one["status"]["phase"] in ENDED or (_stalled(one) and _is_told(one))
                for one in found["Compensation"]
            )
            and len(found["Approval"]) == self.is_to_be_decided()
            and all(
                one["status"].get("settled")
                for kind in ("Approval", "Attestation")
                for one in found[kind]
            )
            and self._is_answered(found)
        )

    async def rests(self, alive: Incarnation) -> bool:
        """Whether it is over, and this operator has heard of it and has nothing left to do.

        One that has just begun looks at nothing either.
        """
        return await self.is_over() and alive.is_idle(await self.objects())

    def _is_answered(self, found: Objects) -> bool:
        chosen = found["Disposition"]
        if len(chosen) != bool(self.story.choice):
            return False
        if chosen:
            ended = all(
                one["status"].get("settled") or _stalled(one) or _is_open_again(one)
                for one in found["DeadLetter"]
            )
            return ended and all(one["status"].get("settled") for one in chosen)
        phases = {one["status"]["phase"] for one in found["Compensation"]}
        if "Completed" in phases:
            return all(one["status"].get("settled") for one in found["DeadLetter"])
        # It is a person's turn again when what it has waited for undoes nothing any more.
        return all(is_live(Compensation.model_validate(one)) for one in found["Compensation"]) or (
            not any("compensationRef" in one["status"] for one in found["DeadLetter"])
        )

    async def remove(self, kind: str, name: str) -> None:
        """An administrator deletes an object."""
        await self.scene.admin.call("DELETE", f"{self._path(kind)}/{name}")

    async def create(self, by: Any, kind: str, name: str, spec: Raw) -> None:
        """Somebody creates an object of ours."""
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        await by.call("POST", self._path(kind), body=body)

    async def change(self, by: Any, kind: str, name: str, change: Raw) -> None:
        """Somebody changes an object of ours."""
        path = f"{self._path(kind)}/{name}"
        await by.call("PATCH", path, body=change, content_type=MERGE_PATCH)

    def _path(self, kind: str) -> str:
        return f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{PLURALS[kind]}"


def _is_open_again(letter: Raw) -> bool:
    return letter["status"]["phase"] == "Open" and "dispatch" in letter["status"]


def _stalled(raw: Raw) -> bool:
    """Until a person acts; a plan that cannot be carried out is looked at again without one."""
    found = raw["status"].get("conditions", ())
    return any(one["type"] == "Stalled" and one["reason"] != "NotExecutable" for one in found)


def _is_told(raw: Raw) -> bool:
    """Whether whoever is to hear that it needs a person has heard it."""
    notice = raw["status"].get("escalation", {}).get("notice", {})
    return "escalation" not in raw["spec"] or "deliveredAt" in notice


def _action(story: Story, origin: str) -> Raw:
    plan = story.deed.plan(origin, story.retry_safety)
    undo = {
        "name": "undo-post",
        "type": "message.remove",
        "approval": {"required": story.approval_required},
        "retry": {"maxAttempts": 5, "backoffSeconds": 1},
        **plan,
    }
    return {
        "operation": "board.post",
        "outcome": story.outcome,
        "idempotencyKey": "run-a/post",
        "runId": "run-a",
        **({"retry": plan["execution"]} if story.choice else {"compensation": undo}),
    }


Fence = Callable[[str], Middleware]
"""What stands before the target of the story in a namespace."""


@asynccontextmanager
async def telling(
    story: Story, scene: Scene, tell: type[Told] = Told, fence: Fence | None = None
) -> AsyncIterator[Told]:
    """A namespace and a message board of its own, with the message on it, and the Action."""
    board, namespace = Board(), await scene.namespace()
    board.post("posted by mistake")
    board.faults.extend(story.faults)
    app = board.app()
    notices = set[str]()
    app.add_routes(story.deed.routes(notices))
    if fence is not None:
        app.middlewares.insert(0, fence(namespace))
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=fence is not None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        told = tell(story, scene, namespace, origin, board, runner, notices)
        await told.begin()
        deciding = asyncio.create_task(told.decide())
        try:
            yield told
            if deciding.done():
                await deciding  # it may have failed; what is over waits for nobody's decision
        finally:
            deciding.cancel()
            await asyncio.gather(deciding, return_exceptions=True)
    finally:
        await runner.cleanup()

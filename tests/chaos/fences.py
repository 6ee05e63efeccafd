"""What goes wrong on the way to a target: the same kinds of faults, before a message board.

Each strikes the first request of a story, or the first two of them.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from chaos.stories import Story

PATIENCE_ASKED = 2
"""Seconds that Retry-After asks for."""
Spoiled = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    happened: whether what was asked is done, though nobody has heard so; None: whoever asked knows
    what has become of it, and that it may be asked again. refuses: what they know is that nothing
    is done.
    """

    spoil: Spoiled
    happened: bool | None = None
    refuses: bool = False


@dataclass
class Fence:
    """Stands before the targets of all stories of a scenario."""

    kind: Kind
    dice: Random
    on: bool = True
    struck: Counter[str] = field(default_factory=Counter)
    """By namespace."""
    arrived: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When requests came, by namespace."""

    def before(self, namespace: str) -> Middleware:
        """For the target of one story."""
        times = self.dice.randint(1, 2)

        @web.middleware
        async def fenced(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.arrived[namespace].append(time.monotonic())
            if not self.on or self.struck[namespace] == times:
                return await handler(request)
            self.struck[namespace] += 1
            return await self.kind.spoil(request, handler)

        return fenced

    def leaves_doubt(self, story: Story, namespace: str) -> bool:
        """Whether only a person can find out what happened there."""
        unsure = self.kind.happened is not None and self.struck[namespace] > 0
        return unsure and story.retry_safety == "None"

    def opens_again(self, story: Story, namespace: str) -> bool:
        """Whether a person has to decide once more about what was to be sent again there."""
        return self.kind.refuses and self.struck[namespace] > 0 and bool(story.choice)

    def impatient(self) -> list[str]:
        """Where it was asked again too early, though it had said when."""
        return [
            f"{namespace}: asked again {second - first:.2f} s after Retry-After: {PATIENCE_ASKED}"
            for namespace, times in self.arrived.items()
            for first, second in pairwise(times[: self.struck[namespace] + 1])
            if self.kind.spoil is _too_many and second - first < PATIENCE_ASKED
        ]


async def _lost(request: web.Request, handler: Handler) -> web.StreamResponse:
    await handler(request)
    return _abort(request)


async def _reset(request: web.Request, handler: Handler) -> web.StreamResponse:
    return _abort(request)


async def _half(request: web.Request, handler: Handler) -> web.StreamResponse:
    answer = await handler(request)
    assert isinstance(answer, web.Response)
    if request.transport is None or request.transport.is_closing():
        return answer  # the target has hung up itself
    # What has no body is announced with one that never comes.
    body = answer.body if isinstance(answer.body, bytes) and answer.body else b"{}"
    response = web.StreamResponse(status=200 if answer.status == 204 else answer.status)
    response.content_type, response.content_length = "application/json", len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    _abort(request)
    return response


async def _too_many(request: web.Request, handler: Handler) -> web.StreamResponse:
    wait = {"Retry-After": str(PATIENCE_ASKED)}
    return web.json_response({"error": "told to"}, status=429, headers=wait)


def _refused(status: int) -> Spoiled:
    async def refused(request: web.Request, handler: Handler) -> web.StreamResponse:
        return web.json_response({"error": "told to"}, status=status)

    return refused


def _late(seconds: float) -> Spoiled:
    async def late(request: web.Request, handler: Handler) -> web.StreamResponse:
        await request.read()
        # Whoever asked may leave meanwhile: what was asked arrives all the same.
        task = asyncio.create_task(_later(seconds, request, handler))
        _on_the_way.add(task)
        task.add_done_callback(_on_the_way.discard)
        return await asyncio.shield(task)

    return late


async def _later(seconds: float, request: web.Request, handler: Handler) -> web.StreamResponse:
    await asyncio.sleep(seconds)
    return await handler(request)


_on_the_way: set[asyncio.Task[web.StreamResponse]] = set()


async def at_rest() -> None:
    """Return when every late request has arrived."""
    await asyncio.gather(*_on_the_way)


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # goes nowhere


QUICK: Mapping[str, Kind] = {
    "answer lost after commit": Kind(_lost, happened=True),
    "delayed 3 s": Kind(_late(3)),
    "409": Kind(_refused(409), refuses=True),
    "429 with Retry-After": Kind(_too_many, refuses=True),
    "500": Kind(_refused(500), happened=False),
    "503": Kind(_refused(503), happened=False),
    "reset": Kind(_reset, happened=False),
    "half a body": Kind(_half, happened=True),
}
SLOW: Mapping[str, Kind] = {
    "delayed 25 s": Kind(_late(25)),
    "delayed past the time-out": Kind(_late(61), happened=True),
}
"""A request of a story is given up after 60 s."""

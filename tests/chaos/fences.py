"""What goes wrong on the way to a target: the same kinds of faults, before a message board.

Each strikes the first request of each sort in a story, or the first two of them: a request that is
to have an effect, and a probe that asks what has become of it.
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

from chaos.deeds import PROBED, SENT, name_of
from chaos.stories import EVERY_STORY, Story
from chaos.striker import Striker

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

    @property
    def is_no_answer(self) -> bool:
        """Whether it tells nobody who has asked what has become of something."""
        return self.refuses or self.happened is not None


Sort = tuple[str, str]
"""The namespace of a story, and how what is asked is named."""


@dataclass
class Fence(Striker):
    """Stands before the targets of all stories of a scenario."""

    kind: Kind
    dice: Random
    on: bool = True
    struck: Counter[Sort] = field(default_factory=Counter)
    let_in: Counter[Sort] = field(default_factory=Counter)
    """Requests that the target has seen."""
    arrived: defaultdict[Sort, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When requests came."""

    def stories(self) -> Mapping[str, Story]:
        """Those that it can reach: they ask a target."""
        return {name: one for name, one in EVERY_STORY.items() if one.asks_the_target}

    def before(self, namespace: str) -> Middleware:
        """For the target of one story."""
        times = {name: self.dice.randint(1, 2) for name in (SENT, PROBED)}

        @web.middleware
        async def fenced(request: web.Request, handler: Handler) -> web.StreamResponse:
            if (name := name_of(request)) not in times:
                return await handler(request)
            sort = (namespace, name)

            async def let_in(request: web.Request) -> web.StreamResponse:
                self.let_in[sort] += 1
                return await handler(request)

            self.arrived[sort].append(time.monotonic())
            if not self.on or self.struck[sort] == times[name]:
                return await let_in(request)
            self.struck[sort] += 1
            return await self.kind.spoil(request, let_in)

        return fenced

    def leaves_doubt(self, story: Story, namespace: str) -> bool:
        """Whether only a person can find out what happened there.

        Who asks the target is left alone only if no probe has told it.
        """
        if story.may_doubt:
            return self.kind.happened is not None and self.struck[namespace, SENT] > 0
        asked = story.deed.probes
        return asked > 0 and self.kind.is_no_answer and self.struck[namespace, PROBED] >= asked

    def has_let_in(self, namespace: str) -> bool:
        """Whether the target has got what was to have an effect there."""
        return self.let_in[namespace, SENT] > 0

    def opens_again(self, story: Story, namespace: str) -> bool:
        """Whether a person has to decide once more about what was to be sent again there."""
        return self.kind.refuses and self.struck[namespace, SENT] > 0 and bool(story.choice)

    def impatient(self) -> list[str]:
        """Where it was asked again too early, though it had said when."""
        return [
            f"{namespace}: {name} again {second - first:.2f} s after Retry-After: {PATIENCE_ASKED}"
            for (namespace, name), times in self.arrived.items()
            for first, second in pairwise(times[: self.struck[namespace, name] + 1])
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


def _broken(status: int) -> Spoiled:
    async def broken(request: web.Request, handler: Handler) -> web.StreamResponse:
        await handler(request)
        return web.json_response({"error": "told to"}, status=status)

    return broken


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
    """Return when every late request has arrived. A refusal is an answer like any other."""
    for ended in await asyncio.gather(*_on_the_way, return_exceptions=True):
        if isinstance(ended, BaseException) and not isinstance(ended, web.HTTPException):
            raise ended


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
    "500 after commit": Kind(_broken(500), happened=True),
    "503 after commit": Kind(_broken(503), happened=True),
    "reset": Kind(_reset, happened=False),
    "half a body": Kind(_half, happened=True),
}
SLOW: Mapping[str, Kind] = {
    "delayed 25 s": Kind(_late(25)),
    "delayed past the time-out": Kind(_late(61), happened=True),
}
"""A request of a story is given up after 60 s."""

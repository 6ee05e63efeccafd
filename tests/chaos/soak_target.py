"""The soak's target: it keeps a record of its own, and everything goes wrong on the way to it.

    POST /undo?keys=1

makes an effect, with keys=1 once per idempotency key.
"""

import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from chaos.effects import Effect
from chaos.fences import Kind

ARRIVED = web.RequestKey("arrived", float)
OF_HUNDRED = 25
"""How many requests a fault strikes while it is on."""


@dataclass
class Target:
    """What has arrived, by idempotency key."""

    dice: random.Random
    origin: str = ""
    fault: Kind | None = None
    """What is wrong on the way now."""
    arrived: list[Effect] = field(default_factory=list)
    applied: Counter[str] = field(default_factory=Counter)
    """How often each key has changed something."""
    struck: int = 0
    _under_way: Counter[str] = field(default_factory=Counter)

    def has_heard_all(self, key: str) -> bool:
        """Whether nothing under this key is still on its way."""
        return not self._under_way[key]

    def app(self) -> web.Application:
        """What it is served by."""
        app = web.Application(middlewares=[self._on_the_way])
        app.router.add_post("/undo", self._undo)
        return app

    @web.middleware
    async def _on_the_way(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request[ARRIVED] = time.monotonic()
        fault = self.fault
        if fault is None or self.dice.randrange(100) >= OF_HUNDRED:
            return await self._handled(request, handler)
        self.struck += 1

        async def later(late: web.Request) -> web.StreamResponse:
            return await self._handled(late, handler)

        # Of what is late, whoever asked has long left when it arrives; until then it is under way.
        key = _key(request)
        self._under_way[key] += 1
        try:
            return await fault.spoil(request, later)
        finally:
            self._under_way[key] -= 1

    async def _handled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        key = _key(request)
        self._under_way[key] += 1
        try:
            return await handler(request)
        finally:
            self._under_way[key] -= 1

    async def _undo(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        key = _key(request)
        applied = not (self.applied[key] and request.query.get("keys") == "1")
        self.applied[key] += applied
        self.arrived.append(Effect(key, request[ARRIVED], applied))
        return web.json_response({"undone": True})


def _key(request: web.Request) -> str:
    return request.headers.get("Idempotency-Key", "")


@asynccontextmanager
async def serving(dice: random.Random) -> AsyncIterator[Target]:
    """On loopback, until the block is left."""
    target = Target(dice)
    runner = web.AppRunner(target.app(), shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        target.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield target
    finally:
        await runner.cleanup()

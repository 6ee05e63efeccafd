"""A message board: a small real service that stands for the outside world, on loopback by default.

It honours Idempotency-Key, counts what undo requests really changed, and misbehaves on request.
README.md beside it shows it in use.
"""

import argparse
import asyncio
import hashlib
import hmac
import signal
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from aiohttp import web

Kind = Literal["hang", "drop_before", "drop_after", "status"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Change = Callable[[], tuple[int, dict[str, Any] | None]]
"""Does something to the messages: the status and the JSON to answer with."""


@dataclass(frozen=True)
class Fault:
    """How the board treats one request that would change something.

    status       answers `status` (with Retry-After, if given) and changes nothing
    drop_before  cuts the connection and changes nothing
    drop_after   makes the change, then cuts the connection
    hang         makes the change, then answers only after `seconds`
    """

    kind: Kind
    status: int = 503
    retry_after: int | None = None
    seconds: float = 30

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> "Fault":
        """Raises ValueError for what is no fault."""
        if raw.get("kind") not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}")
        try:
            return cls(**raw)
        except TypeError:
            raise ValueError("a fault has kind, status, retry_after and seconds") from None


@dataclass(frozen=True)
class _Kept:
    """What was answered under an idempotency key, and to what."""

    request: str
    status: int
    answer: dict[str, Any] | None


@dataclass
class Board:
    """The messages and everything that happened to them. Without a token everyone may write."""

    token: str | None = None
    messages: dict[str, str] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    effects: Counter[str] = field(default_factory=Counter)
    """How often undo requests really removed something, per idempotency key ("" for none)."""
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _posted: int = 0

    def app(self) -> web.Application:
        """The board as an aiohttp application."""
        app = web.Application(middlewares=[self._authorized])
        app.add_routes(
            [
                web.get("/messages", self._list),
                web.post("/messages", self._post),
                web.delete("/messages/{id}", self._remove),
                web.post("/messages/{id}/remove", self._remove),
                web.get("/effects", self._effects),
                web.put("/faults", self._faults),
            ]
        )
        return app

    def post(self, text: str) -> str:
        """Put up a message; its id."""
        self._posted += 1
        name = f"m-{self._posted}"
        self.messages[name] = text
        return name

    @web.middleware
    async def _authorized(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if (
            self.token is not None
            and request.path.startswith("/messages")
            and not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())
        ):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        return await handler(request)

    async def _list(self, request: web.Request) -> web.Response:
        listed = [{"id": name, "text": text} for name, text in self.messages.items()]
        return web.json_response({"messages": listed})

    async def _effects(self, request: web.Request) -> web.Response:
        return web.json_response({"total": self.effects.total(), "by_key": dict(self.effects)})

    async def _faults(self, request: web.Request) -> web.Response:
        try:
            faults = [Fault.parse(raw) for raw in (await request.json())["next"]]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return web.json_response({"error": f"bad fault: {error}"}, status=400)
        self.faults = deque(faults)
        return web.json_response({"next": [fault.kind for fault in faults]})

    async def _post(self, request: web.Request) -> web.StreamResponse:
        try:
            text = (await request.json())["text"]
        except (ValueError, LookupError, TypeError):
            return web.json_response({"error": 'a message is {"text": "…"}'}, status=400)
        return await self._change(request, lambda: (201, {"id": self.post(str(text))}))

    async def _remove(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        key = request.headers.get("Idempotency-Key", "")

        def remove() -> tuple[int, dict[str, Any] | None]:
            if self.messages.pop(name, None) is None:
                return 404, {"error": f"no message {name}"}
            self.effects[key] += 1
            return 200, {"id": name, "removed": True}

        return await self._change(request, remove)

    async def _change(self, request: web.Request, change: Change) -> web.StreamResponse:
        """Make the change once per idempotency key, and misbehave if told to."""
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.kind == "status":
            wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return web.json_response({"error": "told to"}, status=fault.status, headers=wait)
        if fault is not None and fault.kind == "drop_before":
            return _cut(request)
        answer = await self._once(request, change)
        if fault is not None and fault.kind == "drop_after":
            return _cut(request)
        if fault is not None and fault.kind == "hang":
            await asyncio.sleep(fault.seconds)
        return answer

    async def _once(self, request: web.Request, change: Change) -> web.Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            status, answer = change()
            return web.json_response(answer, status=status)
        payload = hashlib.sha256(await request.read()).hexdigest()
        asked = f"{request.method} {request.path_qs} {payload}"
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(asked, *change())
            return web.json_response(kept.answer, status=kept.status)
        if kept.request != asked:
            error = "this Idempotency-Key was used for another request"
            return web.json_response({"error": error}, status=422)
        replayed = {"Idempotent-Replayed": "true"}
        return web.json_response(kept.answer, status=kept.status, headers=replayed)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # goes nowhere


async def serve(board: Board, host: str, port: int, started: Callable[[int], None]) -> None:
    """Serve until cancelled, SIGTERM or SIGINT."""
    # A request that hangs on purpose must not hold up the end.
    runner = web.AppRunner(board.app(), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        started(runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the board as a program."""
    parser = argparse.ArgumentParser(description="A message board that stands for the outside.")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: others may call, as in a pod")
    parser.add_argument("--port", type=int, default=8081, help="0: any free port")
    parser.add_argument("--port-file", type=Path, help="the port is written here once it listens")
    parser.add_argument(
        "--token-file", type=Path, help="writers and readers need this bearer token"
    )
    options = parser.parse_args(arguments)
    token = options.token_file.read_text().strip() if options.token_file else None

    def started(port: int) -> None:
        if options.port_file:
            # Written aside and renamed: whoever waits for the file never reads half a number.
            written = options.port_file.with_name(f"{options.port_file.name}.new")
            written.write_text(str(port))
            written.replace(options.port_file)
        print(f"message board on http://{options.host}:{port}", flush=True)

    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Board(token), options.host, options.port, started))


if __name__ == "__main__":
    main()

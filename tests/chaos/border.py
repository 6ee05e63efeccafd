"""The border between a real operator process and the outside: every call crosses it.

A reverse proxy on loopback stands before the API server, and a fence before every target. Each
call that belongs to a story crosses on that story's line, and there it has a name: what is done to
what, and how often that was done before in this life of the process. At one such point the line is
cut, before the call is passed on or when it is carried out and unanswered. From then on nothing of
that story gets through: for the outside, that story's operator is dead. The process itself is
killed when every story of a round is cut or over, so that one SIGKILL serves all of them.

Not counted are watches, the Lease, and Events, which are best effort; they pass freely.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from chaos.deeds import SENT, name_of
from chaos.mirror import way_of
from chaos.telling import PLURALS

Moment = Literal["before", "after"]

_KINDS = {plural: kind for kind, plural in PLURALS.items()}
_PASSES_FREELY = ("leases", "events")
_NOT_PASSED_ON = {"host", "connection", "content-length", "transfer-encoding", "keep-alive"}
_DOES = {"POST": "create", "PATCH": "patch", "PUT": "replace", "DELETE": "delete"}


@dataclass(frozen=True, order=True)
class Point:
    """Where a life ends: at the n-th call of a name, before it happens or before its answer."""

    name: str
    ordinal: int
    moment: Moment

    def __str__(self) -> str:
        which = f" no. {self.ordinal}" if self.ordinal > 1 else ""
        return f"{self.moment} {self.name}{which}"


@dataclass
class Call:
    """One call to the outside. happened: whether it changed or told anything."""

    name: str
    ordinal: int
    happened: bool = False


@dataclass
class Line:
    """The way of one story's calls in one life of the operator."""

    cut_at: Point | None = None
    calls: list[Call] = field(default_factory=list)
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    dead: bool = False
    """The process is about to be killed: what it has asked and nobody has read never arrives."""
    _counts: Counter[str] = field(default_factory=Counter)
    _under_way: set[asyncio.Task[web.StreamResponse]] = field(default_factory=set)

    async def cross(
        self, name: str, do: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Carry the call out, if the line holds before and after."""
        await self._whole()
        self._counts[name] += 1
        call = Call(name, self._counts[name])
        self.calls.append(call)
        self._cut_at(call, "before")
        await self._whole()
        # Whoever asked may be killed meanwhile: what has been passed on happens all the same.
        task = asyncio.ensure_future(do())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(lambda done: self._note(call, done))
        answer = await asyncio.shield(task)
        await self._whole()
        return answer

    async def at_rest(self) -> None:
        """Return when all that was passed on has been carried out."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _note(self, call: Call, done: asyncio.Task[web.StreamResponse]) -> None:
        """What the API server refuses has not happened; a target's refusal is an answer."""
        if not done.cancelled() and done.exception() is None:
            call.happened = call.name == SENT or done.result().status < 300
        self._cut_at(call, "after")

    def _cut_at(self, call: Call, moment: Moment) -> None:
        if self.cut_at == Point(call.name, call.ordinal, moment):
            self.cut.set()

    async def _whole(self) -> None:
        """Return only while the line is whole. The caller's end cancels this."""
        if self.dead or self.cut.is_set():
            await asyncio.Event().wait()


@dataclass
class Border:
    """What stands between one operator process and everything else."""

    origin: str
    runner: web.AppRunner | None = None
    lines: Mapping[str, Line] = field(default_factory=dict)
    """By the namespace of the story."""
    own: Line = field(default_factory=Line)
    """Calls that belong to no namespace, which a process makes while it starts."""

    def kubeconfig(self, original: Path, folder: Path) -> Path:
        """The same user, by this way."""
        content = json.loads(original.read_text())
        content["clusters"][0]["cluster"] = {"server": self.origin}
        file = folder / "by-the-border.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(json.dumps(content))
        return file

    def fence(self, namespace: str) -> Middleware:
        """For the target of one story."""

        @web.middleware
        async def fenced(request: web.Request, handler: Handler) -> web.StreamResponse:
            if (line := self.lines.get(namespace)) is None:
                return await handler(request)
            return await line.cross(name_of(request), lambda: handler(request))

        return fenced

    def line_of(self, method: str, path: str, body: bytes) -> tuple[Line | None, str]:
        """On which line a request crosses, None: it passes freely; and its name."""
        asked = _Asked.of(path)
        if asked.resource in _PASSES_FREELY or "watch=" in path:
            return None, ""
        tried = "try to " if "dryRun=" in path or b'"dryRun"' in body else ""
        return self.lines.get(asked.namespace, self.own), tried + _name(method, asked, body)


@dataclass(frozen=True)
class _Asked:
    """What the path of a request is about."""

    path: str
    namespace: str = ""
    resource: str = ""
    name: str = ""
    part: str = ""

    @classmethod
    def of(cls, raw: str) -> "_Asked":
        """/api/v1/… or /apis/group/version/…, in a namespace or not."""
        path = raw.partition("?")[0]
        steps = path.strip("/").split("/")
        rest = steps[2:] if steps[0] == "api" else steps[3:]
        if rest[:1] != ["namespaces"]:
            return cls(path, "", *rest)
        if len(rest) == 2:
            return cls(path, rest[1], "Namespace", rest[1])
        return cls(path, *rest[1:])


def _name(method: str, asked: _Asked, body: bytes) -> str:
    kind = _KINDS.get(asked.resource, asked.resource or asked.path)
    thing = "/".join(filter(None, (kind, asked.part)))
    if method == "GET":
        return f"{'get' if asked.name or not asked.resource else 'find'} {thing}"
    said: dict[str, Any] = json.loads(body) if body and kind in PLURALS else {}
    if asked.part == "status" and kind in PLURALS:
        return f"write_status {kind} {said['status'].get('phase', 'as it was')}"
    of = said["spec"]["subject"]["kind"] if (method, kind) == ("POST", "Receipt") else ""
    return f"{_DOES[method]} {of}{thing}"


async def deserted(runners: Iterable[web.AppRunner | None]) -> None:
    """Return when no caller is left, once whoever called has died."""
    servers = [one.server for one in runners if one is not None and one.server is not None]
    async with asyncio.timeout(10):
        while True:
            # The first time for whoever is connected and not accepted yet.
            await asyncio.sleep(0.01)
            if not any(server.connections for server in servers):
                return


@asynccontextmanager
async def border(kubeconfig: Path) -> AsyncIterator[Border]:
    """Stand before the API server of a kubeconfig."""
    way = way_of(kubeconfig)
    beyond, connector = way.server, aiohttp.TCPConnector(ssl=way.trust, limit=0)
    async with aiohttp.ClientSession(
        connector=connector, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)
    ) as session:
        made = Border("")

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            line, name = made.line_of(request.method, request.raw_path, body)
            if line is None:
                return await _streamed(session, beyond, request, body)
            return await line.cross(name, lambda: _passed_on(session, beyond, request, body))

        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/{anything:.*}", handle)
        runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            made.runner = runner
            made.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield made
        finally:
            await runner.cleanup()


async def _passed_on(
    session: aiohttp.ClientSession, beyond: str, request: web.Request, body: bytes
) -> web.Response:
    async with _asked(session, beyond, request, body) as answer:
        return web.Response(
            status=answer.status, headers=_headers(answer.headers), body=await answer.read()
        )


async def _streamed(
    session: aiohttp.ClientSession, beyond: str, request: web.Request, body: bytes
) -> web.StreamResponse:
    """As it arrives: a watch has no end."""
    async with _asked(session, beyond, request, body) as answer:
        response = web.StreamResponse(status=answer.status, headers=_headers(answer.headers))
        await response.prepare(request)
        async for some in answer.content.iter_any():
            await response.write(some)
        return response


def _asked(session: aiohttp.ClientSession, beyond: str, request: web.Request, body: bytes) -> Any:
    url = URL(beyond + request.raw_path, encoded=True)
    headers = _headers(request.headers)
    return session.request(request.method, url, data=body or None, headers=headers)


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if name.lower() not in _NOT_PASSED_ON}

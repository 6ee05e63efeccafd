"""Whatever the API server answers to a watch, the operator hears again what happens."""

import asyncio
import json
import socket
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client

from amends.api import GROUP, KINDS, VERSION
from amends.handlers import watch
from amends.kube.cache import Cache
from amends.kube.connection import Connection
from amends.ports import Raw
from amends.runtime.inbox import Inbox
from amends.runtime.queue import KeyQueue
from waiting import wait_for

PATIENCE = 20.0
"""Seconds until an operator that hears nothing is a failure; kopf alone never hears again."""
PLURAL = "dispositions"
SAID: Raw = {"kind": "Disposition", "metadata": {"name": "said", "uid": "u-1"}}
PAUSE = 0.2
Wrong = Callable[["Server", str], web.Response | None]
"""What a request for the dispositions gets instead of an answer."""


def status(code: int) -> dict[str, Any]:
    """What an API server says when it refuses."""
    return {"kind": "Status", "apiVersion": "v1", "code": code, "message": "says the test"}


def refuses_once(code: int, asked: str) -> Wrong:
    """The first request of this sort is refused."""

    def wrong(server: "Server", what: str) -> web.Response | None:
        if what != asked or server.asked.count(what) > 1:
            return None
        return web.json_response(status(code), status=code)

    return wrong


def breaks_once(code: int) -> Wrong:
    """The first watch says that it has failed."""

    def wrong(server: "Server", what: str) -> web.Response | None:
        if what != "watch" or server.asked.count(what) > 1:
            return None
        return web.Response(text=json.dumps({"type": "ERROR", "object": status(code)}) + "\n")

    return wrong


@dataclass
class Server:
    """As much of an API server as kopf asks for, with something wrong with the dispositions."""

    wrong: Wrong
    asked: list[str] = field(default_factory=list)
    """What was asked about the dispositions: list or watch."""
    lists: asyncio.Event = field(default_factory=asyncio.Event)
    """Until it is set, lists are not answered."""
    breaks: set[str] = field(default_factory=set)
    """Paths whose next answer breaks off in the middle."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Discovery, lists and watches."""
        if request.path in self.breaks:
            self.breaks.discard(request.path)
            return await _half(request)
        if (found := self._discovery().get(request.path)) is not None:
            return web.json_response(found)
        what = "watch" if "watch" in request.query else "list"
        if what == "list":
            await self.lists.wait()
        if request.path.endswith(PLURAL):
            self.asked.append(what)
            if (refused := self.wrong(self, what)) is not None:
                return refused
        if what == "list":
            items = [SAID] if request.path.endswith(PLURAL) else []
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})
        await self.ended.wait()  # an API server may take its time for the first byte, too
        return web.Response()

    def _discovery(self) -> dict[str, dict[str, Any]]:
        ours = {kind.SERVED.plural: kind.__name__ for kind in KINDS}
        policies = dict.fromkeys(watch.POLICIES, "Policy")
        return {
            "/api": {"versions": ["v1"]},
            "/api/v1": _resources({"namespaces": "Namespace"}),
            "/apis": {"groups": [_group(GROUP, VERSION), _group(watch.ADMISSION, "v1")]},
            f"/apis/{GROUP}/{VERSION}": _resources(ours),
            f"/apis/{watch.ADMISSION}/v1": _resources(policies),
        }


async def _half(request: web.Request) -> web.StreamResponse:
    """As much as the connection lets through before it is reset."""
    response = web.StreamResponse()
    response.content_type, response.content_length = "application/json", 100
    await response.prepare(request)
    await response.write(b'{"groups":')
    assert request.transport is not None
    request.transport.abort()
    return response


def _group(name: str, version: str) -> dict[str, Any]:
    return {
        "name": name,
        "versions": [{"version": version}],
        "preferredVersion": {"version": version},
    }


def _resources(kinds: dict[str, str]) -> dict[str, Any]:
    verbs = ["list", "watch"]
    return {
        "resources": [
            {"name": name, "singularName": "", "kind": kind, "namespaced": True, "verbs": verbs}
            for name, kind in kinds.items()
        ]
    }


class Heard(Inbox):
    """Notes the names that the watch brings."""

    def __init__(self) -> None:
        super().__init__(Cache(), KeyQueue())
        self.names = asyncio.Queue[str]()

    def seen(self, raw: Raw) -> None:
        self.names.put_nowait(raw["metadata"]["name"])


@asynccontextmanager
async def watching(
    server: Server, heard: Heard, health: str | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """The operator's watch, before this server."""
    app = web.Application()
    app.router.add_get("/{anything:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    connection = Connection(client.Configuration(host=host))
    task = asyncio.create_task(watch.run(heard, _nothing, _unchanged, connection, health, _nothing))
    try:
        yield task
    finally:
        task.cancel()
        server.ended.set()
        await asyncio.wait([task], timeout=PATIENCE)
        await connection.close()
        await runner.cleanup()


def _nothing() -> None:
    """Nobody listens."""


def _nothing_wrong(server: Server, what: str) -> web.Response | None:
    return None


def _unchanged(namespace: str) -> None:
    """No namespace says anything new."""


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(refuses_once(409, "list"), id="its list answers 409"),
        pytest.param(refuses_once(404, "list"), id="its list answers 404"),
        pytest.param(refuses_once(422, "watch"), id="its watch answers 422"),
        pytest.param(breaks_once(500), id="its watch ends with an ERROR that is not 410"),
    ],
)
async def test_a_watch_that_fails_begins_anew(
    wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "WATCH_AGAIN_SECONDS", PAUSE)
    server, heard = Server(wrong), Heard()
    server.lists.set()
    async with watching(server, heard) as task:
        async with asyncio.timeout(PATIENCE):
            while server.asked.count("list") < 2:
                assert await heard.names.get() == "said"
        assert not task.done()
    assert task.cancelled()
    left = [one.get_name() for one in asyncio.all_tasks()]
    assert not [name for name in left if name.startswith("watcher for")]


@pytest.mark.parametrize("path", ["/api", "/apis", f"/apis/{GROUP}/{VERSION}"])
async def test_half_an_answer_about_the_kinds_that_are_served_ends_nothing(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "WATCH_AGAIN_SECONDS", PAUSE)
    server, heard = Server(_nothing_wrong, breaks={path}), Heard()
    server.lists.set()
    async with watching(server, heard) as task:
        async with asyncio.timeout(PATIENCE):
            assert await heard.names.get() == "said"
        assert not task.done()
    assert not server.breaks


async def test_the_probe_finds_nobody_while_the_watch_is_down() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://{address}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def until(condition: Callable[[], bool], what: str) -> None:
        await asyncio.to_thread(wait_for, condition, seconds=PATIENCE, what=what)

    server = Server(refuses_once(409, "list"))
    async with watching(server, Heard(), address):
        await until(healthy, "a probe that answers")
        server.lists.set()
        await until(lambda: not healthy(), "a probe that does not")
        await until(healthy, "a watch that has begun anew")


async def test_a_probe_that_cannot_be_served_ends_the_watch() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with watching(Server(refuses_once(409, "list")), Heard(), address) as task:
            with pytest.raises(OSError, match="address already in use"):
                async with asyncio.timeout(PATIENCE):
                    await task

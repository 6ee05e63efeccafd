"""A proxy between an operator process and its API server that asks a policy about every request.

It speaks HTTPS, with a certificate of its own, and HTTP/1.1 as the operator's clients do. What it
knows of Kubernetes is the form of a path, and that a watch is a stream of lines. What is to become
of a request is the policy's to say: passed on, answered here, held back, or cut off.
"""

import asyncio
import json
import ssl
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from aiohttp import web
from yarl import URL

from chaos.asked import Answer, Asked
from chaos.mirror import Way
from tls import self_signed

_NOT_PASSED_ON = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "keep-alive")
)
_LONGEST_LINE = 4 * 2**20


class Cut(Exception):
    """The connection is reset instead of answered."""


Carry = Callable[[Asked], Awaitable[Answer]]
"""Passes a request on, to where its policy sends it."""
Lines = AsyncIterator[bytes]


class Policy(Protocol):
    """Says what becomes of each request."""

    async def answer(self, asked: Asked, carry: Carry) -> Answer:
        """Pass it on, or do not. Raises Cut."""

    def opened(self, asked: Asked) -> Asked | Answer:
        """As what a watch is passed on, or why it is not. Raises Cut."""

    def events(self, asked: Asked, lines: Lines) -> Lines:
        """What is heard of a watch. Raises Cut in the midst of it."""


class Honest:
    """The policy that lets everything pass."""

    async def answer(self, asked: Asked, carry: Carry) -> Answer:
        return await carry(asked)

    def opened(self, asked: Asked) -> Asked | Answer:
        return asked

    def events(self, asked: Asked, lines: Lines) -> Lines:
        return lines


@dataclass(frozen=True)
class Noted:
    """A request in the proxy's book. at: seconds; status: 0 if it was cut off."""

    at: float
    asked: Asked
    status: int


@dataclass
class Proxy:
    """What stands before the API server."""

    beyond: Way
    session: aiohttp.ClientSession
    policy: Policy = field(default_factory=Honest)
    origin: str = ""
    authority: bytes = b""
    book: list[Noted] = field(default_factory=list)
    _under_way: set[asyncio.Task[Answer]] = field(default_factory=set)
    _watching: set[asyncio.Task[Any]] = field(default_factory=set)

    def kubeconfig(self, folder: Path, user: Mapping[str, str]) -> Path:
        """How to connect by this way, as this user: a token, or a file that holds one."""
        certificate = b64encode(self.authority).decode()
        cluster = {"server": self.origin, "certificate-authority-data": certificate}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "amends",
            "clusters": [{"name": "amends", "cluster": cluster}],
            "users": [{"name": "operator", "user": dict(user)}],
            "contexts": [{"name": "amends", "context": {"cluster": "amends", "user": "operator"}}],
        }
        file = folder / "by-the-proxy.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(json.dumps(content))
        return file

    async def at_rest(self) -> None:
        """Return when nothing that was asked is still on its way; watches do not count."""
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def hang_up(self) -> None:
        """Cut every watch."""
        for task in self._watching:
            task.cancel()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        body = await request.read()
        asked = Asked.of(request, body)
        headers = _headers(request.headers)
        if asked.watches:
            return await self._watched(request, asked, headers)

        async def carry(what: Asked) -> Answer:
            async with self._ask(what, headers) as answer:
                return Answer(answer.status, _headers(answer.headers), await answer.read())

        # Whoever asked may give up meanwhile: what is on its way arrives all the same, only late.
        task = asyncio.ensure_future(self.policy.answer(asked, carry))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            answer = await asyncio.shield(task)
            self._note(asked, answer.status if answer.whole else 0)
            return await _said(request, answer)
        except (Cut, aiohttp.ClientError):
            return self._cut(request, asked)

    async def _watched(
        self, request: web.Request, asked: Asked, headers: dict[str, str]
    ) -> web.StreamResponse:
        """A watch goes on until either end, or the policy, has enough of it."""
        task = asyncio.current_task()
        assert task is not None
        try:
            what = self.policy.opened(asked)
            if isinstance(what, Answer):
                self._note(asked, what.status)
                return await _said(request, what)
            async with self._ask(what, headers) as answer:
                self._note(asked, answer.status)
                response = web.StreamResponse(
                    status=answer.status, headers=_headers(answer.headers)
                )
                await response.prepare(request)
                self._watching.add(task)
                async for line in self.policy.events(asked, aiter(answer.content)):
                    await response.write(line)
                return response
        except (Cut, aiohttp.ClientError, ConnectionError):
            return self._cut(request, asked)
        except asyncio.CancelledError:
            _abort(request)
            raise
        finally:
            self._watching.discard(task)

    def _cut(self, request: web.Request, asked: Asked) -> web.Response:
        self._note(asked, 0)
        _abort(request)
        return web.Response()  # goes nowhere

    def _note(self, asked: Asked, status: int) -> None:
        self.book.append(Noted(time.monotonic(), replace(asked, body=b""), status))

    def _ask(self, asked: Asked, headers: dict[str, str]) -> Any:
        way = asked.way or self.beyond
        return self.session.request(
            asked.method,
            URL(way.server + asked.path, encoded=True),
            data=asked.body or None,
            headers=headers,
            ssl=way.trust,
        )


@asynccontextmanager
async def proxied(beyond: Way) -> AsyncIterator[Proxy]:
    """Stand before an API server."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        read_bufsize=_LONGEST_LINE,
    ) as session:
        made = Proxy(beyond, session)
        app = web.Application(client_max_size=_LONGEST_LINE)
        app.router.add_route("*", "/{anything:.*}", made.handle)
        runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )
        await runner.setup()
        with tempfile.TemporaryDirectory(prefix="amends-proxy-") as folder:
            pem = self_signed(Path(folder))
            made.authority = pem.read_bytes().partition(b"-----END PRIVATE KEY-----\n")[2]
            secured = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            secured.load_cert_chain(pem)
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secured).start()
            made.origin = f"https://127.0.0.1:{runner.addresses[0][1]}"
            yield made
        finally:
            await runner.cleanup()


async def _said(request: web.Request, answer: Answer) -> web.StreamResponse:
    if answer.whole:
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
    length = {"Content-Length": str(len(answer.body))}
    response = web.StreamResponse(status=answer.status, headers={**answer.headers, **length})
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    _abort(request)
    return response


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if name.lower() not in _NOT_PASSED_ON}

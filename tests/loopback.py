"""A server on loopback that does exactly what a test says, byte by byte, and counts its callers."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from amends.api.execution import Execution
from amends.api.http import HttpExecution
from amends.ports import ExecutorContext, Rejected, Work


@dataclass
class Caller:
    """One connection, as the script of a test sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ended: asyncio.Event

    async def head(self) -> str:
        """Read the request head."""
        return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def request(self) -> tuple[str, bytes]:
        """Read the request in full: head and body."""
        head = await self.head()
        lengths = [
            int(line.split(":")[1])
            for line in head.lower().splitlines()
            if line.startswith("content-length:")
        ]
        return head, await self.reader.readexactly(sum(lengths))

    async def say(self, data: bytes) -> None:
        """Send these bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Cut the connection with a TCP reset."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Say nothing more until the test is over."""
        await self.ended.wait()


Script = Callable[[Caller], Awaitable[None]]


@dataclass
class Loopback:
    """Where the server listens, and what reached it."""

    port: int = 0
    connections: int = 0
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """As `--allow-target` takes it."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(script: Script, host: str = "127.0.0.1") -> AsyncIterator[Loopback]:
    """Run the script for every connection."""
    loopback, ended = Loopback(), asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        loopback.connections += 1
        try:
            await script(Caller(reader, writer, ended))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the caller left: what matters is what it concluded
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0)
    loopback.port = server.sockets[0].getsockname()[1]
    try:
        yield loopback
    finally:
        ended.set()
        server.close()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def answering(
    status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> AsyncIterator[Loopback]:
    """Read each request in full and answer it well."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    async def script(caller: Caller) -> None:
        loopback.requests.append(await caller.request())
        await caller.say(f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + body)

    async with serving(script) as loopback:
        yield loopback


class KnownSecrets:
    """Secrets of one tenant, as `name/key`."""

    def __init__(self, **values: str) -> None:
        self._values = {name.replace("__", "/"): value for name, value in values.items()}
        self.asked: list[tuple[str, str, str, str]] = []

    async def read(self, namespace: str, name: str, key: str, service_account: str) -> str:
        """The value, and a note of who asked as whom."""
        self.asked.append((namespace, name, key, service_account))
        try:
            return self._values[f"{name}/{key}"]
        except KeyError:
            raise Rejected(f"Secret {name} has no key {key}") from None


class NoTenants:
    """For executors that ask the API server nothing: whoever asks it all the same fails."""

    async def call(self, method: str, path: str, *asked: Any, **with_: Any) -> Any:
        """Fail."""
        raise AssertionError(f"{method} {path} was asked of the API server")

    async def text(self, path: str, *asked: Any, **with_: Any) -> str:
        """Fail."""
        raise AssertionError(f"GET {path} was asked of the API server")


def context(*allowed: str, secrets: KnownSecrets | None = None) -> ExecutorContext:
    """What the operator would give an executor."""
    return ExecutorContext(secrets or KnownSecrets(), NoTenants(), allowed, frozenset())


def http_work(
    url: str, *, seconds: float = 20, key: str = "amends:tenant-a/uid-1", **http: Any
) -> Work:
    """One attempt of an HTTP undo; POST where the test does not say."""
    execution = Execution(http=HttpExecution.model_validate({"method": "POST", "url": url, **http}))
    return Work(
        namespace="tenant-a",
        name="undo",
        execution=execution,
        service_account="undoer",
        idempotency_key=key,
        attempt_key=f"{key}#1",
        timeout=timedelta(seconds=seconds),
    )

"""The message board of the examples: one effect per key, and it misbehaves only when told to."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import board as board_module
import pytest
from aiohttp import ClientError
from aiohttp.test_utils import TestClient, TestServer
from board import Board, Fault

from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.executors.http.executor import HttpExecutor
from loopback import KnownSecrets, context, http_work

Client = TestClient[Any, Any]
KEY = "amends:tenant-a/uid-1"


@pytest.fixture
async def board() -> Board:
    return Board()


@pytest.fixture
async def client(board: Board) -> AsyncIterator[Client]:
    server = TestServer(board.app())
    await server.start_server(shutdown_timeout=0.1)
    async with TestClient(server) as client:
        yield client


def origin(client: Client) -> str:
    return str(client.make_url("/")).rstrip("/")


async def undo(client: Client, path: str = "/messages/m-1", **http: Any) -> Outcome:
    """As the operator does it."""
    executor = HttpExecutor(
        context(origin(client), secrets=KnownSecrets(board__token="Bearer tok-123"))
    )
    return await executor.run(http_work(origin(client) + path, **{"method": "DELETE", **http}))


async def effects(client: Client) -> Any:
    return await (await client.get("/effects")).json()


async def test_post_list_and_remove(client: Client) -> None:
    posted = await client.post("/messages", json={"text": "hello"})
    assert (posted.status, await posted.json()) == (201, {"id": "m-1"})
    listed = await (await client.get("/messages")).json()
    assert listed == {"messages": [{"id": "m-1", "text": "hello"}]}
    removed = await client.delete("/messages/m-1")
    assert (removed.status, await removed.json()) == (200, {"id": "m-1", "removed": True})
    assert (await client.delete("/messages/m-1")).status == 404
    assert (await client.post("/messages/m-1/remove")).status == 404
    assert await effects(client) == {"total": 1, "by_key": {"": 1}}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"no json"])
async def test_what_is_no_message(client: Client, body: bytes) -> None:
    assert (await client.post("/messages", data=body)).status == 400


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/messages/m-1"), ("POST", "/messages/m-1/remove")]
)
async def test_the_same_key_has_one_effect(
    board: Board, client: Client, method: str, path: str
) -> None:
    board.post("hello")
    first, second = [await undo(client, path, method=method) for _ in range(2)]
    assert isinstance(first, Applied)
    assert isinstance(second, Applied)
    assert first.evidence["body"] == second.evidence["body"] == {"id": "m-1", "removed": True}
    assert "Idempotent-Replayed" not in first.evidence["headers"]
    assert second.evidence["headers"]["Idempotent-Replayed"] == "true"
    assert await effects(client) == {"total": 1, "by_key": {KEY: 1}}


async def test_the_same_key_for_something_else(board: Board, client: Client) -> None:
    board.post("hello")
    board.post("hello again")
    assert isinstance(await undo(client), Applied)
    for other in (
        await undo(client, "/messages/m-2"),
        await undo(client, method="POST", path="/messages/m-1/remove"),
        await undo(client, body={"why": "changed my mind"}),
    ):
        assert isinstance(other, NotApplied)
        assert not other.retryable
        assert "422" in other.reason
    assert await effects(client) == {"total": 1, "by_key": {KEY: 1}}


@pytest.mark.parametrize(
    ("fault", "expected", "changed"),
    [
        ({"kind": "status", "status": 503, "retry_after": 1}, NotApplied, 0),
        ({"kind": "status", "status": 500}, Unknown, 0),
        ({"kind": "drop_before"}, Unknown, 0),
        ({"kind": "drop_after"}, Unknown, 1),
        ({"kind": "hang", "seconds": 30}, Unknown, 1),
        ({"kind": "hang", "seconds": 0}, Applied, 1),
    ],
)
async def test_faults_take_one_request_each(
    board: Board, client: Client, fault: dict[str, Any], expected: type[Outcome], changed: int
) -> None:
    board.post("hello")
    put = await client.put("/faults", json={"next": [fault]})
    assert (put.status, await put.json()) == (200, {"next": [fault["kind"]]})
    seconds = 1 if fault.get("seconds") else 20
    assert isinstance(await undo(client, seconds=seconds), expected)
    assert (await effects(client))["total"] == changed
    assert isinstance(await undo(client), Applied), "the next attempt gets through"
    assert (await effects(client)) == {"total": 1, "by_key": {KEY: 1}}


@pytest.mark.parametrize(
    "raw",
    [{}, [], {"next": [{"kind": "explode"}]}, {"next": [{"kind": "hang", "x": 1}]}, {"next": 1}],
)
async def test_what_is_no_fault(client: Client, raw: Any) -> None:
    assert (await client.put("/faults", json=raw)).status == 400


async def test_a_bearer_token(board: Board, client: Client) -> None:
    board.token = "tok-123"
    board.post("hello")
    refused = await undo(client)
    assert isinstance(refused, NotApplied)
    assert "401" in refused.reason
    secret = {"secretKeyRef": {"name": "board", "key": "token"}}
    allowed = await undo(client, headers=[{"name": "Authorization", "valueFrom": secret}])
    assert isinstance(allowed, Applied)
    assert (await client.get("/messages")).status == 401


async def test_a_dropped_request_has_no_answer(board: Board, client: Client) -> None:
    board.faults.append(Fault("drop_before"))
    with pytest.raises(ClientError):
        await client.post("/messages", json={"text": "hello"})
    assert board.messages == {}


async def test_as_a_program(tmp_path: Path) -> None:
    port_file, token_file = tmp_path / "port", tmp_path / "token"
    token_file.write_text("tok-123\n")
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(board_module.__file__),
        *("--port", "0", "--port-file", str(port_file), "--token-file", str(token_file)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert program.stdout is not None
        said = (await program.stdout.readline()).decode()
        url = f"http://127.0.0.1:{port_file.read_text()}"
        assert said == f"message board on {url}\n"
        executor = HttpExecutor(context(url, secrets=KnownSecrets(board__token="Bearer tok-123")))
        secret = {"secretKeyRef": {"name": "board", "key": "token"}}
        work = http_work(
            f"{url}/messages",
            body={"text": "hello"},
            headers=[{"name": "Authorization", "valueFrom": secret}],
        )
        outcome = await executor.run(work)
        assert isinstance(outcome, Applied)
        assert outcome.evidence["body"] == {"id": "m-1"}
        program.send_signal(signal.SIGTERM)
        assert await program.wait() == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()

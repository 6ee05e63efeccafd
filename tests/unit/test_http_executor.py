"""HttpExecutor against real servers on loopback: what each answer, and each failure, comes to."""

import asyncio
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

import amends
from amends.core.outcome import Applied, NotApplied, Unknown
from amends.executors.http.executor import HttpExecutor
from amends.ports import OUT_OF_TIME
from loopback import Caller, Script, answering, context, http_work, serving
from tls import self_signed


def executor(*allowed: str) -> HttpExecutor:
    return HttpExecutor(context(*allowed))


def fields(head: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)


# ------------------------------------------------------------------------------- what is sent


async def test_one_request_with_the_key_and_a_json_body() -> None:
    async with answering(201) as server:
        work = http_work(
            f"{server.origin}/messages/m-1/remove?hard=1#top",
            body={"reason": "grün"},
            headers=[{"name": "X-Team", "value": "payments"}],
        )
        await executor(server.origin).run(work)
    ((head, body),) = server.requests
    assert head.splitlines()[0] == "POST /messages/m-1/remove?hard=1 HTTP/1.1"
    assert body == '{"reason":"grün"}'.encode()
    assert fields(head) == {
        "Host": f"127.0.0.1:{server.port}",
        "User-Agent": f"amends/{amends.__version__}",
        "Content-Type": "application/json",
        "X-Team": "payments",
        "Accept-Encoding": "identity",
        "Idempotency-Key": "amends:tenant-a/uid-1",
        "Accept": "*/*",
        "Content-Length": "18",
        "Connection": "close",
    }


async def test_the_key_goes_where_the_target_wants_it() -> None:
    async with answering() as server:
        work = http_work(server.origin, method="DELETE", idempotencyHeader="X-Request-Token")
        await executor(server.origin).run(work)
    head = fields(server.requests[0][0])
    assert head["X-Request-Token"] == "amends:tenant-a/uid-1"
    assert "Idempotency-Key" not in head
    assert "Content-Type" not in head, "there is no body"


async def test_neither_cookies_nor_proxies_nor_reused_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with answering(headers={"Set-Cookie": "session=1"}) as server:
        http = executor(server.origin)
        assert isinstance(await http.run(http_work(server.origin)), Applied)
        assert isinstance(await http.run(http_work(server.origin)), Applied)
        await http.close()
    assert server.connections == 2
    assert "Cookie" not in fields(server.requests[1][0])


# ------------------------------------------------------- before anything was sent: NotApplied


class NoSuchName(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        pass


class SlowNames(NoSuchName):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(NoSuchName, "could not be resolved (Name or service not known)", id="unknown"),
        pytest.param(SlowNames, "could not be reached within 0.05 s", id="dns hangs"),
    ],
)
async def test_a_name_that_does_not_resolve(names: type[AbstractResolver], said: str) -> None:
    http = HttpExecutor(context("https://*"), names)
    outcome = await http.run(http_work("https://api.example.com/x", seconds=0.05))
    assert outcome == NotApplied(
        f"https://api.example.com {said}. Nothing was sent", target_is_down=True
    )


async def test_nothing_is_sent_when_the_claim_ran_out_before_the_first_byte() -> None:
    async with answering() as server:
        work = replace(http_work(server.origin), may_begin=lambda: server.connections == 0)
        outcome = await executor(server.origin).run(work)
    assert (server.connections, server.requests) == (1, [])
    assert outcome == NotApplied(f"{OUT_OF_TIME}. Nothing was sent", retryable=True)


async def test_a_refused_connection() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{closed.getsockname()[1]}"
        outcome = await executor(origin).run(http_work(origin))
    assert isinstance(outcome, NotApplied)
    assert outcome.retryable
    assert outcome.reason.startswith(f"{origin} could not be reached (")


async def test_a_connection_that_is_never_made() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):  # they fill the queue, and the next one gets no answer
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        origin = f"http://127.0.0.1:{full.getsockname()[1]}"
        outcome = await executor(origin).run(http_work(origin, seconds=0.2))
    assert outcome == NotApplied(
        f"{origin} could not be reached within 0.2 s. Nothing was sent", target_is_down=True
    )


async def hangs(caller: Caller) -> None:
    await caller.hang()


async def closes(caller: Caller) -> None:
    await asyncio.sleep(0)


async def speaks_plain(caller: Caller) -> None:
    await caller.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("script", [hangs, closes, speaks_plain])
async def test_tls_that_does_not_come_about(script: Script) -> None:
    async with serving(script) as server:
        origin = server.origin.replace("http:", "https:")
        outcome = await executor(origin).run(http_work(origin, seconds=0.5))
    assert isinstance(outcome, NotApplied)
    assert outcome.retryable
    assert outcome.reason.endswith("Nothing was sent")


async def test_a_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read())
        writer.close()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed(tmp_path))
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    origin = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    outcome = await executor(origin).run(http_work(origin))
    server.close()
    assert isinstance(outcome, NotApplied)
    assert outcome.retryable
    assert "TLS failed" in outcome.reason
    assert "self-signed certificate" in outcome.reason
    assert seen in ([], [b""]), "the request reached someone who is not the target"


# ------------------------------------------------------------------ after that: Unknown, and once

OK = b"HTTP/1.1 200 OK\r\n"


def after_request(*said: bytes, reset: bool = False, hang: bool = False) -> Script:
    async def script(caller: Caller) -> None:
        await caller.request()
        for data in said:
            await caller.say(data)
        if hang:
            await caller.hang()
        if reset:
            caller.reset()

    return script


async def resets_at_once(caller: Caller) -> None:
    caller.reset()


async def resets_after_the_head(caller: Caller) -> None:
    await caller.head()
    caller.reset()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(closes, id="accepts and closes"),
        pytest.param(resets_at_once, id="accepts and resets"),
        pytest.param(resets_after_the_head, id="resets after the head"),
        pytest.param(after_request(), id="closes without an answer"),
        pytest.param(after_request(reset=True), id="resets without an answer"),
        pytest.param(after_request(b"SSH-2.0-OpenSSH_9\r\n\r\n"), id="is no HTTP server"),
        pytest.param(after_request(b"\x16\x03\x01\x00\xa5\x01\x00"), id="answers in binary"),
        pytest.param(after_request(b"HTTP/1.1 20"), id="half a status line"),
        pytest.param(after_request(OK, b"Content-Le"), id="half a head"),
        pytest.param(after_request(OK, b"X: " + b"x" * 20_000 + b"\r\n\r\n"), id="endless header"),
        pytest.param(after_request(OK, b"Content-Length: 9\r\n\r\nhalf"), id="half a body"),
        pytest.param(
            after_request(OK, b"Content-Length: 9\r\n\r\nhalf", reset=True), id="reset in the body"
        ),
        pytest.param(
            after_request(OK, b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), id="half a chunk"
        ),
        pytest.param(after_request(b"HTTP/1.1 100 Continue\r\n\r\n"), id="only 100 Continue"),
        pytest.param(
            after_request(b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n"), id="half a 404"
        ),
    ],
)
async def test_a_lost_answer_is_unknown_and_nothing_is_sent_again(
    script: Script, method: str
) -> None:
    async with serving(script) as server:
        work = http_work(server.origin, method=method, body={"a": 1})
        outcome = await executor(server.origin).run(work)
        assert isinstance(outcome, Unknown)
        assert outcome.reason.endswith("The request was sent, so it may have been carried out")
        assert server.connections == 1


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(hangs, id="reads nothing"),
        pytest.param(after_request(hang=True), id="never answers"),
        pytest.param(after_request(b"HTTP/1.1 200 OK\r\n", hang=True), id="stops in the head"),
        pytest.param(
            after_request(OK, b"Content-Length: 9\r\n\r\nhalf", hang=True), id="stops in the body"
        ),
    ],
)
async def test_a_timeout_after_sending_is_unknown(script: Script) -> None:
    async with serving(script) as server:
        outcome = await executor(server.origin).run(http_work(server.origin, seconds=1))
    assert outcome == Unknown(
        f"{server.origin} did not answer in full within 1 s. "
        "The request was sent, so it may have been carried out",
        target_is_down=True,
    )


async def test_who_cancels_the_work_is_not_kept_waiting() -> None:
    arrived = asyncio.Event()

    async def script(caller: Caller) -> None:
        await caller.request()
        arrived.set()
        await caller.hang()

    async with serving(script) as server:
        running = asyncio.create_task(executor(server.origin).run(http_work(server.origin)))
        await arrived.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

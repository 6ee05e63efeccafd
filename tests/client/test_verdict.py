"""What an exception says of the call: it has failed, or nobody knows.

The exceptions are those that real clients raise against real sockets.
"""

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import requests
import urllib3

from amends.client.verdict import Word, of_exception
from support.boards import ServedBoard

Call = Callable[[str], Any]
SOON = 0.3


def by_urllib(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, data=b'{"text": "x"}'), timeout=SOON)


def by_http_client(url: str) -> None:
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=SOON)
    connection.request("POST", "/messages", b'{"text": "x"}')
    connection.getresponse()


def by_urllib3(url: str) -> None:
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", url, json={"text": "x"}, timeout=SOON)
        if answer.status >= 400:
            raise http.client.HTTPException(answer.status)


def by_requests(url: str) -> None:
    requests.post(url, json={"text": "x"}, timeout=SOON).raise_for_status()


def by_aiohttp(url: str) -> None:
    async def call() -> None:
        limit = aiohttp.ClientTimeout(total=SOON)
        async with (
            aiohttp.ClientSession(timeout=limit, raise_for_status=True) as session,
            session.post(url, json={"text": "x"}) as answer,
        ):
            await answer.read()

    asyncio.run(call())


CLIENTS = [by_urllib, by_http_client, by_urllib3, by_requests, by_aiohttp]
clients = pytest.mark.parametrize("call", CLIENTS)


def verdict(call: Call, url: str) -> Word:
    try:
        call(url)
    except Exception as error:  # noqa: BLE001 - whatever a client raises is what is asked about
        return of_exception(error, ()).word
    raise AssertionError("the call went well")


@pytest.fixture
def free_port() -> int:
    """Nobody listens there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def half_answer() -> Iterator[str]:
    """Where an answer breaks off in the middle."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            taken, _ = server.accept()
            with taken:
                taken.recv(65536)
                taken.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/messages"
        thread.join()


@clients
def test_a_connection_that_was_refused_has_sent_nothing(call: Call, free_port: int) -> None:
    assert verdict(call, f"http://127.0.0.1:{free_port}/messages") is Word.FAILED


@clients
def test_a_host_that_does_not_exist_was_sent_nothing(call: Call) -> None:
    assert verdict(call, "http://no-such-host.invalid/messages") is Word.FAILED


@clients
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "hang"])
def test_after_a_lost_answer_nobody_knows(call: Call, fault: str, board: ServedBoard) -> None:
    told = {"kind": fault, "seconds": 2 * SOON} if fault == "hang" else {"kind": fault}
    request = urllib.request.Request(
        f"{board.origin}/faults", json.dumps({"next": [told]}).encode(), method="PUT"
    )
    urllib.request.urlopen(request).close()
    assert verdict(call, f"{board.origin}/messages") is Word.UNKNOWN


@pytest.mark.parametrize("call", [by_requests, by_aiohttp])
def test_after_half_an_answer_nobody_knows(call: Call, half_answer: str) -> None:
    assert verdict(call, half_answer) is Word.UNKNOWN


@pytest.mark.parametrize("call", [by_urllib, by_requests, by_aiohttp])
@pytest.mark.parametrize(
    ("status", "word"),
    [
        *((400, Word.FAILED), (401, Word.FAILED), (409, Word.FAILED), (429, Word.FAILED)),
        *((500, Word.UNKNOWN), (502, Word.UNKNOWN), (503, Word.UNKNOWN), (504, Word.UNKNOWN)),
    ],
)
def test_a_status_says_whether_it_may_have_been_carried_out(
    call: Call, status: int, word: Word, board: ServedBoard
) -> None:
    told = {"kind": "status", "status": status}
    request = urllib.request.Request(
        f"{board.origin}/faults", json.dumps({"next": [told]}).encode(), method="PUT"
    )
    urllib.request.urlopen(request).close()
    assert verdict(call, f"{board.origin}/messages") is word


def test_a_command_that_ran_out_of_time_leaves_it_open() -> None:
    def call(_: str) -> None:
        subprocess.run(
            [sys.executable, "-c", "import threading; threading.Event().wait()"], timeout=SOON
        )

    assert verdict(call, "") is Word.UNKNOWN


def caused(error: Exception, cause: BaseException | None, *, hidden: bool = False) -> Exception:
    error.__cause__, error.__suppress_context__ = cause, hidden
    return error


def during(error: Exception, context: BaseException) -> Exception:
    error.__context__ = context
    return error


class Wrapped(Exception):
    """An SDK's own exception."""


@pytest.mark.parametrize(
    ("error", "word"),
    [
        pytest.param(ValueError("x"), Word.FAILED, id="anything else"),
        pytest.param(caused(Wrapped(), TimeoutError()), Word.UNKNOWN, id="its cause decides"),
        pytest.param(caused(Wrapped(), ConnectionRefusedError()), Word.FAILED, id="also if none"),
        pytest.param(during(Wrapped(), TimeoutError()), Word.UNKNOWN, id="or its context"),
        pytest.param(
            caused(during(Wrapped(), TimeoutError()), None, hidden=True),
            Word.FAILED,
            id="unless that is hidden",
        ),
        pytest.param(
            during(TimeoutError(), ConnectionRefusedError()),
            Word.UNKNOWN,
            id="refused by one host, unanswered by the next",
        ),
        pytest.param(
            during(ConnectionRefusedError(), TimeoutError()),
            Word.FAILED,
            id="a cache timed out, then the host refused",
        ),
        pytest.param(
            ExceptionGroup("x", [ValueError(), TimeoutError()]), Word.UNKNOWN, id="one of a group"
        ),
        pytest.param(during(Wrapped(), KeyboardInterrupt()), Word.UNKNOWN, id="interrupted within"),
    ],
)
def test_the_nearest_exception_that_says_anything_decides(error: Exception, word: Word) -> None:
    assert of_exception(error, ()).word is word


def test_exceptions_that_cause_each_other_come_to_an_end() -> None:
    one, other = Wrapped(), Wrapped()
    one.__cause__, other.__cause__ = other, one
    assert of_exception(one, ()).word is Word.FAILED

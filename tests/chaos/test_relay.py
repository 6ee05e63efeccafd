"""The relay between two ends: closed it holds everything up, and what is over costs nothing."""

import socket
import socketserver
import threading
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from chaos.relay import Relay
from waiting import wait_for

pytestmark = pytest.mark.chaos


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while said := self.request.recv(64):
            self.request.sendall(said)


@pytest.fixture
def relay() -> Iterator[Relay]:
    """In front of a server that says what it is told."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Relay(f"http://127.0.0.1:{server.server_address[1]}") as made:
            yield made
        server.shutdown()


def _connected(relay: Relay) -> socket.socket:
    host, port = relay.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5)


def test_what_was_said_while_it_is_closed_arrives_when_it_is_opened(relay: Relay) -> None:
    with _connected(relay) as near:
        near.sendall(b"before")
        assert near.recv(64) == b"before"
        relay.close()
        near.sendall(b"meanwhile")
        near.settimeout(0.2)
        with pytest.raises(TimeoutError):
            near.recv(64)

        relay.open()

        near.settimeout(5)
        assert near.recv(64) == b"meanwhile"


def test_a_connection_that_has_ended_leaves_no_socket_behind(relay: Relay) -> None:
    """A soak makes thousands, in a process that may not have that many open."""
    before = psutil.Process().num_fds()
    for _ in range(20):
        with _connected(relay) as near:
            near.sendall(b"x")
            assert near.recv(64) == b"x"

    wait_for(lambda: psutil.Process().num_fds() <= before, seconds=5, what="its sockets to close")

"""The witness tells processes apart, also those that share a port."""

import os
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from chaos.witness import owner

pytestmark = pytest.mark.chaos

ANOTHER = """
import socket, sys
own = socket.socket()
own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
own.bind(("127.0.0.1", 0))
own.connect(("127.0.0.1", int(sys.argv[1])))
print(own.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_of_two_connections_from_one_port_each_is_its_own() -> None:
    """The kernel gives a port again for a connection to somebody else."""
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as one,
        closing(socket.create_server(("127.0.0.1", 0))) as other,
        subprocess.Popen(
            [sys.executable, "-c", ANOTHER, str(one.getsockname()[1])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
        closing(socket.socket()) as own,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", port))
        own.connect(other.getsockname())
        pids = [process.pid, os.getpid()]

        assert owner(port, one.getsockname()[1], pids) == process.pid
        assert owner(port, other.getsockname()[1], pids) == os.getpid()

        process.stdin.close()

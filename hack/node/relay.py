"""Leads a port of the machine's loopback interface to a port inside a node's network namespace.

Run as `python relay.py PID`. It listens outside, on a port the kernel picks, enters the
network namespace of the process, and connects to the same port of the loopback interface there. So
one address of the API server, and one kubeconfig, is right on both sides.

A socket belongs to the namespace it was made in, whatever its owner enters later; that is all the
magic there is. Only the standard library: it runs as `python -I -S`.
"""

import asyncio
import ctypes
import socket
import sys
from contextlib import closing
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_AT_ONCE = 65536


def enter_network_of(pid: int) -> None:
    """Moves this process, which must have one thread, into the network namespace of another."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace of {pid}")


async def relay(outside: socket.socket) -> None:
    """Serves until it is killed."""
    port = outside.getsockname()[1]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # nobody listens there yet: what a client of a starting server expects
            writer.close()
            return
        with closing(writer), closing(back):
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))

    async with await asyncio.start_server(serve, sock=outside) as server:
        print(f"leading 127.0.0.1:{port} into the node", flush=True)
        await server.serve_forever()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Passes bytes on to their end, and says so: the other direction may go on for long."""
    try:
        while data := await source.read(_AT_ONCE):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
    except OSError:  # one side has gone away, so the other shall not wait for it
        sink.close()


def main(pid: int) -> None:
    outside = socket.create_server(("127.0.0.1", 0), backlog=128)
    enter_network_of(pid)
    asyncio.run(relay(outside))


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""A relay between two ends of a TCP connection, that can be closed: then nothing gets through.

What was on its way is not lost, only late: when the relay is opened again it arrives. That is the
worse kind of network split, for a write may reach the server long after its sender was given up.
"""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_CHUNK = 65536


class Relay:
    """Listens on loopback and passes everything on, both ways, while it is open."""

    def __init__(self, to: str, source: str = "127.0.0.1") -> None:
        """to: a URL. source: the loopback address that the other end sees."""
        parts = urlsplit(to)
        self._scheme = parts.scheme
        self._to = (str(parts.hostname), int(parts.port or 0))
        self._source = source
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open = threading.Event()
        self._open.set()
        self._ended = False
        self._sockets: set[socket.socket] = set()
        self.waiting = 0
        """Connections that were made while it was closed."""
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where to connect instead."""
        return f"{self._scheme}://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        """Let nothing through."""
        self._open.clear()

    def open(self) -> None:
        """Let everything through, also what has been waiting."""
        self._open.set()

    def stop(self) -> None:
        """End it, with all its connections."""
        self._ended = True
        self._open.set()
        for one in (self._listening, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                if self._ended:
                    return
                raise
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self.waiting += not self._open.is_set()
        self._open.wait()
        try:
            far = socket.create_connection(self._to, source_address=(self._source, 0))
        except OSError:
            near.close()
            return
        self._sockets |= {near, far}
        back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
        back.start()
        self._pump(near, far)
        back.join()
        self._sockets -= {near, far}
        for one in (near, far):
            one.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._open.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

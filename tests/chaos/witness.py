"""A target that keeps a record of its own: which request came when, from which process.

    POST /undo?keys=1&hold=2&lost=1

makes an effect, once per idempotency key with keys=1, and answers after `hold` seconds; the answer
to the first request of each key is lost with lost=1.
"""

import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from chaos.effects import Effect

_INODE = re.compile(r"socket:\[(\d+)\]")


class Witness:
    """An HTTP server on loopback; over TLS, if it is given a certificate."""

    def __init__(
        self,
        pids: Callable[[], Iterable[int]] = tuple,
        certificate: Path | None = None,
    ) -> None:
        """pids: the processes that may be at the other end."""
        self._pids = pids
        self._lock = threading.Lock()
        self._applied: Counter[str] = Counter()
        self._senders: list[tuple[Effect, int | None]] = []
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.close_connection = True
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                told = {name: one[0] for name, one in parse_qs(urlsplit(self.path).query).items()}
                sender = owner(self.client_address[1], witness.port, witness._pids())
                lost = witness._take(self.headers.get("Idempotency-Key", ""), sender, told)
                time.sleep(float(told.get("hold", 0)))
                with suppress(ConnectionError):  # who asked has left
                    if not lost:
                        self.send_response(200)
                        self.send_header("Content-Length", "0")
                        self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self.origin = f"{scheme}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def effects(self, holders: Callable[[int], str | None] = lambda pid: None) -> list[Effect]:
        """What has arrived, oldest first. holders: how the claims of a process name it."""
        with self._lock:
            return [
                Effect(one.key, one.at, one.applied, holders(pid) if pid is not None else None)
                for one, pid in self._senders
            ]

    def _take(self, key: str, pid: int | None, told: dict[str, str]) -> bool:
        """Make the effect and write it down; whether its answer is to be lost."""
        with self._lock:
            repeated = self._applied[key] > 0
            applied = not (repeated and told.get("keys") == "1")
            self._applied[key] += applied
            self._senders.append((Effect(key, time.monotonic(), applied), pid))
            return told.get("lost") == "1" and not repeated


def owner(port: int, to: int, pids: Iterable[int]) -> int | None:
    """Which of these processes has a connection from the one port of loopback to the other.

    Several may have one from the same port, to different ones.
    """
    wanted = [f"0100007F:{port:04X}", f"0100007F:{to:04X}"]
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {line[9] for line in lines if line[1:3] == wanted}
    for pid in pids:
        with suppress(OSError):  # it has just ended
            for name in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    found = _INODE.match(str(name.readlink()))
                    if found is not None and found[1] in inodes:
                        return pid
    return None

"""A way to the API server that a test can close, and in which it can lose answers."""

import json
import threading
from base64 import b64decode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import create_default_context
from typing import Literal

import urllib3

Fault = Literal["lost", "cut", "busy"]
"""lost: passed on, but the answer never arrives. cut: not passed on. busy: 429 Retry-After."""


class Gate:
    """Speaks HTTP on loopback and passes on what the API server is asked, headers included."""

    def __init__(self, kubeconfig: Path) -> None:
        cluster = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]
        authority = b64decode(cluster["certificate-authority-data"]).decode()
        self._beyond: str = cluster["server"]
        self._pool = urllib3.PoolManager(
            ssl_context=create_default_context(cadata=authority), retries=False
        )
        self.asked: list[str] = []
        """The methods of all requests, in the order of their arrival."""
        self.closed = False
        self._faults: dict[str, list[Fault | None]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def kubeconfig(self, original: Path, folder: Path) -> Path:
        """The same user, by this way."""
        content = json.loads(original.read_text())
        server = f"http://127.0.0.1:{self._server.server_port}"
        content["clusters"][0]["cluster"] = {"server": server}
        file = folder / f"by-gate-{original.name}"
        file.write_text(json.dumps(content))
        return file

    def next(self, method: str, *faults: Fault | None) -> None:
        """What becomes of the next requests of this method; None: the answer arrives."""
        self._faults[method] = list(faults)

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._pool.clear()

    def _handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gate._pass_on(self)

            def do_POST(self) -> None:
                gate._pass_on(self)

            def do_PATCH(self) -> None:
                gate._pass_on(self)

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    def _pass_on(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.command)
        body = request.rfile.read(int(request.headers.get("Content-Length", "0")))
        waiting = self._faults.get(request.command)
        fault = "cut" if self.closed else waiting.pop(0) if waiting else None
        if fault == "busy":
            request.send_response(429)
            request.send_header("Retry-After", "1")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if fault != "cut":
            answer = self._pool.request(
                request.command,
                self._beyond + request.path,
                body=body or None,
                headers={
                    name: value
                    for name, value in request.headers.items()
                    if name.lower() not in ("host", "content-length", "accept-encoding")
                },
            )
            if fault is None:
                request.send_response(answer.status)
                request.send_header("Content-Type", "application/json")
                request.send_header("Content-Length", str(len(answer.data)))
                request.end_headers()
                request.wfile.write(answer.data)
                return
        request.close_connection = True

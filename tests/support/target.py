"""A target of undo requests that does what a test tells it to, and counts what it was made to do.

Every test gets addresses of its own, so what one leaves behind does not disturb another.
"""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.manifests import unique

LONGEST = 60.0
"""Seconds that an answer is held back at most, should a test forget to let it go."""


@dataclass(frozen=True)
class Request:
    """What arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self.headers.get("Idempotency-Key", "")


@dataclass(frozen=True)
class Answer:
    """How one request is treated.

    applies: the effect happens. lost: it is cut off instead of answered. until: what is waited for
    before the answer. on_arrival: called first of all.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    applies: bool = True
    lost: bool = False
    until: threading.Event | None = None
    on_arrival: Callable[[Request], object] | None = None


APPLIED = Answer()
LOST = Answer(lost=True)
LOST_WITHOUT_EFFECT = Answer(lost=True, applies=False)


def refused(status: int, **headers: str) -> Answer:
    """Nothing happens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": "told to"}, named, applies=False)


@dataclass
class Route:
    """One address. The last answer is given again and again."""

    url: str
    answers: list[Answer]
    honours_keys: bool
    requests: list[Request] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    """The idempotency key of every change that was really made."""

    def answer(self, request: Request) -> Answer:
        """What happens to a request."""
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        if answer.on_arrival is not None:
            answer.on_arrival(request)
        if answer.applies and not (self.honours_keys and request.key in self.effects):
            self.effects.append(request.key)
        if answer.until is not None:
            answer.until.wait(LONGEST)
        return answer


class Target:
    """An HTTP server on loopback."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        lock = threading.Lock()
        routes = self.routes

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, dict(self.headers.items()), body)
                with lock:
                    route = routes[self.path]
                answer = route.answer(request)
                with suppress(ConnectionError):  # who asked has left
                    self._say(answer)

            def do_DELETE(self) -> None:
                self.do_POST()

            def do_GET(self) -> None:
                self.do_POST()

            def _say(self, answer: Answer) -> None:
                self.close_connection = True
                if answer.lost:
                    return
                body = b"" if answer.body is None else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def route(self, *answers: Answer, honours_keys: bool = False) -> Route:
        """A new address that answers like this."""
        path = f"/{unique('undo')}"
        self.routes[path] = Route(self.origin + path, [*answers], honours_keys)
        return self.routes[path]

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

"""The outside world of the demo: the message board, as a process of its own on loopback."""

import json
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from component import Component

_PROGRAM = Path(__file__).parents[1] / "message_board" / "board.py"
_SECONDS = 10
# Whatever proxy the shell is set up for, loopback is not behind it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class MessageBoard:
    """A running message board, and the token that its callers need."""

    origin: str
    token: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        request = urllib.request.Request(
            self.origin + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode(errors="replace")


@contextmanager
def running_board(folder: Path) -> Iterator[MessageBoard]:
    """A message board that ends with the block, or with this process."""
    token, token_file, port_file = secrets.token_hex(16), folder / "token", folder / "port"
    token_file.touch(mode=0o600)
    token_file.write_text(token)
    told = ("--port", "0", "--port-file", str(port_file), "--token-file", str(token_file))
    board = Component.start(
        [sys.executable, str(_PROGRAM), *told], log=folder / "board.log", cwd=folder
    )
    try:
        board.wait_for("listening", lambda: port_file.exists() or None, seconds=_SECONDS)
        yield MessageBoard(f"http://127.0.0.1:{port_file.read_text()}", token)
    finally:
        board.stop()

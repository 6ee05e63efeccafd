"""The history of everything of ours, from etcd itself: a watch that no API server stands before.

    with Observer(cp.etcd_endpoint) as observer:
        ...
        history = observer.history()

It begins at the first revision. Where the API server has compacted that away meanwhile (it does so
every five minutes) it begins at the oldest one that is kept; a watch that is open is not disturbed.
"""

import http.client
import json
import threading
import time
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from waiting import wait_for

PREFIX = "/registry/amends.dev/"
AFTER = "/registry/amends.dev\x7f"
"""Of the keys from the one to the other only those below the prefix are the API server's."""
MARK = "/registry/amends.dev~observer"

Raw = dict[str, Any]
_NOTHING: Raw = {}


@dataclass(frozen=True)
class Change:
    """One commit. before, after: the object as it is stored, empty if it was not or is not there.

    at: when the observer saw it, by the observer's own monotonic clock.
    """

    revision: int
    at: float
    key: str
    before: Raw
    after: Raw

    @property
    def object(self) -> Raw:
        """The object, as it was last if it is gone."""
        return self.after or self.before

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.object["kind"])

    @property
    def uid(self) -> str:
        """Its uid: a name may be given again."""
        return str(self.object["metadata"]["uid"])

    @property
    def was(self) -> Raw:
        """Its status before."""
        return self.before.get("status") or _NOTHING

    @property
    def now(self) -> Raw:
        """Its status after."""
        return self.after.get("status") or _NOTHING

    def __str__(self) -> str:
        return f"{self.key.removeprefix(PREFIX)} at revision {self.revision}"


@dataclass(frozen=True)
class History:
    """Every commit, oldest first."""

    changes: Sequence[Change]

    def of(self, *kinds: str) -> Iterator[tuple[Raw, Sequence[Change]]]:
        """Each object of these kinds, as it was last, with its commits."""
        lives: defaultdict[str, list[Change]] = defaultdict(list)
        for change in self.changes:
            if change.kind in kinds:
                lives[change.uid].append(change)
        for commits in lives.values():
            yield commits[-1].object, commits

    def dated(self, moments: Mapping[int, float]) -> "History":
        """The same, at the moments that somebody nearer knows, by revision."""
        return History([replace(c, at=moments.get(c.revision, c.at)) for c in self.changes])

    def within(self, *namespaces: str) -> "History":
        """What happened in these namespaces."""
        mine = (c for c in self.changes if c.object["metadata"]["namespace"] in namespaces)
        return History([*mine])


class Observer:
    """Reads etcd until it is closed. Any thread may ask it for what it has seen."""

    def __init__(self, endpoint: str, since: int = 1) -> None:
        """since: the revision it begins at; 1 is the first there ever was."""
        self._address = urlsplit(endpoint).netloc
        self._seen: list[Change] = []
        self._stored: dict[str, Raw] = {}
        self._marks: set[str] = set()
        self._failure: BaseException | None = None
        self._closed = False
        self.since = since
        """The oldest revision that it could still read."""
        self._socket, self._stream = self._open()
        self._thread = threading.Thread(target=self._follow, name="observer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def history(self) -> History:
        """Everything that was committed before this was asked."""
        mark = f"{MARK}-{id(self):x}-{len(self._marks)}"
        self._ask("kv/put", {"key": _coded(mark), "value": _coded("seen")})
        wait_for(lambda: self._has_seen(mark), seconds=30, what="the observer to catch up")
        return History([*self._seen])

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        if self._socket.sock is not None:
            self._socket.sock.shutdown(2)
        self._thread.join()
        self._socket.close()

    def _has_seen(self, mark: str) -> bool:
        if self._failure is not None:
            raise RuntimeError("the watch of etcd has ended") from self._failure
        return mark in self._marks

    def _open(self) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        socket = http.client.HTTPConnection(self._address)
        asked = {
            "key": _coded(PREFIX),
            "range_end": _coded(AFTER),
            "start_revision": str(self.since),
            "prev_kv": True,
        }
        socket.request("POST", "/v3/watch", body=json.dumps({"create_request": asked}))
        return socket, socket.getresponse()

    def _ask(self, what: str, body: Raw) -> Any:
        socket = http.client.HTTPConnection(self._address, timeout=10)
        try:
            socket.request("POST", f"/v3/{what}", body=json.dumps(body))
            return json.loads(socket.getresponse().read())
        finally:
            socket.close()

    def _follow(self) -> None:
        try:
            for line in self._stream:
                result = json.loads(line)["result"]
                if kept := int(result.get("compact_revision", 0)):
                    return self._begin_at(kept)
                for event in result.get("events", ()):
                    self._take(event)
            raise RuntimeError("etcd has closed the watch")
        except (OSError, http.client.HTTPException, RuntimeError, ValueError) as why:
            if not self._closed:
                self._failure = why

    def _begin_at(self, oldest: int) -> None:
        self.since = oldest
        self._socket.close()
        self._socket, self._stream = self._open()
        self._follow()

    def _take(self, event: Raw) -> None:
        stored = event["kv"]
        key, revision = b64decode(stored["key"]).decode(), int(stored["mod_revision"])
        if not key.startswith(PREFIX):
            self._marks.add(key)
            return
        previous = event.get("prev_kv")
        before = json.loads(b64decode(previous["value"])) if previous else _NOTHING
        gone = event.get("type") == "DELETE"
        after = _NOTHING if gone else json.loads(b64decode(stored["value"]))
        if before or after:  # of what began and ended before the first revision nothing is left
            self._seen.append(Change(revision, time.monotonic(), key, before, after))


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()

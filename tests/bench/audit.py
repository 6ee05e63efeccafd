"""The API server's audit log as a witness: who wrote what, when, and whether it was refused."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from amends.api import GROUP

WRITES = frozenset({"create", "update", "patch", "delete"})


@dataclass(frozen=True)
class Write:
    """One write, answered."""

    resource: str
    group: str
    code: int
    received: datetime
    answered: datetime


class Witness:
    """Every write in one namespace from now on."""

    def __init__(self, log: Path, namespace: str) -> None:
        self._log = log
        self._namespace = namespace
        self._read = log.stat().st_size
        self._rest = b""
        self.writes: list[Write] = []

    def look(self) -> None:
        """Take in what was logged since the last look."""
        with self._log.open("rb") as stream:
            stream.seek(self._read)
            new = stream.read()
        self._read += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            event = json.loads(line)
            about = event.get("objectRef", {})
            if event["verb"] in WRITES and about.get("namespace") == self._namespace:
                self.writes.append(_write(event, about))

    def linked(self) -> int:
        """How many dead letters have been written."""
        return sum(1 for write in self.writes if write.resource == "deadletters/status")

    def counted(self, which: Callable[[Write], bool]) -> Counter[str]:
        """The writes for which this holds, by resource."""
        return Counter(write.resource for write in self.writes if which(write))

    def seconds(self) -> float:
        """From the arrival of the first write to our kinds to the answer to the last one."""
        ours = [write for write in self.writes if write.group == GROUP]
        first, last = min(one.received for one in ours), max(one.answered for one in ours)
        return (last - first).total_seconds()


def _write(event: dict[str, Any], about: dict[str, str]) -> Write:
    sub = about.get("subresource")
    return Write(
        resource=about["resource"] + (f"/{sub}" if sub else ""),
        group=about.get("apiGroup", ""),
        code=event["responseStatus"]["code"],
        received=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        answered=datetime.fromisoformat(event["stageTimestamp"]),
    )

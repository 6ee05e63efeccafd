"""What cannot be read: left exactly as it is, and reported where people look."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from amends.api import KINDS
from amends.api.wire import rfc3339
from amends.core.key import Key
from amends.core.records.redaction import redact_text
from amends.kube.cache import Cache, is_open
from amends.kube.events import EventRecorder
from amends.ports import Clock, Cluster, Conflict, Gone, Raw, Rejected, Unsure

log = structlog.get_logger(__name__)

REASON = "Unreadable"
MESSAGE_LIMIT = 1024
PLURALS = {kind.__name__: kind.SERVED.plural for kind in KINDS}


class Unreadables:
    """The open objects that do not fit this version's schema, as far as they have been looked at.

    Each is told of once, by an Event and a line in the log, and stays in the metric until it can be
    read or is gone. A condition is written where the server takes one.
    """

    def __init__(
        self, cache: Cache, cluster: Cluster, recorder: EventRecorder, clock: Clock
    ) -> None:
        self._cache = cache
        self._cluster = cluster
        self._recorder = recorder
        self._clock = clock
        self._told: dict[Key, str] = {}

    def by_kind(self) -> Mapping[tuple[str, ...], int]:
        """How many there are."""
        return Counter((key.kind,) for key in self._told)

    def forget(self, key: Key) -> None:
        """It can be read, or it is gone."""
        self._told.pop(key, None)

    async def report(self, key: Key, raw: Raw, why: str) -> None:
        """Say it where people look. Nothing else of the object is touched.

        What has settled is let be: it needs nobody, and nobody would hear of its deletion.

        Raises:
            Fault: somebody else has written, or the answer was lost; look again.
        """
        if not is_open(raw):
            self.forget(key)
            return
        message = explained(key.kind, why)
        if self._told.get(key) != message:
            log.error("object cannot be read", why=why)
            self._recorder.say(key, raw["metadata"]["uid"], "Warning", REASON, message)
            self._told[key] = message
        if (status := with_condition(raw, message, self._clock.now())) is None:
            return
        try:
            self._cache.put(await self._cluster.write_status(raw, status))
        except Rejected as refused:
            # What cannot be read is often what the server does not take any more.
            log.info("condition not written", why=str(refused))
        except (Conflict, Gone, Unsure):
            self._cache.forget(key)
            raise


def explained(kind: str, why: str) -> str:
    """What is wrong, and what to do about it. `why` begins with the field."""
    steps = why.partition(":")[0].split(".")
    field = ".".join([PLURALS[kind], *(step for step in steps if not step.isdigit())])
    return redact_text(
        f"left as it is, because this version of Amends cannot read it: {why}. Mend that field "
        f"(kubectl explain {field}), or run the version that wrote it"
    )[:MESSAGE_LIMIT]


def with_condition(raw: Raw, message: str, now: datetime) -> Raw | None:
    """The status with this one condition; None if it has it already, or has no place for it."""
    status: Any = raw.get("status", {})
    before = status.get("conditions", []) if isinstance(status, dict) else None
    if not isinstance(before, list) or not all(isinstance(one, dict) for one in before):
        return None
    was: Raw = next((one for one in before if one.get("type") == "Ready"), {})
    stayed = was.get("status") == "False" and "lastTransitionTime" in was
    ready = {
        "type": "Ready",
        "status": "False",
        "observedGeneration": raw["metadata"].get("generation", 0),
        "lastTransitionTime": was["lastTransitionTime"] if stayed else rfc3339(now),
        "reason": REASON,
        "message": message,
    }
    if was == ready:
        return None
    others = [one for one in before if one is not was]
    return {**status, "conditions": [*others, ready]}

"""Unknown outcomes: how many open objects have one, and for how long the oldest has had it.

Of an attempt of ours the object's condition says so, and since when. An Action whose automation
does not know has been unknown since it was reported.
"""

from collections.abc import Iterator
from datetime import datetime

from amends.api.action import ActionOutcome
from amends.core.key import Key
from amends.kube.cache import Cache
from amends.ports import Clock
from amends.runtime.metrics import Values

KINDS = ("Action", "Compensation", "DeadLetter")


class UnknownOutcomes:
    """Read from what is held in memory, whenever somebody asks."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock

    def by_kind(self) -> Values:
        """How many there are."""
        return {(kind,): len(list(self._since(kind))) for kind in KINDS}

    def oldest(self) -> Values:
        """Seconds since the oldest became unknown; 0 where there is none."""
        now = self._clock.now()
        return {
            (kind,): max(((now - since).total_seconds() for since in self._since(kind)), default=0)
            for kind in KINDS
        }

    def _since(self, kind: str) -> Iterator[datetime]:
        for key in self._cache.keys(kind):
            if (since := self._unknown_since(key)) is not None:
                yield since

    def _unknown_since(self, key: Key) -> datetime | None:
        raw = self._cache.get(key)
        status = raw.get("status", {}) if raw is not None else {}
        if raw is not None and key.kind == "Action":
            unknown = status.get("effect", {}).get("outcome") == ActionOutcome.UNKNOWN
            return datetime.fromisoformat(raw["metadata"]["creationTimestamp"]) if unknown else None
        return next(
            (
                datetime.fromisoformat(one["lastTransitionTime"])
                for one in status.get("conditions", ())
                if one["type"] == "OutcomeUnknown" and one["status"] == "True"
            ),
            None,
        )

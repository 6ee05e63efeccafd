"""Escalations: how many open undos have escalated, and how many receivers know nothing of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from amends.kube.cache import Cache
from amends.runtime.metrics import Values


class Escalations:
    """Read from the records of what is held in memory, whenever somebody asks."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def standing(self) -> Values:
        """How many have escalated and still need a person."""
        return {(): sum(1 for _ in self._escalated())}

    def undelivered(self) -> Values:
        """Of how many of them the notice was sent in vain."""
        return {(): sum("lastError" in one.get("notice", {}) for one in self._escalated())}

    def _escalated(self) -> Iterator[Mapping[str, Any]]:
        for key in self._cache.keys("Compensation"):
            raw = self._cache.get(key)
            found = raw.get("status", {}).get("escalation") if raw is not None else None
            if found and "escalatedAt" in found and "endedAt" not in found:
                yield found

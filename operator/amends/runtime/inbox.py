"""The inbox: what the watch says goes into the cache, and whatever is new is looked at."""

from collections.abc import AsyncIterator, Callable

from amends.core.key import Key
from amends.kube.cache import OPEN_WORK, Cache, key_of
from amends.ports import Raw
from amends.runtime.queue import KeyQueue

List = Callable[[str, str], AsyncIterator[Raw]]
"""(kind, field selector) → every object that matches."""


class Inbox:
    """Takes in versions of objects, in any order, any number of times."""

    def __init__(self, cache: Cache, queue: KeyQueue) -> None:
        self._cache = cache
        self._queue = queue

    @property
    def open_objects(self) -> int:
        """How many objects are held."""
        return len(self._cache)

    def seen(self, raw: Raw) -> None:
        """A version of an object that is open work."""
        if self._cache.put(raw):
            self._queue.add(key_of(raw))

    def left(self, raw: Raw) -> None:
        """An object left the watch: it has settled, or it is gone. Look again."""
        if not self._cache.left_watch(raw):
            return
        self._queue.add(key_of(raw))
        for key in self._cache.followers(raw):
            self._queue.add(key)

    async def resync(self, list_open: List) -> None:
        """Compare the cache with the server, and look at everything that is open.

        This is what makes a missed event harmless: after a 410 nobody tells what was deleted.
        """
        for kind, selector in OPEN_WORK.items():
            gone = self._cache.keys(kind)
            async for raw in list_open(kind, selector):
                key = key_of(raw)
                gone.pop(key, None)
                self._cache.put(raw)
                self._queue.add(key)
            for key, uid in gone.items():
                self._forget(key, uid)

    def _forget(self, key: Key, uid: str) -> None:
        known = self._cache.get(key)
        if known is not None and known["metadata"]["uid"] != uid:
            return  # a namesake that was created while the list was read
        self._cache.forget(key)
        self._queue.add(key)
        if known is not None:
            for follower in self._cache.followers(known):
                self._queue.add(follower)

"""Related objects: read from the cache first, from the server where the cache does not know."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from pydantic import ValidationError

from amends.api import Action, DeadLetter, Receipt, Resource
from amends.api.outbox import SupersededBy
from amends.api.receipt import Scope
from amends.core.key import Key
from amends.core.namespace import NamespacePolicy
from amends.core.superseding import announced
from amends.kube.cache import Cache, is_open, key_of
from amends.ports import Cluster, Raw
from amends.runtime.namespaces import Namespaces, Rules

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Resource)


class Unreadable(Exception):
    """The stored object does not fit this version's schema. It is left exactly as it is."""

    def __init__(self, why: ValidationError) -> None:
        first = why.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        super().__init__(f"{where}: {first['msg']}")


def read(kind: type[R], raw: Raw) -> R:
    """The object behind what the server sent.

    Raises:
        Unreadable: it does not fit the schema.
    """
    try:
        return kind.read(dict(raw))
    except ValidationError as why:
        raise Unreadable(why) from why


def readable(kind: type[R], raws: Iterable[Raw]) -> Iterator[R]:
    """Those that can be read; one that cannot is reported when it is looked at itself."""
    for raw in raws:
        try:
            yield read(kind, raw)
        except Unreadable as why:
            log.info("related object left out", object=str(key_of(raw)), why=str(why))


class Related:
    """Typed reads of what an object is related to."""

    def __init__(self, cache: Cache, cluster: Cluster, namespaces: Namespaces) -> None:
        self._cache = cache
        self._cluster = cluster
        self._namespaces = namespaces

    async def own(self, key: Key) -> Raw | None:
        """The object that is looked at, None if it does not exist."""
        found = await self.raw(key)
        if found is not None:
            self._cache.put(found)
        else:
            self._cache.forget(key)
        return found

    async def raw(self, key: Key) -> Raw | None:
        """The object, None if it does not exist.

        One that is open is not kept: the watch will tell of it, and only what it tells as news is
        looked at.
        """
        if (known := self._cache.get(key)) is not None:
            return known
        found = await self._cluster.get(key)
        if found is not None and not is_open(found):
            self._cache.put(found)
        return found

    async def one(self, kind: type[R], namespace: str, name: str) -> R | None:
        """The object of that name; None if there is none that can be read."""
        raw = await self.raw(Key(kind.__name__, namespace, name))
        return next(readable(kind, [raw] if raw is not None else []), None)

    async def newest(self, kind: type[R], namespace: str, name: str) -> R | None:
        """The same, as it is on the server now.

        A settled object leaves the watch, so its deletion goes unseen.
        """
        key = Key(kind.__name__, namespace, name)
        found = await self._cluster.get(key)
        self._cache.settled_is(key, found)
        return next(readable(kind, [found] if found is not None else []), None)

    async def stored(self, kind: type[R], namespace: str, name: str) -> R | None:
        """The same, and what is known here stays: the watch tells who waits for it that it is gone.

        While the watch is down, even an open object may have been deleted unheard.
        """
        raw = await self._cluster.get(Key(kind.__name__, namespace, name))
        return next(readable(kind, [raw] if raw is not None else []), None)

    def open(self, kind: type[R], namespace: str, value: str) -> tuple[R, ...]:
        """Open objects of a kind by what they are related to: an effect, a subject, an intent."""
        return tuple(readable(kind, self._cache.related(kind.__name__, namespace, value)))

    def open_raws(self, kind: str, namespace: str, value: str) -> Sequence[Raw]:
        """The same as they are stored, for who needs few of many."""
        return tuple(self._cache.related(kind, namespace, value))

    def letters_naming(self, undo: Key, effect: str) -> Sequence[Raw]:
        """Open dead letters of its effect that name this Compensation, as they are stored."""
        return [
            raw
            for raw in self._cache.related("DeadLetter", undo.namespace, effect)
            if raw.get("status", {}).get("compensationRef") == {"name": undo.name}
        ]

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        """Objects with these values, settled ones too, as they are on the server now."""
        return await self._cluster.find(kind, namespace, fields)

    async def found_open(
        self, kind: type[R], namespace: str, fields: Mapping[str, str]
    ) -> tuple[R, ...]:
        """Open objects with these values as they are on the server now, told of or not."""
        found = await self._cluster.find(kind.__name__, namespace, fields)
        return tuple(readable(kind, filter(is_open, found)))

    async def known_open(self, kind: type[R], namespace: str, value: str) -> tuple[R, ...]:
        """Objects known to be open, as they are on the server now."""
        keys = [key_of(raw) for raw in self._cache.related(kind.__name__, namespace, value)]
        found = [await self._cluster.get(key) for key in keys]
        return tuple(readable(kind, (raw for raw in found if raw is not None and is_open(raw))))

    async def receipts(self, namespace: str, effect: str) -> tuple[Receipt, ...]:
        """The evidence of one effect, as it is on the server now."""
        found = await self._cluster.find("Receipt", namespace, {"spec.effectId": effect})
        return tuple(readable(Receipt, found))

    def success(self, namespace: str, effect: str, now: datetime) -> SupersededBy | None:
        """News that an effect has succeeded after all."""
        telling = [
            raw
            for raw in self._cache.related("Action", namespace, effect)
            if "receiptRef" in raw.get("status", {})
        ]
        retried = [
            raw
            for raw in self._cache.related("DeadLetter", namespace, effect)
            if raw.get("status", {}).get("phase") == "Retrying"
        ]
        if not telling and not retried:
            return None
        return announced(readable(Action, telling), readable(DeadLetter, retried), now)

    async def duplicate_window(self, namespace: str) -> timedelta:
        """How far apart two Actions may be and still be told of as possible duplicates."""
        found = await self._cluster.namespace(namespace)
        return NamespacePolicy.of(found.annotations).duplicate_window

    async def rules(self, namespace: str) -> Rules:
        """What a namespace demands and forbids."""
        return await self._namespaces.of(namespace)

    async def scope(self, namespace: str) -> Scope:
        """The tenant."""
        labels = (await self._cluster.namespace(namespace)).labels
        return Scope(
            namespace=namespace,
            org=labels.get("amends.dev/org"),
            workspace=labels.get("amends.dev/workspace"),
        )

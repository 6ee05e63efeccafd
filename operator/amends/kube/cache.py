"""What is open, as last seen: fed by the watch and by our own writes, searchable by relation.

Only open work is held. What has settled is remembered for a while, so that a late watch event does
not bring it back and a relative can read it without asking the server.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from amends.api import KINDS
from amends.core.key import Key
from amends.ports import Raw

SETTLED_LIMIT = 1000

OPEN_WORK = {kind.__name__: kind.SERVED.open_work for kind in KINDS if kind.SERVED.open_work}
"""Field selector of open work, by kind."""

_CLAUSES = {
    kind: [
        (path.split("."), value)
        for path, value in (clause.split("!=") for clause in selector.split(","))
    ]
    for kind, selector in OPEN_WORK.items()
}
"""The same, read once: the fields and what each of them must not be."""

RELATIONS: Mapping[str, Callable[[Raw], str | None]] = {
    "Approval": lambda raw: raw["spec"]["subjectRef"]["name"],
    "DeadLetter": lambda raw: raw["spec"]["effectId"],
    "Compensation": lambda raw: raw["spec"]["targetEffect"],
}
"""What objects of a kind are looked up by: an approval's subject, an effect."""


class Cache:
    """Objects by key, and by relation. One event loop; no locks."""

    def __init__(self) -> None:
        self._open: dict[Key, Raw] = {}
        self._settled: OrderedDict[Key, Raw] = OrderedDict()
        self._related: defaultdict[tuple[str, str, str], dict[Key, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._open)

    def get(self, key: Key) -> Raw | None:
        """The newest version seen here; None says nothing about the server."""
        return self._open.get(key) or self._settled.get(key)

    def related(self, kind: str, namespace: str, value: str) -> Iterator[Raw]:
        """Open objects of a kind whose relation has this value."""
        for key in list(self._related.get((kind, namespace, value), ())):
            yield self._open[key]

    def followers(self, raw: Raw) -> list[Key]:
        """Open objects that wait for what becomes of a Compensation; of other kinds: none."""
        key = key_of(raw)
        if key.kind != "Compensation":
            return []
        effect = _safely(RELATIONS[key.kind], raw) or ""
        return [
            key_of(one)
            for kind, value in (("Approval", key.name), ("DeadLetter", effect))
            for one in self.related(kind, key.namespace, value)
        ]

    def put(self, raw: Raw) -> bool:
        """Take in a version; False if it is not newer than what is known.

        Resource versions of one resource may be compared as integers (KEP-5504), and across a name
        as well: one that is created again has a higher version than its namesake ever had.
        """
        key = key_of(raw)
        known = self.get(key)
        if known is not None and not _is_newer(raw, known):
            return False
        self.forget(key)
        raw = _slim(raw)
        if is_open(raw):
            self._open[key] = raw
            if (relation := _relation(key, raw)) is not None:
                self._related[relation][key] = None
        else:
            self._settled[key] = raw
            while len(self._settled) > SETTLED_LIMIT:
                self._settled.popitem(last=False)
        return True

    def left_watch(self, raw: Raw) -> bool:
        """A DELETED event: it has settled, or is gone. False if we know it and nothing is new."""
        key = key_of(raw)
        settled = self._settled.get(key)
        if settled is not None and not _is_newer(raw, settled):
            return False
        known = self._open.get(key)
        if known is not None and _is_newer(known, raw):
            return False
        self.forget(key)
        return True

    def forget(self, key: Key) -> None:
        """Know nothing about it any more."""
        self._settled.pop(key, None)
        raw = self._open.pop(key, None)
        if raw is None or (relation := _relation(key, raw)) is None:
            return
        members = self._related[relation]
        members.pop(key, None)
        if not members:
            del self._related[relation]

    def keys(self, kind: str) -> dict[Key, str]:
        """The uid of every open object of a kind."""
        return {key: raw["metadata"]["uid"] for key, raw in self._open.items() if key.kind == kind}


def key_of(raw: Raw) -> Key:
    """The key of an object."""
    return Key(raw["kind"], raw["metadata"]["namespace"], raw["metadata"]["name"])


def is_open(raw: Raw) -> bool:
    """Whether the object matches its kind's open-work selector, as the server evaluates it."""
    clauses = _CLAUSES.get(raw["kind"])
    return clauses is not None and all(_field(raw, path) != value for path, value in clauses)


def _field(raw: Raw, path: Sequence[str]) -> str:
    value: Any = raw
    for step in path:
        value = value.get(step, {}) if isinstance(value, dict) else {}
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ""


def _relation(key: Key, raw: Raw) -> tuple[str, str, str] | None:
    relation = RELATIONS.get(key.kind)
    value = _safely(relation, raw) if relation is not None else None
    return (key.kind, key.namespace, value) if value is not None else None


def _safely(relation: Callable[[Raw], str | None], raw: Raw) -> str | None:
    try:
        return relation(raw)
    except (KeyError, TypeError):  # an object of another schema; it is reported when looked at
        return None


def _slim(raw: Raw) -> Raw:
    """Without managedFields: nothing here reads them, and they are half of an object."""
    meta = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
    return {**raw, "metadata": meta}


def _is_newer(one: Raw, other: Raw) -> bool:
    return int(one["metadata"]["resourceVersion"]) > int(other["metadata"]["resourceVersion"])

"""What is open, as last seen: fed by the watch and by our own writes, searchable by relation.

Only open work is held. What has settled is remembered for a while, so that a late watch event does
not bring it back and a relative can read it without asking the server.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from amends.api import KINDS
from amends.core.actions.duplicates import intent_of
from amends.core.key import Key
from amends.core.records.identity import effect_of
from amends.kube.settled import Settled
from amends.ports import Raw

T = TypeVar("T")

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


def under_way_at(target: str) -> str:
    """The relation of everything whose attempt at this target is under way."""
    return f"\0at {target}"


def in_order(ordering_key: str) -> str:
    """The relation of everything that is to begin in one order."""
    return f"\0order {ordering_key}"


def attempt_at(raw: Raw) -> str | None:
    """The target of the attempt that is under way by the ledger of the object."""
    outbox = raw.get("status", {}).get("outbox", {})
    under_way = outbox.get("phase") == "Claimed" and "outcome" not in outbox
    target = outbox.get("target") if under_way else None
    return target if isinstance(target, str) else None


def _under_way_at(raw: Raw) -> str | None:
    target = attempt_at(raw)
    return under_way_at(target) if target is not None else None


def _in_order(raw: Raw) -> str | None:
    key = raw["spec"].get("orderingKey")
    return in_order(key) if isinstance(key, str) else None


RELATIONS: Mapping[str, Callable[[Raw], Sequence[str | None]]] = {
    "Action": lambda raw: (effect_of(raw), intent_of(raw)),
    "Approval": lambda raw: (raw["spec"]["subjectRef"]["name"],),
    "DeadLetter": lambda raw: (raw["spec"]["effectId"], _under_way_at(raw)),
    "Disposition": lambda raw: (raw["spec"]["deadLetterRef"]["name"],),
    "Compensation": lambda raw: (raw["spec"]["targetEffect"], _under_way_at(raw), _in_order(raw)),
    "Attestation": lambda raw: (raw["spec"]["subjectRef"]["name"],),
}
"""What objects of a kind are looked up by: a statement's subject, an effect, an intent, the target
of an attempt that is under way, the key of an order."""

FOLLOWERS: Mapping[str, Mapping[str, Callable[[Raw], str]]] = {
    "Compensation": {
        "Compensation": lambda raw: in_order(raw["spec"]["orderingKey"]),
        "Approval": lambda raw: raw["metadata"]["name"],
        "Attestation": lambda raw: raw["metadata"]["name"],
        "DeadLetter": lambda raw: raw["spec"]["targetEffect"],
        "Action": lambda raw: raw["spec"]["targetEffect"],
    },
    "DeadLetter": {
        "Disposition": lambda raw: raw["metadata"]["name"],
        "Attestation": lambda raw: raw["metadata"]["name"],
        "Compensation": lambda raw: raw["spec"]["effectId"],
        "Action": lambda raw: raw["spec"]["effectId"],
    },
}
"""Which kinds wait for what becomes of an object, and by which relation they are found."""


class Cache:
    """Objects by key, and by relation. One event loop; no locks."""

    def __init__(self) -> None:
        self._open: dict[Key, Raw] = {}
        self._settled = Settled()
        self._doubted: set[Key] = set()
        self._related: defaultdict[tuple[str, str, str], dict[Key, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._open)

    def get(self, key: Key) -> Raw | None:
        """The newest version seen here; None says nothing about the server."""
        return None if key in self._doubted else self._known(key)

    def _known(self, key: Key) -> Raw | None:
        return self._open.get(key) or self._settled.get(key)

    def related(self, kind: str, namespace: str, value: str) -> Iterator[Raw]:
        """Open objects of a kind whose relation has this value."""
        for key in list(self._related.get((kind, namespace, value), ())):
            yield self._open[key]

    def followers(self, raw: Raw) -> list[Key]:
        """Open objects that wait for what becomes of this one."""
        key = key_of(raw)
        return [
            key_of(one)
            for kind, relation in FOLLOWERS.get(key.kind, {}).items()
            if isinstance(value := _safely(relation, raw), str)
            for one in self.related(kind, key.namespace, value)
            if key_of(one) != key
        ]

    def put(self, raw: Raw) -> bool:
        """Take in a version; False if it is not newer than what is known.

        Resource versions of one resource may be compared as integers (KEP-5504), and across a name
        as well: one that is created again has a higher version than its namesake ever had.
        """
        key = key_of(raw)
        known = self._known(key)
        if known is not None and not _is_newer(raw, known):
            if not _is_newer(known, raw):
                self._doubted.discard(key)
            return False
        self.forget(key)
        raw = _slim(raw)
        if is_open(raw):
            self._open[key] = raw
            for relation in _relations(key, raw):
                self._related[relation][key] = None
        else:
            self._settled.put(key, raw)
        return True

    def settled_is(self, key: Key, found: Raw | None) -> None:
        """What the server says now of one that has settled, or is gone since.

        What is known to be open stays: the watch tells what becomes of it, and until then it must
        not be overlooked.
        """
        if key in self._open:
            return
        self.forget(key)
        if found is not None and not is_open(found):
            self.put(found)

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

    def doubt(self, key: Key) -> None:
        """There may be a newer version: read it again before it is decided upon.

        Its relatives find it all the same: an undo under way must not be overlooked meanwhile.
        """
        self._doubted.add(key)

    def forget(self, key: Key) -> None:
        """Know nothing about it any more."""
        self._doubted.discard(key)
        self._settled.forget(key)
        raw = self._open.pop(key, None)
        for relation in _relations(key, raw) if raw is not None else ():
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


def _relations(key: Key, raw: Raw) -> list[tuple[str, str, str]]:
    relation = RELATIONS.get(key.kind)
    values = _safely(relation, raw) if relation is not None else None
    # An object of another schema may hold anything there, lists included.
    return [(key.kind, key.namespace, value) for value in values or () if isinstance(value, str)]


def _safely(relation: Callable[[Raw], T], raw: Raw) -> T | None:
    try:
        return relation(raw)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # an object of another schema; it is reported when looked at


def _slim(raw: Raw) -> Raw:
    """Without managedFields: nothing here reads them, and they are half of an object."""
    meta = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
    return {**raw, "metadata": meta}


def _is_newer(one: Raw, other: Raw) -> bool:
    return int(one["metadata"]["resourceVersion"]) > int(other["metadata"]["resourceVersion"])

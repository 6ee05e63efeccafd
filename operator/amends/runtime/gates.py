"""Gates: how many attempts a target takes at once, in whose turn, and whether it is up at all.

A place at a target is taken by what the ledger says: an object whose claim is durable and whose
attempt has not ended, whoever holds it. So a new leader knows of its predecessor's attempts. Only
between a decision and its write is a place kept in memory. Everything is counted by namespace: no
tenant can hold up another.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from amends.core.hold import Hold
from amends.core.key import Key
from amends.core.namespace import TARGET_LIMITS, Limits
from amends.core.outcome import Outcome
from amends.kube.cache import Cache, attempt_at, under_way_at
from amends.runtime.breakers import SHORTEST, Breakers

ASK_AGAIN = timedelta(seconds=30)
"""Who waits for a place is told when one is free; this is for a telling that was lost."""
NEVER = datetime.max.replace(tzinfo=UTC)
KINDS_WITH_ATTEMPTS = ("Compensation", "DeadLetter")

Place = tuple[str, str]
"""A namespace and a target of its attempts."""


class Ticket(NamedTuple):
    """The turn of one object that waits: who has less time left comes first."""

    urgent_by: datetime
    since: datetime
    key: Key


class Line:
    """Who waits at one gate, in turn. Thousands may, so nobody is counted one by one."""

    def __init__(self) -> None:
        self._tickets: dict[Key, Ticket] = {}
        self._in_turn: list[Ticket] = []

    def __contains__(self, key: Key) -> bool:
        return key in self._tickets

    def join(self, key: Key, urgent_by: datetime, now: datetime) -> int:
        """Wait from now on, or as long as it does already; returns how many come first."""
        known = self.leave(key)
        ticket = Ticket(urgent_by, known.since if known is not None else now, key)
        place = bisect_left(self._in_turn, ticket)
        self._tickets[key] = ticket
        self._in_turn.insert(place, ticket)
        return place

    def leave(self, key: Key) -> Ticket | None:
        """Wait no more."""
        ticket = self._tickets.pop(key, None)
        if ticket is not None:
            del self._in_turn[bisect_left(self._in_turn, ticket)]
        return ticket

    @property
    def first(self) -> Ticket | None:
        """Whose turn it is."""
        return self._in_turn[0] if self._in_turn else None


class Gates:
    """One gate per namespace and target."""

    def __init__(
        self,
        cache: Cache,
        look: Callable[[Key], None],
        under_way: Callable[[str], int],
        most: int,
        shortest: timedelta = SHORTEST,
        room: Callable[[str], str] = lambda _: "",
    ) -> None:
        """room: whose attempts share the places of this operator with those at a target.

        under_way: how many attempts a room holds; most: how many it may.
        """
        self._cache = cache
        self._look = look
        self._under_way = under_way
        self._most = most
        self._room = room
        self._breakers: Breakers[Place] = Breakers(shortest)
        self._reserved: dict[Key, Place] = {}
        self._taken: dict[Key, Place] = {}
        self._waiting: defaultdict[Place, Line] = defaultdict(Line)
        self._asked: set[Key] = set()

    def ask(
        self, key: Key, target: str, limits: Limits, urgent_by: datetime | None, now: datetime
    ) -> Hold | None:
        """Reserve a place for an attempt that is due; a Hold says why there is none.

        The place is kept until `settle`, and from then on by the claim in the object's ledger.
        """
        place = (key.namespace, target)
        earlier = self._waiting[place].join(key, urgent_by or NEVER, now)
        self._asked.add(key)
        hold = self._full(place, key, earlier, limits) or self._breakers.refuses(place, key, now)
        if hold is None:
            self._reserved[key] = place
            self._leave(place, key)
        return hold

    def ended(self, key: Key, target: str | None, outcome: Outcome, now: datetime) -> None:
        """How an attempt ended tells whether its target is up."""
        if target is not None:
            self._breakers.count((key.namespace, target), outcome, now)

    def settle(self, key: Key) -> None:
        """A pass over the object is over: keep what its ledger holds, give back what is free."""
        had = self._reserved.pop(key, None) or self._taken.pop(key, None)
        has = self._occupied(key)
        if has is not None:
            self._taken[key] = has
        elif had is not None:
            self._breakers.passed(had, key)
        if key in self._asked:
            self._asked.discard(key)
        else:
            self._stop_waiting(key)
        if had is not None and had != has:
            self._call(had)

    def _full(self, place: Place, key: Key, earlier: int, limits: Limits) -> Hold | None:
        namespace, target = place
        most = limits.at(target)
        busy = len(self._busy(place) - {key})
        if busy + earlier >= most:
            # Nothing in it that changes while it waits: it would be written each time.
            return Hold(
                "TargetBusy",
                f"waits for {target}, where at most {most} attempts of namespace {namespace} are "
                f"under way at once; its annotation {TARGET_LIMITS} says how many",
                ASK_AGAIN,
            )
        room = self._room(target)
        reserved = [at for who, (_, at) in self._reserved.items() if who != key]
        if self._under_way(room) + sum(self._room(at) == room for at in reserved) >= self._most:
            what = f"attempts by {room}" if room else "attempts"
            return Hold(
                "OperatorBusy",
                f"waits until fewer than {self._most} {what} are under way in this operator",
                ASK_AGAIN,
            )
        return None

    def _busy(self, place: Place) -> set[Key]:
        namespace, target = place
        claimed = {
            Key(kind, namespace, raw["metadata"]["name"])
            for kind in KINDS_WITH_ATTEMPTS
            for raw in self._cache.related(kind, namespace, under_way_at(target))
        }
        return claimed | {key for key, at in self._reserved.items() if at == place}

    def _occupied(self, key: Key) -> Place | None:
        raw = self._cache.get(key)
        target = attempt_at(raw) if raw is not None else None
        return (key.namespace, target) if target is not None else None

    def _stop_waiting(self, key: Key) -> None:
        for place in [place for place, line in self._waiting.items() if key in line]:
            self._leave(place, key)

    def _leave(self, place: Place, key: Key) -> None:
        self._waiting[place].leave(key)
        if self._waiting[place].first is None:
            del self._waiting[place]

    def _call(self, place: Place) -> None:
        """A place is free: the first in turn there, else in the same room, is looked at."""
        here = self._waiting[place].first if place in self._waiting else None
        room = self._room(place[1])
        elsewhere = (line.first for at, line in self._waiting.items() if self._room(at[1]) == room)
        first = here or min((one for one in elsewhere if one is not None), default=None)
        if first is not None:
            self._look(first.key)

"""The atlas of crash points: those that are known, those that were hit, those that remain.

Nobody lists them by hand. A life that is watched to its end shows the points of the stories in it;
a life after a death shows those that come after that death. A call that turns up later is a point
from then on.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chaos.border import Line, Point
from chaos.lives import Path_, Run

TRIES = 3
"""How often a point that is not reached is tried again: the order of calls varies."""

READS = ("get", "find")
BY_THE_CLOCK = ("get Namespace", "get jobs", "find pods", "find events")
"""Repeated every now and then, however the story goes: only the first is a point of it."""


Place = tuple[str, Path_]
"""A story, and where in it operators die."""


@dataclass
class Atlas:
    """By story and by the deaths before: the calls of the life that follows.

    depths: how many deaths a story is to have at most, one after the other.
    """

    depths: Mapping[str, int]
    _calls: dict[Place, dict[tuple[str, int], None]] = field(default_factory=dict)
    hit: set[Place] = field(default_factory=set)
    _tries: Counter[Place] = field(default_factory=Counter)

    def learn(self, run: Run) -> None:
        """Take in what a run has shown."""
        name, path = run.visit.name, run.visit.path
        for number in range(len(path) + 1):
            if all(line.cut.is_set() for line in run.lines[:number]):
                life = run.lines[number] if number < len(path) else _untouched(run.lines[number:])
                if life is not None:
                    self._know((name, path[:number]), life)
        if path:
            self._tries[name, path] += 1
            if run.reached:
                self.hit.add((name, path))

    def _know(self, place: Place, life: Line) -> None:
        known = self._calls.setdefault(place, {})
        for call in life.calls:
            if call.ordinal == 1 or call.name not in BY_THE_CLOCK:
                known[call.name, call.ordinal] = None

    def points(self, name: str, deaths: int) -> list[Path_]:
        """Every point of a story that is known, by the number of deaths it takes."""
        return [
            (*before, point)
            for (told, before), calls in self._calls.items()
            if told == name and len(before) == deaths - 1
            for call, ordinal in calls
            for point in _moments(call, ordinal, deaths)
        ]

    def remaining(self, deaths: int) -> list[Place]:
        """What is to be visited yet."""
        return [
            (name, path)
            for name, depth in self.depths.items()
            if depth >= deaths
            for path in self.points(name, deaths)
            if (name, path) not in self.hit and self._tries[name, path] < TRIES
        ]

    def missed(self) -> list[Place]:
        """What was never reached, as often as it was tried."""
        return [one for one, tries in self._tries.items() if tries >= TRIES and one not in self.hit]


def _untouched(lives: Sequence[Line]) -> Line | None:
    """The last life, unless one that died while it started had done something for the story."""
    *died, last = lives
    return None if any(line.calls for line in died) else last


def _moments(call: str, ordinal: int, deaths: int) -> Iterator[Point]:
    """Before and after. A read changes nothing outside: at a second death, before is enough."""
    yield Point(call, ordinal, "before")
    if deaths == 1 or call.split()[0] not in READS:
        yield Point(call, ordinal, "after")


@dataclass
class Starts:
    """The points of a process that starts: calls of its own, before it works for anybody."""

    known: dict[Point, None] = field(default_factory=dict)
    hit: set[Point] = field(default_factory=set)
    _tries: Counter[Point] = field(default_factory=Counter)

    def learn(self, own: Line) -> None:
        """Take in what a start has shown; repeats later on are the same calls again."""
        for call in own.calls:
            if call.ordinal == 1:
                self.known.update(dict.fromkeys(_moments(call.name, 1, 1)))
        if own.cut_at is not None and own.cut.is_set():
            self.hit.add(own.cut_at)

    def next(self) -> Point | None:
        """One that is to be visited yet; from now on it has been tried."""
        point = next(self._left(), None)
        if point is not None:
            self._tries[point] += 1
        return point

    def is_left(self) -> bool:
        """Whether there is such a one."""
        return next(self._left(), None) is not None

    def missed(self) -> list[Point]:
        """Those that are known and were not hit."""
        return [point for point in self.known if point not in self.hit]

    def _left(self) -> Iterator[Point]:
        for point in self.known:
            if point not in self.hit and self._tries[point] < TRIES:
                yield point

"""Orders: the small world again, with everything that happens side by side in every order.

A pass is interrupted at each call to the server: what it asks for is handled at one time, and the
answer reaches it at another. Between the two the watch may tell of it, people may read it and act
upon it, and other objects are looked at.
"""

from collections.abc import Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from amends.core.key import Key
from amends.kube.cache import key_of
from amends.ports import Fault, Raw
from chaos.small_stories import Told
from chaos.small_world import Holder, HolderCluster, Trouble

RESYNC = timedelta(minutes=10)
"""Whoever waits for longer than this waits for a lost wake-up to be made good."""
WORKERS = 3
MOST_STEPS = 2000

T = TypeVar("T")


class Pause:
    """Something else may happen now."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class SlowCluster(HolderCluster):
    """Every call takes its time: what is written on its way there, and every answer."""

    async def get(self, key: Key) -> Raw | None:
        return await self._back(super().get(key))

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        return await self._back(super().find(kind, namespace, fields))

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        await Pause()
        return await self._back(super().create(kind, namespace, body))

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        await Pause()
        return await self._back(super().write_status(before, status))

    async def delete(self, before: Raw) -> None:
        await Pause()
        await self._back(super().delete(before))

    async def _back(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return await call
        finally:
            await Pause()


class Move(NamedTuple):
    """Something that may happen now: what it is, of which object."""

    what: str
    key: Key

    def __str__(self) -> str:
        return f"{self.what} {self.key.kind} {self.key.name}"


ANSWER, NEWS, LOOK, TARGET = "an answer for", "news of", "a look at", "the target's answer for"


class Office(Holder):
    """One operator process whose passes and watches take turns as an Order says."""

    CLUSTER = SlowCluster

    def __init__(self, told: Told, trouble: Trouble | None = None) -> None:
        self.passes: dict[Key, Coroutine[Any, Any, timedelta | None]] = {}
        self.told = told
        super().__init__(told.server, "first", trouble)
        self._unheard: dict[Key, list[tuple[dict[str, Any], bool]]] = {}

    def moves(self) -> Iterator[Move]:
        """What may happen next, in the most prompt order."""
        events, self._heard = self._server.events[self._heard :], len(self._server.events)
        for event in events:
            self._unheard.setdefault(key_of(event[0]), []).append(event)
        yield from (Move(ANSWER, key) for key in self.passes)
        yield from (Move(NEWS, key) for key in self._unheard)
        if len(self.passes) < WORKERS:
            yield from (Move(LOOK, key) for key in self.queue.waiting if key not in self.passes)
        yield from (Move(TARGET, key) for key in self.executions.works)

    def make(self, move: Move) -> None:
        """Let it happen."""
        match move.what:
            case "an answer for":
                self._resume(move.key)
            case "news of":
                self._told(*self._unheard[move.key].pop(0))
                if not self._unheard[move.key]:
                    del self._unheard[move.key]
            case "a look at":
                del self.queue.waiting[move.key]
                self.queue.due.pop(move.key, None)
                self.passes[move.key] = self._reconciler.reconcile(move.key)
                self._resume(move.key)
            case _:
                self.told.answers(self)

    def _resume(self, key: Key) -> None:
        try:
            self.passes[key].send(None)
            return
        except StopIteration as end:
            pause = end.value
        except Fault:
            pause = timedelta(0)
        del self.passes[key]
        if pause is not None:
            self.queue.add_after(key, pause)

    def wait(self) -> bool:
        """Until the next look is due; False: nobody looks before the next resync."""
        due = min(self.queue.due.values(), default=None)
        if due is None or due > self._server.time.at + RESYNC:
            return False
        self._server.time.at = max(due, self._server.time.at)
        for key in [key for key, at in self.queue.due.items() if at <= self._server.time.at]:
            del self.queue.due[key]
            self.queue.add(key)
        return True


class Hold(NamedTuple):
    """What would come at this step is held up until nothing else can happen.

    all: and with it all that the watch tells of the same object, and every answer about it.
    """

    step: int
    all: bool = False


@dataclass
class Order:
    """One order of everything. prompt: people act as soon as they can, not once all is quiet."""

    holds: Sequence[Hold] = ()
    prompt: bool = False
    trouble: Trouble = field(default_factory=Trouble)
    story: list[str] = field(default_factory=list)
    """What has happened."""

    def play(self, told: Told) -> None:
        """Until nothing more happens before the next resync."""
        office, at = Office(told, self.trouble), dict(self.holds)
        held: list[Move | Key] = []
        while len(self.story) < MOST_STEPS:
            if self.prompt and told.acts():
                self.story.append("somebody acts")
                continue
            possible = list(office.moves())
            free = [one for one in possible if one not in held and one.key not in held]
            number = len(self.story)
            if free and number in at:
                held.append(free[0].key if at.pop(number) else free[0])
                self.story.append(f"held up: {free[0]}")
            elif free:
                self.story.append(str(free[0]))
                office.make(free[0])
            elif told.acts():
                self.story.append("somebody acts")
            elif held:
                self.story.append(f"at last: {held.pop(0)}")
            elif not office.wait():
                return
        raise AssertionError("it does not end: " + "\n".join(self.story[-40:]))


def orders(length: int, after: Sequence[Hold] = ()) -> Iterator[Sequence[Hold]]:
    """Every order with one more hold, of a story of this length."""
    first = after[-1].step + 1 if after else 0
    for step in range(first, length):
        for all_of_it in (False, True):
            yield (*after, Hold(step, all_of_it))

"""I9: what the watch repeats, holds back, mixes up or keeps to itself changes no end.

Events come late and in another order because each is held back for a while of its own. An event
that is dropped is made up for by the resync, which is short here.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from amends.kube.cache import Cache
from amends.ports import Raw
from amends.runtime.inbox import Inbox
from amends.runtime.queue import KeyQueue
from chaos.ending import difference, end_of
from chaos.power import PowerLine
from chaos.rig import Incarnation, Scene, ShiftedClock, Stage, scene
from chaos.stories import STORIES, Story
from chaos.telling import Told, telling

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]

RESYNC = timedelta(seconds=1)
LONGEST_DELAY = 0.6
SEEDS = range(3)
TOLD = ("undone-under-a-key", "undone-without-a-key", "rejected", "nothing-to-undo")


@dataclass
class Faults:
    """How often each fault strikes, of a hundred events."""

    repeated: int = 0
    late: int = 0
    dropped: int = 0


FAULTS = {
    "repeated": Faults(repeated=100),
    "late-and-mixed-up": Faults(late=100),
    "dropped": Faults(dropped=60),
    "all-dropped": Faults(dropped=100),
    "everything": Faults(repeated=50, late=50, dropped=30),
}


class BadWatch(Inbox):
    """Passes events on as the seed says, and keeps a record of them."""

    def __init__(self, inbox: Inbox, faults: Faults, seed: int) -> None:
        super().__init__(Cache(), KeyQueue())
        self._inbox = inbox
        self._faults = faults
        self._dice = random.Random(seed)
        self.record: list[Callable[[], None]] = []
        self.on_the_way = 0

    def seen(self, raw: Raw) -> None:
        self._pass_on(lambda: self._inbox.seen(raw))

    def left(self, raw: Raw) -> None:
        self._pass_on(lambda: self._inbox.left(raw))

    def _pass_on(self, event: Callable[[], None]) -> None:
        self.record.append(event)
        if self._strikes(self._faults.dropped):
            return
        for _ in range(1 + 2 * self._strikes(self._faults.repeated)):
            if self._strikes(self._faults.late):
                self.on_the_way += 1
                delay = self._dice.uniform(0, LONGEST_DELAY)
                asyncio.get_running_loop().call_later(delay, self._arrive, event)
            else:
                event()

    def _arrive(self, event: Callable[[], None]) -> None:
        self.on_the_way -= 1
        event()

    def _strikes(self, of_hundred: int) -> bool:
        return self._dice.randrange(100) < of_hundred

    def tell_it_all_again(self, seed: int) -> None:
        """Everything that was ever said, in another order."""
        again = [*self.record, *self.record]
        random.Random(seed).shuffle(again)
        for event in again:
            event()


@dataclass
class Watched:
    """One operator behind a bad watch."""

    told: Told
    faults: Faults
    seed: int
    watches: list[BadWatch] = field(default_factory=list)

    def incarnation(self) -> Incarnation:
        told = self.told
        return Incarnation(
            told.scene,
            told.namespace,
            "first-life",
            PowerLine(),
            ShiftedClock(),
            (told.origin,),
            resync=RESYNC,
            wrap=self._wrap,
        )

    def _wrap(self, inbox: Inbox) -> Inbox:
        self.watches.append(BadWatch(inbox, self.faults, self.seed))
        return self.watches[-1]


async def quiet(told: Told, alive: Incarnation, watch: BadWatch | None = None) -> None:
    async def over() -> bool:
        waiting = watch.on_the_way if watch is not None else 0
        return await told.rests(alive) and not waiting

    await told.scene.until(told.namespace, over)


async def ending(story: Story, on: Scene, faults: Faults, seed: int) -> dict[str, object]:
    """The end of a story behind a bad watch, which then says it all again."""
    async with telling(story, on) as told:
        watched = Watched(told, faults, seed)
        operator = watched.incarnation()
        async with operator.living():
            (watch,) = watched.watches
            await quiet(told, operator, watch)
            before = await end_of(told)
            writes = _writes(operator)
            watch.tell_it_all_again(seed)
            await quiet(told, operator, watch)
            assert _writes(operator) == writes, "a late word about the past led to a write"
        assert await end_of(told) == before
        return before


def _writes(operator: Incarnation) -> list[str]:
    made = [call.name for call in operator.line.calls]
    return [name for name in made if name.startswith(("create", "write_status", "run"))]


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", TOLD)
async def test_the_end_is_the_same_whatever_the_watch_does(
    name: str, kind: str, stage: Stage
) -> None:
    async with scene(stage) as on:
        calm, *others = await asyncio.gather(
            ending(STORIES[name], on, Faults(), 0),
            *(ending(STORIES[name], on, FAULTS[kind], seed) for seed in SEEDS),
        )
    wrong = [
        f"seed {seed}: {difference(other, calm)}"
        for seed, other in zip(SEEDS, others, strict=True)
        if other != calm
    ]
    assert not wrong, "\n\n".join(wrong)


async def test_what_was_deleted_while_the_watch_was_down_is_forgotten(stage: Stage) -> None:
    """As after a 410: nobody tells what went away meanwhile. A namesake then begins anew."""
    async with scene(stage) as on, telling(Story(decision=""), on) as told:
        operator = Watched(told, Faults(), 0).incarnation()
        async with operator.living():
            inboxes = on.exchange.inboxes[told.namespace]

            async def is_planned() -> bool:
                found = (await told.objects("Compensation"))["Compensation"]
                held = operator.runtime.inbox.open_objects
                return held == 2 and [one["status"]["phase"] for one in found] == [
                    "AwaitingApproval"
                ]

            async def is_forgotten() -> bool:
                return operator.runtime.inbox.open_objects == 0

            await on.exchange.until(told.namespace, is_planned)
            down = inboxes.pop()
            for kind, objects in (
                await told.objects("Action", "Compensation", "DeadLetter")
            ).items():
                for raw in objects:
                    await told.remove(kind, raw["metadata"]["name"])
            await on.exchange.until(told.namespace, is_forgotten)
            assert told.board.effects.total() == 0

            inboxes.append(down)
            again = replace(told, story=Story())
            await again.begin()
            await again.decide()
            await quiet(again, operator)
        (undo,) = (await again.objects("Compensation"))["Compensation"]
        assert undo["status"]["phase"] == "Completed"
        assert told.board.effects.total() == 1

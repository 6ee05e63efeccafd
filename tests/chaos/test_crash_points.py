"""I8: the power fails at the n-th call to the outside, for every n; the end is the same.

A call is one get, create, status write or list at the API server, or one run of an executor. The
operator loses power just before each of them happens, and, of those that may change something,
when it has happened but nobody has heard the answer. From then on every call of that life hangs,
and its tasks are cancelled. A second life carries on. How many points there are is found out: until
a life ends without reaching its point.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest

from chaos.ending import End, end_of
from chaos.power import Moment, Point, PowerLine
from chaos.rig import Incarnation, Scene, ShiftedClock, Stage, scene
from chaos.stories import MAIN, STORIES, Story
from chaos.telling import Told, telling
from chaos.verdict import fault, is_as_told

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]

SIDE_BY_SIDE = 6
LATER = timedelta(minutes=6)
"""The second life's clock is ahead by more than a claim lasts, so it need not wait for it."""


@dataclass(frozen=True)
class Played:
    """One run: its end, and the line of its first life."""

    end: End
    line: PowerLine


async def played(story: Story, on: Scene, point: Point | None) -> Played:
    """The story, told with one life if there is no point or it is never reached, else with two."""
    async with telling(story, on) as told:
        first = life(told, "first-life", PowerLine(point), timedelta(0))
        async with first.living():
            await first_of(first.line.lost.wait(), over(told, first))
        if first.line.lost.is_set():
            second = life(told, "second-life", PowerLine(), LATER)
            async with second.living():
                await over(told, second)
        return Played(await end_of(told), first.line)


def life(told: Told, holder: str, line: PowerLine, shift: timedelta) -> Incarnation:
    return Incarnation(
        told.scene, told.namespace, holder, line, ShiftedClock(shift), (told.origin,)
    )


async def over(told: Told, alive: Incarnation) -> None:
    """Nothing more is to happen, and nothing is being looked at."""
    try:
        await told.scene.until(told.namespace, lambda: told.rests(alive))
    except TimeoutError as why:
        made = ", ".join(call.name for call in alive.line.calls)
        raise AssertionError(f"no end after: {made}\n{await end_of(told)}") from why


async def first_of(*awaited: object) -> None:
    tasks = [asyncio.ensure_future(one) for one in awaited]  # type: ignore[call-overload]  # any awaitable
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


MOMENTS: list[tuple[str, Moment]] = [
    *((name, "after") for name in STORIES),
    *((name, "before") for name in MAIN),
]
"""Of every story each call that may change something; of the main ones each read, too."""


@pytest.mark.parametrize(("name", "moment"), MOMENTS)
async def test_the_end_is_the_same_wherever_the_power_fails(
    name: str, moment: Moment, stage: Stage
) -> None:
    story = STORIES[name]
    wrong: list[str] = []
    async with scene(stage) as on:
        calm = await played(story, on, None)
        assert is_as_told(calm.end, story), calm.end
        numbers = count(1)
        while True:
            points = [Point(next(numbers), moment) for _ in range(SIDE_BY_SIDE)]
            runs = await asyncio.gather(*(played(story, on, point) for point in points))
            reached = [run for run in runs if run.line.lost.is_set()]
            wrong += [
                f"{run.line.story()}: {why}"
                for run in reached
                if (why := fault(run.end, calm.end, story, run.line.happened))
            ]
            if len(reached) < len(runs) and points[-1].number >= calm.line.points(moment):
                break
    assert not wrong, f"{len(wrong)} points:\n" + "\n\n".join(wrong)

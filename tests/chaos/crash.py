"""The crash campaign: SIGKILL of a real operator process at every call to the outside.

Every story is told once undisturbed, which shows its calls. Then it is told once for every call and
moment, before and after, with the process killed there; the main stories once more for every call
of the process that carried on. Each end, its Receipts and what the target was really made to do
must equal the undisturbed one. That some story's operator died there must not matter to any other.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import Annotated

import typer

from chaos.atlas import Atlas, Place, Starts
from chaos.border import Point
from chaos.deeds import SENT
from chaos.ending import End
from chaos.figures import Figures, seed_of
from chaos.grounds import grounds
from chaos.lives import Front, Round, Run, Visit, front, play
from chaos.rig import Stage
from chaos.stories import EVERY_STORY, MAIN
from chaos.verdict import fault, is_as_told, unallowed

SIDE_BY_SIDE = 20
"""Stories in a round. A worker of the operator hangs for each, and it has 32."""
CLAIMED = Point("write_status Compensation Running", 1, "after")
SENT_OFF = Point(SENT, 1, "after")
PROVED = Point("create CompensationReceipt", 1, "after")
MATTER_MOST: Sequence[Place] = [
    (story, (point,))
    for story in ("undone-under-a-key", "undone-without-a-key")
    for point in (CLAIMED, SENT_OFF, PROVED)
]
"""Visited before all others: killed when nobody has heard the answer yet."""
READ_AT_MOST = 50
"""More of the same is not looked for."""


@dataclass
class Campaign:
    """Rounds until no point remains, or no more visits are wanted."""

    dice: random.Random
    depths: Mapping[str, int]
    side: int = SIDE_BY_SIDE
    visits: int | None = None
    """At most so many of one death, and as many of two; None: all."""
    calm: dict[str, End] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    begun: Counter[int] = field(default_factory=Counter)
    """Visits by the number of deaths."""
    processes: int = 0
    rounds: int = 0
    atlas: Atlas = field(init=False)
    starts: Starts = field(default_factory=Starts)
    _under_way: set[Place] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.atlas = Atlas(self.depths)

    async def run(self, stages: Sequence[Stage]) -> None:
        """All of it, on these control planes."""
        async with AsyncExitStack() as stack:
            fronts = [await stack.enter_async_context(front(stage)) for stage in stages]
            await self._run(fronts)
            self.processes = sum(on.processes for on in fronts)

    async def _run(self, fronts: Sequence[Front]) -> None:
        """First undisturbed, then with one death, then with two."""
        undisturbed = [Visit(name, EVERY_STORY[name]) for name in self.depths]
        calm = await play(fronts[0], undisturbed)
        for run in calm.runs:
            self.calm[run.visit.name] = run.end
            why = run.wrong or unallowed(run.lines, run.visit.story)
            if why or not is_as_told(run.end, run.visit.story):
                self.broken.append(f"{run.visit}: {why or run.end}\n{run.made}")
        self._learn(calm)
        await self._disturb(fronts)
        while self.visits is None and self._is_unfinished():
            await asyncio.gather(*(self._starts(on) for on in fronts))
            await self._disturb(fronts)  # at points that other deaths have shown

    def _is_unfinished(self) -> bool:
        """Whether any point is to be visited yet. Each is tried a few times only."""
        deaths = range(1, max(self.depths.values()) + 1)
        left = self.starts.is_left() or any(self.atlas.remaining(number) for number in deaths)
        return left and len(self.broken) < READ_AT_MOST

    async def _disturb(self, fronts: Sequence[Front]) -> None:
        """One death at every point that is known, then two."""
        for deaths in range(1, max(self.depths.values()) + 1):
            await asyncio.gather(*(self._rounds(on, deaths) for on in fronts))

    async def _rounds(self, on: Front, deaths: int) -> None:
        """Rounds on one control plane, until there are no visits left for it."""
        while len(self.broken) < READ_AT_MOST and (visits := self._next(deaths)):
            points = {(one.name, one.path) for one in visits}
            self._under_way |= points
            began = time.monotonic()
            self._take_in(await play(on, visits, self.starts.next()), time.monotonic() - began)
            self._under_way -= points

    async def _starts(self, on: Front) -> None:
        """Deaths at starts that no round has had room for."""
        while (starting := self.starts.next()) is not None:
            began = time.monotonic()
            undisturbed = [Visit(name, EVERY_STORY[name]) for name in self.depths]
            self._take_in(await play(on, undisturbed, starting), time.monotonic() - began)

    def _take_in(self, played: Round, seconds: float) -> None:
        for run in played.runs:
            self._judge(run)
        self._learn(played)
        self._tell(played, seconds)

    def _next(self, deaths: int) -> list[Visit]:
        left = (
            self.side if self.visits is None else min(self.side, self.visits - self.begun[deaths])
        )
        remaining = [
            Visit(name, EVERY_STORY[name], path)
            for name, path in self.atlas.remaining(deaths)
            if (name, path) not in self._under_way
        ]
        self.dice.shuffle(remaining)
        remaining.sort(key=lambda one: (one.name, one.path) not in MATTER_MOST)
        chosen = remaining[:left]
        self.begun[deaths] += len(chosen)
        return chosen

    def _learn(self, played: Round) -> None:
        for run in played.runs:
            self.atlas.learn(run)
        for own in played.own:
            self.starts.learn(own)

    def _judge(self, run: Run) -> None:
        story, name = run.visit.story, run.visit.name
        why = run.wrong or unallowed(run.lines, story)
        why = why or fault(run.end, self.calm[name], story, run.happened)
        if why:
            self.broken.append(f"{run.visit}: {why}\n{run.made}")
            typer.echo(f"BROKEN {self.broken[-1]}", err=True)

    def _tell(self, played: Round, seconds: float) -> None:
        self.rounds += 1
        wanted = [run for run in played.runs if run.visit.path]
        reached = sum(run.reached for run in wanted)
        typer.echo(
            f"round {self.rounds}: {reached} of {len(wanted)} points hit in {seconds:.1f} s; "
            f"{len(self.atlas.hit)} and {len(self.starts.hit)} of starting so far, "
            f"{len(self.broken)} broken",
            err=True,
        )

    def numbers(self) -> list[tuple[str, float]]:
        """Points hit and points there are, for every story."""
        found: list[tuple[str, float]] = []
        for name, depth in self.depths.items():
            for deaths in range(1, depth + 1):
                points = self.atlas.points(name, deaths)
                hit = sum((name, path) in self.atlas.hit for path in points)
                found.append((f"{name}, depth {deaths}: points hit of {len(points)}", hit))
        starts = self.starts
        found.append((f"starting: points hit of {len(starts.known)}", len(starts.hit)))
        return [
            *found,
            ("stories disturbed", self.begun.total()),
            ("operator processes", self.processes),
        ]


Seed = Annotated[int | None, typer.Option(help="Seed of the order. Default: a new one.")]
Only = Annotated[list[str] | None, typer.Option(help="A story by its name; repeatable.")]
Depth = Annotated[int, typer.Option(min=1, max=2, help="Deaths one after the other, main stories.")]
Side = Annotated[int, typer.Option(min=1, max=24, help="Stories side by side.")]
Planes = Annotated[int, typer.Option(min=1, help="Control planes side by side.")]
Visits = Annotated[int | None, typer.Option(min=1, help="At most so many points at each depth.")]


def command(
    seed: Seed = None,
    story: Only = None,
    depth: Depth = 2,
    visits: Visits = None,
    side: Side = SIDE_BY_SIDE,
    planes: Planes = 2,
) -> Figures:
    """SIGKILL at every call to the outside, before and after."""
    chosen, began = seed_of(seed), time.monotonic()
    names = story or list(EVERY_STORY)
    if unknown := set(names) - set(EVERY_STORY):
        raise typer.BadParameter(f"--story {min(unknown)}: there are {', '.join(EVERY_STORY)}")
    words = ["crash", *(f"--story {name}" for name in story or ()), f"--seed {chosen}"]
    words += [f"--depth {depth}"] if depth != 2 else []
    words += [f"--visits {visits}"] if visits is not None else []
    words += [f"--planes {planes}"] if planes != 2 else []
    typer.echo(f"crash: seed {chosen}", err=True)
    campaign = Campaign(random.Random(chosen), depths_of(names, depth), side, visits)
    with ExitStack() as stack:
        stages = [stack.enter_context(grounds())[1] for _ in range(planes)]
        asyncio.run(campaign.run(stages))
    for name, path in campaign.atlas.missed():
        typer.echo(f"never reached: {Visit(name, EVERY_STORY[name], path)}", err=True)
    for point in campaign.starts.missed():
        typer.echo(f"never reached: {point} while it starts", err=True)
    seconds = time.monotonic() - began
    return Figures("crash", " ".join(words), chosen, seconds, campaign.numbers(), campaign.broken)


def depths_of(names: Iterable[str], depth: int) -> dict[str, int]:
    """How often each of these stories' operators die at most."""
    return {name: depth if name in MAIN else 1 for name in names}

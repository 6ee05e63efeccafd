"""Rounds: many stories side by side under one real operator process after another.

Every process but the last is killed with SIGKILL, when each story's line is cut or the story is
over. What remains of it is what the outside has: the next one carries on from there.
"""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from amends.api import GROUP, VERSION
from amends.kube.cache import OPEN_WORK
from amends.kube.connection import Connection
from amends.ports import Gone
from chaos.border import Border, Line, Point, border, deserted
from chaos.ending import End, end_of
from chaos.mirror import Mirror, mirror
from chaos.rig import Exchange, Scene, Stage
from chaos.stories import Story
from chaos.telling import PLURALS, Objects, Told, telling
from chaos.verdict import Happened
from installation import RunningOperator
from support.forked import running_operator

PATIENCE = 120.0
"""Seconds in one life until a story that does not come to its end is a failure."""
PEOPLE_WAIT = 1200.0
"""Seconds, in all lives together, until people no longer wait for what they are to decide."""
SHORT_CLAIM = ("--claim-seconds", "3")
"""Of a life that is going to die: the next one waits for its end. The last has the default."""
LEASE = "/apis/coordination.k8s.io/v1/namespaces/amends-system/leases/amends"

Path_ = tuple[Point, ...]
"""Where the first life ends, the second, and so on; the one after them comes to the end."""


@dataclass(frozen=True)
class Visit:
    """One telling of a story, and where its operators are to die."""

    name: str
    story: Story
    path: Path_ = ()

    def __str__(self) -> str:
        return f"{self.name}, {' then '.join(map(str, self.path)) or 'undisturbed'}"


@dataclass
class Run:
    """What came of a visit: the line of each life, and the end; wrong: it came to none."""

    visit: Visit
    lines: list[Line] = field(default_factory=list)
    end: End = field(default_factory=dict)
    wrong: str = ""

    @property
    def reached(self) -> bool:
        """Whether every life that was to be cut off was."""
        return all(line.cut.is_set() for line in self.lines[: len(self.visit.path)])

    @property
    def happened(self) -> Happened:
        """Whether a lost life carried out a call of that name. Nothing is ever left under way."""
        lost = self.lines[:-1]
        done = {call.name for line in lost for call in line.calls if call.happened}
        return done.__contains__

    @property
    def made(self) -> str:
        """The calls of each life, in words; what did not happen is in brackets."""
        lives = (
            ", ".join(call.name if call.happened else f"[{call.name}]" for call in line.calls)
            for line in self.lines
        )
        return "\n".join(f"life {number}: {life}" for number, life in enumerate(lives, 1))


@dataclass
class Round:
    """What came of visits side by side, and the calls of their own that processes made.

    own: of the one that was to die while it started, if there was one, and of the last.
    """

    runs: list[Run]
    own: list[Line]


@dataclass
class Front(Scene):
    """A scene whose waiters look into a mirror, with a border before operator processes."""

    mirror: Mirror = field(default_factory=Mirror)
    border: Border = field(default_factory=lambda: Border(""))
    folder: Path = field(default_factory=Path)
    kubeconfig: Path = field(default_factory=Path)
    processes: int = 0

    async def until(self, namespace: str, condition: Callable[[], Awaitable[bool]]) -> None:
        """Asked again when something moves there."""
        await self.mirror.until(namespace, condition, PEOPLE_WAIT)

    @asynccontextmanager
    async def process(self, origins: Sequence[str], *more: str) -> AsyncIterator[RunningOperator]:
        """A new process of the operator. Leaving asks it to stop, if it is alive."""
        self.processes += 1
        log = self.folder / f"operator-{self.processes}.log"
        arguments = [word for origin in origins for word in ("--allow-target", origin)]
        starting = running_operator(self.kubeconfig, log, [*arguments, *more], until_working=False)
        running = starting.__enter__()
        try:
            yield running
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)

    async def kill(self, operator: RunningOperator, told: Sequence[Told]) -> None:
        """SIGKILL. The Lease goes at once: its running out would only be waited for."""
        if (status := operator.process.poll()) is not None:
            raise RuntimeError(f"it ended by itself with {status}:\n{operator.tail()}")
        lines = (self.border.own, *self.border.lines.values())
        for line in lines:
            line.dead = True
        operator.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(operator.process.wait)
        for line in lines:
            await line.at_rest()
        await deserted([self.border.runner, *(one.runner for one in told)])
        with suppress(Gone):
            await self.admin.call("DELETE", LEASE)


class Mirrored(Told):
    """A story whose objects are seen in a mirror."""

    async def decide(self) -> None:
        """Where there never is anything to decide, that there is no end is what is told."""
        with suppress(TimeoutError):
            await super().decide()

    async def seen(self) -> Objects:
        """As the watch has told."""
        assert isinstance(self.scene, Front)
        return self.scene.mirror.objects(self.namespace)


@asynccontextmanager
async def front(stage: Stage) -> AsyncIterator[Front]:
    """Connect as everybody, watch everything, stand before the API server."""
    users = (stage.operator, stage.admin, stage.bob, stage.alice)
    operator, admin, bob, alice = connections = [await Connection.open(user) for user in users]
    try:
        async with mirror(stage.admin) as seen, border(stage.operator) as crossed:
            with tempfile.TemporaryDirectory(prefix="amends-chaos-") as name:
                folder = Path(name)
                way = crossed.kubeconfig(stage.operator, folder)
                yield Front(
                    *(stage, Exchange(), operator, admin, bob, alice),
                    mirror=seen,
                    border=crossed,
                    folder=folder,
                    kubeconfig=way,
                )
    finally:
        for connection in connections:
            await connection.close()


async def play(on: Front, visits: Sequence[Visit], starting: Point | None = None) -> Round:
    """One round: the visits side by side. starting: where a life more dies while it starts."""
    runs = [Run(visit) for visit in visits]
    async with AsyncExitStack() as stories:
        tellings = (telling(one.story, on, Mirrored, on.border.fence) for one in visits)
        told = await asyncio.gather(*map(stories.enter_async_context, tellings))
        for number in range(max(len(visit.path) for visit in visits)):
            lines = [Line(_at(visit.path, number)) for visit in visits]
            await _lost_life(on, told, runs, lines)
        own = []
        if starting is not None:
            own.append(await _lost_start(on, told, runs, starting))
        own.append(await _last_life(on, told, runs))
        await asyncio.gather(*map(_take_end, runs, told))
    return Round(runs, own)


def _at(path: Path_, number: int) -> Point | None:
    return path[number] if number < len(path) else None


def _begin(on: Front, told: Sequence[Told], lines: Sequence[Line], own: Line) -> list[str]:
    """A life begins: who crosses on which line. The targets that it may call."""
    on.border.own = own
    on.border.lines = {one.namespace: line for one, line in zip(told, lines, strict=True)}
    return [one.origin for one in told]


async def _lost_life(
    on: Front, told: Sequence[Told], runs: Sequence[Run], lines: Sequence[Line]
) -> None:
    async with on.process(_begin(on, told, lines, Line()), *SHORT_CLAIM) as operator:
        waits = (_cut_or_over(*one) for one in zip(told, lines, strict=True))
        for run, line, late in zip(runs, lines, await asyncio.gather(*waits), strict=True):
            run.lines.append(line)
            run.wrong = run.wrong or late
        await on.kill(operator, told)


async def _lost_start(
    on: Front, told: Sequence[Told], runs: Sequence[Run], starting: Point
) -> Line:
    """A life that dies at a call of its own; if it makes no such call, as soon as it works."""
    own, lines = Line(starting), [Line() for _ in told]
    async with on.process(_begin(on, told, lines, own), *SHORT_CLAIM) as operator:
        while not own.cut.is_set() and not operator.is_working():
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await own.cut.wait()
        await on.kill(operator, told)
    for run, line in zip(runs, lines, strict=True):
        run.lines.append(line)
    return own


async def _last_life(on: Front, told: Sequence[Told], runs: Sequence[Run]) -> Line:
    """This one is asked to stop, and so does all it has begun."""
    own, lines = Line(), [Line() for _ in told]
    async with on.process(_begin(on, told, lines, own)):
        waits = (_cut_or_over(*one) for one in zip(told, lines, strict=True))
        for run, line, late in zip(runs, lines, await asyncio.gather(*waits), strict=True):
            run.lines.append(line)
            run.wrong = run.wrong or late
    return own


async def _cut_or_over(told: Told, line: Line) -> str:
    """Wait for either; what is wrong if neither comes."""

    async def over() -> bool:
        return line.cut.is_set() or await told.is_over()

    assert isinstance(told.scene, Front)
    waiting = asyncio.ensure_future(told.scene.mirror.until(told.namespace, over, PATIENCE))
    cut = asyncio.ensure_future(line.cut.wait())
    await asyncio.wait((waiting, cut), return_when=asyncio.FIRST_COMPLETED)
    cut.cancel()
    if line.cut.is_set():
        waiting.cancel()
    ended = await asyncio.gather(waiting, cut, return_exceptions=True)
    if isinstance(ended[0], TimeoutError):
        made = ", ".join(call.name for call in line.calls)
        return f"no end within {PATIENCE:g} s after: {made}\n{await told.objects()}"
    return ""


async def _take_end(run: Run, told: Told) -> None:
    """As the API server and the target have it; and what waits there for ever is put away."""
    try:
        run.end = await end_of(told)
    except AssertionError as why:
        run.wrong = run.wrong or f"its receipts: {why}"
    await _clear(told)
    assert isinstance(told.scene, Front)
    told.scene.mirror.forget(told.namespace)


async def _clear(told: Told) -> None:
    """It would be work for the operators of all later rounds."""
    admin, space = told.scene.admin, f"/api/v1/namespaces/{told.namespace}"
    await admin.call("DELETE", space)
    for kind in OPEN_WORK:
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{told.namespace}/{PLURALS[kind]}"
        await admin.call("DELETE", path)

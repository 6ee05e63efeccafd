"""A scene where an operator process works behind a proxy, and is started again when it ends."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from amends.kube.connection import Connection
from chaos.mirror import Mirror, mirror, way_of
from chaos.proxy import Noted, Proxy, proxied
from chaos.rig import Exchange, Scene, Stage
from chaos.telling import Objects, Told
from chaos.wrongs import PATIENCE_ASKED
from installation import WORKING, RunningOperator
from support.forked import running_operator

PATIENCE = 150.0
"""Seconds until a story that does not come to its end is a failure, faults and all."""
LOST_LEADERSHIP = 3
"""The exit status of an operator that could not renew its Lease in time."""
TOO_MANY = 429


@dataclass
class Haunted(Scene):
    """Waiters look into a mirror; the operator's kubeconfig leads to the proxy."""

    mirror: Mirror = field(default_factory=Mirror)
    proxy: Proxy = field(default=None)  # type: ignore[assignment]  # always given
    folder: Path = field(default_factory=Path)
    token: str = ""
    """The operator's."""
    patience: float = PATIENCE

    async def until(self, namespace: str, condition: Callable[[], Awaitable[bool]]) -> None:
        """Asked again when something moves there."""
        await self.mirror.until(namespace, condition, self.patience)


class Mirrored(Told):
    """A story whose objects are seen in the mirror."""

    async def decide(self) -> None:
        """People look at an Action that has been recorded, however long that took.

        A retry that they ask for before would overtake it: its status then says so, and is right.
        """

        async def recorded() -> bool:
            found = (await self.seen())["Action"]
            return any(one["status"]["phase"] == "Recorded" for one in found)

        with suppress(TimeoutError):  # that it does not end is told by whoever waits for that
            await self.scene.until(self.namespace, recorded)
            await super().decide()

    async def seen(self) -> Objects:
        """As the watch has told."""
        assert isinstance(self.scene, Haunted)
        return self.scene.mirror.objects(self.namespace)


@dataclass
class Kept:
    """An operator process that is started again when it ends, as a kubelet does."""

    kubeconfig: Path
    folder: Path
    arguments: Sequence[str]
    ends: list[tuple[int, str]] = field(default_factory=list)
    """Exit status and last words of each that ended by itself."""
    died: list[str] = field(default_factory=list)
    """Those that had begun to work, and did not end because they had lost the Lease.

    One that cannot start ends, too, and is started again: nothing is lost by that.
    """
    running: RunningOperator | None = None

    @asynccontextmanager
    async def alive(self) -> AsyncIterator["Kept"]:
        """Keep one running for the block."""
        keeping = asyncio.create_task(self._keep(), name="kubelet")
        try:
            yield self
        finally:
            keeping.cancel()
            if self.running is not None:
                self.running.process.terminate()  # its end is awaited in a thread
            await asyncio.gather(keeping, return_exceptions=True)

    def works(self) -> bool:
        """Whether the one that lives has begun to work."""
        return self.running is not None and WORKING in self.running.log.read_text()

    async def _keep(self) -> None:
        while True:
            log = self.folder / f"operator-{len(self.ends)}.log"
            starting = running_operator(self.kubeconfig, log, self.arguments, until_working=False)
            self.running = starting.__enter__()
            try:
                status = await asyncio.to_thread(self.running.process.wait)
                self.ends.append((status, self.running.tail(12)))
                if status != LOST_LEADERSHIP and self.works():
                    self.died.append(f"{status}: {self.running.tail(12)}")
            finally:
                await asyncio.shield(asyncio.to_thread(starting.__exit__, None, None, None))


@asynccontextmanager
async def haunted(stage: Stage, patience: float = PATIENCE) -> AsyncIterator[Haunted]:
    """Connect as everybody, watch everything, stand before the API server."""
    users = (stage.operator, stage.admin, stage.bob, stage.alice)
    operator, admin, bob, alice = connections = [await Connection.open(user) for user in users]
    way = way_of(stage.operator)
    try:
        async with mirror(stage.admin) as seen, proxied(way) as proxy:
            with tempfile.TemporaryDirectory(prefix="amends-faults-") as name:
                yield Haunted(
                    *(stage, Exchange(), operator, admin, bob, alice),
                    mirror=seen,
                    proxy=proxy,
                    folder=Path(name),
                    token=way.token,
                    patience=patience,
                )
    finally:
        for connection in connections:
            await connection.close()


@dataclass(frozen=True)
class Busiest:
    """The most requests within a second: all together, and of one sort for one object."""

    together: int = 0
    of_one: int = 0
    one: str = ""


def busiest(book: Sequence[Noted]) -> Busiest:
    """How busy the proxy was at its busiest.

    What is asked of the cluster as a whole, such as who may do what, is about no one object: it
    comes as often as there are stories.
    """
    by_path: dict[str, list[float]] = {}
    for one in book:
        if one.asked.namespace or one.asked.name:
            path = f"{one.asked.method} {one.asked.path.partition('?')[0]}"
            by_path.setdefault(path, []).append(one.at)
    peaks = {path: _peak(times) for path, times in by_path.items()}
    most = max(peaks, key=lambda path: peaks[path], default="")
    return Busiest(_peak([one.at for one in book]), peaks.get(most, 0), most)


def impatient(book: Sequence[Noted]) -> list[str]:
    """What was asked for a tenant again before the time that a 429 had named."""
    told: dict[tuple[str, ...], float] = {}
    found = []
    for one in (noted for noted in book if noted.asked.acts_as):
        what = (one.asked.call, one.asked.path.partition("?")[0], one.asked.acts_as)
        if (since := told.pop(what, None)) is not None and one.at - since < PATIENCE_ASKED:
            found.append(f"{' '.join(what)} again {one.at - since:.2f} s after Retry-After")
        if one.status == TOO_MANY:
            told[what] = one.at
    return found


def _peak(times: Sequence[float]) -> int:
    most, first, ordered = 0, 0, sorted(times)
    for last, at in enumerate(ordered):
        while at - ordered[first] > 1:
            first += 1
        most = max(most, last - first + 1)
    return most

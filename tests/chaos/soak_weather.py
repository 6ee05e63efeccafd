"""What goes wrong in a soak: one kind of fault after another, and processes that end."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chaos.fault_kinds import EVERYWHERE
from chaos.fences import QUICK, SLOW
from chaos.haunted import LOST_LEADERSHIP
from chaos.proxy import Honest, Proxy
from chaos.replicas import Replica
from chaos.soak_target import Target
from installation import WORKING

AT_TARGET = {**QUICK, **SLOW}
SPLIT = "network split"
KINDS = (
    *(("api", name) for name in EVERYWHERE),
    *(("target", name) for name in AT_TARGET),
    *(("split", SPLIT),) * 2,
)
"""Every kind there is; the network is split as often as two others."""
TAKE_LONG = (("api", "delayed up to 60 s"), *(("target", name) for name in SLOW))
"""Those whose requests may arrive a minute late."""


@dataclass
class Weather:
    """Two replicas behind a proxy, and their target. seconds: of everything that is timed."""

    proxy: Proxy
    target: Target
    replicas: Sequence[Replica]
    dice: random.Random
    kinds: Sequence[tuple[str, str]]
    lasts: tuple[float, float] = (10.0, 30.0)
    """Seconds that a fault is on, and seconds of calm between two of them."""
    restart_every: float = 300.0
    """Seconds between two restarts, on average."""
    struck: Counter[str] = field(default_factory=Counter)
    periods: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    _ours: set[int] = field(default_factory=set)
    """Processes that were ended on purpose."""

    async def blow(self) -> None:
        """Fault after fault, until it is cancelled; then nothing is wrong any more."""
        while True:
            await asyncio.sleep(self.dice.uniform(*self.lasts))
            where, name = self.dice.choice(self.kinds)
            self.periods[where] += 1
            seconds = self.dice.uniform(*self.lasts)
            match where:
                case "api":
                    await self._before_the_api_server(name, seconds)
                case "target":
                    await self._before_the_target(name, seconds)
                case _:
                    await self._split(seconds)

    async def restart(self) -> None:
        """One process after another is killed, or asked to stop, until it is cancelled."""
        dice = own(self.dice)
        while True:
            await asyncio.sleep(self.restart_every * dice.uniform(0.5, 1.5))
            replica = dice.choice(self.replicas)
            self._ours.add(replica.process.pid)
            if dice.randrange(2):
                self.restarts["SIGKILL"] += 1
                replica.process.kill()
            else:
                self.restarts["SIGTERM"] += 1
                replica.process.terminate()

    async def tend(self) -> None:
        """As a kubelet: what has ended is started again."""
        while True:
            for replica in self.replicas:
                replica.tend()
            self.proxy.book.clear()  # nobody reads it here, and it would only grow
            await asyncio.sleep(0.5)

    async def _before_the_api_server(self, name: str, seconds: float) -> None:
        wrong = EVERYWHERE[name](self.dice)
        self.proxy.policy = wrong
        try:
            await asyncio.sleep(seconds)
        finally:
            wrong.on = False
            self.proxy.policy = Honest()
            self.struck[f"API server: {name}"] += wrong.struck.total()

    async def _before_the_target(self, name: str, seconds: float) -> None:
        before, self.target.fault = self.target.struck, AT_TARGET[name]
        try:
            await asyncio.sleep(seconds)
        finally:
            self.target.fault = None
            self.struck[f"target: {name}"] += self.target.struck - before

    async def _split(self, seconds: float) -> None:
        relay = self.dice.choice(self.replicas).relay
        relay.close()
        try:
            await asyncio.sleep(seconds)
        finally:
            relay.open()
            self.struck[f"API server: {SPLIT}"] += 1

    def died(self) -> list[str]:
        """Processes that had begun to work and ended by themselves, not because of the Lease."""
        return [
            f"{replica.name} ended with {code}: {life.tail(8)}"
            for replica in self.replicas
            for life in replica.lives
            if (code := life.process.poll()) not in (None, LOST_LEADERSHIP)
            and life.process.pid not in self._ours
            and WORKING in life.log.read_text()
        ]


def own(dice: random.Random) -> random.Random:
    """Dice of one's own: what others throw meanwhile changes nothing."""
    return random.Random(dice.random())


@asynccontextmanager
async def background(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Let these run beside the block. One that fails fails the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

"""Resident memory of each process while it leads, and whether it stays flat.

A life is stable from a minute after the process began to work (it led, and had looked at everything
open) until its end, or until nothing new is asked for. The median of the last quarter of a stable
life is held against the median of its first quarter. Only lives with at least eight samples, of
which there is one every ten seconds, are judged.
"""

import asyncio
import statistics
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil  # type: ignore[import-untyped]  # it ships no types

from chaos.replicas import Replica
from installation import WORKING, RunningOperator

EVERY = 10.0
"""Seconds between two samples."""
WARMS_UP = 60.0
"""Seconds until a life is stable."""
ENOUGH = 8
"""Samples."""
FLAT = 0.10
"""By how much the memory of a stable life may grow."""


@dataclass
class Life:
    """One process while it leads. samples: MiB."""

    name: str
    operator: RunningOperator
    worked_at: float
    samples: list[float] = field(default_factory=list)

    def growth(self) -> float:
        """From the first quarter to the last, as a part of the first."""
        quarter = len(self.samples) // 4
        first, last = self.samples[:quarter], self.samples[-quarter:]
        return statistics.median(last) / statistics.median(first) - 1


class Memory:
    """Asked every now and then; it remembers."""

    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}
        """By process."""

    async def watch(self, replicas: Iterable[Replica]) -> None:
        """Sample until it is cancelled."""
        while True:
            self.sample(replicas)
            await asyncio.sleep(EVERY)

    def sample(self, replicas: Iterable[Replica]) -> None:
        """How much the one that leads uses now."""
        for replica in replicas:
            life = self._life(replica)
            if life is not None and time.monotonic() - life.worked_at > WARMS_UP:
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    used = psutil.Process(life.operator.process.pid).memory_info().rss
                    life.samples.append(used / 2**20)

    def _life(self, replica: Replica) -> Life | None:
        operator = replica.lives[-1]
        if operator.process.poll() is not None:
            return None
        pid = operator.process.pid
        if pid not in self.lives and WORKING in operator.log.read_text():
            name = f"{replica.name}, life {len(replica.lives)}"
            self.lives[pid] = Life(name, operator, time.monotonic())
        return self.lives.get(pid)

    def judged(self) -> Sequence[Life]:
        """The lives that were stable for long enough."""
        return [one for one in self.lives.values() if len(one.samples) >= ENOUGH]

    def broken(self) -> list[str]:
        """A sentence for each life whose memory has grown."""
        return [
            f"memory of {one.name} has grown by {one.growth():.0%}, from "
            f"{one.samples[0]:.0f} MiB to {one.samples[-1]:.0f} MiB in {len(one.samples)} samples"
            for one in self.judged()
            if one.growth() > FLAT
        ]

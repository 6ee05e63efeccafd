"""Start-up: how long until the operator works, and in how much memory, beside a long history.

Present are so many settled Compensations with as many settled DeadLetters, and some open pairs.
Timed: from the start of the process to its log line "working", when it leads and knows everything
that is open. Memory is its highest until everything that follows (kopf's own list) is over.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from bench import machine, seeding
from bench.machine import Patience
from controlplane import ControlPlane
from installation import add_tenant, running_operator
from waiting import progress

NAMESPACE = "history"
SETTLING_SECONDS = 3.0


@dataclass(frozen=True)
class Startup:
    """Seconds and MiB; of several starts the median, and the highest peak."""

    settled: int
    open: int
    seconds: float
    seconds_of_each: list[float]
    rss_mib: float
    peak_mib: float


def measure(
    cp: ControlPlane,
    kubeconfig: Path,
    logs: Path,
    patience: Patience,
    settled: int,
    still_open: int,
    starts: int,
) -> Startup:
    """Seed the history, then start so many times."""
    add_tenant(cp, NAMESPACE, group="tenant-a")

    async def make(seeder: seeding.Seeder, number: int) -> seeding.Pair:
        done = number < settled
        return await (seeder.settled if done else seeder.waiting)(NAMESPACE, number)

    with progress(f"seeding {settled} settled and {still_open} open pairs"):
        asyncio.run(seeding.seed(cp.kubeconfig("bob"), kubeconfig, make, settled + still_open))
    seconds, memory = [], []
    for number in range(starts):
        patience.until_idle(f"start {number + 1}")
        with running_operator(
            kubeconfig, logs / f"start-{number}.log", until_working=False
        ) as operator:
            seconds.append(machine.until_working(operator))
            time.sleep(SETTLING_SECONDS)
            memory.append(machine.memory(operator.process.pid))
    return Startup(
        settled=settled,
        open=still_open,
        seconds=statistics.median(seconds),
        seconds_of_each=seconds,
        rss_mib=statistics.median(now for now, _ in memory),
        peak_mib=max(peak for _, peak in memory),
    )

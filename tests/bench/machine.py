"""The machine that is measured on: whether it is idle, and what a process took of it."""

import json
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

from installation import WORKING, RunningOperator

IDLE_CORES = 0.25
"""Less than this in use by anybody counts as idle: control planes that wait use about 0.05."""
QUIET_SECONDS = 3


class Patience:
    """Waits for an idle machine, and remembers whether that was in vain."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.disturbed: list[str] = []
        """What was measured although others were at work."""

    def until_idle(self, before: str) -> None:
        """Return once nobody has used the machine for some seconds, or patience is at its end."""
        deadline = time.monotonic() + self._seconds
        quiet = 0
        said = False
        while quiet < QUIET_SECONDS:
            used = cores_in_use(seconds=1)
            quiet = quiet + 1 if used < IDLE_CORES else 0
            if quiet or time.monotonic() < deadline:
                if not quiet and not said:
                    said = True
                    print(f"waiting for an idle machine before {before}", file=sys.stderr)
                continue
            print(f"the machine is not idle: {before} all the same", file=sys.stderr)
            self.disturbed.append(f"{before}: others used {used:.2f} cores when it began")
            return


def cores_in_use(seconds: float) -> float:
    """How many cores everything together uses, over so many seconds."""
    before = busy_seconds()
    time.sleep(seconds)
    return (busy_seconds() - before) / seconds


def busy_seconds() -> float:
    """Processor time that anybody has used since the machine was started."""
    times = psutil.cpu_times()
    # Of Linux's fields, those after the first eight are counted in them already.
    return float(sum(times[:8]) - times.idle - getattr(times, "iowait", 0.0))


def cpu_seconds(*pids: int) -> float:
    """Processor time that these processes have used."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(one.user + one.system for one in times))


def memory(pid: int) -> tuple[float, float]:
    """Resident memory of a process in MiB: now, and at its highest."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    now, peak = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


class Meter:
    """Processor time between its making and `stop`: of the server, of a client, of all others.

    Without a client's pid, what this process starts and ends meanwhile is not counted as others.
    """

    def __init__(self, server: Iterable[int], client: int | None = None) -> None:
        self._server = tuple(server)
        self._client = () if client is None else (client,)
        self._before = self._now()
        self._started = time.monotonic()
        self.server = 0.0
        self.client = 0.0
        self.cores_elsewhere = 0.0

    def stop(self) -> None:
        """Take the figures."""
        seconds = time.monotonic() - self._started
        after = self._now()
        used = [now - then for now, then in zip(after, self._before, strict=True)]
        busy, self.server, self.client, bench = used
        self.cores_elsewhere = (busy - self.server - self.client - bench) / seconds

    def _now(self) -> tuple[float, ...]:
        bench = psutil.Process().cpu_times()
        return (
            busy_seconds(),
            cpu_seconds(*self._server),
            cpu_seconds(*self._client),
            bench.user + bench.system + bench.children_user + bench.children_system,
        )


def until_working(operator: RunningOperator) -> float:
    """Wait for the operator to work. Returns the seconds since its process was started.

    Both times are taken by others: by the kernel, and by the operator's own log line.
    """
    deadline = time.monotonic() + 120
    while not operator.is_working():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the operator does not come to work:\n{operator.tail()}")
        time.sleep(0.005)
    line = next(line for line in operator.log.read_text().splitlines() if WORKING in line)
    said = datetime.fromisoformat(json.loads(line)["timestamp"]).astimezone(UTC)
    return float(said.timestamp() - psutil.Process(operator.process.pid).create_time())

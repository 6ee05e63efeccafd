"""Lists: how long `kubectl amends list` takes beside very many objects.

Present are so many Compensations in one namespace, of which one in a hundred waits for approval and
the others are cancelled. Timed, the median of several: the whole command, from the start of its
process to its end, for the newest 250, for the page behind them, for what waits for approval, and,
to know what of it is Python, in a namespace where nothing is; then the one request for all rows,
from being sent to its last byte.

Creation times cannot be chosen. So the newest are first listed as it truly is, with everything
created within the same hours; then the operator's word on when is changed, as if the objects had
come at an even pace over thirty days, and everything is timed.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from amends.cli.asked import ledger
from amends.core.period import period_of
from amends.kube.cluster import KubeCluster
from amends.kube.connection import Connection
from amends.kube.paths import path_of
from amends.ports import Raw
from bench.access import session
from bench.machine import Patience
from bench.seeding import patiently
from controlplane import ControlPlane
from installation import add_tenant
from waiting import progress, wait_for

SCRIPT = Path(sys.executable).with_name("kubectl-amends")
FULL, EMPTY = "listed", "listed-empty"
SIDE_BY_SIDE = 32
WAITS = 100
"""One in so many waits for approval."""
DAYS = 30
WHEN = "2026-01-31T09:00:00.000Z"


@dataclass(frozen=True)
class Listing:
    """Seconds; of several runs the median."""

    objects: int
    at_once: float
    first_page: float
    next_page: float
    filtered: float
    nothing: float
    request: float
    megabytes: float


def measure(
    cp: ControlPlane, kubeconfig: Path, patience: Patience, count: int, rounds: int
) -> Listing:
    """Seed, then list so many times."""
    for namespace in (FULL, EMPTY):
        add_tenant(cp, namespace, group="tenant-a")
    with progress(f"seeding {count} compensations"):
        seeded = asyncio.run(_seed(cp.kubeconfig("bob"), kubeconfig, count))
    alice = cp.kubeconfig("alice")
    wait_for(lambda: _shown(alice, "--limit", "1"), seconds=300, what="the first list")
    patience.until_idle("the list of what came at once")
    at_once = _median(rounds, lambda: _shown(alice))
    with progress(f"spreading {count} compensations over {DAYS} days"):
        asyncio.run(_spread(kubeconfig, seeded))
    patience.until_idle("the lists")
    cursor = _shown(alice).rpartition(" ")[2]
    answers = [asyncio.run(_table(alice)) for _ in range(rounds)]
    return Listing(
        objects=count,
        at_once=at_once,
        first_page=_median(rounds, lambda: _shown(alice)),
        next_page=_median(rounds, lambda: _shown(alice, "--cursor", cursor)),
        filtered=_median(rounds, lambda: _shown(alice, "--phase", "awaiting-approval")),
        nothing=_median(rounds, lambda: _shown(alice, namespace=EMPTY)),
        request=statistics.median(seconds for seconds, _ in answers),
        megabytes=len(answers[0][1]) / 1e6,
    )


def _median(rounds: int, do: Callable[[], object]) -> float:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        do()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _shown(kubeconfig: Path, *arguments: str, namespace: str = FULL) -> str:
    """What the installed script says beside the list: where the next page is."""
    ended = subprocess.run(
        [SCRIPT, "list", "compensations", "-n", namespace, *arguments],
        env={"KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stderr.strip()


async def _table(kubeconfig: Path) -> tuple[float, bytes]:
    url = f"{path_of('Compensation', FULL)}?includeObject=None&limit={ledger.ALL_ROWS}"
    async with session(kubeconfig, connections=1) as alice:
        began = time.perf_counter()
        async with alice.get(url, headers={"Accept": ledger.ACCEPT}) as answer:
            content = await answer.read()
            return time.perf_counter() - began, content


# ----------------------------------------------------------------------------------------- seeding


async def _seed(bob: Path, operator: Path, count: int) -> list[Raw]:
    seeded: list[Raw] = []
    async with _cluster(bob) as people, _cluster(operator) as system:

        async def seed(number: int) -> None:
            # Names say nothing about time: as where they are made from digests.
            scattered = number * 7_919 % 1_000_003
            meta = {"namespace": FULL, "name": f"undo-{scattered:07}"}
            body = {"metadata": meta, "spec": _spec(number)}
            created = await patiently(people, "Compensation", body)
            seeded.append(await system.write_status(created, _status(created, number)))

        await _side_by_side(seed(number) for number in range(count))
    return seeded


async def _spread(operator: Path, seeded: Sequence[Raw]) -> None:
    """The newest keep their period; so many days before, the oldest."""
    async with _cluster(operator) as system:

        async def spread(place: int, raw: Raw) -> None:
            created = datetime.fromisoformat(raw["metadata"]["creationTimestamp"])
            when = created - (1 - (place + 1) / len(seeded)) * timedelta(days=DAYS)
            await system.write_status(raw, {**raw["status"], "period": period_of(when)})

        await _side_by_side(spread(place, raw) for place, raw in enumerate(seeded))


@asynccontextmanager
async def _cluster(kubeconfig: Path) -> AsyncIterator[KubeCluster]:
    connection = await Connection.open(kubeconfig)
    try:
        yield KubeCluster(connection)
    finally:
        await connection.close()


async def _side_by_side(todo: Iterator[Coroutine[Any, Any, None]]) -> None:
    async def work() -> None:
        for one in todo:
            await one

    async with asyncio.TaskGroup() as group:
        for _ in range(SIDE_BY_SIDE):
            group.create_task(work())


def _spec(number: int) -> Raw:
    return {
        "targetEffect": f"effect-{number:016x}",
        "runId": f"run-{number // 10}",
        "actionRef": {"name": f"post-message-{number}"},
        "rollbackInstruction": "remove the posted message",
        "execution": {
            "http": {"method": "DELETE", "url": f"https://board.example.com/messages/{number}"}
        },
    }


def _status(created: Raw, number: int) -> Raw:
    phase = "AwaitingApproval" if number % WAITS == 0 else "Cancelled"
    return {
        **created["status"],
        "phase": phase,
        "period": period_of(datetime.fromisoformat(created["metadata"]["creationTimestamp"])),
        "reason": "the plan waits for approval",
        "planDigest": "sha256:" + f"{number:064x}",
        "observedGeneration": 1,
        "history": [
            {"from": "Proposed", "to": phase, "time": WHEN, "actor": "operator", "reason": phase}
        ],
        "conditions": [_condition(kind, phase) for kind in ("Ready", "Approved", "Executed")],
    }


def _condition(kind: str, reason: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": "False",
        "observedGeneration": 1,
        "lastTransitionTime": WHEN,
        "reason": reason,
        "message": "the plan waits for approval by people who have looked at what it would send",
    }

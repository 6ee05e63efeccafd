"""Throughput: the operator and a raw client do the same four writes, in turn.

Every round has a fresh namespace with approved Compensations, each with the DeadLetter that waits
for it, and a fresh process that finds them there. Timed, for both alike and by the API server's
audit log: from the arrival of the first write to our kinds to the answer to the last one. CPU of
the operator: from "working" until two seconds after the last DeadLetter is linked, so kopf's first
list of the objects, which comes after "working", and the late watch events are in it.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from amends.api import GROUP
from bench import machine, seeding, worlds
from bench.audit import Witness
from bench.machine import Meter, Patience
from controlplane import ControlPlane
from installation import REPO, RunningOperator, add_tenant, running_operator
from waiting import progress, wait_for

SETTLING_SECONDS = 2.0
LIMIT_SECONDS = 30.0
LIMIT_SECONDS_EACH = 0.2


@dataclass(frozen=True)
class Round:
    """One side's figures in one round."""

    who: str
    compensations: int
    per_second: float
    writes_per_compensation: float
    refused: int
    events: int
    cpu_ms: float
    server_cpu_ms: float
    cores_elsewhere: float
    """What others used of the machine meanwhile: a disturbed round shows."""
    peak_mib: float | None = None


@dataclass(frozen=True)
class Throughput:
    """Medians over the rounds; `ratio` is the median of the ratios of neighbours."""

    rounds: list[Round]
    per_second: float
    raw_per_second: float
    ratio: float
    writes_per_compensation: float
    events: int
    cpu_ms: float
    raw_cpu_ms: float
    server_cpu_ms: float
    raw_server_cpu_ms: float
    peak_mib: float


def measure(
    cp: ControlPlane, kubeconfig: Path, logs: Path, patience: Patience, count: int, rounds: int
) -> Throughput:
    """So many rounds of so many compensations."""
    done: list[Round] = []
    for number in range(rounds):
        for who, run in (("operator", _operator), ("raw client", _raw_client)):
            namespace = f"{who.replace(' ', '-')}-{number}"
            add_tenant(cp, namespace, group="tenant-a")

            async def make(
                seeder: seeding.Seeder, one: int, space: str = namespace
            ) -> seeding.Pair:
                return await seeder.approved(space, one)

            with progress(f"seeding {namespace} with {count} approved compensations"):
                pairs = asyncio.run(seeding.seed(cp.kubeconfig("bob"), kubeconfig, make, count))
            done.append(run(cp, kubeconfig, logs, patience, namespace, pairs))
            print(json.dumps(asdict(done[-1])), file=sys.stderr)
    return _summary(done)


def _summary(rounds: list[Round]) -> Throughput:
    ours = [one for one in rounds if one.who == "operator"]
    raw = [one for one in rounds if one.who != "operator"]
    return Throughput(
        rounds=rounds,
        per_second=statistics.median(one.per_second for one in ours),
        raw_per_second=statistics.median(one.per_second for one in raw),
        ratio=statistics.median(
            one.per_second / other.per_second for one, other in zip(ours, raw, strict=True)
        ),
        writes_per_compensation=max(one.writes_per_compensation for one in ours),
        events=max(one.events for one in ours),
        cpu_ms=statistics.median(one.cpu_ms for one in ours),
        raw_cpu_ms=statistics.median(one.cpu_ms for one in raw),
        server_cpu_ms=statistics.median(one.server_cpu_ms for one in ours),
        raw_server_cpu_ms=statistics.median(one.server_cpu_ms for one in raw),
        peak_mib=max(one.peak_mib or 0 for one in ours),
    )


def _operator(
    cp: ControlPlane,
    kubeconfig: Path,
    logs: Path,
    patience: Patience,
    namespace: str,
    pairs: list[seeding.Pair],
) -> Round:
    witness = Witness(cp.audit_log, namespace)
    patience.until_idle(f"round {namespace}")
    log = logs / f"{namespace}.log"
    with running_operator(kubeconfig, log, until_working=False) as operator:
        machine.until_working(operator)
        meter = Meter(cp.pids.values(), operator.process.pid)
        _until_linked(operator, witness, len(pairs))
        time.sleep(SETTLING_SECONDS)
        meter.stop()
        _, peak = machine.memory(operator.process.pid)
    witness.look()
    return _round("operator", witness, len(pairs), meter, meter.client, peak)


def _raw_client(
    cp: ControlPlane,
    kubeconfig: Path,
    logs: Path,
    patience: Patience,
    namespace: str,
    pairs: list[seeding.Pair],
) -> Round:
    requests = logs / f"{namespace}.requests"
    with requests.open("w") as file:
        for compensation, letter in pairs:
            wanted = asyncio.run(worlds.four_writes(compensation, letter))
            file.write(json.dumps(wanted) + "\n")
    witness = Witness(cp.audit_log, namespace)
    patience.until_idle(f"round {namespace}")
    meter = Meter(cp.pids.values())
    path = os.pathsep.join(str(REPO / folder) for folder in ("tests", "operator"))
    ended = subprocess.run(
        [sys.executable, "-m", "bench.raw_client", str(kubeconfig), str(requests)],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        stdout=subprocess.PIPE,
    )
    time.sleep(SETTLING_SECONDS)
    meter.stop()
    witness.look()
    used = float(json.loads(ended.stdout)["cpu_seconds"])
    return _round("raw client", witness, len(pairs), meter, used, None)


def _until_linked(operator: RunningOperator, witness: Witness, count: int) -> None:
    def linked() -> bool:
        operator.is_working()  # raises if it has ended
        witness.look()
        return witness.linked() >= count

    limit = LIMIT_SECONDS + LIMIT_SECONDS_EACH * count
    wait_for(linked, seconds=limit, what=f"{count} linked dead letters")


def _round(
    who: str, witness: Witness, count: int, meter: Meter, cpu: float, peak: float | None
) -> Round:
    writes = witness.counted(lambda write: write.group == GROUP)
    return Round(
        who=who,
        compensations=count,
        per_second=count / witness.seconds(),
        writes_per_compensation=writes.total() / count,
        refused=witness.counted(lambda write: write.code >= 300).total(),
        events=witness.counted(lambda write: write.resource == "events").total(),
        cpu_ms=cpu * 1000 / count,
        server_cpu_ms=meter.server * 1000 / count,
        cores_elsewhere=meter.cores_elsewhere,
        peak_mib=peak,
    )

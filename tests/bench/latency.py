"""Latency: from alice's approval to Completed, while nothing else is going on.

One at a time: bob asks for a Compensation, and once it waits for approval, and a pause has passed,
alice creates the Approval. Timed in this process: from just before her request is sent until a
watch of alice's says Completed.
"""

import asyncio
import json
import math
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from amends.api import GROUP, VERSION
from amends.kube.connection import Connection
from bench.access import session
from bench.machine import Patience
from bench.seeding import Seeder
from controlplane import ControlPlane
from installation import add_tenant, running_operator
from waiting import progress

NAMESPACE = "latency"
PATH = f"/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}"
PAUSE_SECONDS = 0.05
LIMIT_SECONDS = 30.0
WARM_UP = 3


@dataclass(frozen=True)
class Latency:
    """Milliseconds from approval to Completed."""

    approvals: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


def measure(
    cp: ControlPlane, kubeconfig: Path, logs: Path, patience: Patience, count: int
) -> Latency:
    """So many approvals, one after the other."""
    add_tenant(cp, NAMESPACE, group="tenant-a")
    with running_operator(kubeconfig, logs / "latency.log"):
        patience.until_idle("the latency")
        with progress(f"timing {count} approvals"):
            took = asyncio.run(_approvals(cp, kubeconfig, WARM_UP + count))
    ordered = sorted(seconds * 1000 for seconds in took[WARM_UP:])
    return Latency(
        approvals=count,
        p50_ms=statistics.median(ordered),
        p99_ms=ordered[math.ceil(0.99 * len(ordered)) - 1],
        worst_ms=ordered[-1],
    )


class _Phases:
    """What a watch says of each Compensation, as it says it."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._seen: dict[tuple[str, str], tuple[float, str]] = {}

    async def follow(self, alice: aiohttp.ClientSession) -> None:
        """Read the watch until cancelled."""
        unlimited = aiohttp.ClientTimeout(total=None)
        url = f"{PATH}/compensations?watch=true"
        async with alice.get(url, timeout=unlimited) as stream:
            async for line in stream.content:
                now, compensation = time.perf_counter(), json.loads(line)["object"]
                key = (compensation["metadata"]["name"], compensation["status"]["phase"])
                async with self._changed:
                    self._seen.setdefault(key, (now, compensation["status"].get("planDigest", "")))
                    self._changed.notify_all()

    async def reached(self, name: str, phase: str) -> tuple[float, str]:
        """When it reached the phase, and its plan digest."""
        async with asyncio.timeout(LIMIT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: (name, phase) in self._seen)
            return self._seen[name, phase]


async def _approvals(cp: ControlPlane, operator: Path, count: int) -> list[float]:
    bob = await Connection.open(cp.kubeconfig("bob"))
    seeder, phases, took = Seeder(bob, bob), _Phases(), list[float]()
    async with session(cp.kubeconfig("alice"), connections=2) as alice:
        watch = asyncio.create_task(phases.follow(alice))
        for number in range(count):
            asked = await seeder.ask(NAMESPACE, number)
            name = asked["metadata"]["name"]
            _, digest = await phases.reached(name, "AwaitingApproval")
            await asyncio.sleep(PAUSE_SECONDS)
            began = time.perf_counter()
            await _approve(alice, name, digest)
            ended, _ = await phases.reached(name, "Completed")
            took.append(ended - began)
        watch.cancel()
    await bob.close()
    return took


async def _approve(alice: aiohttp.ClientSession, name: str, digest: str) -> None:
    approval = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Approval",
        "metadata": {"name": f"{name}-alice"},
        "spec": {"subjectRef": {"name": name}, "planDigest": digest, "decision": "Approve"},
    }
    async with alice.post(f"{PATH}/approvals", json=approval) as answer:
        if answer.status != 201:
            raise RuntimeError(f"{answer.status} {await answer.text()}")

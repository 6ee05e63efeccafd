"""Kubernetes Events: for people, best effort, never in the way of the work.

They are written in the background from a bounded queue, at a bounded rate per namespace: under load
some are dropped and counted, and the record stays in status and Receipts.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from amends.api import GROUP, VERSION
from amends.core.key import Key
from amends.core.records.digest import short
from amends.core.records.redaction import redact_text
from amends.kube.connection import Connection
from amends.ports import Clock, Fault

log = structlog.get_logger(__name__)

QUEUE_LIMIT = 1000
BURST = 25
PER_SECOND = 5.0
MESSAGE_LIMIT = 1024


@dataclass(frozen=True)
class Said:
    """One thing to say about one object."""

    on: Key
    uid: str
    severity: str
    reason: str
    message: str
    time: datetime


class EventRecorder:
    """Writes Events. `dropped` counts those that were not."""

    def __init__(self, connection: Connection, clock: Clock, holder: str) -> None:
        self._connection = connection
        self._clock = clock
        self._holder = holder
        self._queue: asyncio.Queue[Said] = asyncio.Queue(QUEUE_LIMIT)
        self._allowances: dict[str, tuple[float, float]] = {}
        self.dropped = 0

    def say(self, on: Key, uid: str, severity: str, reason: str, message: str) -> None:
        """Queue one Event; never waits, never fails."""
        said = Said(
            on, uid, severity, reason, redact_text(message)[:MESSAGE_LIMIT], self._clock.now()
        )
        if not self._may_say(on.namespace) or self._queue.full():
            self.dropped += 1
            return
        self._queue.put_nowait(said)

    async def run(self) -> None:
        """Write what is queued, until cancelled."""
        while True:
            await self._write(await self._queue.get())
            self._queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until what is queued has been written, but no longer than this."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            self.dropped += self._queue.qsize()

    def _may_say(self, namespace: str) -> bool:
        """A token bucket for every namespace: a noisy tenant silences nobody else."""
        now = self._clock.now().timestamp()
        left, counted_at = self._allowances.get(namespace, (float(BURST), now))
        left = min(float(BURST), left + (now - counted_at) * PER_SECOND)
        self._allowances[namespace] = (left - 1 if left >= 1 else left, now)
        return left >= 1

    async def _write(self, said: Said) -> None:
        path = f"/apis/events.k8s.io/v1/namespaces/{said.on.namespace}/events"
        try:
            await self._connection.call("POST", path, body=self._body(said))
        except Fault as why:
            self.dropped += 1
            log.warning("event not written", object=str(said.on), reason=said.reason, why=str(why))

    def _body(self, said: Said) -> Mapping[str, Any]:
        time = said.time.isoformat(timespec="microseconds").replace("+00:00", "Z")
        unique = short(said.uid, said.reason, said.message, time)
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{said.on.name}.{unique}", "namespace": said.on.namespace},
            "eventTime": time,
            "reportingController": f"{GROUP}/operator",
            "reportingInstance": self._holder,
            "action": said.reason,
            "reason": said.reason,
            "type": said.severity,
            "note": said.message,
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": said.on.kind,
                "namespace": said.on.namespace,
                "name": said.on.name,
                "uid": said.uid,
            },
        }

"""Leadership: one operator works at a time. The Lease says who; compare-and-swap is the fence."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from kubernetes.aio import client
from kubernetes.aio.leaderelection import electionconfig, leaderelection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock import leaselock

from amends.kube.connection import Connection
from amends.ports import Fault

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LeaseSettings:
    """Where the Lease is and how long it lasts; the relations are client-go's."""

    namespace: str
    name: str = "amends"
    duration_seconds: int = 15
    renew_deadline_seconds: int = 10
    retry_seconds: int = 2


class LostLeadership(Exception):
    """The Lease is somebody else's. The process must end: its claims are not its own any more."""


class _Lock(leaselock.LeaseLock):
    """The library's lock, able to create the Lease, and not upset by a lost answer.

    kubernetes 37.0.2 passes `pretty=True` to a call whose client only takes a string, so its own
    create never gets as far as the server; and it only expects errors that the server words: one of
    the connection ends the whole election. It waits for an answer for as long as it takes.
    """

    def __init__(
        self, settings: LeaseSettings, holder: str, api: client.ApiClient, until: asyncio.Timeout
    ) -> None:
        super().__init__(settings.name, settings.namespace, holder, api)
        self._duration = settings.duration_seconds
        self._patience = settings.renew_deadline_seconds / 2  # as client-go has it
        self._until = until

    async def get(
        self, name: str, namespace: str
    ) -> tuple[bool, LeaderElectionRecord] | tuple[bool, Exception] | tuple[bool, None]:
        try:
            async with asyncio.timeout(self._patience):
                return await super().get(name, namespace)
        except BROKEN as why:
            return False, client.ApiException(reason=_words(why))

    async def create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        body = client.V1Lease(
            metadata=client.V1ObjectMeta(name=name), spec=self.update_lease(election_record)
        )
        asked = self._now()
        try:
            async with asyncio.timeout(self._patience):
                await self.api_instance.create_namespaced_lease(namespace, body)
        except (client.ApiException, *BROKEN) as why:
            log.warning("lease not created", why=_words(why))
            return False
        self._held_from(asked)
        return True

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        asked = self._now()
        try:
            async with asyncio.timeout(self._patience):
                renewed = await super().update(name, namespace, updated_record)
        except BROKEN as why:
            log.warning("lease not renewed", why=_words(why))
            return False
        if renewed:
            self._held_from(asked)
        return renewed

    def _held_from(self, asked: float) -> None:
        """Others wait for as long as the Lease lasts, from when they see it renewed: not before."""
        self._until.reschedule(asked + self._duration)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


BROKEN = (aiohttp.ClientError, TimeoutError, OSError)
"""What becomes of a request that gets no answer."""


def _words(why: Exception) -> str:
    reason = why.reason if isinstance(why, client.ApiException) else str(why)
    return f"{type(why).__name__} {reason}"


async def lead(
    connection: Connection,
    settings: LeaseSettings,
    holder: str,
    work: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Wait for the Lease, then work while it is held; give it back when cancelled.

    Raises:
        LostLeadership: the Lease could not be renewed in time.
    """
    lost = asyncio.Event()

    async def stopped() -> None:
        lost.set()

    try:
        # The library looks at its deadline between requests only, so this holds the stopwatch.
        async with asyncio.timeout(None) as until:
            election = leaderelection.LeaderElection(
                electionconfig.Config(
                    _Lock(settings, holder, connection.api, until),
                    lease_duration=settings.duration_seconds,
                    renew_deadline=settings.renew_deadline_seconds,
                    retry_period=settings.retry_seconds,
                    onstarted_leading=work,
                    onstopped_leading=stopped,
                )
            )
            await election.run()
    except TimeoutError:
        lost.set()
    finally:
        if not lost.is_set():
            await _give_back(connection, settings, holder)
    raise LostLeadership(f"lease {settings.namespace}/{settings.name} was lost by {holder}")


async def _give_back(connection: Connection, settings: LeaseSettings, holder: str) -> None:
    """Let the next one start at once, instead of waiting until the Lease runs out."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{settings.namespace}/leases/{settings.name}"
    try:
        lease = await connection.call("GET", path)
        if lease["spec"].get("holderIdentity") != holder:
            return
        lease["spec"] = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        await connection.call("PUT", path, body=lease)
    except Fault as why:
        log.warning("lease not given back", why=str(why))

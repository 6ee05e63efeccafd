"""Leadership: one operator works at a time. The Lease says who; compare-and-swap is the fence."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

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
    """The library's lock, able to create the Lease.

    kubernetes 37.0.2 passes `pretty=True` to a call whose client only takes a string, so its own
    create never gets as far as the server.
    """

    async def create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        body = client.V1Lease(
            metadata=client.V1ObjectMeta(name=name), spec=self.update_lease(election_record)
        )
        try:
            await self.api_instance.create_namespaced_lease(namespace, body)
        except client.ApiException as why:
            log.warning("lease not created", why=why.reason)
            return False
        return True


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
    lock = _Lock(settings.name, settings.namespace, holder, connection.api)
    lost = asyncio.Event()

    async def stopped() -> None:
        lost.set()

    election = leaderelection.LeaderElection(
        electionconfig.Config(
            lock,
            lease_duration=settings.duration_seconds,
            renew_deadline=settings.renew_deadline_seconds,
            retry_period=settings.retry_seconds,
            onstarted_leading=work,
            onstopped_leading=stopped,
        )
    )
    try:
        await election.run()
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

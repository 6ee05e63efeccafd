"""The operator process: everything is put together here, started, and stopped in order."""

import asyncio
import contextlib
import signal
from typing import Any

import structlog

from amends.archive import archive_at
from amends.executors import registry as plug_ins
from amends.executors.webhook import Webhook
from amends.handlers import watch
from amends.kube.cluster import KubeCluster
from amends.kube.connection import Connection
from amends.kube.events import EventRecorder
from amends.kube.lease import lead
from amends.kube.policies import KubePolicies
from amends.kube.secrets import TenantSecrets
from amends.kube.tenants import ImpersonatedTenants
from amends.ports import ExecutorContext, Fault
from amends.runtime.clock import ServerClock, process_identity
from amends.runtime.guard import Guard
from amends.runtime.metrics import EVENTS_DROPPED, Metrics
from amends.runtime.retention import Sweeper
from amends.runtime.runtime import Runtime
from amends.runtime.settings import Settings

log = structlog.get_logger(__name__)

EVENTS_GRACE = 2.0
CRD_POLL_SECONDS = 2.0


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        LostLeadership: another operator works now; start anew.
        NotArchived, CannotServe: an option names a place that cannot be used.
    """
    archive = archive_at(settings.export_to) if settings.export_to is not None else None
    clock, holder, metrics = ServerClock(), process_identity(), Metrics()
    connection = await Connection.open(settings.kubeconfig)
    connection.listening = clock.listening
    cluster = KubeCluster(connection)
    recorder = EventRecorder(connection, clock, holder)
    tenants = ImpersonatedTenants(connection)
    context = ExecutorContext(
        *(TenantSecrets(tenants), tenants, settings.allowed_targets),
        await connection.addresses(),
    )
    executors = plug_ins.build(context, plug_ins.installed())
    policies = KubePolicies(connection, clock, settings.lease.namespace, settings.gitops_agents)
    guard = Guard(policies, clock, metrics)
    runtime = Runtime(
        *(settings, cluster, cluster.list, executors, recorder, clock, holder),
        *(guard.enforcement, metrics, Webhook(context, clock)),
    )
    sweeper = Sweeper(
        cluster,
        runtime.cache,
        archive,
        clock,
        metrics,
        keep=settings.retention,
        every=settings.sweep,
        per_second=settings.sweep_rate,
    )
    metrics.show(EVENTS_DROPPED, lambda: {(): recorder.dropped})
    stop = asyncio.Event()
    _stop_on_signals(stop)
    log.info("started", holder=holder, executors=sorted(executors))
    saying = asyncio.create_task(recorder.run(), name="events")
    try:
        async with metrics.served(settings.metrics_listen):
            await _until_served(cluster, stop)
            if not stop.is_set():
                await serve(settings, runtime, sweeper, guard, connection, holder, stop)
    finally:
        await recorder.drain(EVENTS_GRACE)
        saying.cancel()
        for executor in executors.values():
            await executor.close()
        await connection.close()


async def _until_served(cluster: KubeCluster, stop: asyncio.Event) -> None:
    """Wait for the CRDs: kopf looks for them once, when it starts."""
    while not stop.is_set():
        try:
            if not (missing := await cluster.missing_kinds()):
                return
            log.warning("CRDs are not installed: kubectl apply -f crds/", missing=missing)
        except Fault as why:
            log.warning("API server does not answer as it should", why=str(why))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CRD_POLL_SECONDS):
                await stop.wait()


async def serve(
    settings: Settings,
    runtime: Runtime,
    sweeper: Sweeper,
    guard: Guard,
    connection: Connection,
    holder: str,
    stop: asyncio.Event,
) -> None:
    """Watch always, work while leading; whichever ends first ends the rest.

    They end in this order: the work, with what is under way; the watch; last the Lease, which is
    given back when nothing here works any more.
    """
    leading = asyncio.Event()

    async def became_leader() -> None:
        leading.set()

    async def work_while_leading() -> None:
        await leading.wait()
        await guard.looked.wait()
        await runtime.work(sweeper.run)

    def take_signals_back() -> None:
        _stop_on_signals(stop)

    lease = asyncio.create_task(
        lead(connection, settings.lease, holder, became_leader), name="lease"
    )
    stopping = asyncio.create_task(stop.wait(), name="stop")
    work = asyncio.create_task(work_while_leading(), name="work")
    guarding = asyncio.create_task(guard.run(runtime.look_at_everything), name="guard")
    watching = asyncio.create_task(
        watch.run(
            *(runtime.inbox, guard.look_soon, runtime.namespaces.moved, connection),
            *(settings.health_listen, take_signals_back),
        ),
        name="watch",
    )
    everything: tuple[asyncio.Task[Any], ...] = (stopping, work, guarding, watching, lease)
    done, _ = await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
    for task in everything:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for task in done:
        task.result()


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

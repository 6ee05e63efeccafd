"""Which kinds are watched, and where their events go."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import kopf

from amends.api import GROUP, KINDS
from amends.kube.connection import Connection
from amends.ports import Clock
from amends.runtime.inbox import Inbox

ADMISSION = "admissionregistration.k8s.io"
POLICIES = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
CREDENTIALS_ARE_FRESH = timedelta(minutes=5)


class NoDiffs(kopf.DiffBaseStorage):
    """Nothing here asks kopf what has changed, so it need not copy every object to find out."""

    def build(
        self, *, body: kopf.Body, extra_fields: Iterable[kopf.FieldSpec] | None = None
    ) -> kopf.BodyEssence:
        """The part of an object that counts as changed when it differs: none."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """The part as it was when handled last: never handled."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Keep nothing on the object."""


async def run(
    inbox: Inbox,
    policy_moved: Callable[[], None],
    connection: Connection,
    clock: Clock,
    health_listen: str | None,
    started: Callable[[], None],
) -> None:
    """Watch until cancelled.

    kopf takes SIGTERM and SIGINT for itself when it starts, and would cancel work that is under
    way: `started` is called when it has, so that the process can take them back. When kopf stops it
    cancels every task that was created after it; so whatever must outlive it is created before.
    """
    older = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=registry(inbox, policy_moved, connection, clock),
        settings=settings(),
        clusterwide=True,
        standalone=True,
        liveness_endpoint=f"http://{health_listen}/healthz" if health_listen else None,
    )
    started()
    await kopf.run_tasks(tasks, ignored=older)


def registry(
    inbox: Inbox, policy_moved: Callable[[], None], connection: Connection, clock: Clock
) -> kopf.OperatorRegistry:
    """Handlers for every kind that has open work, and for policies: they only ring a bell.

    They do no I/O and decide nothing.
    """
    handlers = kopf.OperatorRegistry()

    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        if event["type"] == "DELETED":
            inbox.left(event["object"])
        else:
            inbox.seen(event["object"])

    for kind in KINDS:
        if kind.SERVED.open_work is not None:
            kopf.on.event(GROUP, kind.SERVED.plural, registry=handlers, id="seen")(on_event)

    async def on_policy(**_: Any) -> None:
        policy_moved()

    for plural in POLICIES:
        kopf.on.event(ADMISSION, "v1", plural, registry=handlers, id="moved")(on_policy)

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        found = await connection.credentials()
        return kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_file,
            token=found.token,
            scheme="Bearer" if found.token else None,
            certificate_path=found.certificate_file,
            private_key_path=found.key_file,
            expiration=clock.now() + CREDENTIALS_ARE_FRESH,
        )

    @kopf.on.probe(registry=handlers, id="open")
    async def probe(**_: Any) -> int:
        return inbox.open_objects

    return handlers


def settings() -> kopf.OperatorSettings:
    """Only open work is watched; kopf writes nothing of its own."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.networking.request_timeout = 15
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.persistence.diffbase_storage = NoDiffs()
    for kind in KINDS:
        if kind.SERVED.open_work is not None:
            chosen.watching.field_selectors[GROUP, kind.SERVED.plural] = kind.SERVED.open_work
    return chosen

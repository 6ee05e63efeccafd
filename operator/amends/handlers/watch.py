"""Which kinds are watched, and where their events go."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import timedelta
from itertools import chain, repeat
from typing import Any

import kopf
import structlog

from amends.api import GROUP, KINDS, VERSION
from amends.kube.cluster import PAGE
from amends.kube.connection import LIST_TIMEOUT, REQUEST_TIMEOUT, Connection
from amends.ports import Fault
from amends.runtime.clock import SystemClock
from amends.runtime.inbox import Inbox

ADMISSION = "admissionregistration.k8s.io"
POLICIES = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
CREDENTIALS_ARE_FRESH = timedelta(minutes=5)
UNAUTHORIZED = 401
TRY_AGAIN_SECONDS = 1.0
WATCH_AGAIN_SECONDS = 5.0
CANCEL_AGAIN_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Backoffs(Iterable[float]):
    """How long kopf waits between tries of a request, without end.

    By default it gives up after a minute; with its watch the process would end, and with that the
    attempts under way, for nothing but an API server that is down for a while.
    """

    def __iter__(self) -> Iterator[float]:
        return chain((1, 1, 2, 3, 5, 8), repeat(10.0))


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
    namespace_moved: Callable[[str], None],
    connection: Connection,
    health_listen: str | None,
    started: Callable[[], None],
) -> None:
    """Watch until cancelled; begin anew, after a pause, when it fails.

    kopf takes SIGTERM and SIGINT for itself when it starts, and would cancel work that is under
    way: `started` is called when it has, so that the process can take them back.

    Raises:
        OSError: the probe cannot be served at that address.
    """
    while True:
        older = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=registry(inbox, policy_moved, namespace_moved, connection),
            settings=settings(),
            clusterwide=True,
            standalone=True,
            liveness_endpoint=f"http://{health_listen}/healthz" if health_listen else None,
        )
        started()
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(tasks, older)
        failures = [why for task in done if (why := task.exception()) is not None]
        if not failures:
            return  # a signal came before `started`
        for why in failures:
            if isinstance(why, OSError) and not isinstance(why, TimeoutError):
                raise why  # the probe cannot be served there, and never will be
        log.error("watch failed", why=repr(failures[0]), seconds=WATCH_AGAIN_SECONDS)
        await asyncio.sleep(WATCH_AGAIN_SECONDS)


async def _end(tasks: Collection[asyncio.Task[Any]], older: Collection[asyncio.Task[Any]]) -> None:
    """End what kopf has started, and nothing else.

    One answer that kopf does not expect, such as a 409, ends the task that minds the watches, but
    not the watches of the other kinds. `kopf.run_tasks` then cancels all that is younger than kopf,
    attempts under way among it; and a watch that is cancelled together with what it waits for takes
    that for a pause and goes on. run_tasks waits for its end for ever: the process stays the leader
    and hears nothing. So only the watches are cancelled here, by the name that kopf gives them.
    """
    watches = {
        task
        for task in asyncio.all_tasks() - set(older)
        if task.get_name().startswith("watcher for ")
    }
    pending = {*tasks, *watches}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)


def registry(
    inbox: Inbox,
    policy_moved: Callable[[], None],
    namespace_moved: Callable[[str], None],
    connection: Connection,
) -> kopf.OperatorRegistry:
    """Handlers for open work, policies and namespaces: they only ring a bell.

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

    async def on_namespace(name: str, **_: Any) -> None:
        namespace_moved(name)

    kopf.on.event("", "v1", "namespaces", registry=handlers, id="moved")(on_namespace)

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        # kopf asks when it is refused (401), and ends for good if what it gets is refused again.
        try:
            await connection.call("GET", f"/apis/{GROUP}/{VERSION}")
        except Fault as why:
            if why.status == UNAUTHORIZED:
                raise kopf.TemporaryError(str(why), delay=TRY_AGAIN_SECONDS) from why
        found = await connection.credentials()
        return kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_file,
            token=found.token,
            scheme="Bearer" if found.token else None,
            certificate_path=found.certificate_file,
            private_key_path=found.key_file,
            # By this machine's clock, right or wrong: kopf asks no other how old it is.
            expiration=SystemClock().now() + CREDENTIALS_ARE_FRESH,
        )

    @kopf.on.probe(registry=handlers, id="open")
    async def probe(**_: Any) -> int:
        return inbox.open_objects

    return handlers


def settings() -> kopf.OperatorSettings:
    """Only open work is watched; kopf writes nothing of its own."""
    chosen = kopf.OperatorSettings()
    chosen.process.ultimate_exiting_timeout = None  # else SIGKILL ten minutes after it has ended
    chosen.posting.enabled = False
    chosen.networking.request_timeout = LIST_TIMEOUT  # before it watches, it lists
    chosen.networking.connect_timeout = REQUEST_TIMEOUT
    chosen.networking.error_backoffs = Backoffs()
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.watching.chunk_size = PAGE
    chosen.persistence.diffbase_storage = NoDiffs()
    for kind in KINDS:
        if kind.SERVED.open_work is not None:
            chosen.watching.field_selectors[GROUP, kind.SERVED.plural] = kind.SERVED.open_work
    return chosen

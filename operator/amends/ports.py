"""What the core's decisions need from the world, as protocols: Clock, Executor, Cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from amends.api.execution import Execution
from amends.api.verification import Verification
from amends.core.escalation import Delivered, NotDelivered
from amends.core.key import Key
from amends.core.outcome import Outcome, Preview

Raw = Mapping[str, Any]
"""An object as the API server sends it."""


class Fault(Exception):
    """Something outside did not go as asked. The class says who must act next.

    Fault
    ├── Rejected    only a change of the request helps
    ├── Conflict    somebody wrote first: look again, decide again
    ├── Gone        the object does not exist (any more)
    ├── Exists      the name is taken: adopt it, if it is ours
    ├── Waiting     the other side asks for patience
    └── Unsure      the request may or may not have been carried out: read before repeating
    """

    status: int | None = None
    """HTTP status of the answer, if there was one."""
    answer: str = ""
    """What the server said, without what was asked."""
    retry_after: timedelta | None = None
    """How long it asks to be left alone."""


class Rejected(Fault):
    """Only a change of the request helps (400, 403, 422)."""


class Conflict(Fault):
    """Somebody wrote first (409 on an update)."""


class Gone(Fault):
    """The object does not exist (404)."""


class Exists(Fault):
    """The name is taken (409 on a create)."""


class Waiting(Fault):
    """The other side asks for patience (429, 503 and their like), or for another token (401)."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unsure(Fault):
    """The answer was lost after sending."""


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Now, in UTC, in whole milliseconds."""


@dataclass(frozen=True)
class Namespace:
    """A tenant's namespace, as far as Amends reads it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Cluster(Protocol):
    """The objects of the API server. Every method raises a Fault when it does not go as asked."""

    async def get(self, key: Key) -> Raw | None:
        """The object as it is now, None if there is none."""

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        """Create it under its name. Raises Exists if the name is taken."""

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        """Replace the status if nobody wrote since `before` was read (compare-and-swap)."""

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        """Every object of a kind in a namespace whose selectable fields have these values."""

    async def delete(self, before: Raw) -> None:
        """Delete the object if nobody wrote since `before` was read."""

    async def namespace(self, name: str) -> Namespace:
        """What a namespace says of its tenant, possibly half a minute old."""

    def forget_namespace(self, name: str) -> None:
        """It has moved: what is remembered of it may be old."""
        ...


class Records(Protocol):
    """The records of all tenants, as the sweep sees them. Every method may raise a Fault."""

    async def namespaces(self) -> Mapping[str, Namespace]:
        """Every namespace that is not about to go, by its name."""

    def list(self, kind: str, selector: str, namespace: str) -> AsyncIterator[Raw]:
        """Every object of a kind in a namespace that matches a field selector, in pages."""

    async def get(self, key: Key) -> Raw | None:
        """The object as it is now, None if there is none."""

    async def delete(self, before: Raw) -> None:
        """Delete the object if nobody wrote since `before` was read. Raises Conflict otherwise."""


@dataclass(frozen=True)
class Standing:
    """The admission policies as the server holds them.

    gaps: what is missing or altered, in words. changed: when any of them was last created or
    changed. seen: when this was read. Both by the server's clock.
    """

    gaps: Sequence[str]
    changed: datetime | None
    seen: datetime


class Policies(Protocol):
    """The admission policies that have to stand. Every method may raise a Fault."""

    async def standing(self) -> Standing:
        """How they stand now."""

    async def disobeyed(self) -> str | None:
        """Ask for something that they forbid, for no effect. Why it was not refused, if so."""


class NotArchived(Exception):
    """A record could not be exported; the message says why. It must not be deleted."""


class Archive(Protocol):
    """Where records go before they are deleted."""

    async def keep(self, record: Raw) -> None:
        """Return when the record is as durable there as it gets. Raises NotArchived."""


class Secrets(Protocol):
    """Secrets of a tenant, read with the rights of the tenant's own service account."""

    async def read(self, namespace: str, name: str, key: str, service_account: str) -> str:
        """The value. Raises Rejected with a message for people if it may not or cannot be read."""


class Notifier(Protocol):
    """A way to tell the receiver of a namespace that something has escalated."""

    async def deliver(
        self, namespace: str, secret: str, event: Mapping[str, Any]
    ) -> Delivered | NotDelivered:
        """Send this CloudEvent once to the receiver that a Secret of the namespace names."""


class Tenants(Protocol):
    """The API server, asked with the rights of a tenant's own service account."""

    async def call(
        self,
        method: str,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        """Send one request as that service account and return the parsed answer. Raises a Fault."""

    async def text(
        self,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """GET what is no JSON, for example logs. Raises a Fault."""


@dataclass(frozen=True)
class Work:
    """One attempt of one undo or retry, as an executor gets it.

    kind, name, uid: the object that asks for it. preview: what it was seen to do when it was
    claimed, if that can be seen. run_id: the run that it belongs to, if it is known. begun: another
    process may have begun this very attempt: look for what it left. only_look: follow that to its
    end, and begin nothing; where there is no trace of it, say so (`Unknown.untraced`). stop: set
    when whoever asked wants it stopped; an executor that can stop its work does so, and answers
    with what is known then. may_begin: whether the claim still stands; asked right before anything
    leaves.
    """

    namespace: str
    name: str
    execution: Execution
    service_account: str
    idempotency_key: str
    attempt_key: str
    timeout: timedelta
    kind: str = "Compensation"
    uid: str = ""
    preview: Preview | None = None
    run_id: str | None = None
    begun: bool = False
    only_look: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event, compare=False)
    may_begin: Callable[[], bool] = field(default=lambda: True, compare=False)


OUT_OF_TIME = "the claim on this attempt had run out before it could begin"
"""What is said of work that may not begin any more."""


class Executor(Protocol):
    """A way to change the outside world. Found through the entry point group amends.executors."""

    async def run(self, work: Work) -> Outcome:
        """Carry the work out once, under its idempotency key.

        Says Unknown whenever the effect may have happened; never repeats by itself. Right before
        the first byte leaves it asks `work.may_begin`, and sends nothing if not. May be cancelled
        at any await: then nobody may assume anything. An exception counts as Unknown.
        One that needs more than a few seconds beyond the timeout to find out how it ended has an
        attribute `grace`, a timedelta. One that only waits for what is done elsewhere has an
        attribute `only_waits`, which is true: its attempts take no places of those that work here.
        """

    def objection(self, execution: Execution) -> str | None:
        """Why this can never be carried out here, in words for the person who wrote it."""

    async def close(self) -> None:
        """Release what it holds."""


@runtime_checkable
class Previews(Protocol):
    """A way to see what an attempt would do, without doing it. Some executors have it."""

    async def preview(self, work: Work) -> Preview:
        """What it would do now. Nothing is changed.

        Raises a Fault: Rejected with a message for people where it can never be done as it is;
        every other one where it cannot be told just now.
        """


@runtime_checkable
class Probes(Protocol):
    """A way to look whether an effect has happened, without changing anything."""

    async def probe(self, work: Work, verification: Verification) -> Outcome:
        """Look once whether the attempt that `work` describes has had its effect.

        The work is the attempt as it was made: its keys are the attempt's, not the probe's. Says
        Unknown where it cannot be told. An exception counts as Unknown.
        """

    def probe_objection(self, verification: Verification) -> str | None:
        """Why this can never be asked here, in words for the person who wrote it."""


@dataclass(frozen=True)
class ExecutorContext:
    """What an executor may use; its factory (the entry point) is called with this.

    forbidden_addresses: IP addresses and DNS names of the API server, without ports.
    """

    secrets: Secrets
    tenants: Tenants
    allowed_targets: Sequence[str]
    forbidden_addresses: frozenset[str]

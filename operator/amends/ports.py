"""What the core's decisions need from the world, as protocols: Clock, Executor, Cluster."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from amends.api.execution import Execution
from amends.core.key import Key
from amends.core.outcome import Outcome

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


class Rejected(Fault):
    """Only a change of the request helps (400, 401, 403, 422)."""


class Conflict(Fault):
    """Somebody wrote first (409 on an update)."""


class Gone(Fault):
    """The object does not exist (404)."""


class Exists(Fault):
    """The name is taken (409 on a create)."""


class Waiting(Fault):
    """The other side asks for patience (429, 503 and their like)."""

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


@dataclass(frozen=True)
class Work:
    """One attempt of one undo, as an executor gets it."""

    namespace: str
    name: str
    execution: Execution
    service_account: str
    idempotency_key: str
    attempt_key: str
    timeout: timedelta


class Executor(Protocol):
    """A way to change the outside world. Found through the entry point group amends.executors."""

    async def run(self, work: Work) -> Outcome:
        """Carry the work out once, under its idempotency key.

        Says Unknown whenever the effect may have happened; never repeats by itself. May be
        cancelled at any await: then nobody may assume anything. An exception counts as Unknown.
        """

    def objection(self, execution: Execution) -> str | None:
        """Why this can never be carried out here, in words for the person who wrote it."""

    async def close(self) -> None:
        """Release what it holds."""


@dataclass(frozen=True)
class ExecutorContext:
    """What an executor may use; its factory (the entry point) is called with this.

    forbidden_addresses: IP addresses and DNS names of the API server, without ports.
    """

    secrets: Secrets
    allowed_targets: Sequence[str]
    forbidden_addresses: frozenset[str]

"""A decision: what must exist, what the status becomes, what is done then, when to look again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from amends.api.execution import Execution
from amends.api.resource import Status
from amends.api.verification import Verification
from amends.api.wire import Wire
from amends.core.key import Key
from amends.core.outcome import Preview


@dataclass(frozen=True)
class Create:
    """A child that must exist before the status says so. Its name is the lock.

    Where the name is taken, the object is adopted if these fields of its spec are the same. One of
    a sequence takes the next name otherwise: who comes second looks again.
    """

    kind: str
    name: str
    spec: Wire
    same: Sequence[str]
    in_sequence: bool = False

    def is_ours(self, existing: dict[str, object]) -> bool:
        """Whether an existing spec is the one that would be created."""
        wanted = self.spec.wire()
        return all(existing.get(field) == wanted.get(field) for field in self.same)


@dataclass(frozen=True)
class Execute:
    """Let the executor work, now that the claim is durable.

    begun: another process may have begun this very attempt, and the cluster remembers it.
    only_look: follow what has been begun, and begin nothing. preview: what it was seen to do when
    it was claimed, where that can be seen.
    """

    execution: Execution
    service_account: str
    idempotency_key: str
    attempt_key: str
    timeout: timedelta
    preview: Preview | None = None
    run_id: str | None = None
    begun: bool = False
    only_look: bool = False


@dataclass(frozen=True)
class Probe:
    """Look whether the attempt that `work` describes has had its effect. Nothing is changed."""

    work: Execute
    verification: Verification
    key: str


@dataclass(frozen=True)
class Stop:
    """Whoever asked wants the attempt stopped: the executor answers with what is known then."""


@dataclass(frozen=True)
class Release:
    """The attempt is over for this process: stop the executor, forget its answer."""


@dataclass(frozen=True)
class Disown:
    """The attempt is not this process's any more: what comes of it is evidence, and no state."""


@dataclass(frozen=True)
class Wake:
    """Look at another object, because this one has moved."""

    key: Key


@dataclass(frozen=True)
class WakeFollowers:
    """Look at every open object that waits for what becomes of this one; kind: only at those.

    Who they are is asked once the status is written: who came while it was being written has seen
    this object as it was before, and nothing else would make it look again.
    """

    kind: str | None = None


@dataclass(frozen=True)
class Tell:
    """Say something on an object, for a person who reads its Events."""

    on: Key
    reason: str
    message: str
    severity: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True)
class Deliver:
    """Send this CloudEvent to the receiver that a Secret of the namespace names. It is on record,
    and sent again under its id until the receiver acknowledges it. number: which attempt it is."""

    id: str
    number: int
    secret: str
    event: Mapping[str, Any]


@dataclass(frozen=True)
class Withdraw:
    """The delivery is over for this process: stop it, forget what it came to."""


Effect = (
    Execute | Probe | Stop | Release | Disown | Wake | WakeFollowers | Tell | Deliver | Withdraw
)

AT_ONCE = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One step for one object, carried out in the order of these fields.

    remove: delete the object itself, unless anybody has written to it since; status is None then.
    look_again: when to decide anew even if nothing happens until then; None: never.
    """

    children: Sequence[Create] = ()
    status: Status | None = None
    remove: bool = False
    effects: Sequence[Effect] = ()
    look_again: timedelta | None = None

    def waking(self, *others: Wake | WakeFollowers) -> "Decision":
        """The same, and these followers are looked at, unless all of them are anyway."""
        if WakeFollowers() in self.effects:
            return self
        new = tuple(one for one in others if one not in self.effects)
        return replace(self, effects=(*self.effects, *new)) if new else self


NOTHING = Decision()

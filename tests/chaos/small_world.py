"""A world small enough to be searched: operators over an API server in memory, without a clock.

The parts of the operator are the real ones (cache, related, observer, applier, reconciler, core).
Nothing here ever waits, so one pass runs from its first to its last step at once; faults are raised
where the test says.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from amends.api.execution import Execution
from amends.api.verification import Verification
from amends.core.enforcement import ENFORCED
from amends.core.key import Key
from amends.core.outcome import Outcome
from amends.core.world import Attempt
from amends.kube.cache import OPEN_WORK, Cache, is_open, key_of
from amends.kube.events import EventRecorder
from amends.ports import Fault, Namespace, Raw, Unsure, Work
from amends.runtime.apply import Applier
from amends.runtime.executions import Executions
from amends.runtime.fence import Fence
from amends.runtime.gates import Gates
from amends.runtime.inbox import Inbox
from amends.runtime.namespaces import Namespaces
from amends.runtime.observe import Observer
from amends.runtime.queue import KeyQueue
from amends.runtime.reconcile import Reconciler
from amends.runtime.related import Related
from amends.runtime.turns import Turns
from amends.runtime.unreadable import Unreadables
from chaos.small_server import SmallServer, Time

CLAIM = timedelta(minutes=5)

T = TypeVar("T")


class PowerLost(BaseException):
    """The operator is no more. Nothing in it may catch this."""


@dataclass
class Trouble:
    """What goes wrong at the n-th call to the outside whose name begins like this: 0 is the first.

    kind: power-before, power-after, lost-before (never arrived), lost-after (only the answer).
    """

    at: int = -1
    kind: str = ""
    on: str = ""
    calls: list[str] = field(default_factory=list)
    struck: str | None = None
    """The call that it struck."""

    def call(self, name: str, do: Callable[[], T]) -> T:
        """Make a call, unless this is the one."""
        here = False
        if name.startswith(self.on):
            here = len(self.calls) == self.at
            self.calls.append(name)
        if here and self.kind.endswith("before"):
            self._strike(name)
        answer = do()
        if here:
            self._strike(name)
        return answer

    def _strike(self, name: str) -> None:
        self.struck = name
        raise PowerLost if self.kind.startswith("power") else Unsure("no answer")


class HolderCluster:
    """The Cluster port of one holder, with its trouble."""

    def __init__(self, server: SmallServer, holder: str, trouble: Trouble) -> None:
        self._server = server
        self._holder = holder
        self.trouble = trouble

    async def get(self, key: Key) -> Raw | None:
        return self.trouble.call(f"get {key.kind}", lambda: self._server.objects.get(key))

    def forget_namespace(self, name: str) -> None:
        """Nothing is remembered of it."""

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        return self.trouble.call(f"find {kind}", lambda: self._server.find(kind, fields))

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        meta = body["metadata"]
        return self.trouble.call(
            f"create {kind}",
            lambda: self._server.create(
                kind, meta["name"], body["spec"], meta["labels"], self._holder
            ),
        )

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        to = status.get("phase") or ("settled" if status.get("settled") else "open")
        return self.trouble.call(
            f"write {before['kind']} {to}",
            lambda: self._server.write_status(before, status, self._holder),
        )

    async def delete(self, before: Raw) -> None:
        self.trouble.call(
            f"delete {before['kind']}", lambda: self._server.delete(before, self._holder)
        )

    async def namespace(self, name: str) -> Namespace:
        return Namespace({}, self._server.annotations)


class HeldExecutions(Executions):
    """Attempts that end when the test says so."""

    def __init__(self, ended: Callable[[Key], None]) -> None:
        super().__init__({}, 1, ended)
        self.works: dict[Key, Work] = {}
        self.sent: list[Work] = []
        """What was released after it had been started: it may still be on its way."""
        self.probes: dict[Key, Work] = {}

    def start(self, key: Key, work: Work) -> None:
        self.release(key)
        self.works[key] = work
        self._attempts[key] = Attempt(work.attempt_key)
        self._keys[key] = work.idempotency_key

    def probe(self, key: Key, work: Work, verification: Verification, name: str) -> None:
        """It changes nothing, so nobody has to know what becomes of it."""
        self.release(key)
        self.probes[key] = work
        self._attempts[key] = Attempt(name)
        self._keys[key] = work.idempotency_key

    def release(self, key: Key) -> None:
        self._unbegun.pop(key, None)
        self._attempts.pop(key, None)
        self._keys.pop(key, None)
        self.probes.pop(key, None)
        if (work := self.works.pop(key, None)) is not None:
            self.sent.append(work)

    def end(self, key: Key, outcome: Outcome) -> None:
        self._attempts[key] = Attempt(self.works.pop(key).attempt_key, outcome)
        self._ended(key)

    def tell(self, key: Key, outcome: Outcome) -> None:
        """What the target says to a probe."""
        del self.probes[key]
        self._attempts[key] = Attempt(self._attempts[key].key, outcome)
        self._ended(key)


class Silent(EventRecorder):
    """Says nothing to nobody."""

    def __init__(self) -> None:
        pass

    def say(self, on: Key, uid: str, severity: str, reason: str, message: str) -> None:
        pass


class AnyExecutor:
    """Objects to nothing; its work is done by the test."""

    async def run(self, work: Work) -> Outcome:
        raise NotImplementedError

    def objection(self, execution: Execution) -> str | None:
        return None

    async def close(self) -> None:
        pass


class Keys(KeyQueue):
    """The queue without tasks and timers: what is to be looked at, and what not before when."""

    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time
        self.waiting: dict[Key, None] = {}
        self.due: dict[Key, datetime] = {}

    def add(self, key: Key) -> None:
        self.waiting[key] = None

    def add_after(self, key: Key, pause: timedelta) -> None:
        if pause <= timedelta(0):
            self.add(key)
        else:
            self.due[key] = self._time.now() + pause

    def next(self) -> Key | None:
        """The next key whose time has come."""
        for key in [key for key, due in self.due.items() if due <= self._time.now()]:
            del self.due[key]
            self.add(key)
        if not self.waiting:
            return None
        key = next(iter(self.waiting))
        del self.waiting[key]
        self.due.pop(key, None)
        return key


class Holder:
    """One operator process. trouble: of its whole life. asleep: it has been told of nothing."""

    CLUSTER: type[HolderCluster] = HolderCluster

    def __init__(
        self,
        server: SmallServer,
        name: str,
        trouble: Trouble | None = None,
        *,
        asleep: bool = False,
    ) -> None:
        self.name = name
        self._server = server
        self.cache, self.queue = Cache(), Keys(server.time)
        self.inbox = Inbox(self.cache, self.queue)
        self.executions = HeldExecutions(self.queue.add)
        self.cluster = self.CLUSTER(server, name, trouble or Trouble())
        executors = {"http": AnyExecutor(), "record": AnyExecutor()}
        self.enforcement = ENFORCED
        self.namespaces = Namespaces(self.cluster, self.cache, self.queue.add)
        gates = Gates(self.cache, self.queue.add, lambda room: 0, most=64)
        related = Related(self.cache, self.cluster, self.namespaces)
        observer = Observer(
            *(related, executors, self.executions, server.time, name, CLAIM),
            lambda: self.enforcement,
            Turns(related, gates),
        )
        fence = Fence(server.time, timedelta(0))
        applier = Applier(self.cache, self.cluster, self.queue, self.executions, Silent(), fence)
        unreadable = Unreadables(self.cache, self.cluster, Silent(), server.time)
        self._reconciler = Reconciler(observer, applier, self.executions, unreadable, gates)
        self._heard = 0
        if not asleep:
            self.hear_all()

    def hear(self, key: Key) -> None:
        """The watch tells the newest version of one object, whatever it has kept to itself."""
        found = [event for event in self._server.events if key_of(event[0]) == key]
        self._told(*found[-1])

    def hears(self) -> bool:
        """The watch tells everything that is new; False: nothing is."""
        news, self._heard = self._server.events[self._heard :], len(self._server.events)
        for event in news:
            self._told(*event)
        return bool(news)

    def _told(self, raw: Raw, is_gone: bool) -> None:
        """What has settled leaves the watch."""
        if raw["kind"] not in OPEN_WORK:
            return
        if is_gone or not is_open(raw):
            self.inbox.left(raw)
        else:
            self.inbox.seen(raw)

    def hear_all(self) -> None:
        """As the resync does before anything is begun."""
        self._heard = len(self._server.events)
        at_once(self.inbox.resync(self._listed))

    async def _listed(self, kind: str, selector: str) -> AsyncIterator[Raw]:
        for raw in self._server.of(kind):
            if is_open(raw):
                yield raw

    def look(self, key: Key, trouble: Trouble | None = None) -> timedelta | None:
        """One pass. Raises PowerLost, or the Fault that the queue would take."""
        if trouble is not None:
            self.cluster.trouble = trouble
        return at_once(self._reconciler.reconcile(key))

    def work(self) -> bool:
        """One pass of what the queue says is next, as a worker makes it; False: nothing is."""
        if (key := self.queue.next()) is None:
            return False
        try:
            pause = self.look(key)
        except Fault:
            pause = timedelta(0)
        if pause is not None:
            self.queue.add_after(key, pause)
        return True


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits for something")

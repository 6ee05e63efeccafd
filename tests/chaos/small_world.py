"""A world small enough to be searched: an API server, a target and operators, without a clock.

The parts of the operator are the real ones (cache, observer, applier, reconciler, core). Nothing
here ever waits, so one pass runs from its first to its last step at once; faults are raised where
the test says.
"""

from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from amends.api import KINDS
from amends.api.execution import Execution
from amends.core.key import Key
from amends.core.machines import PHASE_MACHINES
from amends.core.outcome import Applied, Outcome
from amends.core.world import Attempt
from amends.kube.cache import Cache, is_open, key_of
from amends.kube.events import EventRecorder
from amends.ports import Conflict, Exists, Raw, Unsure, Work
from amends.runtime.apply import Applier
from amends.runtime.executions import Executions
from amends.runtime.observe import Observer
from amends.runtime.queue import KeyQueue
from amends.runtime.reconcile import Reconciler

BEGIN = datetime(2026, 1, 31, 9, tzinfo=UTC)
CLAIM = timedelta(minutes=5)
NAMESPACE = "tenant"
STATUS = {
    kind.__name__: kind.model_fields["status"].get_default(call_default_factory=True)
    for kind in KINDS
}

T = TypeVar("T")


class PowerLost(BaseException):
    """The operator is no more. Nothing in it may catch this."""


@dataclass
class Time:
    """The Clock port. Everybody has the same time, and it moves when the test says so."""

    at: datetime = BEGIN

    def now(self) -> datetime:
        return self.at


@dataclass
class SmallServer:
    """Objects with uids, generations and compare-and-swap; it refuses what the CRDs refuse."""

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    version: int = 0
    time: Time = field(default_factory=Time)
    log: list[tuple[Key, str, dict[str, Any]]] = field(default_factory=list)
    """Who wrote which status, in order."""

    def create(self, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        key = Key(kind, NAMESPACE, name)
        if key in self.objects:
            raise Exists(str(key))
        self.version += 1
        model = next(one for one in KINDS if one.__name__ == kind)
        meta = {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"{self.version:08d}-uid",
            "resourceVersion": str(self.version),
            "generation": 1,
            "creationTimestamp": self.time.now().isoformat(),
        }
        raw = {"kind": kind, "metadata": meta, "spec": dict(spec)}
        raw["spec"] = model.read(raw).spec.wire()
        if (default := STATUS[kind]) is not None:
            raw["status"] = default.wire()
        self.objects[key] = raw
        return raw

    def change(self, key: Key, **spec: Any) -> None:
        """People change a spec."""
        before = self.objects[key]
        self._store(key, {**before, "spec": {**before["spec"], **spec}}, generation=1)

    def write_status(self, before: Raw, status: Mapping[str, Any], holder: str) -> dict[str, Any]:
        key = key_of(before)
        stored = self.objects.get(key)
        if stored is None:
            raise Conflict(f"{key} is gone")
        if stored["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
            raise Conflict(f"{key} has been changed")
        machine = PHASE_MACHINES.get(key.kind)
        if machine is not None:
            phase = type(machine.initial)
            machine.check(phase(stored["status"]["phase"]), phase(status["phase"]))
        if stored["status"] != status:
            self.log.append((key, holder, dict(status)))
            self._store(key, {**stored, "status": dict(status)})
        return self.objects[key]

    def _store(self, key: Key, raw: dict[str, Any], generation: int = 0) -> None:
        self.version += 1
        meta = raw["metadata"]
        self.objects[key] = {
            **raw,
            "metadata": {
                **meta,
                "resourceVersion": str(self.version),
                "generation": meta["generation"] + generation,
            },
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [raw for key, raw in self.objects.items() if key.kind == kind]


@dataclass
class SmallTarget:
    """What undos are sent to. Counts what really happened, per idempotency key."""

    honours_keys: bool
    effects: Counter[str] = field(default_factory=Counter)

    def apply(self, key: str) -> Outcome:
        """Do it; once per key, if keys are honoured."""
        if not (self.honours_keys and self.effects[key]):
            self.effects[key] += 1
        return Applied({"done": key})


@dataclass
class Trouble:
    """What goes wrong at the n-th write of a pass: 0 is the first."""

    at: int = -1
    kind: str = ""
    """power-before, power-after, lost-before (never arrived), lost-after (only the answer)."""

    def strikes(self, moment: str) -> None:
        if self.at == 0 and self.kind.endswith(moment):
            self.at = -1
            raise PowerLost if self.kind.startswith("power") else Unsure("no answer")

    def passed(self) -> None:
        self.at -= 1


class HolderCluster:
    """The Cluster port of one holder, with its trouble."""

    def __init__(self, server: SmallServer, holder: str) -> None:
        self._server = server
        self._holder = holder
        self.trouble = Trouble()

    async def get(self, key: Key) -> Raw | None:
        return self._server.objects.get(key)

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        self.trouble.strikes("before")
        made = self._server.create(kind, body["metadata"]["name"], body["spec"])
        self.trouble.strikes("after")
        self.trouble.passed()
        return made

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        self.trouble.strikes("before")
        written = self._server.write_status(before, status, self._holder)
        self.trouble.strikes("after")
        self.trouble.passed()
        return written

    async def namespace_labels(self, name: str) -> Mapping[str, str]:
        return {}


class HeldExecutions(Executions):
    """Attempts that end when the test says so."""

    def __init__(self) -> None:
        super().__init__({}, 1, lambda key: None)
        self.works: dict[Key, Work] = {}
        self.sent: list[Work] = []
        """What was released after it had been started: it may still be on its way."""

    def start(self, key: Key, work: Work) -> None:
        self.release(key)
        self.works[key] = work
        self._attempts[key] = Attempt(work.attempt_key)
        self._keys[key] = work.idempotency_key

    def release(self, key: Key) -> None:
        self._attempts.pop(key, None)
        self._keys.pop(key, None)
        if (work := self.works.pop(key, None)) is not None:
            self.sent.append(work)

    def end(self, key: Key, outcome: Outcome) -> None:
        self._attempts[key] = Attempt(self.works.pop(key).attempt_key, outcome)


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


class Holder:
    """One operator process."""

    def __init__(self, server: SmallServer, name: str) -> None:
        self.name = name
        self._server = server
        self.cache, self.executions = Cache(), HeldExecutions()
        self.cluster = HolderCluster(server, name)
        executors = {"http": AnyExecutor(), "record": AnyExecutor()}
        observer = Observer(
            self.cache, self.cluster, executors, self.executions, server.time, name, CLAIM
        )
        applier = Applier(self.cache, self.cluster, KeyQueue(), self.executions, Silent())
        self._reconciler = Reconciler(observer, applier, self.executions, Silent())
        self.hear_all()

    def hear(self, key: Key) -> None:
        """The watch tells the newest version; what has settled leaves it."""
        raw = self._server.objects.get(key)
        if raw is None:
            self.cache.forget(key)
        elif is_open(raw):
            self.cache.put(raw)
        else:
            self.cache.left_watch(raw)

    def hear_all(self) -> None:
        for key in list(self._server.objects):
            self.hear(key)

    def look(self, key: Key, trouble: Trouble | None = None) -> timedelta | None:
        """One pass. Raises PowerLost, or the Fault that the queue would take."""
        self.cluster.trouble = trouble or Trouble()
        return at_once(self._reconciler.reconcile(key))


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits for something")

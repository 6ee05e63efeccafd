"""A server, a target and a clock small enough to be searched: all in memory, nothing ever waits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from amends.api import KINDS
from amends.core.key import Key
from amends.core.machines import PHASE_MACHINES
from amends.core.namespace import ALLOW, UNAPPROVED
from amends.core.outcome import Applied, Outcome
from amends.kube.cache import key_of
from amends.ports import Conflict, Exists, Gone, Raw

BEGIN = datetime(2026, 1, 31, 9, tzinfo=UTC)
NAMESPACE = "tenant"
STATUS = {
    kind.__name__: kind.model_fields["status"].get_default(call_default_factory=True)
    for kind in KINDS
}
HUMAN = "people"
"""Who writes what no holder writes."""


@dataclass
class Time:
    """The Clock port. Everybody has the same time, and it moves when the test says so."""

    at: datetime = BEGIN

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class Written:
    """One status as it was written. key: whose; by: the holder; before: what it replaced."""

    key: Key
    uid: str
    by: str
    at: datetime
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    annotations: Mapping[str, str]
    """What the namespace demanded then."""


@dataclass(frozen=True)
class Proved:
    """One Receipt as it was created. outbox: its subject's entry, as it stood then."""

    by: str
    at: datetime
    receipt: Mapping[str, Any]
    outbox: Mapping[str, Any]


@dataclass
class SmallServer:
    """Objects with uids, generations and compare-and-swap; it refuses what the CRDs refuse."""

    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=lambda: {UNAPPROVED: ALLOW})
    """Of the namespace."""
    version: int = 0
    time: Time = field(default_factory=Time)
    log: list[Written] = field(default_factory=list)
    """Every status that was written, in order."""
    proofs: list[Proved] = field(default_factory=list)
    removed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What was deleted, and by whom, in order."""
    events: list[tuple[dict[str, Any], bool]] = field(default_factory=list)
    """What a watch tells: every version, in order, and whether that was the last one."""

    def create(
        self,
        kind: str,
        name: str,
        spec: Mapping[str, Any],
        labels: Mapping[str, str] | None = None,
        by: str = HUMAN,
    ) -> dict[str, Any]:
        key = Key(kind, NAMESPACE, name)
        if key in self.objects:
            raise Exists(str(key))
        self.version += 1
        model = next(one for one in KINDS if one.__name__ == kind)
        born = sum(key == key_of(raw) for _, raw in self.removed)
        meta = {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"{born:08d}-{kind}-{name}",
            "resourceVersion": str(self.version),
            "generation": 1,
            "creationTimestamp": self.time.now().isoformat(),
            "labels": dict(labels or {}),
        }
        raw = {"kind": kind, "metadata": meta, "spec": dict(spec)}
        raw["spec"] = model.read(raw).spec.wire()
        if (default := STATUS[kind]) is not None:
            raw["status"] = default.wire()
        self.objects[key] = raw
        self.events.append((raw, False))
        if kind == "Receipt":
            self.proofs.append(Proved(by, self.time.now(), raw, self._outbox_of(raw)))
        return raw

    def _outbox_of(self, receipt: Raw) -> Mapping[str, Any]:
        uid = receipt["spec"]["subject"]["uid"]
        (subject,) = (one for one in self.objects.values() if one["metadata"]["uid"] == uid)
        outbox: Mapping[str, Any] = subject["status"].get("outbox", {})
        return outbox

    def change(self, key: Key, **spec: Any) -> None:
        """People change a spec."""
        before = self.objects[key]
        self._store(key, {**before, "spec": {**before["spec"], **spec}}, generation=1)

    def write_status(self, before: Raw, status: Mapping[str, Any], holder: str) -> dict[str, Any]:
        key = key_of(before)
        stored = self._same_version(before)
        was = stored["status"]
        machine = PHASE_MACHINES.get(key.kind)
        if machine is not None:
            phase = type(machine.initial)
            machine.check(phase(was["phase"]), phase(status["phase"]))
        if key.kind in ("Compensation", "DeadLetter"):
            sent, sends = (one.get("outbox", {}).get("idempotencyKey") for one in (was, status))
            assert sent in (None, sends), f"{key} has been sent under {sent}, not {sends}"
        if was != status:
            uid, now = stored["metadata"]["uid"], self.time.now()
            self.log.append(Written(key, uid, holder, now, was, dict(status), self.annotations))
            self._store(key, {**stored, "status": dict(status)})
        return self.objects[key]

    def find(self, kind: str, fields: Mapping[str, str]) -> Sequence[dict[str, Any]]:
        """By selectable fields alone, as the server would."""
        model = next(one for one in KINDS if one.__name__ == kind)
        assert {f".{path}" for path in fields} <= set(model.SERVED.selectable)
        return [
            raw
            for raw in self.of(kind)
            if all(_field(raw, path) == value for path, value in fields.items())
        ]

    def delete(self, before: Raw, by: str = HUMAN) -> None:
        """Delete this very version."""
        stored = self._same_version(before)
        self.version += 1
        self.removed.append((by, stored))
        meta = {**stored["metadata"], "resourceVersion": str(self.version)}
        self.events.append(({**stored, "metadata": meta}, True))
        del self.objects[key_of(before)]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [raw for key, raw in self.objects.items() if key.kind == kind]

    def _same_version(self, before: Raw) -> dict[str, Any]:
        key = key_of(before)
        stored = self.objects.get(key)
        if stored is None:
            raise Gone(f"{key} is gone")
        for guard in ("uid", "resourceVersion"):
            if stored["metadata"][guard] != before["metadata"][guard]:
                raise Conflict(f"{key} has been changed")
        return stored

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
        self.events.append((self.objects[key], False))


def _field(raw: Raw, path: str) -> Any:
    value: Any = raw
    for step in path.split("."):
        value = value.get(step, {})
    return value or ""


@dataclass
class SmallTarget:
    """What is undone or sent again here. Counts what really happened, per idempotency key."""

    honours_keys: bool
    effects: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)

    def apply(self, key: str) -> Outcome:
        """Do it; once per key, if keys are honoured."""
        self.requests[key] += 1
        if not (self.honours_keys and self.effects[key]):
            self.effects[key] += 1
        return Applied({"done": key})

"""Retention: which records of a namespace may go, because nobody can need them any more.

An effect is looked at as a whole: while anything about it is open, none of its records go. What
proves or decides something goes after what it proves or decides, and the receipts of one effect go
together.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from amends.api import (
    KINDS,
    Action,
    Approval,
    Attestation,
    Compensation,
    DeadLetter,
    Disposition,
    Receipt,
    Resource,
)
from amends.api.action import ActionOutcome, ActionPhase
from amends.api.dead_letter import DeadLetterPhase
from amends.api.outbox import OutboxPhase
from amends.api.wire import Condition, Transition
from amends.core.key import Key
from amends.core.machines import COMPENSATION
from amends.core.records import identity

Raw = Mapping[str, Any]

SELECTED_LIMIT = 10_000
"""At most so many are selected at a time; the rest is for the next time."""

TYPES = {kind.__name__: kind for kind in KINDS}
ORDER = (
    "Action",
    "DeadLetter",
    "Compensation",
    "Approval",
    "Disposition",
    "Attestation",
    "Receipt",
)
"""First what others prove and decide about."""

SENT = (OutboxPhase.SENT, OutboxPhase.CANCELLED)
DONE_WITH = (DeadLetterPhase.IGNORED, DeadLetterPhase.RESOLVED)


class Stay(StrEnum):
    """Why a record stays."""

    OPEN = "it is open"
    RECOVERY = "it may still be needed for recovery"
    YOUNG = "it has not been settled for long enough"
    UNDATED = "it does not say when it was settled"
    UNREADABLE = "it does not fit this version's schema"
    LEAVING = "somebody is deleting it"
    NEEDED = "something that is open needs it, or is about the same effect"
    SUBJECT = "what it proves or decides is there"
    EFFECT = "something about the effect that it proves is there"
    COMPANION = "another receipt of its effect stays"
    NEXT_TIME = "enough has been selected for this time"


# ------------------------------------------------------------------------ one record by itself


def judge(record: Resource, now: datetime, keep: timedelta) -> Stay | None:
    """Why a record stays, as far as it tells by itself; None: settled, and for long enough."""
    if record.metadata.deletion_timestamp is not None:
        return Stay.LEAVING
    settled_at = _settled_at(record)
    if isinstance(settled_at, Stay):
        return settled_at
    # An age and not a cutoff: a retention may be longer than a date can be put back.
    return None if now - settled_at > keep else Stay.YOUNG


def _settled_at(record: Resource) -> datetime | Stay:
    """When it came to its end. Never its creation: what was open for a year is not a year old."""
    match record:
        case Receipt(spec=evidence):
            return evidence.recorded_at
        case Approval(status=status) | Disposition(status=status) | Attestation(status=status):
            return _dated((), status.conditions) if status.settled else Stay.OPEN
        case Compensation(status=status):
            if status.phase not in COMPENSATION.terminal:
                return Stay.OPEN
            return _dated(status.history, status.conditions)
        case DeadLetter(status=status):
            if not status.settled:
                return Stay.OPEN
            if status.phase not in DONE_WITH:
                return Stay.RECOVERY
            return _dated(status.history, status.conditions)
        case Action(status=status):
            if status.phase is not ActionPhase.RECORDED:
                return Stay.OPEN
            sent = status.outbox is not None and status.outbox.phase in SENT
            if not sent or not status.effect or status.effect.outcome != ActionOutcome.SUCCEEDED:
                return Stay.RECOVERY
            return _dated((), status.conditions)
        case _:
            raise TypeError(f"{type(record).__name__} is not a record")


def _dated(history: Sequence[Transition], conditions: Sequence[Condition]) -> datetime | Stay:
    if history:
        return history[-1].time
    times = (one.last_transition_time for one in conditions if one.type == "Ready")
    return next(times, Stay.UNDATED)


# --------------------------------------------------------------------- a record among the others


@dataclass(frozen=True, slots=True)
class Subject:
    """What a record proves or decides. uid: None if the record does not know it."""

    key: Key
    uid: str | None


@dataclass(frozen=True, slots=True)
class Selected:
    """A record that may go, in the version that was looked at.

    effect: what it is about, if it says so. subject: what it proves or decides; None for a record
    of which something else is the proof. sequence: its number among the receipts of the effect.
    """

    key: Key
    uid: str
    version: str
    effect: str | None = None
    subject: Subject | None = None
    sequence: int = 0

    def is_version(self, raw: Raw) -> bool:
        """Whether this is the object that was looked at, and nobody has written to it since."""
        meta = raw["metadata"]
        return (self.uid, self.version) == (meta["uid"], meta["resourceVersion"])


@dataclass
class Survey:
    """Takes in every record of one namespace, a kind after the other, then says which may go.

    It remembers what is there by uid, name and effect, and what may go; no record as a whole.
    """

    now: datetime
    keep: timedelta
    stays: Counter[Stay] = field(default_factory=Counter)
    """How many records stay, and why."""
    _candidates: list[Selected] = field(default_factory=list)
    _there: set[str | Key] = field(default_factory=set)
    """Uids, keys and effects of what others prove and decide about."""
    _needed: set[str | Key] = field(default_factory=set)
    """Keys and effects that something open is about."""
    _proved: set[str] = field(default_factory=set)
    """Effects of which a receipt stays."""

    def take(self, raw: Raw) -> None:
        """One record of the namespace. The kinds come in the order of ORDER."""
        key, uid = _key(raw), raw["metadata"]["uid"]
        effect, subject = _effect(raw), _subject(raw)
        if subject is None:
            self._there |= {uid, key} | ({effect} if effect else set())
        why = self._judged(raw) or self._bound(key, effect, subject)
        if why is None and len(self._candidates) >= SELECTED_LIMIT:
            why = Stay.NEXT_TIME
        if why is not None:
            self._stays(key, effect, why)
            self._needed.update(_needs(raw) if why in (Stay.OPEN, Stay.UNREADABLE) else ())
            return
        sequence = raw["spec"].get("sequence", 1) if key.kind == "Receipt" else 0
        version = raw["metadata"]["resourceVersion"]
        self._candidates.append(Selected(key, uid, version, effect, subject, sequence))

    def selected(self) -> list[Selected]:
        """What may go; the receipts of an effect from the latest to the first.

        So none ever names an earlier one that is gone, wherever the deleting is interrupted.
        """
        for one in self._candidates:
            if one.key in self._needed and one.effect is not None:
                self._needed.add(one.effect)
        free: list[Selected] = []
        for one in self._candidates:
            if one.key in self._needed or one.effect in self._needed:
                self._stays(one.key, one.effect, Stay.NEEDED)
            else:
                free.append(one)
        selected = [one for one in free if not self._has_companion(one)]
        self.stays[Stay.COMPANION] += len(free) - len(selected)
        return sorted(selected, key=lambda one: -one.sequence)

    def _judged(self, raw: Raw) -> Stay | None:
        try:
            record = TYPES[raw["kind"]].read(dict(raw))
        except ValidationError:
            return Stay.UNREADABLE
        return judge(record, self.now, self.keep)

    def _bound(self, key: Key, effect: str | None, subject: Subject | None) -> Stay | None:
        """Proofs and decisions stay with what they are about. Asked early: they may be many."""
        if subject is not None and (subject.uid or subject.key) in self._there:
            return Stay.SUBJECT
        return Stay.EFFECT if key.kind == "Receipt" and effect in self._there else None

    def _stays(self, key: Key, effect: str | None, why: Stay) -> None:
        self.stays[why] += 1
        if key.kind == "Receipt" and effect is not None:
            self._proved.add(effect)

    def _has_companion(self, one: Selected) -> bool:
        return one.key.kind == "Receipt" and one.effect in self._proved


# ------------------------------------------------- what a record is about, readable or not


def _key(raw: Raw) -> Key:
    return Key(raw["kind"], raw["metadata"]["namespace"], raw["metadata"]["name"])


def _text(raw: Raw, *path: str) -> str | None:
    """A field of an object that need not fit any schema."""
    value: Any = raw
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


EFFECT = {"DeadLetter": "effectId", "Compensation": "targetEffect", "Receipt": "effectId"}
REFERENCES = {
    "DeadLetter": (("Action", "spec", "actionRef"), ("Compensation", "status", "compensationRef")),
    "Compensation": (("Action", "spec", "actionRef"),),
    "Approval": (("Compensation", "spec", "subjectRef"),),
    "Disposition": (("DeadLetter", "spec", "deadLetterRef"),),
}
"""The objects that a record names: their kind, and where their name stands."""


def _effect(raw: Raw) -> str | None:
    """The effect that the record is about."""
    if raw["kind"] != "Action":
        return _text(raw, "spec", EFFECT.get(raw["kind"], ""))
    key = _text(raw, "spec", "idempotencyKey")
    return identity.effect_of({**raw, "spec": {"idempotencyKey": key}})


def _needs(raw: Raw) -> Iterator[str | Key]:
    """What must stay while this record is open."""
    if effect := _effect(raw):
        yield effect
    for kind, *path in REFERENCES.get(raw["kind"], ()):
        if name := _text(raw, *path, "name"):
            yield Key(kind, raw["metadata"]["namespace"], name)
    if raw["kind"] == "Attestation" and (subject := _subject(raw)) is not None:
        yield subject.key


def _subject(raw: Raw) -> Subject | None:
    """What the record proves or decides; None for what others prove and decide about."""
    namespace = raw["metadata"]["namespace"]
    match raw["kind"]:
        case "Receipt":
            kind, path = _text(raw, "spec", "subject", "kind"), ("spec", "subject")
        case "Approval":
            kind, path = "Compensation", ("spec", "subjectRef")
        case "Disposition":
            kind, path = "DeadLetter", ("spec", "deadLetterRef")
        case "Attestation":
            path = ("spec", "subjectRef")
            kind = _text(raw, *path, "kind") or "Compensation"
        case _:
            return None
    key = Key(kind or "", namespace, _text(raw, *path, "name") or "")
    return Subject(key, _text(raw, "status", "boundUid") or _text(raw, *path, "uid"))

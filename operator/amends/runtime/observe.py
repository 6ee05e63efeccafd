"""Observe: gather once everything that a decision about one object needs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

import structlog
from pydantic import ValidationError

from amends.api import Action, Approval, Compensation, DeadLetter, Receipt, Resource
from amends.api.compensation import CompensationPhase
from amends.api.receipt import Scope
from amends.core import identity, receipts
from amends.core.key import Key
from amends.core.machines import COMPENSATION
from amends.core.world import (
    ActionWorld,
    ApprovalWorld,
    Attempt,
    CompensationWorld,
    DeadLetterWorld,
    World,
)
from amends.kube.cache import Cache, key_of
from amends.ports import Clock, Cluster, Executor, Raw
from amends.runtime.executions import Executions

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=Resource)


class Unreadable(Exception):
    """The stored object does not fit this version's schema. It is left exactly as it is."""

    def __init__(self, why: ValidationError) -> None:
        first = why.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        super().__init__(f"{where}: {first['msg']}")


class Observer:
    """Reads the cache first and the server where the cache does not know."""

    def __init__(
        self,
        cache: Cache,
        cluster: Cluster,
        executors: Mapping[str, Executor],
        executions: Executions,
        clock: Clock,
        holder: str,
        claim: timedelta,
    ) -> None:
        self._cache = cache
        self._cluster = cluster
        self._executors = executors
        self._executions = executions
        self._clock = clock
        self._holder = holder
        self._claim = claim

    async def raw(self, key: Key) -> Raw | None:
        """The object, None if it does not exist."""
        if (known := self._cache.get(key)) is not None:
            return known
        found = await self._cluster.get(key)
        if found is not None:
            self._cache.put(found)
        return found

    async def world(self, key: Key, raw: Raw, obstacle: str | None) -> World:
        """What is known about the object.

        Raises:
            Unreadable: it does not fit the schema.
        """
        match key.kind:
            case "Action":
                scope = await self._scope(key.namespace)
                return ActionWorld(_read(Action, raw), scope, self._clock.now(), obstacle)
            case "Approval":
                return await self._approval(_read(Approval, raw), key)
            case "DeadLetter":
                return await self._dead_letter(_read(DeadLetter, raw), key)
            case "Compensation":
                compensation, followers = _read(Compensation, raw), self._cache.followers(raw)
                return await self._compensation(compensation, followers, key, obstacle)
            case kind:
                raise ValueError(f"nothing is decided about {kind}")

    async def _approval(self, approval: Approval, key: Key) -> ApprovalWorld:
        named = Key("Compensation", key.namespace, approval.spec.subject_ref.name)
        subject = await self._one(Compensation, named)
        if (
            subject is not None
            and subject.status.phase in COMPENSATION.terminal
            and not _lists(subject, approval)
        ):
            # A settled object leaves the watch, so its deletion goes unseen: before an approval is
            # told that it comes too late, see whether this is still the one that bears the name.
            self._cache.forget(named)
            subject = await self._one(Compensation, named)
        return ApprovalWorld(approval, subject, self._clock.now())

    async def _dead_letter(self, letter: DeadLetter, key: Key) -> DeadLetterWorld:
        named = letter.status.compensation_ref
        candidates = self._cache.related("Compensation", key.namespace, letter.spec.effect_id)
        return DeadLetterWorld(
            letter,
            await self._one(Compensation, Key("Compensation", key.namespace, named.name))
            if named is not None
            else None,
            tuple(_readable(Compensation, candidates)),
            self._clock.now(),
        )

    async def _compensation(
        self,
        compensation: Compensation,
        followers: Sequence[Key],
        key: Key,
        obstacle: str | None,
    ) -> CompensationWorld:
        attempt = self._attempt(key, compensation)
        executor = self._executors.get(compensation.spec.execution.executor)
        missing = f"executor {compensation.spec.execution.executor} is not installed here"
        return CompensationWorld(
            compensation=compensation,
            approvals=tuple(
                _readable(Approval, self._cache.related("Approval", key.namespace, key.name))
            ),
            followers=followers,
            unlinked=self._unlinked(key, compensation),
            receipt=await self._receipt(compensation, attempt),
            attempt=attempt,
            objection=executor.objection(compensation.spec.execution) if executor else missing,
            scope=await self._scope(key.namespace),
            holder=self._holder,
            lease=self._claim,
            now=self._clock.now(),
            obstacle=obstacle,
        )

    def _unlinked(self, key: Key, compensation: Compensation) -> tuple[Key, ...]:
        effect = compensation.spec.target_effect
        unlinked = [
            raw
            for raw in self._cache.related("DeadLetter", key.namespace, effect)
            if "compensationRef" not in raw.get("status", {})
        ]
        return tuple(
            Key("DeadLetter", key.namespace, letter.metadata.name)
            for letter in _readable(DeadLetter, unlinked)
        )

    def _attempt(self, key: Key, compensation: Compensation) -> Attempt | None:
        outbox = compensation.status.outbox
        if outbox is None:
            return None
        attempt = self._executions.attempt(key, outbox.idempotency_key)
        return attempt if attempt is not None and attempt.key == outbox.attempt_key else None

    async def _receipt(self, compensation: Compensation, attempt: Attempt | None) -> Receipt | None:
        """The receipt that a holder before us may have left; ours is known without asking."""
        outbox = compensation.status.outbox
        running = compensation.status.phase is CompensationPhase.RUNNING
        if not running or attempt is not None or outbox is None or outbox.outcome is not None:
            return None
        name = identity.compensation_receipt_name(compensation, compensation.status.attempts)
        found = await self._one(Receipt, Key("Receipt", compensation.metadata.namespace, name))
        return found if found is not None and receipts.proves(found, compensation) else None

    async def _one(self, kind: type[R], key: Key) -> R | None:
        raw = await self.raw(key)
        return next(_readable(kind, [raw] if raw is not None else []), None)

    async def _scope(self, namespace: str) -> Scope:
        labels = await self._cluster.namespace_labels(namespace)
        return Scope(
            namespace=namespace,
            org=labels.get("amends.dev/org"),
            workspace=labels.get("amends.dev/workspace"),
        )


def _lists(subject: Compensation, approval: Approval) -> bool:
    return any(counted.uid == approval.metadata.uid for counted in subject.status.approvals)


def _read(kind: type[R], raw: Raw) -> R:
    try:
        return kind.read(dict(raw))
    except ValidationError as why:
        raise Unreadable(why) from why


def _readable(kind: type[R], raws: Iterator[Raw] | list[Raw]) -> Iterator[R]:
    """Those that can be read; one that cannot is reported when it is looked at itself."""
    for raw in raws:
        try:
            yield _read(kind, raw)
        except Unreadable as why:
            log.info("related object left out", object=str(key_of(raw)), why=str(why))

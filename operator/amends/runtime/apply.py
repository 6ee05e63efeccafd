"""Apply: carry a decision out, in the order that makes a crash between any two steps harmless."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

from amends.api.compensation import CompensationStatus
from amends.api.dead_letter import DeadLetterStatus
from amends.api.resource import MANAGED_BY
from amends.api.wire import Wire
from amends.core.decision import (
    Create,
    Deliver,
    Disown,
    Effect,
    Execute,
    Probe,
    Release,
    Stop,
    Tell,
    Wake,
    Withdraw,
)
from amends.core.key import Key
from amends.kube.cache import OPEN_WORK, Cache
from amends.kube.events import EventRecorder
from amends.ports import Cluster, Conflict, Exists, Gone, Raw, Unsure, Work
from amends.runtime.executions import Executions
from amends.runtime.fence import Fence
from amends.runtime.queue import KeyQueue


class NotOurs(Exception):
    """The name of a child is taken by an object that says something else."""


class Applier:
    """Children, then status, then effects."""

    def __init__(
        self,
        cache: Cache,
        cluster: Cluster,
        queue: KeyQueue,
        executions: Executions,
        recorder: EventRecorder,
        fence: Fence,
    ) -> None:
        self._cache = cache
        self._cluster = cluster
        self._queue = queue
        self._executions = executions
        self._recorder = recorder
        self._fence = fence

    async def create(self, children: Sequence[Create], namespace: str) -> None:
        """See that the children exist. One whose name is taken does not keep the others away.

        Raises:
            NotOurs: a name is taken; the message is for whoever owns the parent.
        """
        taken: NotOurs | None = None
        for child in children:
            try:
                await self._create(child, namespace)
            except NotOurs as why:
                taken = taken or why
        if taken is not None:
            raise taken

    async def _create(self, child: Create, namespace: str) -> None:
        """Its name is the lock: the second create finds the first."""
        meta = {"name": child.name, "namespace": namespace, "labels": MANAGED_BY}
        body = {"metadata": meta, "spec": child.spec.wire()}
        key = Key(child.kind, namespace, child.name)
        try:
            stored = await self._cluster.create(child.kind, namespace, body)
        except Exists:
            stored = await self._adopted(child, key)
        if child.kind in OPEN_WORK and self._cache.put(stored):
            self._queue.add(key)

    async def _adopted(self, child: Create, key: Key) -> Raw:
        existing = await self._cluster.get(key)
        if existing is None:
            raise Conflict(f"{key} was there and is gone")
        if not child.is_ours(existing["spec"]):
            if child.in_sequence:
                raise Conflict(f"{key} was taken first: the next one is ours")
            fields = ", ".join(f"spec.{field}" for field in child.same)
            raise NotOurs(
                f"{key.kind} {key.name} exists already and differs in one of {fields}: choose "
                "another name for it, or delete the one that is there"
            )
        return existing

    async def persist(self, before: Raw, status: Wire | None, *, claims: bool) -> None:
        """Write the status if it differs. After an unclear answer, nothing known is trusted.

        A claim is written even if it looks the same: only the compare-and-swap shows that nobody
        else has moved on, and something is about to be executed under it.
        """
        if status is None or ((wire := status.wire()) == before.get("status") and not claims):
            return
        meta = before["metadata"]
        try:
            self._cache.put(await self._cluster.write_status(before, wire))
        except (Conflict, Unsure, Gone):
            self._cache.doubt(Key(before["kind"], meta["namespace"], meta["name"]))
            raise
        if isinstance(status, CompensationStatus | DeadLetterStatus) and status.outbox is not None:
            key = Key(before["kind"], meta["namespace"], meta["name"])
            self._fence.claimed(key, status.outbox)

    async def remove(self, before: Raw) -> None:
        """Delete the object itself, unless anybody has written to it since."""
        meta = before["metadata"]
        key = Key(before["kind"], meta["namespace"], meta["name"])
        self._cache.doubt(key)
        await self._cluster.delete(before)
        self._cache.forget(key)

    def effect(self, effect: Effect, key: Key, uid: str) -> None:
        """Start what the durable status now allows. None of these waits."""
        match effect:
            case Execute():
                may_begin = partial(self._fence.holds, key, effect.attempt_key)
                self._executions.start(key, replace(_work(effect, key, uid), may_begin=may_begin))
            case Probe(work, verification, name):
                self._executions.probe(key, _work(work, key, uid), verification, name)
            case Stop():
                self._executions.stop(key)
            case Release():
                self.let_go(key)
            case Disown():
                # The same decision may have claimed the next attempt, whose fence stays.
                if (attempt := self._executions.disown(key)) is not None:
                    self._fence.forget(key, attempt)
            case Wake(other):
                self._queue.add(other)
            case Tell(on, reason, message, severity):
                about = self._cache.get(on)
                said_of = uid if on == key or about is None else about["metadata"]["uid"]
                self._recorder.say(on, said_of, severity, reason, message)
            case Deliver():
                self._executions.deliveries.start(key, effect)
            case Withdraw():
                self._executions.deliveries.withdraw(key)
            case unknown:
                assert_never(unknown)

    def gone(self, key: Key) -> None:
        """Nothing is known of this object any more."""
        self.let_go(key)
        self._executions.deliveries.withdraw(key)

    def let_go(self, key: Key) -> None:
        """Nothing is executed for this object any more."""
        self._executions.release(key)
        self._fence.forget(key)


def _work(effect: Execute, key: Key, uid: str) -> Work:
    return Work(
        namespace=key.namespace,
        name=key.name,
        execution=effect.execution,
        service_account=effect.service_account,
        idempotency_key=effect.idempotency_key,
        attempt_key=effect.attempt_key,
        timeout=effect.timeout,
        kind=key.kind,
        uid=uid,
        preview=effect.preview,
        run_id=effect.run_id,
        begun=effect.begun,
        only_look=effect.only_look,
    )

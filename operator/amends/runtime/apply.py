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
    WakeFollowers,
    Withdraw,
)
from amends.core.key import Key
from amends.kube.cache import OPEN_WORK, Cache, key_of
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

    async def persist(
        self, before: Raw, status: Wire | None, claimed: Execute | None = None
    ) -> None:
        """Write the status if it differs. After an unclear answer, nothing known is trusted.

        claimed: what is about to be executed under a claim in that status. It is written even if it
        looks the same: only the compare-and-swap shows that nobody else has moved on.
        """
        if status is None or ((wire := status.wire()) == before.get("status") and not claimed):
            return
        key = key_of(before)
        try:
            self._cache.put(await self._cluster.write_status(before, wire))
        except (Conflict, Unsure, Gone) as why:
            self._cache.doubt(key)
            if isinstance(why, Unsure) and claimed is not None and not claimed.begun:
                self._executions.claim_unsure(key, claimed.idempotency_key, claimed.attempt_key)
            raise
        if isinstance(status, CompensationStatus | DeadLetterStatus) and status.outbox is not None:
            self._fence.claimed(key, status.outbox)

    async def remove(self, before: Raw) -> None:
        """Delete the object itself, unless anybody has written to it since."""
        key = key_of(before)
        self._cache.doubt(key)
        await self._cluster.delete(before)
        self._cache.forget(key)

    def effect(self, effect: Effect, about: Raw) -> None:
        """Start what the durable status of this object now allows. None of these waits."""
        key = key_of(about)
        match effect:
            case Execute():
                may_begin = partial(self._fence.holds, key, effect.attempt_key)
                self._executions.start(key, replace(_work(effect, about), may_begin=may_begin))
            case Probe(work, verification, name):
                self._executions.probe(key, _work(work, about), verification, name)
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
            case WakeFollowers(kind):
                self._wake_followers(about, kind)
            case Tell():
                self._tell(effect, about)
            case Deliver():
                self._executions.deliveries.start(key, effect)
            case Withdraw():
                self._executions.deliveries.withdraw(key)
            case unknown:
                assert_never(unknown)

    def _wake_followers(self, about: Raw, kind: str | None) -> None:
        for follower in self._cache.followers(about):
            if kind in (None, follower.kind):
                self._queue.add(follower)

    def _tell(self, told: Tell, about: Raw) -> None:
        on = about if told.on == key_of(about) else self._cache.get(told.on)
        uid = (on or about)["metadata"]["uid"]
        self._recorder.say(told.on, uid, told.severity, told.reason, told.message)

    def gone(self, key: Key) -> None:
        """Nothing is known of this object any more."""
        self.let_go(key)
        self._executions.deliveries.withdraw(key)

    def let_go(self, key: Key) -> None:
        """Nothing is executed for this object any more."""
        self._executions.release(key)
        self._fence.forget(key)


def _work(effect: Execute, about: Raw) -> Work:
    key = key_of(about)
    return Work(
        namespace=key.namespace,
        name=key.name,
        execution=effect.execution,
        service_account=effect.service_account,
        idempotency_key=effect.idempotency_key,
        attempt_key=effect.attempt_key,
        timeout=effect.timeout,
        kind=key.kind,
        uid=about["metadata"]["uid"],
        preview=effect.preview,
        run_id=effect.run_id,
        begun=effect.begun,
        only_look=effect.only_look,
    )

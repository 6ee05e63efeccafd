"""Reconcile: the whole story of one step for one object."""

from datetime import timedelta
from itertools import count

import structlog

from amends.core.decide import decide
from amends.core.decision import Execute
from amends.core.key import Key
from amends.ports import Raw
from amends.runtime.apply import Applier, NotOurs
from amends.runtime.executions import Executions
from amends.runtime.gates import Gates
from amends.runtime.observe import Observer
from amends.runtime.related import Unreadable
from amends.runtime.unreadable import Unreadables

log = structlog.get_logger(__name__)


class Reconciler:
    """Observe, decide, apply. One pass decides one step."""

    def __init__(
        self,
        observer: Observer,
        applier: Applier,
        executions: Executions,
        unreadable: Unreadables,
        gates: Gates,
    ) -> None:
        self._observer = observer
        self._applier = applier
        self._executions = executions
        self._unreadable = unreadable
        self._gates = gates
        self._passes = count(1)

    async def reconcile(self, key: Key) -> timedelta | None:
        """One step. Returns when to look again even if nothing happens; None: never."""
        with structlog.contextvars.bound_contextvars(object=str(key), reconcile=next(self._passes)):
            try:
                return await self._look(key)
            finally:
                self._gates.settle(key)

    async def _look(self, key: Key) -> timedelta | None:
        raw = await self._observer.raw(key)
        if raw is None:
            return self._gone(key)
        try:
            return await self._step(key, raw, obstacle=None)
        except NotOurs as why:
            return await self._step(key, raw, obstacle=str(why))
        except Unreadable as why:
            await self._unreadable.report(key, raw, str(why))
            return None

    async def _step(self, key: Key, raw: Raw, obstacle: str | None) -> timedelta | None:
        world = await self._observer.world(key, raw, obstacle)
        self._unreadable.forget(key)
        decision = decide(world)
        await self._applier.create(decision.children, key.namespace)
        claimed = next((one for one in decision.effects if isinstance(one, Execute)), None)
        if decision.remove:
            await self._applier.remove(raw)
        await self._applier.persist(raw, decision.status, claimed)
        for effect in decision.effects:
            self._applier.effect(effect, raw)
        return decision.look_again

    def _gone(self, key: Key) -> timedelta | None:
        log.info("object is gone")
        self._applier.gone(key)
        self._unreadable.forget(key)
        return None

"""The sweep: now and then, settled records that are old enough go; exported first, if so chosen.

It takes its time, and it may be stopped anywhere: what has not been deleted is found again by the
next one. A record that was exported and not deleted is then exported once more.
"""

import asyncio
from datetime import timedelta
from itertools import chain

import structlog

from amends.core.namespace import KEEP_ALL, NamespacePolicy
from amends.core.records.retention import ORDER, Selected, Subject, Survey
from amends.kube.cache import OPEN_WORK, Cache
from amends.ports import Archive, Clock, Conflict, Fault, Gone, NotArchived, Records
from amends.runtime import metrics
from amends.runtime.metrics import Metrics

log = structlog.get_logger(__name__)

PAGE = 500
"""After so many records that were read, there is a pause as before each that is deleted."""


class Sweeper:
    """Deletes what `core.records.retention` selects, after a last look at it."""

    def __init__(
        self,
        records: Records,
        cache: Cache,
        archive: Archive | None,
        clock: Clock,
        counted: Metrics,
        *,
        keep: timedelta,
        every: timedelta,
        per_second: float,
    ) -> None:
        self._records = records
        self._cache = cache
        self._archive = archive
        self._clock = clock
        self._counted = counted
        self._keep = keep
        self._every = every
        self._pause = 1 / per_second

    async def run(self) -> None:
        """Sweep at once and then every so often, until cancelled."""
        while True:
            try:
                await self.sweep()
            except NotArchived as why:
                self._counted.count(metrics.EXPORT_FAILURES)
                log.error("nothing is deleted, because the export fails", why=str(why))
            except Fault as why:
                log.warning("sweep failed", why=str(why))
            except Exception:
                # A bug of ours: tidying up must not stop what this operator is for.
                log.exception("sweep failed")
            await asyncio.sleep(self._every.total_seconds())

    async def sweep(self) -> None:
        """Once through every namespace. One that fails is left to the next time.

        Raises:
            NotArchived: a record could not be exported. Nothing was deleted after that.
            Fault: the namespaces could not be read.
        """
        failed = False
        for name, namespace in sorted((await self._records.namespaces()).items()):
            policy = NamespacePolicy.of(namespace.annotations, self._keep)
            for problem in policy.problems:
                log.warning("annotation cannot be read", namespace=name, why=problem)
            if policy.retention == KEEP_ALL:
                continue
            try:
                await self._tidy(name, policy.retention)
            except Fault as why:
                failed = True
                log.warning("sweep of a namespace failed", namespace=name, why=str(why))
        if not failed:
            self._counted.set(metrics.LAST_SWEEP, self._clock.now().timestamp())

    async def _tidy(self, namespace: str, keep: timedelta) -> None:
        survey, read = Survey(self._clock.now(), keep), 0
        for kind in ORDER:
            async for raw in self._records.list(kind, "", namespace):
                survey.take(raw)
                read += 1
                if read % PAGE == 0:
                    await asyncio.sleep(self._pause)
        selected = survey.selected()
        gone = await self._remove(selected)
        stays = {why.name.lower(): count for why, count in sorted(survey.stays.items()) if count}
        log.info("swept", namespace=namespace, selected=len(selected), deleted=gone, stays=stays)

    async def _remove(self, selected: list[Selected]) -> int:
        """Delete them at the chosen pace. Returns how many were deleted."""
        gone, incomplete = 0, set[str | None]()
        for one in selected:
            await asyncio.sleep(self._pause)
            companion_stays = one.key.kind == "Receipt" and one.effect in incomplete
            why = "a later receipt stays" if companion_stays else await self._delete(one)
            if why is None:
                gone += 1
                self._counted.count(metrics.DELETED, one.key.kind)
                continue
            if one.key.kind == "Receipt":
                incomplete.add(one.effect)
            self._counted.count(metrics.KEPT_BACK, one.key.kind)
            log.info("kept back", object=str(one.key), why=why)
        return gone

    async def _delete(self, one: Selected) -> str | None:
        """Look once more, export, delete this very version. Says why it stays, if it does."""
        raw = await self._records.get(one.key)
        if raw is None or not one.is_version(raw):
            return "it has changed since it was selected"
        if self._is_needed(one):
            return "something open needs it"
        if one.subject is not None and await self._is_there(one.subject):
            return "what it proves or decides is there"
        if self._archive is not None:
            await self._archive.keep(raw)
            self._counted.count(metrics.EXPORTED, one.key.kind)
        try:
            await self._records.delete(raw)
        except (Conflict, Gone):
            return "it has changed since it was selected"
        self._cache.forget(one.key)
        return None

    def _is_needed(self, one: Selected) -> bool:
        """Whether open work has appeared that is about it; the watch knows of it first."""
        about = {one.key.name, one.effect or one.key.name}
        related = (
            self._cache.related(kind, one.key.namespace, value)
            for kind in OPEN_WORK
            for value in about
        )
        return next(chain.from_iterable(related), None) is not None

    async def _is_there(self, subject: Subject) -> bool:
        """Whether what a record proves or decides still exists, on the server."""
        if subject.key.kind not in OPEN_WORK:
            return False
        found = await self._records.get(subject.key)
        return found is not None and subject.uid in (None, found["metadata"]["uid"])

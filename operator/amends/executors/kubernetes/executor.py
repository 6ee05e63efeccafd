"""The executor that changes one object of the tenant's namespace, as the tenant's service account.

What it would do is tried out first, and the change is sent for exactly the version of the object
that was tried: whatever has moved in between is a conflict, and nothing is done. What it has done
is told by the object itself: the field manager of this very undo stands in its managedFields, or
the object with the approved uid is gone. So a lost answer or a crash is followed by a look.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from amends.api.execution import Execution
from amends.api.kubernetes import ChangeOperation, KubernetesExecution
from amends.core.outcome import Applied, NotApplied, Outcome, Preview, Unknown
from amends.executors.kubernetes import changes, requests
from amends.executors.kubernetes.object import Foreseen, TenantObject
from amends.executors.kubernetes.resources import Resources
from amends.ports import (
    Conflict,
    ExecutorContext,
    Exists,
    Fault,
    Gone,
    Raw,
    Rejected,
    Unsure,
    Waiting,
    Work,
)

TRIES = 3
"""How often somebody else may be faster: controllers write the status of their objects often."""


class KubernetesExecutor:
    """Makes the change of `spec.execution.kubernetes`, and shows beforehand what it would do."""

    def __init__(self, context: ExecutorContext) -> None:
        self._tenants = context.tenants
        self._resources = Resources(context.tenants)

    def objection(self, execution: Execution) -> str | None:
        """Why this change is never made, by its text alone."""
        if execution.kubernetes is None:
            return "spec.execution.kubernetes is missing: it names the object and the change"
        return requests.objection(execution.kubernetes)

    async def preview(self, work: Work) -> Preview:
        """What the change would do now."""
        if (why := self.objection(work.execution)) is not None:
            raise Rejected(why)
        found = await self._object(work)
        for _ in range(TRIES - 1):
            try:
                return (await found.foresee(await found.get())).preview
            except (Conflict, Exists):
                continue  # somebody was faster
        return (await found.foresee(await found.get())).preview

    async def run(self, work: Work) -> Outcome:
        """Make the change, unless it has been made or would now be another one."""
        if (why := self.objection(work.execution)) is not None:
            return NotApplied(why, retryable=False)
        attempt = _Attempt(work)
        try:
            async with asyncio.timeout(work.timeout.total_seconds()):
                return await attempt.made(await self._object(work))
        except TimeoutError:
            return attempt.stopped(f"it was not done within {work.timeout.total_seconds():g} s")
        except Fault as fault:
            wish = fault.retry_after if isinstance(fault, Waiting) else None
            return attempt.stopped(fault.answer or str(fault), wish)

    async def close(self) -> None:
        """Nothing is held."""

    async def _object(self, work: Work) -> TenantObject:
        change = work.execution.kubernetes
        assert change is not None, "objection() has looked"
        account = work.service_account
        resource = await self._resources.find(
            change.api_version, change.kind, work.namespace, account
        )
        return TenantObject(self._tenants, resource, work, change)


class _Attempt:
    """One attempt, and whether anything of it has been sent."""

    def __init__(self, work: Work) -> None:
        assert work.execution.kubernetes is not None, "objection() has looked"
        self._work = work
        self._change: KubernetesExecution = work.execution.kubernetes
        self._meant = work.preview.uid if work.preview is not None else None
        self._sent = False

    async def made(self, found: TenantObject) -> Outcome:
        """Look, compare, change; again if somebody else was faster."""
        for _ in range(TRIES):
            before = await found.get()
            if (trace := self._trace(found, before)) is not None:
                return self._applied(found, before, before, told=trace)
            try:
                foreseen = await found.foresee(before)
            except (Conflict, Exists):
                continue
            if foreseen.request is None:
                return self._applied(found, before, before, told="it was so already")
            if self._work.only_look:
                looked = "another process had begun it, and it was only looked for"
                return Unknown(f"{looked}: there is no trace of it on {found}", untraced=True)
            if (why := self._held_back(foreseen)) is not None:
                return self.stopped(why)
            if not self._work.may_begin():
                return self.stopped("the claim had run out before the change was sent")
            try:
                return await self._changed(found, before, foreseen)
            except (Conflict, Exists):
                self._sent = False  # the server has refused it as a whole
        return self.stopped(f"{found} changed {TRIES} times while it was looked at")

    def stopped(self, why: str, retry_after: timedelta | None = None) -> Outcome:
        """What is known when it goes no further."""
        if self._sent:
            return Unknown(f"{why}; the change was sent, so it may have been made")
        if self._work.begun:
            return Unknown(f"{why}; another process had begun it, and may have made the change")
        return NotApplied(why, retryable=True, retry_after=retry_after)

    def _trace(self, found: TenantObject, now: Raw | None) -> str | None:
        """How the object tells that this undo has been carried out."""
        if self._change.operation is not ChangeOperation.DELETE:
            marked = now is not None and found.is_marked(now)
            return f"its field manager {found.manager} is on the object" if marked else None
        if now is None:
            return "the object does not exist"
        if now["metadata"].get("deletionTimestamp") is not None:
            return "the object is being deleted"
        if self._meant is not None and now["metadata"]["uid"] != self._meant:
            return "the object is gone, and another one has its name"
        return None

    def _held_back(self, foreseen: Foreseen) -> str | None:
        """Why it is not sent, although it could be."""
        if self._work.stop.is_set():
            return "it was stopped before anything was changed"
        if not self._change.refuses_drift:
            return None
        approved = self._work.preview
        if approved is None:
            return "nobody has seen what it would change, and previewDrift is Refuse"
        if approved.digest == foreseen.preview.digest:
            return None
        now = "; ".join(foreseen.preview.changes[:3])
        return f"what it would change is not what was approved any more; it would now change {now}"

    async def _changed(
        self, found: TenantObject, before: Raw | None, foreseen: Foreseen
    ) -> Outcome:
        assert foreseen.request is not None, "made() has looked"
        self._sent = True
        try:
            after = await found.send(foreseen.request)
        except Gone as why:
            self._sent = False
            if self._change.operation is ChangeOperation.DELETE:
                return self._applied(found, before, None, told="the object does not exist")
            return self.stopped(why.answer or str(why))
        except Rejected as why:
            self._sent = False
            return self.stopped(str(why))
        except Waiting as why:
            if why.status not in (None, 429):
                return await self._settled(found, before, foreseen, why)
            self._sent = False  # never connected, or never let in
            return self.stopped(why.answer or str(why), why.retry_after)
        except Unsure as why:
            return await self._settled(found, before, foreseen, why)
        return self._applied(found, before, after)

    async def _settled(
        self, found: TenantObject, before: Raw | None, foreseen: Foreseen, why: Fault
    ) -> Outcome:
        """The answer is lost: the object itself may tell. A late write meets its own guard."""
        now = await found.get()
        if (trace := self._trace(found, now)) is not None:
            return self._applied(found, before, now, told=trace)
        wanted = foreseen.after
        if before is not None and now is not None and wanted is not None:
            same = now["metadata"]["uid"] == before["metadata"]["uid"]
            if same and not changes.changes(wanted, now):
                return self._applied(found, before, now, told="the object is as it was to be")
        return self.stopped(why.answer or str(why))

    def _applied(
        self, found: TenantObject, before: Raw | None, after: Raw | None, **more: str
    ) -> Applied:
        change = self._change
        deleted = change.operation is ChangeOperation.DELETE
        evidence: dict[str, Any] = {
            "operation": str(change.operation),
            "object": {
                "apiVersion": change.api_version,
                "kind": change.kind,
                "namespace": self._work.namespace,
                "name": change.name,
                "uid": _meta(before, "uid") or (self._meant if deleted else _meta(after, "uid")),
            },
            "resourceVersion": {
                "before": _meta(before, "resourceVersion"),
                "after": None if deleted else _meta(after, "resourceVersion"),
            },
            "changes": [*(self._seen() if more else self._made(before, after))],
            **more,
        }
        if not deleted:
            evidence["fieldManager"] = found.manager
        return Applied(evidence)

    def _seen(self) -> Sequence[str]:
        """What was to be changed, where the object does not tell any more what was."""
        return self._work.preview.changes if self._work.preview is not None else ()

    def _made(self, before: Raw | None, after: Raw | None) -> Sequence[str]:
        """What was changed."""
        deleted = self._change.operation is ChangeOperation.DELETE
        made = (
            changes.removed(before or {}) if deleted else changes.changes(before or {}, after or {})
        )
        return changes.lines(self._change.operation, before, made, [])


def _meta(obj: Mapping[str, Any] | None, key: str) -> Any:
    return obj["metadata"].get(key) if obj is not None and "metadata" in obj else None

"""One attempt to change an object: look, compare, change, and say what is certain of it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from amends.api.kubernetes import ChangeOperation, KubernetesExecution
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.executors.kubernetes import changes
from amends.executors.kubernetes.object import Foreseen, TenantObject
from amends.ports import Conflict, Exists, Gone, Raw, Rejected, Waiting, Work

TRIES = 3
"""How often somebody else may be faster: controllers write the status of their objects often."""


class Attempt:
    """One attempt: what of it may have been carried out, and what the object was before that."""

    def __init__(self, work: Work) -> None:
        assert work.execution.kubernetes is not None, "objection() has looked"
        self._work = work
        self._change: KubernetesExecution = work.execution.kubernetes
        seen = work.preview
        self._meant = seen.uid if seen is not None else None
        self._sent = False
        self._untouched = (seen.uid, seen.version) if seen is not None else (None, None)
        """Uid and version of the object before anybody sent anything."""
        self._before: Raw | None = None
        self._wanted: Raw | None = None
        self.trouble: str | None = None
        """Why nobody could tell what came of it, when it was last tried."""

    @property
    def is_in_doubt(self) -> bool:
        """Whether the change may have been made, by this process or another."""
        return self._sent or self._work.begun

    async def made(self, found: TenantObject) -> Outcome:
        """Look, compare, change; again if somebody else was faster.

        Raises:
            Fault: it could not be looked at, or the answer is lost.
        """
        for _ in range(TRIES):
            now = await found.get()
            if (told := self._told(found, now)) is not None:
                return self._told_applied(found, self._before if self._sent else None, now, told)
            try:
                foreseen = await found.foresee(now)
            except (Conflict, Exists):
                continue
            if foreseen.request is None:
                return self._told_applied(found, now, now, "it was so already")
            if self.is_in_doubt and not self._is_untouched(now):
                state = "there" if now is None else "as it was"
                return self.stopped(f"{found} is not {state} any more")
            if self._work.only_look:
                looked = "another process had begun it, and it was only looked for"
                return Unknown(f"{looked}: there is no trace of it on {found}", untraced=True)
            if (why := self._held_back(foreseen)) is not None:
                return self.stopped(why)
            if not self._work.may_begin():
                again = " again" if self._sent else ""
                return self.stopped(f"the claim had run out before the change was sent{again}")
            if (outcome := await self._changed(found, now, foreseen)) is not None:
                return outcome
        return self.stopped(f"{found} changed {TRIES} times while it was looked at")

    def stopped(self, why: str, retry_after: timedelta | None = None) -> Outcome:
        """What is known when it goes no further."""
        if self._sent:
            return Unknown(f"{why}; the change was sent, so it may have been made")
        if self._work.begun:
            return Unknown(f"{why}; another process had begun it, and may have made the change")
        return NotApplied(why, retryable=True, retry_after=retry_after)

    def _told(self, found: TenantObject, now: Raw | None) -> str | None:
        """How the object tells that this undo has been carried out."""
        if self._change.operation is ChangeOperation.DELETE:
            return self._told_by_its_end(now)
        if now is None:
            return None
        if found.is_marked(now):
            return f"its field manager {found.manager} is on the object"
        if self._sent and self._before is not None and self._wanted is not None:
            same = now["metadata"]["uid"] == self._before["metadata"]["uid"]
            if same and not changes.changes(self._wanted, now):
                return "the object is as it was to be"
        return None

    def _told_by_its_end(self, now: Raw | None) -> str | None:
        if now is None:
            return "the object does not exist"
        if self._meant is not None and now["metadata"]["uid"] != self._meant:
            return "the object is gone, and another one has its name"
        if now["metadata"].get("deletionTimestamp") is not None:
            return "the object is being deleted"
        return None

    def _held_back(self, foreseen: Foreseen) -> str | None:
        """Why it is not sent, although it could be."""
        if self._work.stop.is_set():
            return "it was stopped" + ("" if self.is_in_doubt else " before anything was changed")
        if not self._change.refuses_drift:
            return None
        approved = self._work.preview
        if approved is None:
            return "nobody has seen what it would change, and previewDrift is Refuse"
        if approved.digest == foreseen.preview.digest:
            return None
        lines = "; ".join(foreseen.preview.changes[:3])
        return (
            f"what it would change is not what was approved any more; it would now change {lines}"
        )

    def _is_untouched(self, now: Raw | None) -> bool:
        """Whether the object shows that the change has not been made.

        Of one that is not there, nobody knows whether it was: a Job runs, and goes by itself.
        """
        if now is None:
            return False
        uid, version = self._untouched
        if self._change.operation is ChangeOperation.DELETE:
            return bool(_meta(now, "uid") == uid)
        return (_meta(now, "uid"), _meta(now, "resourceVersion")) == (uid, version)

    async def _changed(
        self, found: TenantObject, now: Raw | None, foreseen: Foreseen
    ) -> Outcome | None:
        """Send it. None: it was refused, and what has moved meanwhile has to be looked at.

        A refusal is about this request alone: an earlier one stays in doubt.
        """
        assert foreseen.request is not None, "made() has looked"
        earlier, self._sent = self._sent, True
        self._before, self._wanted = now, foreseen.after
        self._untouched = (_meta(now, "uid"), _meta(now, "resourceVersion"))
        try:
            after = await found.send(foreseen.request)
        except (Conflict, Exists):
            self._sent = earlier
            return None
        except (Gone, Rejected) as why:
            self._sent = earlier
            if isinstance(why, Gone) and self._change.operation is ChangeOperation.DELETE:
                return self._told_applied(found, now, None, "the object does not exist")
            return None if earlier else self.stopped(why.answer or str(why))
        except Waiting as why:
            if why.status in (None, 401, 429):
                self._sent = earlier  # never connected, or never let in
            raise
        return self._applied(found, now, after, self._made(now, after, foreseen.taken))

    def _told_applied(
        self, found: TenantObject, before: Raw | None, after: Raw | None, told: str
    ) -> Applied:
        """As the object tells, which does not tell any more what was changed."""
        preview = self._work.preview
        changed = preview.changes if preview is not None else ()
        return self._applied(found, before, after, changed, told=told)

    def _applied(
        self,
        found: TenantObject,
        before: Raw | None,
        after: Raw | None,
        changed: Sequence[str],
        **more: str,
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
                "uid": _meta(before, "uid")
                or (self._meant if deleted else None)
                or _meta(after, "uid"),
            },
            "resourceVersion": {
                "before": _meta(before, "resourceVersion"),
                "after": None if deleted else _meta(after, "resourceVersion"),
            },
            "changes": [*changed],
            **more,
        }
        if not deleted:
            evidence["fieldManager"] = found.manager
        return Applied(evidence)

    def _made(self, before: Raw | None, after: Raw | None, taken: Sequence[str]) -> Sequence[str]:
        """What was changed."""
        deleted = self._change.operation is ChangeOperation.DELETE
        made = (
            changes.removed(before or {}) if deleted else changes.changes(before or {}, after or {})
        )
        return changes.lines(self._change.operation, before, made, taken)


def _meta(obj: Mapping[str, Any] | None, key: str) -> Any:
    return obj["metadata"].get(key) if obj is not None and "metadata" in obj else None

"""The executor that changes one object of the tenant's namespace, as the tenant's service account.

What it would do is tried out first, and the change is sent for exactly the version of the object
that was tried: whatever has moved in between is a conflict, and nothing is done. What it has done
is told by the object itself: the field manager of this very undo stands in its managedFields, or
the object with the approved uid is gone. So a lost answer or a crash is followed by a look, and the
change is sent again only where the object shows that it has not been made: what is to be deleted is
there, and what is to be changed is of the version that it had before anything was sent. Of two
requests that name one version, one at most is carried out.
"""

import asyncio
import contextlib

from amends.api.execution import Execution
from amends.core.outcome import NotApplied, Outcome, Preview, Unknown
from amends.executors.kubernetes import requests
from amends.executors.kubernetes.attempt import TRIES, Attempt
from amends.executors.kubernetes.object import TenantObject
from amends.executors.kubernetes.resources import Resources
from amends.ports import (
    Conflict,
    ExecutorContext,
    Exists,
    Fault,
    Rejected,
    Unsure,
    Waiting,
    Work,
)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before it is looked again at what may have been changed; the pause doubles."""


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
        if (objection := self.objection(work.execution)) is not None:
            raise Rejected(objection)
        found = await self._object(work)
        try:
            return await _foreseen(found)
        except Unsure as why:
            if why.status != 500:
                raise
            # Nothing has happened, so nothing is unsure: a webhook fails, and people must know.
            raise Rejected(f"the API server cannot carry it out: {why.answer}") from why

    async def run(self, work: Work) -> Outcome:
        """Make the change, unless it has been made or would now be another one."""
        if (why := self.objection(work.execution)) is not None:
            # An operator of another version may have begun it.
            return Unknown(why) if work.begun else NotApplied(why, retryable=False)
        attempt = Attempt(work)
        try:
            async with asyncio.timeout(work.timeout.total_seconds()):
                return await self._made(work, attempt)
        except TimeoutError:
            late = f"it was not done within {work.timeout.total_seconds():g} s"
            return attempt.stopped(f"{late}: {attempt.trouble}" if attempt.trouble else late)
        except Fault as fault:
            return attempt.stopped(fault.answer or str(fault), fault.retry_after)

    async def _made(self, work: Work, attempt: Attempt) -> Outcome:
        """Once it is in doubt, look for as long as there is time."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await attempt.made(await self._object(work))
            except (Waiting, Unsure) as why:
                if not attempt.is_in_doubt or work.stop.is_set():
                    raise
                attempt.trouble = why.answer or str(why)
                wish = why.retry_after
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(pause, wish.total_seconds() if wish else 0)):
                    await work.stop.wait()
            pause = min(pause * 2, LONGEST_PAUSE)

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


async def _foreseen(found: TenantObject) -> Preview:
    for _ in range(TRIES - 1):
        try:
            return (await found.foresee(await found.get())).preview
        except (Conflict, Exists):
            continue  # somebody was faster
    return (await found.foresee(await found.get())).preview

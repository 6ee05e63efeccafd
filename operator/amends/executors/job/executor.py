"""The executor that runs one Kubernetes Job per attempt, as the tenant's service account.

The Job's name follows from the attempt, so it is the lock: whoever makes the attempt again, after a
lost answer or in another process, meets the same Job and waits for that one. The operator never
repeats a pod: `backoffLimit` is 0, and retries are the core's.
"""

import asyncio
import contextlib
from datetime import timedelta
from itertools import count

from amends.api.execution import Execution
from amends.core.outcome import NotApplied, Outcome, Unknown
from amends.executors.job import manifest
from amends.executors.job.outcome import judge
from amends.executors.job.sight import Sight, job_path
from amends.executors.rights import Right, lacking
from amends.ports import (
    Conflict,
    ExecutorContext,
    Exists,
    Fault,
    Gone,
    Raw,
    Rejected,
    Tenants,
    Unsure,
    Waiting,
    Work,
)

PAUSES = (0.0, 0.0, 0.5, 1.0, 2.0)
"""Seconds between looks; each look lasts a second by itself. The last one repeats."""
LONGEST_PAUSE = 4.0
SLACK = timedelta(seconds=20)
"""What the Job controller, the kubelet and the server may take, each time something is asked."""


class NotBegun(Exception):
    """There is no Job of ours to wait for; the outcome says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


class JobExecutor:
    """Creates the Job of `spec.execution.job`, waits for its end, and says what came of it."""

    grace = timedelta(hours=2)
    """It keeps its own time: a pod may take as long to stop as its template says."""
    only_waits = True
    """Its work is a pod's, for hours at times."""

    def __init__(self, context: ExecutorContext) -> None:
        self._tenants = context.tenants

    def objection(self, execution: Execution) -> str | None:
        """Why no Job can be made of this template, by its text alone."""
        if execution.job is None:
            return "spec.execution.job is missing: the job executor runs what stands there"
        return manifest.objection(execution.job.template)

    async def run(self, work: Work) -> Outcome:
        """Create it, or go on with the one that this attempt has made; then see it to its end."""
        job = work.execution.job
        if job is None:
            return NotApplied(str(self.objection(work.execution)), retryable=False)
        if (why := manifest.objection(job.template, work.service_account)) is not None:
            return NotApplied(why, retryable=False)
        try:
            ours = manifest.manifest(work)
        except ValueError as broken:
            return NotApplied(f"job.template has no exact JSON form: {broken}", retryable=False)
        try:
            found = await _Beginning(self._tenants, work, ours).job()
        except NotBegun as unbegun:
            return unbegun.outcome
        watch = _Watch(work, Sight(self._tenants, work, found))
        stopped = await watch.until_over()
        if not watch.is_over():
            name, trouble = found["metadata"]["name"], watch.trouble or "it did not end"
            return Unknown(f"Job {name} {stopped}, and nobody saw how it ended: {trouble}")
        seen = await watch.sight.told(stopped, watch.trouble)
        return judge(job, manifest.container_of(job.template), seen)

    async def close(self) -> None:
        """Nothing is held: a Job goes on without us, and the next process finds it."""


class _Beginning:
    """Sees that the attempt's Job exists, once."""

    def __init__(self, tenants: Tenants, work: Work, ours: Raw) -> None:
        self._tenants = tenants
        self._work = work
        self._ours = ours
        self._name: str = ours["metadata"]["name"]
        self._unsure = work.begun
        """Whether it may have been created without our hearing of it."""
        self._may_look = False

    async def job(self) -> Raw:
        """The Job. Raises NotBegun."""
        try:
            async with asyncio.timeout(self._work.timeout.total_seconds()):
                return await self._found_or_created()
        except TimeoutError:
            raise self._without("the API server did not take it in time") from None

    async def _found_or_created(self) -> Raw:
        for number in count(1):
            pause = _pause(number)
            try:
                if (job := await self._tried()) is not None:
                    return job
            except Waiting as why:
                pause = max(pause, _wish(why))
            await asyncio.sleep(pause)
        raise AssertionError("the timeout comes first")

    async def _tried(self) -> Raw | None:
        """None: it is not known to be there, and is to be tried again."""
        if self._unsure and (found := await self._found()) is not None:
            return found
        if self._work.begun and not self._work.execution.repeat_is_safe:
            raise self._without("whoever began has stopped, and there is none of that name")
        if self._work.only_look:
            raise NotBegun(self._untraced())
        if self._work.stop.is_set():
            raise self._without("it was stopped before")
        if not self._work.may_begin():
            raise self._without("the claim had run out before")
        if not self._may_look:
            await self._look_for_pods()
            return await self._tried()  # that took its time: may it still begin?
        return await self._created()

    async def _found(self) -> Raw | None:
        work = self._work
        path = job_path(work.namespace, self._name)
        try:
            found: Raw = await self._tenants.call("GET", path, work.namespace, work.service_account)
        except Gone:
            return None
        except Rejected as why:
            raise self._without(_refusal(why, work), retryable=False) from why
        if not manifest.is_ours(found, self._ours):
            raise NotBegun(
                NotApplied(
                    f"Job {self._name} exists already and is not of attempt "
                    f"{work.attempt_key}: delete it, then create a new Compensation",
                    retryable=False,
                )
            )
        return found

    async def _look_for_pods(self) -> None:
        """Nothing is begun of which nobody could see how it ends."""
        work = self._work
        path, one = f"/api/v1/namespaces/{work.namespace}/pods", {"limit": "1"}
        try:
            await self._tenants.call("GET", path, work.namespace, work.service_account, query=one)
        except Rejected as why:
            raise self._without(_refusal(why, work), retryable=False) from why
        self._may_look = True

    async def _created(self) -> Raw | None:
        """None: the answer does not say whether it was; look for it, then ask again."""
        work = self._work
        try:
            created: Raw = await self._tenants.call(
                *("POST", job_path(work.namespace), work.namespace, work.service_account),
                body=self._ours,
            )
        except (Exists, Unsure):
            self._unsure = True
            return None
        except (Rejected, Gone) as why:
            again = "exceeded quota" in why.answer
            raise self._without(_refusal(why, work), again) from why
        return created

    def _untraced(self) -> Unknown:
        why = "may have been created: it was only looked for, and there is none of that name"
        return Unknown(f"Job {self._name} {why}", untraced=True)

    def _without(self, why: str, retryable: bool = True) -> NotBegun:
        if self._unsure:
            return NotBegun(Unknown(f"Job {self._name} may have been created: {why}"))
        return NotBegun(NotApplied(f"Job {self._name} was not created: {why}", retryable))


class _Watch:
    """Looks until it is over, and ends what has to be ended."""

    def __init__(self, work: Work, sight: Sight) -> None:
        self._work = work
        self.sight = sight
        self.trouble: str | None = None
        """Why it cannot be seen now."""
        self._may_not_look = False
        job = work.execution.job
        assert job is not None
        self._patience = timedelta(seconds=manifest.grace_of(job.template)) + SLACK

    def is_over(self) -> bool:
        """Whether nothing of it runs any more, as far as that can be seen."""
        return self.sight.is_over() and (self.trouble is None or self._may_not_look)

    async def until_over(self) -> str | None:
        """Why it was ended by us, None if it ended without us."""
        # The Job has a deadline of its own; ours is for a Job whose controller does not work.
        limit = self._work.timeout + self._patience
        try:
            async with asyncio.timeout(limit.total_seconds()):
                why = await self._until_something_happens()
        except TimeoutError:
            why = "was not done in time, and nobody has ended it"
        if why is not None:
            await self._end()
        await self.sight.hear_out()
        return why

    async def _until_something_happens(self) -> str | None:
        """It is over (None), or why it has to be ended."""
        number = 0
        while True:
            await self._look()
            if self.is_over():
                return None
            if self._work.stop.is_set():
                return "was stopped, as spec.cancel is true"
            if self.sight.refused is not None or self.sight.is_stuck():
                return "was given up"
            number += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_pause(number)):
                    await self._work.stop.wait()

    async def _end(self) -> None:
        """Delete it, and wait until nothing of it runs any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience.total_seconds()):
                asked = False
                while not self.is_over() or not asked:
                    with contextlib.suppress(Waiting, Unsure, Rejected, Conflict):
                        await self.sight.delete()
                        asked = True
                    await self._look()

    async def _look(self) -> None:
        """What cannot be seen now is seen later; a Job goes on without being looked at."""
        try:
            await self.sight.look()
            if not self.sight.has_pods:
                await self.sight.look_for_refusals()
        except Fault as why:
            self._may_not_look = isinstance(why, Rejected)
            self.trouble = _refusal(why, self._work)
            await asyncio.sleep(max(LONGEST_PAUSE, _wish(why)))
        else:
            self.trouble = None


def _wish(why: Fault) -> float:
    """For how many seconds the server wants to be left alone."""
    wish = why.retry_after
    return wish.total_seconds() if wish is not None else 0.0


def _refusal(why: Fault, work: Work) -> str:
    """What the server said; where a right is missing, what gives it."""

    def fix(right: Right) -> str:
        return (
            f"{right.verb} {right.resource}: bind it to the Role amends-runs-jobs of namespace "
            f"{work.namespace}, as tenant-jobs.yaml does, or with the chart "
            f"tenants.{work.namespace}.runner.jobs: true"
        )

    said = why.answer or str(why)
    if not isinstance(why, Rejected):
        return said
    return lacking(why, work, fix) or f"the API server refused it: {said}"


def _pause(number: int) -> float:
    return PAUSES[number] if number < len(PAUSES) else LONGEST_PAUSE

"""The guard: knows at any time whether the admission policies are enforced, and since when.

It looks when the watch says that some policy has moved, and every ten seconds whatever the watch
says; a verdict is never older than that by much. What it finds is a picture of the server as it is
now: nothing is carried over from one look to the next but the time of the last bad one.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from amends.admission.standing import REPAIR
from amends.core.enforcement import Enforcement
from amends.ports import Clock, Fault, Gone, Policies, Rejected, Standing
from amends.runtime.metrics import POLICIES_ENFORCED, Metrics

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=10)
SOON = timedelta(seconds=1)
"""Where the next look is expected to find something else."""
BURST = timedelta(milliseconds=100)
"""Changes that come within this time are looked at once."""
TAKING_IN = timedelta(seconds=3)
"""How long the server may take to obey a change (it looks for changes every second), and the second
that its times are cut off by."""
TRIED_EVERY = timedelta(minutes=1)
STALE_AFTER = timedelta(seconds=30)

NOT_LOOKED = "the operator has not looked at them yet"
TAKEN_IN = "the API server is still taking in their last change"


class Guard:
    """The verdict on the policies, kept current by `run`."""

    def __init__(self, policies: Policies, clock: Clock, metrics: Metrics) -> None:
        self._policies = policies
        self._clock = clock
        self._verdict = Enforcement(gap=NOT_LOOKED)
        self._broken_at: datetime | None = None
        self._changed: datetime | None = None
        self._tried_at: datetime | None = None
        self._looked_at = clock.now()
        self._bell = asyncio.Event()
        self.looked = asyncio.Event()
        """Set when there is a first verdict."""
        metrics.show(POLICIES_ENFORCED, lambda: {(): float(self._verdict.gap is None)})

    def enforcement(self) -> Enforcement:
        """As of the last look."""
        return self._verdict

    def look_soon(self) -> None:
        """Some policy has moved."""
        self._bell.set()

    async def run(self, moved: Callable[[], None]) -> None:
        """Look until cancelled. moved: called whenever what objects wait for has changed."""
        while True:
            self._bell.clear()
            pause = await self.look(moved)
            await asyncio.sleep(BURST.total_seconds())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await self._bell.wait()

    async def look(self, moved: Callable[[], None]) -> timedelta:
        """One look; returns when to look again even if nothing is heard of until then."""
        before, pause = self._verdict, EVERY
        try:
            self._verdict = await self._found()
        except (Rejected, Gone) as why:
            self._verdict = Enforcement(f"the operator cannot look at them: {why}")
        except Fault as why:
            log.warning("policies not seen", why=str(why))
            pause = SOON
            unseen = self._clock.now() - self._looked_at
            if unseen > STALE_AFTER:
                seconds = STALE_AFTER.total_seconds()
                self._verdict = Enforcement(f"the operator has not seen them for {seconds:g} s")
        else:
            self._looked_at = self._clock.now()
        self.looked.set()
        if self._verdict.gap != before.gap:
            self._tell()
            moved()
        return SOON if self._verdict.gap == TAKEN_IN else pause

    async def _found(self) -> Enforcement:
        standing = await self._policies.standing()
        if standing.gaps:
            return self._broken(f"{'; '.join(standing.gaps)}: {REPAIR}", standing)
        obeyed_from = _latest(standing.changed, self._broken_at)
        if obeyed_from is not None and standing.seen < obeyed_from + TAKING_IN:
            return Enforcement(TAKEN_IN)
        if (refusal := await self._tried(standing)) is not None:
            return self._broken(refusal, standing)
        return Enforcement(since=obeyed_from + TAKING_IN if obeyed_from is not None else None)

    def _broken(self, gap: str, standing: Standing) -> Enforcement:
        self._broken_at, self._tried_at = standing.seen, None
        return Enforcement(gap)

    async def _tried(self, standing: Standing) -> str | None:
        """Once after each change, then once a minute: a dry run is a write request all the same."""
        now = self._clock.now()
        fresh = self._tried_at is not None and now - self._tried_at < TRIED_EVERY
        if fresh and standing.changed == self._changed:
            return None
        refusal = await self._policies.disobeyed()
        if refusal is None:
            self._tried_at, self._changed = now, standing.changed
        return refusal

    def _tell(self) -> None:
        gap = self._verdict.gap
        if gap is None:
            log.info("policies enforced", since=str(self._verdict.since))
        else:
            log.warning("policies not enforced", why=gap)


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)

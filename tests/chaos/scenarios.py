"""Scenarios: every story is told while one kind of fault is on; then it is off, and all must end.

What is checked is the same for every kind: the ends, Receipts and real effects of an undisturbed
run; that the operator did not die of it; how long it took to recover; that it was patient.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property

from amends.api import GROUP, VERSION
from amends.kube.cache import OPEN_WORK
from amends.ports import Rejected
from chaos.ending import End, difference, end_of
from chaos.fences import Fence, at_rest
from chaos.for_tenants import BETWEEN
from chaos.haunted import Busiest, Haunted, Kept, Mirrored, busiest, impatient
from chaos.proxy import Honest
from chaos.stories import EVERY_STORY, Story
from chaos.telling import PLURALS, Told, telling
from chaos.verdict import is_in_doubt, is_open_again
from chaos.wrongs import Wrong

RECOVERS_WITHIN = 30.0
"""Seconds from the end of a fault to the end of every story."""
STARTS_WITHIN = 45.0
"""Seconds until the fault is over although no operator has begun to work."""
HOTTEST = 25
"""Requests of one sort for one object within a second, at most."""

During = Callable[["Scenario"], Awaitable[None]]
"""What happens besides, once the operator is being started. While it lasts, the fault is on."""


@dataclass
class Scenario:
    """One telling of all stories."""

    name: str
    on: Haunted
    wrong: Wrong | None = None
    """On the way to the API server."""
    fence: Fence | None = None
    """On the way to the targets."""
    lasts: float = 10.0
    """Seconds that an operator has to work under the fault, if the stories are not over before."""
    during: During | None = None
    user: Mapping[str, str] = field(default_factory=dict)
    """As whom the operator connects; empty: with the token of its account."""
    arguments: Sequence[str] = ()
    besides: Mapping[str, Story] = field(default_factory=dict)
    """Stories that `during` tells the end of; it takes them away."""
    told: dict[str, Told] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    kept: Kept = field(init=False)
    recovered_in: float = 0.0
    seconds: float = 0.0
    busiest: Busiest = field(default_factory=Busiest)
    impatient: Sequence[str] = ()

    async def play(self) -> None:
        """Tell them, and take their ends."""
        began, proxy = time.monotonic(), self.on.proxy
        proxy.policy, proxy.book[:] = self.wrong or Honest(), []
        fenced = self.fence.before if self.fence else None
        async with AsyncExitStack() as stack:
            stories = {**self.stories, **self.besides}
            tellings = [telling(one, self.on, Mirrored, fenced) for one in stories.values()]
            entered = await asyncio.gather(*map(stack.enter_async_context, tellings))
            self.told = dict(zip(stories, entered, strict=True))
            if self.wrong is not None:
                self.wrong.told({name: one.namespace for name, one in self.told.items()})
            user = self.user or {"token": self.on.token}
            way = proxy.kubeconfig(self.on.folder, user)
            self.kept = Kept(way, self.on.folder, self._arguments())
            async with self.kept.alive():
                await self._suffer()
            for name, told in self.told.items():
                await self._take_end(name, told)
        self.busiest, self.impatient = busiest(proxy.book), impatient(proxy.book)
        self.seconds = time.monotonic() - began

    async def _suffer(self) -> None:
        """While the fault is on, and after. What is late may still arrive, and must do no harm."""
        if self.during is not None:
            await self.during(self)
        over = asyncio.gather(*(self._over(*one) for one in self.told.items()))
        if self.during is None:
            await self._outlast(over)
        if self.wrong is not None:
            self.wrong.on = False
        if self.fence is not None:
            self.fence.on = False
        await self.on.proxy.at_rest()
        await at_rest()
        ended = time.monotonic()
        await over
        self.recovered_in = time.monotonic() - ended
        self.on.proxy.policy = Honest()

    async def _outlast(self, over: asyncio.Future[list[None]]) -> None:
        """Let it last, from when an operator works in spite of it, or a little later, on."""
        clock = asyncio.get_running_loop()
        ends, latest = clock.time() + self.lasts, clock.time() + STARTS_WITHIN
        while not over.done() and clock.time() < ends:
            if not self.kept.works() and clock.time() < latest:
                ends = clock.time() + self.lasts
            await asyncio.wait((over,), timeout=0.2)

    async def _over(self, name: str, told: Told) -> None:
        try:
            await self.on.until(told.namespace, told.is_over)
        except TimeoutError:
            self.late.append(f"{name} does not end: {await told.objects()}")

    async def _take_end(self, name: str, told: Told) -> None:
        try:
            self.ends[name] = await end_of(told)
        except AssertionError as why:
            self.late.append(f"{name}, its receipts: {why}")
        await _clear(told)
        self.on.mirror.forget(told.namespace)

    @cached_property
    def stories(self) -> Mapping[str, Story]:
        """Those that what goes wrong here can reach."""
        fault = self.wrong or self.fence
        return EVERY_STORY if fault is None else fault.stories()

    def _arguments(self) -> list[str]:
        targets = [word for one in self.told.values() for word in ("--allow-target", one.origin)]
        return [*targets, *self.arguments]

    def broken(self, calm: Mapping[str, End]) -> list[str]:
        """What did not hold; calm: the undisturbed ends."""
        wrongs = [*self.late, *(f"the operator ended with {one}" for one in self.kept.died)]
        wrongs += [
            f"{name}: {why}"
            for name, end in self.ends.items()
            if (why := self._differs(name, end, calm[name.partition(BETWEEN)[0]]))
        ]
        if self.recovered_in > RECOVERS_WITHIN:
            wrongs.append(f"it took {self.recovered_in:.0f} s to recover")
        if self.busiest.of_one > HOTTEST:
            wrongs.append(f"a hot loop: {self.busiest.of_one} times {self.busiest.one} in a second")
        wrongs += [*self.impatient, *(self.fence.impatient() if self.fence else ())]
        wrongs += [why for one in (self.wrong, self.fence) if one for why in one.unharmed()]
        return [f"{self.name}: {one}" for one in wrongs]

    @property
    def strikes(self) -> int:
        """How often the fault struck."""
        return sum(one.total for one in (self.wrong, self.fence) if one is not None)

    def _differs(self, name: str, end: End, calm: End) -> str:
        """Nobody knows what a target has done that has not answered, and does not honour keys."""
        story, namespace = self.stories[name], self.told[name].namespace
        if self.fence is not None and self.fence.leaves_doubt(story, namespace):
            right = is_in_doubt(end, story, self.fence.has_let_in(namespace))
        elif self.fence is not None and self.fence.opens_again(story, namespace):
            right = is_open_again(end)
        else:
            # An operator that ended in the midst of an attempt has left a doubt, too.
            ended = bool(self.kept.ends) and story.may_doubt
            right = end == calm or (ended and is_in_doubt(end, story, None))
        return "" if right else difference(end, calm)


async def _clear(told: Told) -> None:
    """What waits there for people would be work for the operators of all later scenarios.

    What may still be under way cannot be deleted; in doubt, it waits for a person for good.
    """
    for kind in OPEN_WORK:
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{told.namespace}/{PLURALS[kind]}"
        with suppress(Rejected):
            await told.scene.admin.call("DELETE", path)

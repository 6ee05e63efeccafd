"""I5: a holder that lost its claim writes nothing, however sure it is of itself."""

import asyncio
from datetime import timedelta

import pytest
from board import Fault

from chaos.ending import end_of
from chaos.power import PowerLine
from chaos.rig import Incarnation, ShiftedClock, Stage, scene
from chaos.stories import Story, Told, telling

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos]


@pytest.mark.parametrize("safety", ["ProviderKey", "None"])
async def test_who_lost_the_claim_writes_nothing(safety: str, stage: Stage) -> None:
    """The first is held up for longer than its claim lasts, and never hears of the second.

    Its request has reached the target, its renewals do not reach the server. Its answer, when it
    comes at last, leads to no write: neither a status nor a Receipt.
    """
    slow = Story(retry_safety=safety, faults=(Fault("hang", seconds=3),))
    async with scene(stage) as on, telling(slow, on) as told:
        clock = ShiftedClock()
        first = life(told, "first-life", clock)
        async with first.living():
            await on.exchange.until(told.namespace, lambda: is_sent(told))
            on.exchange.inboxes[told.namespace].clear()  # deaf: only the clock can tell it
            first.line.held = asyncio.Event()
            made = len(first.line.calls)
            clock.shift = timedelta(minutes=6)
            second = life(told, "second-life", clock)
            async with second.living():
                await quiet(told, second)
                before, versions = await end_of(told), await versions_of(told)

                async def has_answered() -> bool:
                    return first.line.happened("run http") is True

                await on.exchange.until(told.namespace, has_answered)
                first.line.held.set()

                async def has_been_refused() -> bool:
                    refused = [call for call in first.line.calls[made:] if call.happened is False]
                    return bool(refused) and len(first.runtime.queue) == 0

                await on.exchange.until(told.namespace, has_been_refused)
            late = [call.name for call in first.line.calls[made:] if call.happened]
        assert not [name for name in late if not name.startswith("get")]
        assert await versions_of(told) == versions
        assert await end_of(told) == before
        assert told.board.effects.total() == 1


def life(told: Told, holder: str, clock: ShiftedClock) -> Incarnation:
    return Incarnation(told.scene, told.namespace, holder, PowerLine(), clock, (told.origin,))


async def quiet(told: Told, alive: Incarnation) -> None:
    async def over() -> bool:
        return await told.is_over() and len(alive.runtime.queue) == 0

    await told.scene.until(told.namespace, over)


async def is_sent(told: Told) -> bool:
    return told.board.effects.total() == 1


async def versions_of(told: Told) -> dict[str, str]:
    return {
        f"{kind}/{raw['metadata']['name']}": raw["metadata"]["resourceVersion"]
        for kind, objects in (await told.objects()).items()
        for raw in objects
    }

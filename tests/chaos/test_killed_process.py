"""The operator as its own process, killed with SIGKILL; another one starts and ends the story."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from board import Fault

import installation
from chaos.ending import difference, end_of
from chaos.power import PowerLine
from chaos.rig import Incarnation, Scene, ShiftedClock, Stage, scene
from chaos.stories import Story
from chaos.telling import Told, telling
from installation import RunningOperator

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]


async def is_claimed(told: Told) -> bool:
    return await has_phase(told, "Running")


async def is_sent(told: Told) -> bool:
    return told.board.effects.total() == 1


async def is_proved(told: Told) -> bool:
    return len((await told.objects("Receipt"))["Receipt"]) == 2


async def has_phase(told: Told, phase: str) -> bool:
    found = (await told.objects("Compensation"))["Compensation"]
    return any(one["status"]["phase"] == phase for one in found)


MOMENTS = (is_claimed, is_sent, is_proved)
"""Those that matter most; `test_crash_campaign.py` dies anywhere."""


def operator(stage: Stage, told: Told, log: Path) -> AbstractContextManager[RunningOperator]:
    short = ("--claim-seconds", "1", "--lease-seconds", "3")
    arguments = ("--allow-target", told.origin, *short)
    return installation.running_operator(stage.operator, log, arguments, until_working=False)


async def killed_and_followed(
    told: Told, stage: Stage, folder: Path, moment: Callable[[Told], Awaitable[bool]]
) -> None:
    until = told.scene.until
    with operator(stage, told, folder / "first.log") as first:
        await until(told.namespace, lambda: moment(told))
        first.process.kill()
    with operator(stage, told, folder / "second.log"):
        await until(told.namespace, told.is_over)


async def undisturbed(story: Story, on: Scene) -> dict[str, object]:
    async with telling(story, on) as told:
        alive = Incarnation(
            on, told.namespace, "first-life", PowerLine(), ShiftedClock(), (told.origin,)
        )
        async with alive.living():
            await on.exchange.until(told.namespace, told.is_over)
        return await end_of(told)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
async def test_the_end_is_the_same_after_sigkill(
    moment: Callable[[Told], Awaitable[bool]], stage: Stage, tmp_path: Path
) -> None:
    async with scene(stage) as on:
        calm = await undisturbed(Story(), on)
        slow = (Fault("hang", seconds=2),) if moment in (is_claimed, is_sent) else ()
        async with telling(Story(faults=slow), on) as told:
            await killed_and_followed(told, stage, tmp_path, moment)
            end = await end_of(told)
    assert end == calm, difference(end, calm)


async def test_what_may_not_be_repeated_waits_for_a_person_after_sigkill(
    stage: Stage, tmp_path: Path
) -> None:
    story = Story(retry_safety="None", faults=(Fault("hang", seconds=2),))
    async with scene(stage) as on, telling(story, on) as told:
        await killed_and_followed(told, stage, tmp_path, is_sent)
        (undo,) = (await told.objects("Compensation"))["Compensation"]
        assert undo["status"]["phase"] == "Running"
        assert undo["status"]["outbox"]["outcome"] == "Unknown"
        assert len((await told.objects("Receipt"))["Receipt"]) == 1
        assert told.board.effects.total() == 1

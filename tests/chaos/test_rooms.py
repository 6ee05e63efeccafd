"""N11: what takes hours elsewhere keeps nothing from beginning that takes seconds here."""

from collections.abc import Callable

import pytest

from amends.ports import Raw
from chaos.cluster_deeds import ByJob
from chaos.deeds import Place, request
from chaos.power import PowerLine
from chaos.rig import Incarnation, ShiftedClock, Stage, scene
from chaos.stories import Story
from chaos.telling import Told, telling
from support.manifests import unapproved
from support.tenant import conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos]


class WithoutEnd(ByJob):
    """A Job that nobody runs."""

    async def attend(self, place: Place) -> None:
        """Nobody does."""


async def test_n11_jobs_that_fill_their_room_leave_that_of_requests_free(stage: Stage) -> None:
    """The operator has room for one of each."""
    endless = Story(deed=WithoutEnd(), approval_required=False)
    async with scene(stage) as on, telling(endless, on) as told:
        one_of_each = Incarnation(
            *(on, told.namespace, "me", PowerLine(), ShiftedClock(), (told.origin,)), executions=1
        )
        async with one_of_each.living():
            await until(told, "undo-post", in_phase("Running"))
            job = endless.deed.plan(told.origin, "ProviderKey")["execution"]
            http = {"http": request(told.origin, "ProviderKey")}
            for undo in (
                unapproved("second-job", execution=job),
                unapproved("request", execution=http),
            ):
                await told.create(on.bob, "Compensation", undo["metadata"]["name"], undo["spec"])

            await until(told, "request", in_phase("Completed"))
            await until(told, "second-job", waits_for_room)
        assert told.board.effects.total() == 1


async def until(told: Told, name: str, is_so: Callable[[Raw], bool]) -> None:
    """Return when that undo is so."""

    async def holds() -> bool:
        undos = (await told.objects("Compensation"))["Compensation"]
        return any(is_so(one) for one in undos if one["metadata"]["name"] == name)

    await told.scene.until(told.namespace, holds)


def in_phase(phase: str) -> Callable[[Raw], bool]:
    return lambda undo: bool(undo["status"].get("phase") == phase)


def waits_for_room(undo: Raw) -> bool:
    return conditions(dict(undo)).get("Ready") == ("False", "OperatorBusy")

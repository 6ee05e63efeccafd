"""I5: a holder that lost its claim writes no state, however sure it is of itself."""

import asyncio
from datetime import timedelta

import pytest
from board import Fault

from amends.kube.paths import MERGE_PATCH, path_of
from chaos.ending import end_of
from chaos.invariants import condition
from chaos.power import PowerLine
from chaos.rig import Incarnation, ShiftedClock, Stage, scene
from chaos.stories import Story
from chaos.telling import Told, telling
from support.api import Object

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos]


HANGS = (Fault("hang", seconds=3),)


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param(Story(faults=HANGS), id="undone-under-a-key"),
        pytest.param(Story(retry_safety="None", faults=HANGS), id="undone-without-a-key"),
        pytest.param(
            Story(choice="Retry", letter="Resolved", ends="", faults=HANGS), id="sent-again"
        ),
    ],
)
async def test_who_lost_the_claim_writes_no_state_and_what_it_heard_is_evidence(
    slow: Story, stage: Stage
) -> None:
    """The first is held up for longer than its claim lasts, and never hears of the second.

    Its request has reached the target, its renewals do not reach the server. Its answer, when it
    comes at last, leads to no state and no Receipt: it is kept in status.lateResults (N8).
    """
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

                async def has_been_kept() -> bool:
                    return bool(await late_results_of(told))

                await on.exchange.until(told.namespace, has_been_kept)
            late = [call.name for call in first.line.calls[made:] if call.happened]
        (kept,) = await late_results_of(told)
        (written,) = [name for name in late if not name.startswith(("get", "find"))]
        assert written.startswith(f"write_status {slow.subject}")
        moved = {
            name
            for name, version in (await versions_of(told)).items()
            if versions.get(name) != version
        }
        assert [name.split("/")[0] for name in moved] == [slow.subject]
        assert (kept["holder"], kept["outcome"]) == ("first-life", "Applied")
        assert kept["attemptKey"].endswith(":1")
        assert slow.choice or "removed" in kept["excerpt"]
        assert await end_of(told) == before  # but for the evidence, which it leaves out
        assert told.board.effects.total() == 1


async def test_a_claim_that_is_taken_away_and_given_back_is_not_sent_under_again(
    stage: Stage,
) -> None:
    """By whoever has the operator's own account: nobody else may write it.

    A repeat may do harm, so from then on nobody knows what came of the attempt, until somebody has
    looked at the target.
    """
    slow = Story(retry_safety="None", faults=HANGS)
    async with scene(stage) as on, telling(slow, on) as told:
        first = life(told, "first-life", ShiftedClock())
        async with first.living():
            await on.exchange.until(told.namespace, lambda: is_sent(told))
            await names_holder(told, "somebody-else")

            async def has_let_go() -> bool:
                return bool(await late_results_of(told))

            await on.exchange.until(told.namespace, has_let_go)
            await names_holder(told, "first-life")
            await quiet(told, first)
            (undo,) = (await told.objects())["Compensation"]
            assert condition(undo, "Stalled")["reason"] == "OutcomeUnknown"
            assert "given back" in condition(undo, "Stalled")["message"]
            assert told.board.effects.total() == 1
            assert len([call for call in first.line.calls if call.name == "run http"]) == 1

            said = {
                "subjectRef": {"kind": "Compensation", "name": undo["metadata"]["name"]},
                "attemptKey": undo["status"]["outbox"]["attemptKey"],
                "outcome": "Applied",
                "reason": "the message is gone",
            }
            await told.create(on.alice, "Attestation", "alice-saw", said)

            async def is_completed() -> bool:
                (now,) = (await told.objects())["Compensation"]
                return bool(now["status"]["phase"] == "Completed")

            await on.exchange.until(told.namespace, is_completed)


async def names_holder(told: Told, holder: str) -> None:
    """The operator's account writes who holds the claim."""
    (undo,) = (await told.objects())["Compensation"]
    await told.scene.operator.call(
        "PATCH",
        path_of("Compensation", told.namespace, undo["metadata"]["name"]) + "/status",
        body={"status": {"outbox": {"claimedBy": holder}}},
        content_type=MERGE_PATCH,
    )


def life(told: Told, holder: str, clock: ShiftedClock) -> Incarnation:
    return Incarnation(told.scene, told.namespace, holder, PowerLine(), clock, (told.origin,))


async def quiet(told: Told, alive: Incarnation) -> None:
    await told.scene.until(told.namespace, lambda: told.rests(alive))


async def is_sent(told: Told) -> bool:
    return told.board.effects.total() == 1


async def versions_of(told: Told) -> dict[str, str]:
    return {
        f"{kind}/{raw['metadata']['name']}": raw["metadata"]["resourceVersion"]
        for kind, objects in (await told.objects()).items()
        for raw in objects
    }


async def late_results_of(told: Told) -> list[Object]:
    found = (await told.objects())[told.story.subject]
    return [late for raw in found for late in raw["status"].get("lateResults", [])]

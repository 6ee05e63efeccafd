"""What a change would do cannot be seen: the server is asked again soon, then more seldom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amends.core.key import Key
from amends.core.outcome import NotApplied, Outcome, Preview, Unseen
from amends.ports import Fault, Unsure, Waiting, Work
from amends.runtime.foresight import Foresight
from support.worlds import approval, compensation

UNDO = Key("Compensation", "tenant-a", "undo")
CHANGE = {"operation": "Delete", "apiVersion": "v1", "kind": "ConfigMap", "name": "posted"}


class Steered:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Blind:
    """Meets what a test says, then sees."""

    def __init__(self, *met: Fault) -> None:
        self.met = list(met)

    async def preview(self, work: Work) -> Preview:
        if self.met:
            raise self.met.pop(0)
        return Preview("sha256:1", ())

    async def run(self, work: Work) -> Outcome:
        return NotApplied("nothing is run here")

    def objection(self, execution: Any) -> str | None:
        return None

    async def close(self) -> None:
        pass


async def pauses(*met: Fault) -> list[float]:
    """For how long it is waited after each, if nothing wakes it before."""
    clock, undo = Steered(), compensation(spec={"execution": {"kubernetes": CHANGE}})
    foresight, found = Foresight({"kubernetes": Blind(*met)}, clock), []
    while (seen := await foresight.of(UNDO, undo, ())).unseen is not None:
        found.append(seen.unseen.again.total_seconds())
        clock.time += seen.unseen.again
    assert seen.preview is not None
    return found


@pytest.mark.parametrize(
    ("met", "waited"),
    [
        pytest.param([Waiting("503")], [2], id="once: soon"),
        pytest.param([Unsure("lost")] * 7, [2, 4, 8, 16, 30, 30, 30], id="again and again"),
        pytest.param([Waiting("429", timedelta(seconds=9))], [9], id="as long as it asks for"),
        pytest.param([Waiting("429", timedelta(days=9))], [300], id="but not for ever"),
    ],
)
async def test_an_api_server_that_does_not_answer(met: list[Fault], waited: list[float]) -> None:
    assert await pauses(*met) == waited


async def test_a_wake_does_not_ask_before_not_even_if_an_approval_waits_to_be_counted() -> None:
    planned = {"planDigest": approval().spec.plan_digest}
    clock = Steered()
    undo = compensation("AwaitingApproval", spec={"execution": {"kubernetes": CHANGE}}, **planned)
    foresight = Foresight({"kubernetes": Blind(Waiting("429", timedelta(seconds=9)))}, clock)
    await foresight.of(UNDO, undo, [approval()])
    clock.time += timedelta(seconds=7)
    seen = await foresight.of(UNDO, undo, [approval()])
    assert seen.unseen == Unseen("429", timedelta(seconds=2))

"""The crash campaign in short: the points that matter most, and some others in every run.

`make chaos ARGS=crash` visits all.
"""

import random

import pytest

from chaos.border import Point
from chaos.crash import Campaign, depths_of
from chaos.figures import seed_of
from chaos.rig import Stage
from chaos.stories import EVERY_STORY

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]

SAMPLE = 14
"""Points of one death; as many of two, where the sample has hit main stories."""
CLAIMED = Point("write_status Compensation Running", 1, "after")
SENT = Point("run http", 1, "after")
PROVED = Point("create CompensationReceipt", 1, "after")
MATTER_MOST = [
    (story, (point,))
    for story in ("undone-under-a-key", "undone-without-a-key")
    for point in (CLAIMED, SENT, PROVED)
]
"""Killed when nobody hears the answer: what may not be repeated has to wait for a person."""


async def test_the_end_is_the_same_wherever_a_real_process_is_killed(stage: Stage) -> None:
    seed = seed_of(None)
    campaign = Campaign(
        random.Random(seed), depths_of(EVERY_STORY, 2), visits=SAMPLE, first=MATTER_MOST
    )
    await campaign.run([stage])
    again = f'make chaos ARGS="crash --planes 1 --visits {SAMPLE} --seed {seed}"'
    assert not campaign.broken, "\n".join([again, *campaign.broken])
    assert campaign.begun[1] == SAMPLE
    assert campaign.atlas.hit >= set(MATTER_MOST)

"""The crash campaign in short: the points that matter most, and some others in every run.

`make chaos ARGS=crash` visits all.
"""

import random

import pytest

from chaos.crash import MATTER_MOST, Campaign, depths_of
from chaos.figures import seed_of
from chaos.rig import Stage
from chaos.stories import EVERY_STORY

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]

SAMPLE = 14
"""Points of one death; as many of two, where the sample has hit main stories."""


async def test_the_end_is_the_same_wherever_a_real_process_is_killed(stage: Stage) -> None:
    seed = seed_of(None)
    campaign = Campaign(random.Random(seed), depths_of(EVERY_STORY, 2), visits=SAMPLE)
    await campaign.run([stage])
    again = f'make chaos ARGS="crash --planes 1 --visits {SAMPLE} --seed {seed}"'
    assert not campaign.broken, "\n".join([again, *campaign.broken])
    assert campaign.begun[1] == SAMPLE
    assert campaign.atlas.hit >= set(MATTER_MOST)

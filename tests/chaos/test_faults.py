"""The faults campaign in short: two of its kinds, by dice of a seed that stays the same."""

import random

import pytest

from chaos.haunted import haunted
from chaos.hauntings import expired_tokens
from chaos.rig import Stage
from chaos.scenarios import Scenario
from chaos.wrongs import AnswerLost

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]

SEED = 6


async def test_lost_answers_and_an_expired_token_change_no_end(stage: Stage) -> None:
    dice = random.Random(SEED)
    async with haunted(stage, patience=60) as on:
        calm = Scenario("undisturbed", on)
        await calm.play()
        sample = [
            Scenario("answer lost after commit", on, AnswerLost(dice), lasts=6),
            await expired_tokens(on, dice),
        ]
        for one in sample:
            await one.play()
    broken = [why for one in sample for why in one.broken(calm.ends)]
    assert not broken, f"seed {SEED}:\n" + "\n\n".join(broken)

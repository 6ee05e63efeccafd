"""The misoperations campaign in short: a few edits of every sort in every phase."""

import random
import re
from importlib.resources import files
from pathlib import Path

import pytest

from chaos.edit_births import ANNOTATIONS
from chaos.edit_stations import STATIONS
from chaos.etcd_history import Observer
from chaos.misoperations import grounds, jobs_for, numbers, played
from chaos.rig import Stage
from controlplane import ControlPlane
from support.tenant import Installed

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]

SEED = 6
EDITS = 72


def test_every_annotation_that_the_policy_reads_is_edited() -> None:
    policy = files("amends.admission").joinpath("annotations.yaml").read_text()
    assert set(re.findall(r"'(amends\.dev/[a-z-]+)'", policy)) == ANNOTATIONS.keys()


def test_nothing_wrong_is_accepted_silently_good_states_recover_and_nothing_is_stuck(
    ruins: tuple[ControlPlane, Stage], tmp_path: Path
) -> None:
    cp, stage = ruins
    installed = Installed(cp, stage.operator)
    with Observer(cp.etcd_endpoint) as observer, grounds(installed, tmp_path) as (ground, operator):
        jobs = jobs_for(ground, EDITS, random.Random(SEED), "")
        found = played(ground, operator, observer, jobs, STATIONS)
    installed.close()

    wrong = [*(str(one) for one in found.verdicts if one.finding), *found.broken]
    assert not wrong, f"seed {SEED}:\n" + "\n\n".join(wrong)
    figures = dict(numbers(found))
    assert figures["edits"] >= EDITS
    assert figures["edits: refused"] > figures["edits: told"] > 0

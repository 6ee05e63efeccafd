"""The soak in short: some load, faults and restarts, and a killed process in any case."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from chaos.rig import Stage
from chaos.soak import Plan, soak
from controlplane import ControlPlane
from tls import self_signed

pytestmark = [pytest.mark.controlplane, pytest.mark.chaos, pytest.mark.slow]

SEED = 6


def test_the_certificate_of_the_proxy_outlasts_the_soak(tmp_path: Path) -> None:
    """It once lasted an hour, as the load does: then neither operator could connect any more."""
    made = x509.load_pem_x509_certificate(self_signed(tmp_path).read_bytes())
    assert made.not_valid_after_utc > datetime.now(UTC) + timedelta(hours=12)


def test_under_load_faults_and_restarts_nothing_is_lost_double_or_stuck(
    ruins: tuple[ControlPlane, Stage], tmp_path: Path
) -> None:
    short = Plan(
        *(8.0, 200, 20, 3.0),
        claim=4,
        lease=3,
        restart_every=3,
        fault_lasts=(1, 2),
        quick=True,
    )

    soaked = soak(*ruins, short, random.Random(SEED), tmp_path)

    assert soaked.broken == [], f"seed {SEED}"
    assert len(soaked.tales) > 10
    assert soaked.weather.restarts.total() > 0
    assert soaked.weather.struck.total() > 0

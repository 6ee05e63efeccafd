"""The metrics of running operators: of the one that leads, and of one that waits."""

import pytest

from support import manifests
from support.tenant import SECONDS, StartOperator, Tenant
from support.upkeep import free_address, metric, told
from waiting import wait_for

pytestmark = pytest.mark.controlplane


def test_the_metrics_tell_what_an_operator_does_and_which_one_leads(
    tenant: Tenant, start: StartOperator
) -> None:
    leads, waits = free_address(), free_address()
    with (
        start("--metrics-listen", leads),
        start("--metrics-listen", waits, until_working=False) as second,
    ):
        tenant.create(manifests.compensation("asked"))
        tenant.create(manifests.unapproved("undo"))
        tenant.in_phase("undo", "Completed")
        tenant.in_phase("asked", "AwaitingApproval")
        applied = {"executor": "record", "outcome": "Applied"}
        assert metric(leads, "amends_attempts_total", **applied) == 1
        assert metric(leads, "amends_open_objects", kind="Compensation") >= 1
        assert metric(leads, "amends_reconcile_passes_total", kind="Compensation") >= 2
        wait_for(lambda: told(second, "started"), seconds=SECONDS, what="the second operator")
        assert (metric(leads, "amends_leader"), metric(waits, "amends_leader")) == (1, 0)
        assert metric(waits, "amends_reconcile_passes_total", kind="Compensation") == 0

"""The metrics of running operators: of the one that leads, and of one that waits."""

import pytest

from support import manifests
from support.target import LOST, Target
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


def test_n1_the_age_of_what_nobody_knows_grows_until_somebody_says_what_they_saw(
    tenant: Tenant, target: Target, start: StartOperator
) -> None:
    page = free_address()

    def known_of_undos(name: str) -> float:
        return metric(page, f"amends_unknown_outcome{name}", kind="Compensation")

    with start("--metrics-listen", page):
        before = known_of_undos("s")  # other tests leave doubts behind
        tenant.create(manifests.unapproved("undo", http={"url": target.route(LOST).url}))
        tenant.ready("Compensation", "undo", "OutcomeUnknown")
        assert known_of_undos("s") == before + 1
        age = known_of_undos("_oldest_seconds")
        assert age > 0
        wait_for(
            lambda: known_of_undos("_oldest_seconds") >= age + 1,
            seconds=SECONDS,
            what="its age to grow",
        )

        tenant.create(manifests.attestation("saw", "undo", "Applied"))
        tenant.in_phase("undo", "Completed")
        assert known_of_undos("s") == before

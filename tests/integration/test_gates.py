"""What holds back an undo that is due: a freeze, an order, a busy target, a window that closes."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from amends.core.namespace import FREEZE, TARGET_LIMITS
from installation import RunningOperator
from integration.cluster import Refused
from support import manifests
from support.namespaces import annotate, frozen
from support.target import Answer, Target
from support.tenant import Tenant, condition, conditions
from waiting import wait_for

pytestmark = pytest.mark.controlplane

SOON = 20


@pytest.mark.parametrize("everywhere", [False, True], ids=["here", "everywhere"])
def test_n11_a_freeze_stops_what_would_begin_and_says_so(
    tenant: Tenant, running: RunningOperator, target: Target, everywhere: bool
) -> None:
    route = target.route(Answer())
    tenant.create(manifests.compensation("waits"))
    tenant.in_phase("waits", "AwaitingApproval")
    with frozen(tenant, "amends-system" if everywhere else tenant.namespace):
        wait_for(
            lambda: "Frozen" in conditions(tenant.read("Compensation", "waits")),
            seconds=SOON,
            what="what waits to say that it is frozen",
        )
        tenant.create(manifests.unapproved("due", http={"url": route.url}))
        held = tenant.ready("Compensation", "due", "Frozen")
        assert held["status"]["phase"] == "Approved"
        assert "(incident 42): nothing begins" in condition(held)["message"]
        assert route.requests == []
    tenant.in_phase("due", "Completed")
    assert "Frozen" not in conditions(tenant.read("Compensation", "due"))
    assert len(route.requests) == 1


def test_n11_at_most_so_many_at_once_at_one_target(
    tenant: Tenant, running: RunningOperator, target: Target
) -> None:
    annotate(tenant, tenant.namespace, {TARGET_LIMITS: "*=1"})
    go_on = threading.Event()
    slow, other = target.route(Answer(until=go_on)), target.route(Answer())
    tenant.create(manifests.unapproved("first", http={"url": slow.url}))
    tenant.in_phase("first", "Running")
    tenant.create(manifests.unapproved("second", http={"url": other.url}))
    tenant.ready("Compensation", "second", "TargetBusy")
    assert other.requests == []
    go_on.set()
    tenant.in_phase("second", "Completed")


def test_n11_undos_with_one_ordering_key_come_one_after_the_other(
    tenant: Tenant, running: RunningOperator, target: Target
) -> None:
    go_on = threading.Event()
    slow, other = target.route(Answer(until=go_on)), target.route(Answer())
    same = {"orderingKey": "customer-42"}
    tenant.create(manifests.unapproved("first", http={"url": slow.url}, **same))
    tenant.in_phase("first", "Running")
    tenant.create(manifests.unapproved("second", http={"url": other.url}, **same))
    held = tenant.ready("Compensation", "second", "Ordered")
    assert condition(held)["message"].startswith(
        "waits for compensation first, earlier with orderingKey customer-42, to come to its end: "
    )
    assert other.requests == []
    go_on.set()
    tenant.in_phase("second", "Completed")


def test_n7_after_its_window_an_undo_is_refused_and_its_dead_letter_irreversible(
    tenant: Tenant, running: RunningOperator
) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    tenant.create(
        manifests.action("charge", compensation={"name": "undo", "compensableUntil": until})
    )
    tenant.in_phase("undo", "AwaitingApproval")
    gone = tenant.in_phase("undo", "Cancelled")
    assert gone["status"]["reason"].startswith("WindowClosed: spec.compensableUntil ")
    (letter,) = tenant.every("DeadLetter")
    tenant.ready("DeadLetter", letter["metadata"]["name"], "Irreversible")


@pytest.mark.parametrize("value", ["", "false", "off"])
def test_i11_a_freeze_that_looks_like_none_is_refused(tenant: Tenant, value: str) -> None:
    with pytest.raises(Refused, match="any value freezes, so write why, or take the annotation"):
        annotate(tenant, tenant.namespace, {FREEZE: value})


@pytest.mark.parametrize("value", ["1", "*=0", "*=65", "https://a=1,", "=1"])
def test_i11_limits_that_nobody_can_read_are_refused(tenant: Tenant, value: str) -> None:
    with pytest.raises(Refused, match="is no list of limits: write up to 32 TARGET=NUMBER"):
        annotate(tenant, tenant.namespace, {TARGET_LIMITS: value})

"""N11: a target that is down is tried by one, and a new leader counts the claims that stand."""

import threading

import pytest

from amends.core.namespace import TARGET_LIMITS
from support.manifests import unapproved
from support.namespaces import annotate
from support.target import APPLIED, Answer, Target, refused
from support.tenant import SECONDS, StartOperator, Tenant, condition
from waiting import wait_for

pytestmark = pytest.mark.controlplane


def test_n11_a_target_that_is_down_is_left_alone_and_then_tried_by_one(
    tenant: Tenant, start: StartOperator, target: Target
) -> None:
    go_on = threading.Event()
    down, up = target.route(refused(503)), target.route(Answer(until=go_on))
    with start("--breaker-seconds", "8"):
        for number in range(5):
            tenant.create(unapproved(f"down-{number}", http={"url": down.url}))
        for number in range(5):
            tenant.ready("Compensation", f"down-{number}", "OutcomeUnknown")

        for name in ("one", "other"):
            tenant.create(unapproved(name, http={"url": up.url}))
        for name in ("one", "other"):
            held = tenant.ready("Compensation", name, "TargetUnavailable")
            assert condition(held)["message"].startswith(
                "5 attempts in a row found the target down: the next one is made at "
            )
        assert up.requests == []

        wait_for(lambda: up.requests, seconds=SECONDS, what="the one that tries it")
        seen = {name: tenant.read("Compensation", name) for name in ("one", "other")}
        (held_name,) = [name for name, one in seen.items() if one["status"]["phase"] == "Approved"]
        tenant.wait_until(
            "Compensation", held_name, lambda one: "which tries it" in condition(one)["message"]
        )
        assert len(up.requests) == 1

        go_on.set()
        for name in ("one", "other"):
            tenant.in_phase(name, "Completed")
    assert (len(down.requests), len(up.requests)) == (5, 2)


def test_n11_a_new_leader_counts_the_claims_of_the_one_before(
    tenant: Tenant, start: StartOperator, target: Target
) -> None:
    annotate(tenant, tenant.namespace, {TARGET_LIMITS: "*=2"})
    go_on = threading.Event()
    slow, other = target.route(Answer(until=go_on)), target.route(APPLIED)
    with start("--lease-seconds", "3") as first:
        tenant.create(unapproved("first", http={"url": slow.url}))
        wait_for(lambda: slow.requests, seconds=SECONDS, what="the first attempt")
        first.process.kill()
        first.process.wait(timeout=SECONDS)

    with start("--lease-seconds", "3"):
        tenant.create(unapproved("second", http={"url": slow.url}))
        wait_for(lambda: len(slow.requests) == 2, seconds=SECONDS, what="the second attempt")
        tenant.create(unapproved("third", http={"url": other.url}))
        held = tenant.ready("Compensation", "third", "TargetBusy")
        assert ", where at most 2 attempts of namespace " in condition(held)["message"]
        assert other.requests == []

        go_on.set()
        tenant.in_phase("third", "Completed")
    assert tenant.read("Compensation", "first")["status"]["phase"] == "Running"

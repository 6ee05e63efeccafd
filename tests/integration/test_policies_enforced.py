"""Nothing begins while a policy or its binding is missing, altered or not obeyed.

The operator sees it within seconds, says so on what waits and in a metric, and goes on by itself.
"""

import threading
from collections.abc import Callable, Iterator

import pytest

from amends.admission.standing import BINDING, POLICY, REPAIR
from amends.core.enforcement import NOT_ENFORCED, WAITS
from integration import letters
from integration.cluster import Refused
from support.api import MERGE_PATCH, Api, Object
from support.manifests import approval, compensation, disposition, unapproved
from support.policies import Weakening, changed, deleted, weakened
from support.target import APPLIED, Answer, Target
from support.tenant import SECONDS, StartOperator, Tenant, condition, conditions
from support.upkeep import free_address, metric
from waiting import wait_for

pytestmark = pytest.mark.controlplane

NOTICED_WITHIN = 5.0
"""Seconds. The watch tells in a tenth of one, on a machine that has nothing else to do."""

NEVER = [{"name": "never", "expression": "false"}]
WEAKENINGS = (
    deleted(POLICY, "amends-prove-requester"),
    deleted(BINDING, "amends-prove-actor"),
    changed(
        *(BINDING, "amends-people-decide", "validationActions", ["Warn"]),
        'spec.validationActions ["Warn"] instead of ["Deny"]',
    ),
    changed(
        *(POLICY, "amends-operator-only", "failurePolicy", "Ignore"),
        'spec.failurePolicy "Ignore" instead of "Fail"',
    ),
    changed(
        *(POLICY, "amends-keep-what-runs", "matchConditions", NEVER),
        "spec.matchConditions, which it should not have",
    ),
)


@pytest.fixture
def admin(tenant: Tenant) -> Iterator[Api]:
    """Who may change policies; whatever a test leaves weakened is put back."""
    user = tenant.installed.user("admin")
    yield user
    for weakening in WEAKENINGS:
        weakening.undo(user)


@pytest.fixture
def lenient(tenant: Tenant, admin: Api) -> Tenant:
    """A tenant in which a plan may say that it needs no approval."""
    allowed = {"metadata": {"annotations": {"amends.dev/unapproved": "allow"}}}
    path = f"/api/v1/namespaces/{tenant.namespace}"
    admin.call("PATCH", path, allowed, content_type=MERGE_PATCH)
    return tenant


@pytest.fixture
def address(start: StartOperator) -> Iterator[str]:
    """Where an operator at work serves its metrics."""
    served = free_address()
    with start("--metrics-listen", served):
        until_enforced(served, 1)
        yield served


def until_enforced(address: str, value: float, seconds: float = SECONDS) -> None:
    wait_for(
        lambda: metric(address, "amends_policies_enforced") == value,
        seconds=seconds,
        what=f"amends_policies_enforced {value:g}",
    )


def message(weakening: Weakening) -> str:
    return f"{WAITS}: {weakening.words}: {REPAIR}"


def says(weakening: Weakening) -> Callable[[Object], bool]:
    return lambda one: condition(one).get("message") == message(weakening)


def test_approved_work_waits_for_as_long_as_any_of_them_is_weakened(
    lenient: Tenant, admin: Api, address: str
) -> None:
    previous = None
    for weakening in WEAKENINGS:
        weakening.apply(admin)
        if previous is None:
            until_enforced(address, 0, NOTICED_WITHIN)
            lenient.create(unapproved("undo"))
        else:
            previous.undo(admin)
        lenient.wait_until("Compensation", "undo", says(weakening))
        previous = weakening
    waiting = lenient.read("Compensation", "undo")
    assert conditions(waiting) == {
        "Ready": ("False", NOT_ENFORCED),
        "Approved": ("True", "NotRequired"),
    }
    assert (waiting["status"]["phase"], waiting["status"].get("attempts", 0)) == ("Approved", 0)
    assert metric(address, "amends_policies_enforced") == 0
    assert lenient.every("Receipt") == []

    WEAKENINGS[-1].undo(admin)

    lenient.in_phase("undo", "Completed")
    assert metric(address, "amends_policies_enforced") == 1
    said = [one["note"] for one in lenient.events("undo") if one["reason"] == NOT_ENFORCED]
    assert said == [message(WEAKENINGS[0])]


def test_what_is_under_way_goes_on_and_nothing_new_is_decided_or_sent(
    tenant: Tenant, admin: Api, address: str, target: Target
) -> None:
    go_on = threading.Event()
    route, again = target.route(Answer(until=go_on)), target.route(APPLIED)
    letter = letters.failed(tenant, again)
    tenant.ask(compensation("runs", http={"url": route.url}))
    tenant.in_phase("runs", "Running")
    tenant.create(compensation("waits"))
    digest = tenant.planned("waits")
    with weakened(admin, WEAKENINGS[1]):
        until_enforced(address, 0, NOTICED_WITHIN)
        tenant.create(approval("yes", "waits", planDigest=digest), "alice")
        tenant.create(disposition("retry", letter, "Retry"), "alice")
        for kind, name in (
            ("Approval", "yes"),
            ("Disposition", "retry"),
            ("Compensation", "waits"),
        ):
            tenant.ready(kind, name, NOT_ENFORCED)
        go_on.set()
        tenant.in_phase("runs", "Completed")
        assert tenant.read("Compensation", "waits")["status"]["phase"] == "AwaitingApproval"
        assert tenant.read("DeadLetter", letter)["status"]["phase"] == "Open"

    tenant.ready("Approval", "yes", "Unauthenticated")
    tenant.ready("Disposition", "retry", "Unauthenticated")
    assert again.requests == []
    tenant.approve("waits", "dora")
    letters.decide(tenant, letter, "Retry")
    tenant.in_phase("waits", "Completed")
    letters.in_phase(tenant, letter, "Resolved")
    assert len(again.effects) == 1


def test_an_approval_that_was_forged_while_no_operator_ran_never_counts(
    tenant: Tenant, admin: Api, start: StartOperator
) -> None:
    with start():
        tenant.create(compensation("undo"), "dora")
        digest = tenant.planned("undo")
    forged = approval("forged", "undo", planDigest=digest, actor={"username": "alice"})

    def is_believed() -> bool:
        try:
            tenant.create(forged, "dora")
        except Refused:
            return False
        return True

    with weakened(admin, WEAKENINGS[1]):
        wait_for(is_believed, seconds=SECONDS, what="the server to obey nobody's policy any more")

    with start():
        told = condition(tenant.ready("Approval", "forged", "Unauthenticated"))
        assert "create it again" in told["message"]
        assert tenant.read("Compensation", "undo")["status"]["phase"] == "AwaitingApproval"
        tenant.approve("undo")
        tenant.in_phase("undo", "Completed")

"""Suspend and cancel: what a person may stop, in which phase, and what goes on all the same."""

import threading
from collections.abc import Callable

import pytest

from support.api import Object
from support.manifests import action, compensation, unapproved
from support.target import APPLIED, LOST, Answer, Route, Target, refused
from support.tenant import Tenant, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

Prepare = Callable[[Tenant, Route], None]
LATER = refused(429, Retry_After="3600")


def observed(tenant: Tenant, name: str = "undo") -> Object:
    """The compensation once the operator has seen its newest spec."""
    return tenant.wait_until(
        "Compensation",
        name,
        lambda one: one["status"].get("observedGeneration") == one["metadata"]["generation"],
    )


def test_suspended_it_is_not_approved(tenant: Tenant, target: Target) -> None:
    route = target.route(APPLIED)
    tenant.create(compensation("undo", suspend=True, http={"url": route.url}))
    waiting = tenant.ready("Compensation", "undo", "Suspended")
    assert waiting["status"]["phase"] == "AwaitingApproval"
    tenant.approve("undo")
    tenant.ready("Approval", "alice-approves-undo", "Countable")

    assert observed(tenant)["status"]["approvals"] == []
    tenant.change("undo", suspend=False)

    tenant.in_phase("undo", "Completed")
    assert len(route.effects) == 1


def test_suspended_it_is_not_started(tenant: Tenant, target: Target) -> None:
    route = target.route(APPLIED)
    tenant.create(unapproved("undo", suspend=True, http={"url": route.url}))
    waiting = tenant.ready("Compensation", "undo", "Suspended")
    assert waiting["status"]["phase"] == "Approved"
    assert conditions(waiting) == {
        "Ready": ("False", "Suspended"),
        "Approved": ("True", "NotRequired"),
    }
    assert route.requests == []

    tenant.change("undo", suspend=False)

    tenant.in_phase("undo", "Completed")


def test_suspended_it_is_not_tried_again(tenant: Tenant, target: Target) -> None:
    go_on = threading.Event()
    route = target.route(Answer(429, until=go_on, applies=False), APPLIED)
    tenant.create(unapproved("undo", http={"url": route.url}))
    tenant.in_phase("undo", "Running")
    tenant.change("undo", suspend=True)
    go_on.set()
    failed = tenant.ready("Compensation", "undo", "Suspended")
    assert failed["status"]["phase"] == "Failed"
    assert failed["status"]["nextAttemptAt"] is not None

    tenant.change("undo", suspend=False)

    assert tenant.in_phase("undo", "Completed")["status"]["attempts"] == len(route.requests) == 2


@pytest.mark.parametrize("change", [{"suspend": True}, {"cancel": True}])
def test_what_is_under_way_comes_to_its_end(change: Object, tenant: Tenant, target: Target) -> None:
    go_on = threading.Event()
    route = target.route(Answer(until=go_on))
    tenant.create(unapproved("undo", http={"url": route.url}))
    tenant.in_phase("undo", "Running")

    tenant.change("undo", **change)
    go_on.set()

    done = tenant.in_phase("undo", "Completed")
    assert len(route.effects) == 1
    assert len(tenant.every("Receipt")) == 1
    assert conditions(done)["Ready"] == ("True", "Completed")


def test_cancelled_while_it_runs_it_is_not_tried_again(tenant: Tenant, target: Target) -> None:
    go_on = threading.Event()
    route = target.route(Answer(429, until=go_on, applies=False), APPLIED)
    tenant.create(unapproved("undo", http={"url": route.url}))
    tenant.in_phase("undo", "Running")

    tenant.change("undo", cancel=True)
    go_on.set()

    ended = tenant.in_phase("undo", "Cancelled")
    assert [step["to"] for step in ended["status"]["history"]][-2:] == ["Failed", "Cancelled"]
    assert len(route.requests) == 1


NO_EFFECT = '; attempt undo:1 had no effect: {origin} answered 429: {{"error": "told to"}}'
NO_EFFECT_422 = NO_EFFECT.replace("429", "422")
UNKNOWN = (
    "; nobody has attested to attempt undo:1, which may have had its effect: {origin} closed the "
    "connection before it answered. The request was sent, so it may have been carried out"
)


def _proposed(tenant: Tenant, route: Route) -> None:
    tenant.create(compensation("undo", http={"url": "http://127.0.0.1:1/"}))
    tenant.ready("Compensation", "undo", "NotExecutable")


def _awaiting_approval(tenant: Tenant, route: Route) -> None:
    tenant.create(compensation("undo", http={"url": route.url}))
    tenant.in_phase("undo", "AwaitingApproval")


def _approved(tenant: Tenant, route: Route) -> None:
    tenant.create(unapproved("undo", suspend=True, http={"url": route.url}))
    tenant.in_phase("undo", "Approved")


def _failed(tenant: Tenant, route: Route) -> None:
    tenant.create(unapproved("undo", http={"url": route.url}))
    tenant.in_phase("undo", "Failed")


def _unknown(tenant: Tenant, route: Route) -> None:
    tenant.create(unapproved("undo", http={"url": route.url}))
    tenant.ready("Compensation", "undo", "OutcomeUnknown")


@pytest.mark.parametrize(
    ("before", "answer", "phase", "requests", "known"),
    [
        pytest.param(_proposed, APPLIED, "Proposed", 0, "", id="Proposed"),
        pytest.param(_awaiting_approval, APPLIED, "AwaitingApproval", 0, "", id="AwaitingApproval"),
        pytest.param(_approved, APPLIED, "Approved", 0, "", id="Approved, suspended"),
        pytest.param(_failed, LATER, "Failed", 1, NO_EFFECT, id="Failed, to be tried again"),
        pytest.param(_failed, refused(422), "Failed", 1, NO_EFFECT_422, id="Failed for good"),
        pytest.param(_unknown, LOST, "Running", 1, UNKNOWN, id="Running, outcome unknown"),
    ],
)
def test_cancel_is_obeyed_wherever_nothing_is_under_way(
    before: Prepare,
    answer: Answer,
    phase: str,
    requests: int,
    known: str,
    tenant: Tenant,
    target: Target,
) -> None:
    route = target.route(answer)
    before(tenant, route)

    tenant.change("undo", cancel=True)
    ended = tenant.in_phase("undo", "Cancelled")

    assert ended["status"]["previousPhase"] == phase
    said = f"spec.cancel is true{known.format(origin=target.origin)}"
    assert ended["status"]["reason"] == f"Cancelled: {said}"
    assert conditions(ended)["Ready"] == ("True", "Cancelled")
    assert tenant.wait_for_event("undo", "Cancelled") == said
    assert len(route.requests) == requests
    assert tenant.every("Receipt") == []


def test_a_dead_letter_whose_compensation_was_cancelled_takes_the_next_one(
    tenant: Tenant,
) -> None:
    tenant.create(action("post", "failed", compensation={"name": "first"}))
    letter = "dead-letter-effect-post"
    tenant.ready("DeadLetter", letter, "AwaitingCompensation")
    tenant.change("first", cancel=True)
    tenant.in_phase("first", "Cancelled")

    tenant.ask(compensation("second", targetEffect="effect-post"))

    linked = tenant.ready("DeadLetter", letter, "Compensated")
    assert linked["status"]["compensationRef"] == {"name": "second"}

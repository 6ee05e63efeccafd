"""B1, B8: nobody knows whether it happened. What is repeated, what never is, and who decides."""

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest

from installation import RunningOperator
from support.api import Object
from support.manifests import unapproved
from support.target import APPLIED, LOST, LOST_WITHOUT_EFFECT, Answer, Target, refused
from support.tenant import StartOperator, Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


@pytest.fixture(scope="module")
def running(start: StartOperator) -> Iterator[RunningOperator]:
    """An operator whose claims are short."""
    with start("--claim-seconds", "2") as operator:
        yield operator


SAFE = {"retrySafety": "ProviderKey"}


def in_doubt(tenant: Tenant, name: str = "undo") -> Object:
    return tenant.ready("Compensation", name, "OutcomeUnknown")


@pytest.mark.parametrize("answer", [LOST, LOST_WITHOUT_EFFECT, Answer(500), refused(503)])
def test_an_answer_that_says_nothing_is_never_followed_by_a_repeat(
    answer: Answer, tenant: Tenant, target: Target
) -> None:
    route = target.route(answer, APPLIED)
    tenant.create(unapproved("undo", http={"url": route.url}))

    unknown = in_doubt(tenant)

    status = unknown["status"]
    assert (status["phase"], status["attempts"]) == ("Running", 1)
    assert "nextAttemptAt" not in status
    assert status["outbox"]["outcome"] == "Unknown"
    assert status["outbox"]["phase"] == "Claimed"
    assert conditions(unknown) == {
        "Ready": ("False", "OutcomeUnknown"),
        "Stalled": ("True", "OutcomeUnknown"),
        "Approved": ("True", "NotRequired"),
        "OutcomeUnknown": ("True", "OutcomeUnknown"),
    }
    assert "look at the target yourself" in condition(unknown, "Stalled")["message"]
    assert tenant.wait_for_event("undo", "OutcomeUnknown").endswith("; no further attempt")

    # The operator looks at it again, and still repeats nothing.
    tenant.change("undo", suspend=True)
    tenant.wait_until("Compensation", "undo", lambda one: observed(one) == 2)

    assert len(route.requests) == 1
    assert tenant.every("Receipt") == []


def observed(compensation: Object) -> object:
    return compensation["status"]["observedGeneration"]


def test_a_lost_answer_is_repeated_under_the_same_key_where_the_target_honours_it(
    tenant: Tenant, target: Target
) -> None:
    route = target.route(LOST, APPLIED, honours_keys=True)
    tenant.create(unapproved("undo", http={"url": route.url, **SAFE}))

    done = tenant.in_phase("undo", "Completed")

    assert done["status"]["attempts"] == len(route.requests) == 2
    assert len({request.key for request in route.requests}) == 1
    assert len(route.effects) == 1
    assert [step["to"] for step in done["status"]["history"]] == [
        *("Approved", "Running", "Completed")
    ]
    assert conditions(done)["Ready"] == ("True", "Completed")
    assert len(tenant.every("Receipt")) == 1


def test_a_doubt_is_not_forgotten_when_the_repeat_is_refused(
    tenant: Tenant, target: Target
) -> None:
    route = target.route(LOST, refused(422))
    tenant.create(unapproved("undo", http={"url": route.url, **SAFE}))

    status = in_doubt(tenant)["status"]

    assert (status["phase"], status["attempts"]) == ("Running", 2)
    first, _, second = status["outbox"]["detail"].partition("; attempt 2: ")
    assert "The request was sent, so it may have been carried out" in first
    assert second.startswith(f"{target.origin} answered 422")
    assert status["outbox"]["doubt"] == first


def test_when_no_repeat_is_left_a_person_is_asked(tenant: Tenant, target: Target) -> None:
    route = target.route(LOST, honours_keys=True)
    retry = {"maxAttempts": 2, "backoffSeconds": 1, "maxBackoffSeconds": 1}
    tenant.create(unapproved("undo", http={"url": route.url, **SAFE}, retry=retry))

    assert in_doubt(tenant)["status"]["attempts"] == len(route.requests) == 2
    assert len(route.effects) == 1


def test_what_nobody_knows_can_be_cancelled_and_stays_visible(
    tenant: Tenant, target: Target
) -> None:
    route = target.route(LOST)
    tenant.create(unapproved("undo", http={"url": route.url}))
    in_doubt(tenant)

    tenant.change("undo", cancel=True)
    cancelled = tenant.in_phase("undo", "Cancelled")

    assert conditions(cancelled) == {
        "Ready": ("True", "Cancelled"),
        "Approved": ("True", "NotRequired"),
        "Executed": ("False", "Cancelled"),
        "OutcomeUnknown": ("True", "OutcomeUnknown"),
    }
    assert cancelled["status"]["outbox"]["phase"] == "Cancelled"
    assert cancelled["status"]["outbox"]["outcome"] == "Unknown"
    assert len(route.requests) == 1


def test_an_answer_after_the_timeout_says_nothing(tenant: Tenant, target: Target) -> None:
    go_on = threading.Event()
    route = target.route(Answer(until=go_on))
    tenant.create(unapproved("undo", http={"url": route.url}, timeoutSeconds=1))

    detail = in_doubt(tenant)["status"]["outbox"]["detail"]
    go_on.set()

    assert f"{target.origin} did not answer in full within 1 s" in detail
    assert len(route.effects) == 1


def test_a_claim_is_renewed_for_as_long_as_the_target_works(tenant: Tenant, target: Target) -> None:
    """The claims of this module last two seconds; this target takes more than six."""
    go_on = threading.Event()
    route = target.route(Answer(until=go_on))
    tenant.create(unapproved("undo", http={"url": route.url}))

    renewed = tenant.wait_until("Compensation", "undo", lambda one: claimed_seconds(one) > 8)
    go_on.set()
    done = tenant.in_phase("undo", "Completed")

    assert renewed["status"]["phase"] == "Running"
    assert done["status"]["attempts"] == len(route.requests) == 1
    assert len(route.effects) == 1


def claimed_seconds(compensation: Object) -> float:
    outbox = compensation["status"].get("outbox")
    if outbox is None:
        return 0
    claimed, expires = outbox["claimedAt"], outbox["claimExpiresAt"]
    return (datetime.fromisoformat(expires) - datetime.fromisoformat(claimed)).total_seconds()

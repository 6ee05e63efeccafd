"""Row B8: the executor fails. When it is tried again, under which key, and when that ends."""

from datetime import datetime

import pytest

from support.api import Object
from support.manifests import unapproved
from support.target import APPLIED, Answer, Target, refused
from support.tenant import Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

BUSY = refused(503, Retry_After="1")


def seconds_between(one: str, other: str) -> float:
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()


def steps(compensation: Object) -> list[str]:
    return [step["to"] for step in compensation["status"]["history"]]


def test_b8_a_target_that_asks_for_patience_is_asked_again(tenant: Tenant, target: Target) -> None:
    route = target.route(BUSY, BUSY, APPLIED)
    tenant.ask({**unapproved("undo", http={"url": route.url}, approval={"required": True})})

    done = tenant.in_phase("undo", "Completed")

    assert steps(done) == [
        *("AwaitingApproval", "Approved"),
        *("Running", "Failed", "Running", "Failed", "Running", "Completed"),
    ]
    # The approval still counts, because the plan is the same.
    assert [one["username"] for one in done["status"]["approvals"]] == ["alice"]
    assert done["status"]["attempts"] == 3
    assert [request.key for request in route.requests] == [
        f"amends:{tenant.namespace}/{done['metadata']['uid']}"
    ] * 3
    assert len(route.effects) == 1
    assert len(tenant.every("Receipt")) == 1


def test_b8_every_attempt_has_an_outbox_entry_and_a_key_of_its_own(
    tenant: Tenant, target: Target
) -> None:
    seen: list[Object] = []
    note = Answer(
        429, applies=False, on_arrival=lambda _: seen.append(tenant.read("Compensation", "undo"))
    )
    route = target.route(note, note, APPLIED)
    tenant.create(unapproved("undo", http={"url": route.url}))

    done = tenant.in_phase("undo", "Completed")

    entries = [one["status"]["outbox"] for one in [*seen, done]]
    assert [entry["attemptKey"] for entry in entries] == ["undo:1", "undo:2", "undo:3"]
    assert len({entry["id"] for entry in entries}) == 3
    assert len({entry["idempotencyKey"] for entry in entries}) == 1


def test_b8_the_pause_doubles_and_the_wish_of_the_target_counts(
    tenant: Tenant, target: Target
) -> None:
    route = target.route(refused(429), refused(429), refused(429, Retry_After="3600"))
    retry = {"maxAttempts": 5, "backoffSeconds": 1, "maxBackoffSeconds": 600}
    tenant.create(unapproved("undo", http={"url": route.url}, retry=retry))

    waiting = tenant.wait_until(
        "Compensation",
        "undo",
        lambda one: one["status"]["attempts"] == 3 and one["status"]["phase"] == "Failed",
    )

    history = waiting["status"]["history"]
    failed = [step["time"] for step in history if step["to"] == "Failed"]
    again = [step["time"] for step in history if step["to"] == "Running"][1:]
    pauses = [seconds_between(*pair) for pair in zip(failed[:2], again, strict=True)]
    assert pauses[0] >= 1
    assert pauses[1] >= 2
    assert seconds_between(failed[2], waiting["status"]["nextAttemptAt"]) == 3600
    assert conditions(waiting) == {
        "Ready": ("Unknown", "Retrying"),
        "Reconciling": ("True", "Retrying"),
        "Approved": ("True", "NotRequired"),
        "Executed": ("False", "Failed"),
    }


def test_b8_when_no_attempt_is_left_it_stays_failed(tenant: Tenant, target: Target) -> None:
    route = target.route(refused(429))
    retry = {"maxAttempts": 2, "backoffSeconds": 1, "maxBackoffSeconds": 1}
    tenant.create(unapproved("undo", http={"url": route.url}, retry=retry))

    failed = tenant.ready("Compensation", "undo", "Failed")

    assert failed["status"]["phase"] == "Failed"
    assert failed["status"]["attempts"] == len(route.requests) == 2
    assert "nextAttemptAt" not in failed["status"]
    assert failed["status"]["outbox"]["phase"] == "Failed"
    assert failed["status"]["outbox"]["outcome"] == "NotApplied"
    assert conditions(failed) == {
        "Ready": ("False", "Failed"),
        "Stalled": ("True", "Failed"),
        "Approved": ("True", "NotRequired"),
        "Executed": ("False", "Failed"),
    }
    said = [one["note"] for one in tenant.events("undo") if one["reason"] == "Failed"]
    assert said
    assert said[0].endswith("; next attempt in 1 s")
    assert tenant.every("Receipt") == []


def test_b8_a_refusal_for_good_is_not_repeated(tenant: Tenant, target: Target) -> None:
    route = target.route(refused(422))
    tenant.create(unapproved("undo", http={"url": route.url}))

    failed = tenant.ready("Compensation", "undo", "Failed")

    assert failed["status"]["attempts"] == len(route.requests) == 1
    reason = f'{target.origin} answered 422: {{"error": "told to"}}'
    assert failed["status"]["reason"] == reason
    assert failed["status"]["outbox"]["detail"] == reason
    assert condition(failed, "Stalled")["message"] == (
        f"{reason}: set spec.cancel: true and create a new Compensation"
    )
    assert tenant.wait_for_event("undo", "Failed") == f"attempt 1: {reason}; no further attempt"


def test_b8_a_target_that_is_not_allowed_is_said_so_before_anybody_approves(
    tenant: Tenant,
) -> None:
    tenant.create(unapproved("undo", http={"url": "http://127.0.0.1:1/undo"}))

    stalled = tenant.ready("Compensation", "undo", "NotExecutable")

    assert stalled["status"]["phase"] == "Proposed"
    message = condition(stalled, "Stalled")["message"]
    assert "http://127.0.0.1:1 is not an allowed target" in message
    assert "run the operator with --allow-target http://127.0.0.1:1" in message
    assert tenant.wait_for_event("undo", "Stalled").startswith("spec.execution.http.url: ")

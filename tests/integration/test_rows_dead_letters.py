"""Rows C2 to C4, and B5 for dead letters: undone, or sent once more, and what becomes of it."""

import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from integration.letters import (
    UNDO,
    decide,
    failed,
    in_phase,
    key_of,
    receipts_of,
    seconds_between,
    settled,
    steps,
    undo_of,
)
from support import manifests
from support.api import Object
from support.target import APPLIED, LOST, Answer, Target, refused
from support.tenant import Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

BUSY = refused(429)


def test_b5_an_open_dead_letter_is_linked_when_its_compensation_completes(tenant: Tenant) -> None:
    letter = failed(tenant, compensation=UNDO)
    undo = undo_of(tenant, letter)
    tenant.approve(undo, reason="wrong channel")

    linked = tenant.ready("DeadLetter", letter, "Compensated")["status"]

    assert (linked["phase"], linked["settled"]) == ("LinkedToCompensation", True)
    assert linked["compensationRef"] == {"name": undo}
    assert {key: linked["disposition"][key] for key in ("choice", "reason", "actor")} == {
        "choice": "Compensate",
        "reason": "wrong channel",
        "actor": "alice",
    }


def test_b5_a_dead_letter_that_was_ignored_is_reported_and_stays(tenant: Tenant) -> None:
    letter = failed(tenant, compensation=UNDO)
    undo = undo_of(tenant, letter)
    decide(tenant, letter, "Ignore")
    tenant.approve(undo)
    tenant.in_phase(undo, "Completed")

    stays = tenant.ready("DeadLetter", letter, "NotLinked")

    assert (stays["status"]["phase"], stays["status"]["settled"]) == ("Ignored", True)
    assert tenant.wait_for_event(letter, "NotLinked") == (
        f"compensation {undo} has undone it, but it is Ignored and stays so"
    )


def cancels(tenant: Tenant, undo: str) -> None:
    tenant.change(undo, cancel=True)


def fails(tenant: Tenant, undo: str) -> None:
    tenant.approve(undo, "dora")
    tenant.wait_until("Compensation", undo, lambda one: one["status"]["phase"] == "Failed")


@pytest.mark.parametrize(("end", "became"), [(cancels, "Cancelled"), (fails, "Failed")])
def test_a_compensation_that_ends_without_effect_opens_its_dead_letter_again(
    end: Callable[[Tenant, str], None], became: str, tenant: Tenant, target: Target
) -> None:
    letter = failed(tenant)
    http = {"method": "DELETE", "url": target.route(refused(422)).url}
    decide(tenant, letter, "Compensate", compensation={"execution": {"http": http}})
    undo = undo_of(tenant, letter)

    end(tenant, undo)

    opened = tenant.ready("DeadLetter", letter, "AwaitingDecision")
    assert steps(opened) == ["LinkedToCompensation", "Open"]
    assert "compensationRef" not in opened["status"]
    assert tenant.wait_for_event(letter, "Reopened") == (
        f"compensation {undo} is {became}, and nothing was undone"
    )


def test_c2_c4_a_retry_that_succeeds_resolves_it_with_a_receipt_that_supersedes(
    tenant: Tenant, target: Target
) -> None:
    seen: list[Object] = []
    letter = ""
    note = Answer(body={"id": 17}, on_arrival=lambda _: seen.append(read()))
    route = target.route(note)

    def read() -> Object:
        return tenant.read("DeadLetter", letter)

    letter = failed(tenant, route)
    decide(tenant, letter, "Retry", reason="the board is back")

    resolved = in_phase(tenant, letter, "Resolved")["status"]
    key = key_of(tenant, letter)
    # Claimed durably before it was sent, under the key that the target had seen before.
    (claimed,) = [one["status"] for one in seen]
    assert (claimed["phase"], claimed["dispatch"]["count"]) == ("Retrying", 1)
    assert (claimed["outbox"]["phase"], claimed["outbox"]["idempotencyKey"]) == ("Claimed", key)
    assert [request.key for request in route.requests] == [key]
    assert route.effects == [key]
    assert (resolved["settled"], resolved["dispatch"]["count"]) == (True, 1)
    assert (resolved["outbox"]["phase"], resolved["outbox"]["outcome"]) == ("Sent", "Applied")
    first, second = receipts_of(tenant, letter)
    assert (first["outcome"], second["outcome"]) == ("Failed", "Succeeded")
    assert second["supersedes"] == {"name": f"{first['effectId']}-1"}
    assert (second["subject"]["kind"], second["subject"]["name"]) == ("DeadLetter", letter)
    assert second["payload"]["reason"] == "the board is back"


def test_c2_the_dispatches_are_counted_apart_from_the_attempts_of_the_action(
    tenant: Tenant, target: Target
) -> None:
    letter = failed(tenant, target.route(APPLIED), attempt=7)
    decide(tenant, letter, "Retry")

    resolved = in_phase(tenant, letter, "Resolved")
    assert (resolved["spec"]["attempts"], resolved["status"]["dispatch"]["count"]) == (7, 1)
    assert [one["attempt"] for one in receipts_of(tenant, letter)] == [7, 8]


def test_c4_a_retry_that_fails_opens_it_again(tenant: Tenant, target: Target) -> None:
    route = target.route(refused(422))
    letter = failed(tenant, route)
    decide(tenant, letter, "Retry")

    opened = tenant.wait_until(
        "DeadLetter", letter, lambda one: steps(one)[-1:] == ["Open"] and len(steps(one)) == 3
    )

    reason = f'{target.origin} answered 422: {{"error": "told to"}}'
    assert steps(opened) == ["RetryRequested", "Retrying", "Open"]
    assert opened["status"]["outbox"]["detail"] == reason
    assert conditions(opened) == {"Ready": ("False", "AwaitingDecision")}
    assert len(route.requests) == 1
    assert tenant.wait_for_event(letter, "RetryFailed") == f"dispatch 1: {reason}"
    first, second = receipts_of(tenant, letter)
    assert (second["outcome"], second["error"]) == ("Failed", reason)
    assert second["supersedes"] == {"name": f"{first['effectId']}-1"}


def test_c3_a_retry_that_is_asked_for_sooner_than_the_target_wants_waits(
    tenant: Tenant, target: Target
) -> None:
    route = target.route(refused(429, Retry_After="3600"))
    letter = failed(tenant, route)
    decide(tenant, letter, "Retry")
    opened = tenant.wait_until("DeadLetter", letter, partial(has_ended, dispatches=1))
    due = opened["status"]["dispatch"]["nextTime"]
    assert 3590 < seconds_between(opened["status"]["dispatch"]["lastTime"], due) < 3700

    decide(tenant, letter, "Retry")
    waiting = tenant.ready("DeadLetter", letter, "RetryRequested")

    assert condition(waiting)["message"].startswith("1 sent so far; the next not before ")
    assert len(route.requests) == 1


@pytest.mark.slow
def test_c3_the_pause_doubles_and_after_five_dispatches_it_is_ignored(
    tenant: Tenant, target: Target
) -> None:
    route = target.route(BUSY)
    letter = failed(tenant, route)
    ends: list[Object] = []
    for count in range(1, 6):
        decide(tenant, letter, "Retry")
        ends.append(tenant.wait_until("DeadLetter", letter, partial(has_ended, dispatches=count)))

    dispatches = [one["status"]["dispatch"] for one in ends]
    pauses = [seconds_between(one["lastTime"], one["nextTime"]) for one in dispatches]
    assert pauses == [1, 2, 4, 8, 16]
    for earlier, later in pairwise(dispatches):
        assert later["lastTime"] >= earlier["nextTime"]
    assert [one["status"]["phase"] for one in ends] == [*["Open"] * 4, "Ignored"]
    spent = ends[-1]["status"]
    assert (spent["settled"], spent["disposition"]["choice"]) == (True, "retry_exhausted")
    assert spent["disposition"]["actor"] == "amends"
    assert [request.key for request in route.requests] == [key_of(tenant, letter)] * 5
    assert len(receipts_of(tenant, letter)) == 6

    decide(tenant, letter, "Reopen")
    refusal = decide(tenant, letter, "Retry")
    assert conditions(refusal) == {"Ready": ("False", "RetriesExhausted")}
    assert len(route.requests) == 5


def has_ended(letter: Object, *, dispatches: int) -> bool:
    status = letter["status"]
    count = status.get("dispatch", {}).get("count")
    return count == dispatches and status["phase"] in ("Open", "Ignored")


def test_c4_a_retry_in_flight_is_not_dispatched_twice(tenant: Tenant, target: Target) -> None:
    go_on = threading.Event()
    route = target.route(Answer(until=go_on))
    letter = failed(tenant, route)
    decide(tenant, letter, "Retry")
    in_phase(tenant, letter, "Retrying")

    again = decide(tenant, letter, "Retry")
    tenant.create(manifests.disposition("later", letter), "dora")
    waits = tenant.ready("Disposition", "later", "RetryUnderWay")
    go_on.set()

    assert conditions(again) == {"Ready": ("False", "NotApplicable")}
    assert condition(waits)["message"] == f"waits until dispatch 1 of {letter} has ended"
    in_phase(tenant, letter, "Resolved")
    assert conditions(settled(tenant, "later")) == {"Ready": ("False", "NotApplicable")}
    assert len(route.requests) == len(route.effects) == 1


def test_c4_a_lost_answer_is_repeated_under_the_same_key_only_where_that_is_safe(
    tenant: Tenant, target: Target
) -> None:
    safe, unsafe = target.route(LOST, APPLIED, honours_keys=True), target.route(LOST, APPLIED)
    one = failed(tenant, safe, http={"retrySafety": "ProviderKey"})
    other = failed(tenant, unsafe)
    for letter in (one, other):
        decide(tenant, letter, "Retry")

    resolved = in_phase(tenant, one, "Resolved")
    assert resolved["status"]["dispatch"]["count"] == len(safe.requests) == 2
    assert len(safe.effects) == 1

    unknown = tenant.ready("DeadLetter", other, "OutcomeUnknown")
    assert conditions(unknown) == {
        "Ready": ("False", "OutcomeUnknown"),
        "Stalled": ("True", "OutcomeUnknown"),
        "OutcomeUnknown": ("True", "OutcomeUnknown"),
    }
    assert "look at the target yourself" in condition(unknown)["message"]
    assert len(unsafe.requests) == 1
    assert [spec["outcome"] for spec in receipts_of(tenant, other)] == ["Failed"]


def test_a_retry_and_an_undo_of_one_effect_exclude_each_other(
    tenant: Tenant, target: Target
) -> None:
    go_on = threading.Event()
    retried, undone = target.route(Answer(409, applies=False, until=go_on)), target.route(APPLIED)
    http = {"method": "DELETE", "url": undone.url}
    letter = failed(tenant, retried, compensation={"execution": {"http": http}})
    undo = undo_of(tenant, letter)
    decide(tenant, letter, "Retry")
    in_phase(tenant, letter, "Retrying")

    tenant.approve(undo)
    tenant.in_phase(undo, "Approved")
    assert undone.requests == []
    go_on.set()

    tenant.in_phase(undo, "Completed")
    tenant.ready("DeadLetter", letter, "Compensated")
    assert (len(retried.requests), len(undone.requests)) == (1, 1)


def test_success_after_a_retry_removes_the_undo_that_nobody_has_touched(
    tenant: Tenant, target: Target
) -> None:
    letter = failed(tenant, target.route(APPLIED), compensation=UNDO)
    undo_of(tenant, letter)

    decide(tenant, letter, "Retry")

    in_phase(tenant, letter, "Resolved")
    assert tenant.every("Compensation") == []

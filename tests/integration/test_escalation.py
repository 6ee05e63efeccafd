"""N6: a failed undo has an owner, a deadline and an escalation, and a receiver hears of it."""

import json
import threading
from datetime import datetime

import pytest

from installation import RunningOperator
from support.manifests import attestation, unapproved
from support.namespaces import annotate
from support.receiver import KEY, RECEIVER, Receiver, doomed, notice
from support.target import APPLIED, Answer, Target
from support.tenant import SECONDS, Tenant, condition, conditions
from waiting import wait_for

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]


def is_delivered(one: dict[str, object]) -> bool:
    return "deliveredAt" in notice(one)


def test_n6_a_failed_undo_escalates_at_its_deadline_and_once(
    tenant: Tenant, target: Target, running: RunningOperator
) -> None:
    receiver = Receiver.of(tenant, target, APPLIED)
    tenant.create(doomed("undo", target, after_seconds=2))

    done = tenant.wait_until("Compensation", "undo", is_delivered)

    escalation = done["status"]["escalation"]
    since, deadline, escalated = (
        datetime.fromisoformat(escalation[at]) for at in ("since", "deadline", "escalatedAt")
    )
    assert (deadline - since).total_seconds() == 2
    assert deadline <= escalated
    (event,) = receiver.events()
    assert event == {
        "specversion": "1.0",
        "id": escalation["notice"]["id"],
        "source": f"/apis/amends.dev/v1alpha1/namespaces/{tenant.namespace}/compensations",
        "type": "amends.dev.compensation.escalated",
        "subject": "undo",
        "time": escalation["escalatedAt"],
        "datacontenttype": "application/json",
        "data": {
            "namespace": tenant.namespace,
            "name": "undo",
            "uid": done["metadata"]["uid"],
            "owner": "payments",
            "reason": "Failed",
            "message": escalation["message"],
            "since": escalation["since"],
            "deadline": escalation["deadline"],
            "phase": "Failed",
            "attempts": 1,
            "targetEffect": "effect-undo",
        },
    }
    assert conditions(done)["Escalated"] == ("True", "Notified")
    assert "payments owns it" in tenant.wait_for_event("undo", "Escalated")

    tenant.change("undo", escalation={"owner": "sre", "afterSeconds": 0})
    tenant.wait_until(
        "Compensation", "undo", lambda one: one["status"]["escalation"]["owner"] == "sre"
    )
    assert len(receiver.events()) == 1
    everything = json.dumps([done, tenant.events("undo")]) + running.log.read_text()
    path = receiver.route.url.removeprefix(target.origin)
    assert [secret for secret in (KEY, path) if secret in everything] == []


def test_n6_a_manual_undo_that_nobody_attests_to_in_time_escalates(
    tenant: Tenant, target: Target
) -> None:
    receiver = Receiver.of(tenant, target, APPLIED)
    by_hand = {"manual": {"instructions": "take the message down", "deadlineSeconds": 1}}
    terms = {"owner": "payments", "afterSeconds": 1}
    tenant.create(unapproved("undo", execution=by_hand, escalation=terms))

    done = tenant.wait_until("Compensation", "undo", is_delivered)

    (event,) = receiver.events()
    told = {field: event["data"][field] for field in ("owner", "reason", "phase")}
    assert told == {"owner": "payments", "reason": "AttestationOverdue", "phase": "Running"}
    overdue = datetime.fromisoformat(done["status"]["attestationDeadline"])
    assert datetime.fromisoformat(done["status"]["escalation"]["since"]) >= overdue

    tenant.create(attestation("saw", "undo"), user="alice")
    tenant.in_phase("undo", "Completed")
    assert len(receiver.events()) == 1


def test_n6_settled_in_time_it_does_not_escalate(tenant: Tenant, target: Target) -> None:
    receiver = Receiver.of(tenant, target, APPLIED)
    tenant.create(doomed("undo", target, after_seconds=3600))
    tenant.wait_until("Compensation", "undo", lambda one: condition(one, "Stalled"))

    tenant.change("undo", cancel=True)

    cancelled = tenant.in_phase("undo", "Cancelled")  # from here on nothing of it changes
    assert cancelled["status"]["escalation"] == {"owner": "payments"}
    assert receiver.events() == []


def test_n6_the_namespace_stands_in_for_a_plan_that_says_nothing(
    tenant: Tenant, target: Target
) -> None:
    receiver = Receiver.of(tenant, target, APPLIED)
    annotate(
        tenant,
        tenant.namespace,
        {"amends.dev/owner": "on-call", "amends.dev/escalate-after": "1s"},
    )
    tenant.create(unapproved("undo", http=doomed("undo", target)["spec"]["execution"]["http"]))

    tenant.wait_until("Compensation", "undo", is_delivered)

    (event,) = receiver.events()
    assert event["data"]["owner"] == "on-call"


def test_n6_a_slow_receiver_delays_no_other_undo(tenant: Tenant, target: Target) -> None:
    release = threading.Event()
    slow = Receiver.of(tenant, target, Answer(until=release))
    try:
        for number in range(6):  # more than there are places for a namespace's notices
            tenant.create(doomed(f"undo-{number}", target))
        wait_for(lambda: len(slow.route.requests) == 4, seconds=SECONDS, what="the notices")

        tenant.create(unapproved("other", http={"url": target.route(APPLIED).url}))

        tenant.in_phase("other", "Completed")
        seen = [tenant.read("Compensation", f"undo-{number}") for number in range(6)]
        assert [notice(one)["attempts"] for one in seen] == [0] * 6
    finally:
        release.set()
    tenant.wait_until("Compensation", "undo-5", is_delivered)


def test_n6_a_secret_that_is_no_use_is_told_and_mended(tenant: Tenant, target: Target) -> None:
    annotate(tenant, tenant.namespace, RECEIVER)
    tenant.create(doomed("undo", target))

    def fails(one: dict[str, object]) -> bool:
        return condition(one, "Escalated").get("reason") == "NoticeFailing"

    said = condition(tenant.wait_until("Compensation", "undo", fails), "Escalated")["message"]
    assert "service account amends-runner may not read Secret pager: grant it `get`" in said

    receiver = Receiver(target.route(APPLIED))
    receiver.known_to(tenant)

    mended = tenant.wait_until("Compensation", "undo", is_delivered)
    assert [event["id"] for event in receiver.events()] == [notice(mended)["id"]]
    assert "lastError" not in notice(mended)

"""Rows A4, A7 and A8: one effect that is reported more than once, in the orders reality brings."""

import threading

import pytest

from integration.cluster import Refused
from support.api import Object
from support.digests import short
from support.manifests import action, disposition
from support.target import Answer, Target
from support.tenant import Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

KEY = "run-7/post"
EFFECT = f"effect-{short(KEY)}"
LETTER = f"dead-letter-{EFFECT}"
UNDO = f"compensation-{EFFECT}"
PLAN: Object = {"rollbackInstruction": "remove it", "execution": {"record": {}}}


def report(tenant: Tenant, name: str, outcome: str, **spec: object) -> Object:
    """An Action of the key; as it is once its outcome is recorded."""
    tenant.create(action(name, outcome, idempotencyKey=KEY, **spec))
    return recorded(tenant, name)


def recorded(tenant: Tenant, name: str) -> Object:
    return tenant.wait_until("Action", name, lambda one: one["status"]["phase"] == "Recorded")


def names(tenant: Tenant, kind: str) -> list[str]:
    return sorted(one["metadata"]["name"] for one in tenant.every(kind))


def evidence(tenant: Tenant) -> list[tuple[str, str, str | None]]:
    """Every receipt of the effect: its name, its outcome, and the name of what it supersedes."""
    return sorted(
        (
            one["metadata"]["name"],
            one["spec"]["outcome"],
            one["spec"].get("supersedes", {}).get("name"),
        )
        for one in tenant.every("Receipt")
        if one["spec"]["effectId"] == EFFECT
    )


def ready(one: Object) -> str:
    return str(condition(one)["reason"])


FIRST_FAILED = (f"{EFFECT}-1", "Failed", None)
THEN_SENT = (f"{EFFECT}-2", "Succeeded", f"{EFFECT}-1")


@pytest.mark.parametrize("outcome", ["sent", "failed"])
def test_a4_the_same_outcome_again_adds_nothing(outcome: str, tenant: Tenant) -> None:
    first = report(tenant, "first", outcome, compensation=PLAN)["status"]
    known = {kind: names(tenant, kind) for kind in ("Receipt", "DeadLetter", "Compensation")}

    again = report(tenant, "again", outcome.upper(), attempt=2, compensation=PLAN)

    assert ready(again) == "Repeated"
    status = again["status"]
    assert status["receiptRef"] == first["receiptRef"] == {"name": f"{EFFECT}-1"}
    assert status["effect"] == first["effect"]
    assert status.get("deadLetterRef") == first.get("deadLetterRef")
    assert {kind: names(tenant, kind) for kind in known} == known


def test_a4_a_new_outcome_adds_a_receipt_that_names_the_one_it_supersedes(tenant: Tenant) -> None:
    report(tenant, "first", "sent")
    failed = report(tenant, "second", "failed", error="it was withdrawn")
    assert failed["status"]["deadLetterRef"] == {"name": LETTER}
    assert failed["status"]["receiptRef"] == {"name": f"{EFFECT}-2"}

    assert evidence(tenant) == [
        (f"{EFFECT}-1", "Succeeded", None),
        (f"{EFFECT}-2", "Failed", f"{EFFECT}-1"),
    ]
    assert tenant.read("Receipt", f"{EFFECT}-2")["spec"]["sequence"] == 2


def test_a4_a_late_report_is_evidence_and_moves_nothing(tenant: Tenant) -> None:
    report(tenant, "third", "sent", attempt=3)
    late = report(tenant, "second", "failed", attempt=2, compensation=PLAN)

    assert ready(late) == "Late"
    assert late["status"]["receiptRef"] == {"name": f"{EFFECT}-2"}
    assert evidence(tenant) == [
        (f"{EFFECT}-1", "Succeeded", None),
        (f"{EFFECT}-2", "Failed", None),
    ]
    assert (names(tenant, "DeadLetter"), names(tenant, "Compensation")) == ([], [])

    again = report(tenant, "second-again", "failed", attempt=2)
    assert ready(again) == "Repeated"
    assert again["status"]["receiptRef"] == {"name": f"{EFFECT}-2"}
    assert ready(report(tenant, "fourth", "sent", attempt=3)) == "Repeated"
    assert len(evidence(tenant)) == 2


def test_a4_without_a_key_an_action_made_anew_reports_anew(tenant: Tenant) -> None:
    tenant.create(action("post", "sent"))
    recorded(tenant, "post")
    tenant.delete("Action", "post")
    tenant.create(action("post", "failed"))

    status = recorded(tenant, "post")["status"]

    assert status["receiptRef"] == {"name": "effect-post-2"}
    assert status["deadLetterRef"] == {"name": "dead-letter-effect-post"}
    spec = tenant.read("Receipt", "effect-post-2")["spec"]
    assert spec["supersedes"] == {"name": "effect-post-1"}


def test_a4_one_action_may_change_until_its_outcome_is_final(tenant: Tenant) -> None:
    tenant.create(action("post", "queued", idempotencyKey=KEY))
    for outcome, reason in [("moved", "Unknown"), ("pending", "Pending"), ("", "Unknown")]:
        tenant.patch("Action", "post", {"spec": {"outcome": outcome}})
        tenant.ready("Action", "post", reason)
    assert evidence(tenant) == []

    tenant.patch("Action", "post", {"spec": {"outcome": "sent"}})

    assert ready(recorded(tenant, "post")) == "Recorded"
    assert evidence(tenant) == [(f"{EFFECT}-1", "Succeeded", None)]


def test_a4_an_action_is_not_edited_while_its_compensation_runs(
    tenant: Tenant, target: Target
) -> None:
    go_on = threading.Event()
    route = target.route(Answer(until=go_on))
    plan = {**PLAN, "execution": {"http": {"method": "POST", "url": route.url}}}
    report(tenant, "post", "failed", compensation=plan)
    tenant.approve(UNDO)
    tenant.in_phase(UNDO, "Running")

    with pytest.raises(Refused) as refused:
        tenant.patch("Action", "post", {"spec": {"outcome": "sent"}})
    go_on.set()

    assert refused.value.code == 422
    assert (
        "spec is frozen, because the outcome has been recorded: report a later outcome as a new "
        "Action with the same idempotencyKey"
    ) in str(refused.value)
    tenant.in_phase(UNDO, "Completed")


@pytest.mark.parametrize("plan", [None, PLAN])
def test_a7_success_after_failure_removes_what_nobody_has_touched(
    plan: Object | None, tenant: Tenant
) -> None:
    report(tenant, "first", "failed", **({} if plan is None else {"compensation": plan}))
    if plan is None:
        tenant.ready("DeadLetter", LETTER, "AwaitingDecision")
    else:
        tenant.ready("DeadLetter", LETTER, "AwaitingCompensation")
        tenant.ready("Compensation", UNDO, "AwaitingApproval")

    status = report(tenant, "second", "sent")["status"]

    assert (names(tenant, "DeadLetter"), names(tenant, "Compensation")) == ([], [])
    assert (status["outbox"]["phase"], "sentAt" in status["outbox"]) == ("Sent", True)
    assert status["effect"] == {"id": EFFECT, "outcome": "Succeeded"}
    assert not {"deadLetterRef", "compensationRef"} & set(status)
    assert evidence(tenant) == [FIRST_FAILED, THEN_SENT]


def test_a7_success_after_failure_marks_what_somebody_has_touched(tenant: Tenant) -> None:
    report(tenant, "first", "failed", compensation=PLAN)
    tenant.ready("DeadLetter", LETTER, "AwaitingCompensation")
    tenant.planned(UNDO)
    tenant.change(UNDO, "alice", rollbackInstruction="remove it, and say sorry")
    tenant.create(disposition("ignore", LETTER), "alice")
    tenant.wait_until("DeadLetter", LETTER, lambda one: one["status"]["phase"] == "Ignored")

    report(tenant, "second", "sent")

    for kind, name in (("DeadLetter", LETTER), ("Compensation", UNDO)):
        marked = tenant.read(kind, name)
        by = marked["status"]["supersededBy"]
        assert by.pop("time") > "2026"
        assert by == {
            "effectId": EFFECT,
            "outboxId": f"outbox-{short(KEY)}",
            "receiptRef": {"name": f"{EFFECT}-2"},
        }
        assert conditions(marked)["Superseded"] == ("True", "EffectSucceeded")


def test_a7_a_failure_after_that_gets_a_recovery_of_its_own(tenant: Tenant) -> None:
    report(tenant, "first", "failed", compensation=PLAN)
    tenant.planned(UNDO)
    tenant.change(UNDO, "alice", rollbackInstruction="remove it, and say sorry")
    report(tenant, "second", "sent")
    assert (names(tenant, "DeadLetter"), names(tenant, "Compensation")) == ([], [UNDO])

    status = report(tenant, "third", "failed", compensation=PLAN)["status"]

    assert status["deadLetterRef"] == {"name": LETTER}  # free again
    assert status["compensationRef"] == {"name": f"{UNDO}-3"}
    letter = tenant.ready("DeadLetter", LETTER, "AwaitingCompensation")
    assert letter["spec"]["actionRef"]["name"] == "third"
    assert evidence(tenant)[2] == (f"{EFFECT}-3", "Failed", f"{EFFECT}-2")


def test_a8_unknown_after_failed_moves_nothing(tenant: Tenant) -> None:
    report(tenant, "first", "failed", compensation=PLAN)
    letter = tenant.ready("DeadLetter", LETTER, "AwaitingCompensation")
    undo = tenant.ready("Compensation", UNDO, "AwaitingApproval")

    tenant.create(action("second", "timeout", idempotencyKey=KEY))
    waiting = tenant.ready("Action", "second", "Unknown")

    assert (waiting["status"]["phase"], waiting["status"]["outbox"]["phase"]) == (
        "Pending",
        "Pending",
    )
    assert waiting["status"]["effect"] == {"id": EFFECT, "outcome": "Unknown"}
    assert tenant.read("DeadLetter", LETTER) == letter
    assert tenant.read("Compensation", UNDO) == undo
    assert evidence(tenant) == [FIRST_FAILED]

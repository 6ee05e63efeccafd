"""Row C1, and B7 and C5 for dead letters: what people may decide, and what is refused."""

from typing import Any

import pytest

from integration.cluster import Refused
from integration.letters import UNDO, decide, failed, in_phase, seconds_between, steps, undo_of
from support import manifests
from support.manifests import unique
from support.target import LOST, Target, refused
from support.tenant import Installed, Tenant, condition, conditions

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

BUSY = refused(429)


@pytest.mark.parametrize(
    ("choice", "phase", "is_settled"),
    [
        ("Ignore", "Ignored", True),
        ("Abandon", "Ignored", True),
        ("Resolve", "Resolved", True),
        ("Compensate", "LinkedToCompensation", None),
    ],
)
def test_c1_phase_disposition_reason_actor_and_time_are_recorded(
    choice: str, phase: str, is_settled: bool | None, tenant: Tenant
) -> None:
    letter = failed(tenant)
    given: dict[str, Any] = {"compensation": UNDO} if choice == "Compensate" else {}

    said = decide(tenant, letter, choice, reason="seen by the team", **given)

    found = in_phase(tenant, letter, phase)["status"]
    assert found.get("settled") is is_settled
    decided = found["disposition"].pop("time")
    assert seconds_between(said["metadata"]["creationTimestamp"], decided) >= 0
    assert found["disposition"] == {
        "name": said["metadata"]["name"],
        "uid": said["metadata"]["uid"],
        "choice": choice,
        "reason": "seen by the team",
        "actor": "alice",
    }
    step = found["history"][-1]
    assert (step["from"], step["to"], step["actor"]) == ("Open", phase, "alice")
    assert conditions(said) == {"Ready": ("True", "Applied")}
    assert said["status"]["boundUid"] == tenant.read("DeadLetter", letter)["metadata"]["uid"]


def test_c1_what_was_ignored_can_be_opened_again(tenant: Tenant) -> None:
    letter = failed(tenant)
    decide(tenant, letter, "Ignore")
    in_phase(tenant, letter, "Ignored")

    reopened = decide(tenant, letter, "Reopen")

    opened = in_phase(tenant, letter, "Open")
    assert conditions(reopened) == {"Ready": ("True", "Applied")}
    assert steps(opened) == ["Ignored", "Open"]
    assert "settled" not in opened["status"]
    assert conditions(opened) == {"Ready": ("False", "AwaitingDecision")}


def test_c1_a_retry_that_waits_for_its_time_can_still_be_decided_otherwise(
    tenant: Tenant, target: Target
) -> None:
    letter = failed(tenant, target.route(BUSY))
    for _ in range(3):  # the fourth has to wait for four seconds
        decide(tenant, letter, "Retry")
        tenant.wait_until("DeadLetter", letter, lambda one: one["status"]["phase"] == "Open")
    decide(tenant, letter, "Retry")
    waiting = in_phase(tenant, letter, "RetryRequested")
    assert condition(waiting)["message"].startswith("3 sent so far; the next not before ")

    decide(tenant, letter, "Resolve")

    resolved = in_phase(tenant, letter, "Resolved")
    assert resolved["status"]["dispatch"]["count"] == 3


def test_c1_a_dead_letter_in_doubt_can_be_decided(tenant: Tenant, target: Target) -> None:
    letter = failed(tenant, target.route(LOST))
    decide(tenant, letter, "Retry")
    tenant.ready("DeadLetter", letter, "OutcomeUnknown")

    said = decide(tenant, letter, "Resolve", reason="it was posted, I looked")

    assert conditions(said) == {"Ready": ("True", "Applied")}
    assert steps(in_phase(tenant, letter, "Resolved")) == [
        *("RetryRequested", "Retrying", "Resolved")
    ]


def test_c1_a_link_can_be_resolved_while_its_compensation_waits(tenant: Tenant) -> None:
    letter = failed(tenant, compensation=UNDO)
    decide(tenant, letter, "Compensate")

    decide(tenant, letter, "Resolve")

    assert steps(in_phase(tenant, letter, "Resolved")) == ["LinkedToCompensation", "Resolved"]


@pytest.mark.parametrize(
    ("before", "choice", "reason", "message"),
    [
        ([], "Reopen", "NotApplicable", "is Open, and Reopen applies to Ignored"),
        ([], "Retry", "NoRetryDeclared", "has no spec.retry"),
        ([], "Compensate", "NoCompensation", "say it in spec.compensation of a new Disposition"),
        (["Ignore"], "Resolve", "NotApplicable", "is Ignored, and Resolve applies to Open"),
        (["Ignore"], "Retry", "NotApplicable", "choose Reopen first"),
        (["Resolve"], "Reopen", "NotApplicable", "is Resolved, and Reopen applies to Ignored"),
        (["Resolve"], "Ignore", "NotApplicable", "is Resolved, and Ignore applies to Open"),
    ],
)
def test_c1_a_choice_that_cannot_apply_says_why(
    before: list[str], choice: str, reason: str, message: str, tenant: Tenant
) -> None:
    letter = failed(tenant)
    for earlier in before:
        decide(tenant, letter, earlier)
    phase = tenant.read("DeadLetter", letter)["status"]["phase"]

    said = decide(tenant, letter, choice)

    assert conditions(said) == {"Ready": ("False", reason)}
    assert message in condition(said)["message"]
    event = tenant.wait_for_event(letter, reason)
    assert event.startswith(f"disposition {said['metadata']['name']} is not carried out: ")
    assert message in event
    assert tenant.read("DeadLetter", letter)["status"]["phase"] == phase


def test_c1_a_disposition_counts_for_one_dead_letter_alone(tenant: Tenant) -> None:
    letter = failed(tenant)
    reference = {"name": letter, "uid": "of-another"}

    said = decide(tenant, letter, "Ignore", deadLetterRef=reference)

    assert conditions(said) == {"Ready": ("False", "BoundToAnother")}
    assert tenant.read("DeadLetter", letter)["status"]["phase"] == "Open"


def test_c1_a_disposition_may_be_there_before_its_dead_letter(tenant: Tenant) -> None:
    letter = failed(tenant)  # its name is what the next one is to be called
    early = letter.replace(letter.rpartition("-")[2], "0" * 16)
    tenant.create(manifests.disposition("early", early), "alice")

    waits = tenant.ready("Disposition", "early", "SubjectNotFound")

    assert "settled" not in waits["status"]
    assert condition(waits)["message"] == f"waits for dead letter {early} to be created"


def test_c1_a_person_gives_the_compensation_that_the_action_did_not_declare(
    tenant: Tenant,
) -> None:
    letter = failed(tenant)
    plan = {**UNDO, "rollbackInstruction": "remove it by hand"}

    said = decide(tenant, letter, "Compensate", compensation=plan)

    undo = tenant.read("Compensation", undo_of(tenant, letter))
    assert undo["spec"]["rollbackInstruction"] == "remove it by hand"
    assert undo["spec"]["targetEffect"] == tenant.read("DeadLetter", letter)["spec"]["effectId"]
    assert undo["spec"]["requester"]["username"] == "alice"
    assert conditions(said) == {"Ready": ("True", "Applied")}

    tenant.approve(undo["metadata"]["name"], "dora")
    tenant.in_phase(undo["metadata"]["name"], "Completed")
    done = tenant.ready("DeadLetter", letter, "Compensated")
    assert (done["status"]["phase"], done["status"]["settled"]) == ("LinkedToCompensation", True)
    assert done["status"]["disposition"]["actor"] == "alice"


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ([], "Retrying"),
        (["Ignore"], "Resolved"),
        (["Resolve"], "Open"),
        (["Resolve"], "Ignored"),
    ],
)
def test_b7_an_illegal_transition_is_refused(path: list[str], to: str, tenant: Tenant) -> None:
    letter = failed(tenant)
    for choice in path:
        decide(tenant, letter, choice)
    before = tenant.read("DeadLetter", letter)["status"]["phase"]

    with pytest.raises(Refused) as refusal:
        tenant.write_status("DeadLetter", letter, {"phase": to})

    assert f"illegal dead letter status transition from {before} to {to}" in str(refusal.value)
    same: dict[str, Any] = tenant.write_status("DeadLetter", letter, {"phase": before})
    assert same["status"]["phase"] == before


def test_c5_another_tenant_has_no_effect(tenant: Tenant, installed: Installed) -> None:
    letter = failed(tenant)
    elsewhere = installed.tenant(unique("elsewhere"), group="tenant-b")

    with pytest.raises(Refused) as refusal:
        tenant.create(manifests.disposition("stranger", letter), "carol")
    assert refusal.value.code == 403

    elsewhere.create(manifests.disposition("stranger", letter), "carol")
    elsewhere.ready("Disposition", "stranger", "SubjectNotFound")
    assert tenant.read("DeadLetter", letter)["status"]["phase"] == "Open"
    elsewhere.clear()

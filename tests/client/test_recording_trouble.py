"""When the record cannot be written: nothing is sent before it, and nothing hidden after it."""

import logging
import subprocess
from pathlib import Path
from typing import Any

import pytest

from amends.client import EvidenceNotRecorded, NotClaimed, OutcomeNotRecorded, Recorder, WrongField
from client.conftest import Automation, Begin
from client.gate import Fault

pytestmark = pytest.mark.controlplane

SOON = 1.5
NEVER = AssertionError("the call was made, but nothing was on record")


def actions(automation: Automation) -> list[str]:
    return [one["metadata"]["name"] for one in automation.tenant.every("Action")]


def test_nothing_is_sent_while_the_api_server_is_away(automation: Automation, begin: Begin) -> None:
    automation.gate.closed = True
    words = "post could not be recorded before the call: "
    with pytest.raises(NotClaimed, match=words) as why, begin(patience=SOON):
        raise NEVER

    assert why.value.__notes__ == ["Nothing was sent."]
    assert actions(automation) == []
    assert len(automation.gate.asked) > 2, "it has tried more than once"


def test_it_is_sent_all_the_same_if_the_caller_says_so(
    automation: Automation, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    automation.gate.closed = True
    with begin(patience=SOON, must_record=False) as action:
        assert (action.name, action.attempt, action.earlier) == (None, 1, None)
        automation.gate.closed = False
        action.succeeded({"id": "m-1"})

    assert automation.spec()["receipt"] == {"id": "m-1"}
    assert automation.spec()["outcome"] == "succeeded"
    (warning,) = caplog.messages
    assert warning.startswith("the call is made all the same: post could not be recorded before")


def test_a_claim_that_was_written_without_our_knowing_gets_the_outcome(
    automation: Automation, begin: Begin
) -> None:
    automation.gate.next("POST", "lost")
    always: list[Fault] = ["cut"] * 50
    automation.gate.next("GET", None, *always)
    with begin(patience=SOON, must_record=False) as action:
        assert (action.name, actions(automation)) == (None, ["post"])
        automation.gate.next("GET")
        action.succeeded()

    spec = automation.spec()
    assert (spec["outcome"], spec["attempt"]) == ("succeeded", 1)


def test_then_even_a_lost_outcome_is_only_a_warning(
    automation: Automation,
    begin: Begin,
    caplog: pytest.LogCaptureFixture,
    direct: Path,
) -> None:
    automation.gate.closed = True
    with caplog.at_level(logging.WARNING), begin(patience=SOON, must_record=False) as action:
        action.succeeded({"id": "it's here"})

    assert actions(automation) == []
    typed = caplog.records[-1].getMessage().splitlines()[-1]
    by_hand(automation, typed, direct)
    assert automation.spec()["receipt"] == {"id": "it's here"}


@pytest.mark.parametrize("fault", ["lost", "cut", "busy"])
def test_an_api_server_that_stumbles_is_asked_again(
    fault: Fault, automation: Automation, begin: Begin
) -> None:
    gate = automation.gate
    gate.next("POST", fault)
    with begin() as action:
        gate.next("GET", fault)
        gate.next("PATCH", fault, fault)
        action.succeeded({"id": "m-1"})

    assert (action.attempt, actions(automation)) == (1, ["post"])
    assert automation.spec()["receipt"] == {"id": "m-1"}


def test_a_takeover_whose_answer_is_lost_counts_once(automation: Automation, begin: Begin) -> None:
    with begin() as action:
        action.unknown("the first time")
    automation.gate.next("PATCH", "lost")
    with begin() as action:
        action.succeeded()

    assert (action.attempt, action.earlier, actions(automation)) == (2, "Unknown", ["post"])


@pytest.mark.parametrize(
    "receipt", [{"id": "it's $(here)", "token": "hunter2"}, {"log": "x" * 50000}]
)
def test_an_outcome_that_is_not_on_record_is_raised_with_the_command_that_records_it(
    receipt: dict[str, Any], automation: Automation, begin: Begin, direct: Path
) -> None:
    def job() -> None:
        with begin(patience=SOON) as action:
            automation.gate.closed = True
            action.succeeded(receipt)

    with pytest.raises(OutcomeNotRecorded, match="outcome 'succeeded' is not on record") as why:
        job()

    assert (automation.spec()["outcome"], actions(automation)) == ("claimed", ["post"])
    assert "hunter2" not in str(why.value)
    assert why.value.command in str(why.value)
    by_hand(automation, why.value.command, direct)
    stored = {"id": "it's $(here)", "token": "[redacted]"}
    omitted = {"omitted": "too long for a command line"}
    assert automation.spec()["receipt"] == (stored if "id" in receipt else omitted)
    assert automation.spec()["outcome"] == "succeeded"


def test_the_callers_own_exception_goes_first_and_carries_the_news(
    automation: Automation, begin: Begin
) -> None:
    def job() -> None:
        with begin(patience=SOON):
            automation.gate.closed = True
            raise LookupError("no such channel")

    with pytest.raises(LookupError) as why:
        job()

    (note,) = why.value.__notes__
    assert "outcome 'failed' is not on record" in note
    assert "kubectl patch actions.amends.dev post --type=merge" in note


def by_hand(automation: Automation, command: str, direct: Path) -> None:
    """A person pastes the command, once the API server is there again."""
    cp = automation.tenant.installed.cp
    env = {"PATH": f"{cp.bin}:/usr/bin:/bin", "HOME": str(direct.parent)}
    automation.gate.closed = False
    told = command.replace(str(automation.kubeconfig), str(direct))
    subprocess.run(["sh", "-c", told], env=env, check=True, capture_output=True, timeout=60)


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


UNDO = {"rollback_instruction": "look for it"}
REFUSED = [
    pytest.param(nested(30), None, "nested more than 24 levels deep", id="too deep"),
    pytest.param(nested(3000), None, "is no JSON", id="much too deep"),
    pytest.param({"log": "x" * 4_000_000}, None, "too large", id="too large"),
    pytest.param(
        {"id": "m-1"},
        {"rollbackInstructions": "x"},
        "did you mean rollbackInstruction?",
        id="an undo that is none",
    ),
    pytest.param(
        {"id": "m-1"},
        {"execution": {"http": {"method": "DELETE", "url": "https://bot:pin@board/m-1"}}},
        "url must not hold credentials",
        id="an undo that the API server refuses",
    ),
]


@pytest.mark.parametrize(("receipt", "undo", "objection"), REFUSED)
def test_evidence_that_cannot_be_stored_hides_no_outcome(
    receipt: Any, undo: Any, objection: str, automation: Automation, begin: Begin
) -> None:
    said = ""
    try:
        with begin(compensation=UNDO) as action:
            action.compensation = undo
            action.succeeded(receipt)
    except EvidenceNotRecorded as why:
        said = str(why)

    spec = automation.spec()
    assert spec["outcome"] == "succeeded"
    assert spec["compensation"]["rollbackInstruction"] == "look for it"
    assert objection in (said or spec["receipt"]["omitted"])


def test_a_plan_that_the_api_server_refuses_is_refused_before_the_call(
    automation: Automation, begin: Begin
) -> None:
    retry = {"http": {"method": "POST", "url": "https://bot:pin@board/messages"}}
    words = r"spec\.retry\.http\.url.* must not hold credentials"
    with pytest.raises(WrongField, match=words), begin(retry=retry):
        raise NEVER

    assert actions(automation) == []


def test_without_the_right_it_says_which_one_and_where(automation: Automation) -> None:
    namespace = automation.tenant.namespace
    cp = automation.tenant.installed.cp
    runner = cp.service_account_kubeconfig(namespace, "amends-runner")
    recorder = Recorder(kubeconfig=runner, namespace=namespace)
    recording = recorder.recording("board.post", idempotency_key="run-7/post")
    with pytest.raises(NotClaimed) as why, recording:
        raise NEVER

    assert f"namespace {namespace}: bind it to ClusterRole amends-automation" in str(why.value)


def test_of_another_tenant_nothing_is_recorded(automation: Automation) -> None:
    recorder = automation.recorder(namespace="default")
    recording = recorder.recording("board.post", idempotency_key="run-7/post")
    with pytest.raises(NotClaimed, match="403"), recording:
        raise NEVER


def test_the_examples_role_lets_it_do_just_this(automation: Automation) -> None:
    cp = automation.tenant.installed.cp
    said = cp.kubectl(
        *("auth", "can-i", "--list", "-n", automation.tenant.namespace),
        *("--as", automation.username, "--no-headers"),
    ).stdout
    ours = [line.split() for line in said.splitlines() if "amends.dev" in line]
    assert ours == [["actions.amends.dev", "[]", "[]", "[get", "create", "patch]"]]

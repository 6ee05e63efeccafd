"""What is shown before an approval, and what is said after it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from support.api import Object
from support.golden import assert_golden, lasting
from support.plugin import Ended, Plugin
from support.stages import HTTP, awaiting, brought_to, condition, ready
from support.tenant import SECONDS, Installed, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

NAME = "undo-post-approve-alice"
CREATED = f"approval.amends.dev/{NAME} created\n"
TWO = {"approvers": 2}


def approve(tenant: Tenant, *options: str) -> Ended:
    return Plugin.of(tenant, "alice").run("approve", "undo-post", *options)


def approvals(tenant: Tenant) -> list[Object]:
    return tenant.every("Approval")


@pytest.fixture(scope="module")
def payments(installed: Installed) -> Iterator[Tenant]:
    """A namespace whose name has the same length in every run."""
    made = installed.tenant("payments")
    made.people_may("use", "secrets", "board")
    yield made
    made.clear()


# ------------------------------------------------------------------------------- what is shown


@pytest.mark.parametrize("columns", [80, 120])
def test_the_screen_before_an_approval(columns: int, payments: Tenant) -> None:
    name = f"undo-{columns:03}"
    awaiting(
        payments,
        name,
        execution={"http": HTTP},
        approval=TWO,
        suspend=True,
        rollbackInstruction="Remove the message from #general, then post in #incidents that it "
        "was sent by mistake and has been removed.",
    )
    ended = Plugin.of(payments, "alice", columns).run("approve", name, "--reason", "wrong channel")
    assert_golden(f"cli/approve-{columns}.txt", lasting(ended.err))
    assert max(map(len, ended.err.splitlines())) <= columns
    assert "planted" not in ended.err


def test_the_screen_before_a_rejection(payments: Tenant) -> None:
    awaiting(payments, "undo-record")
    ended = Plugin.of(payments, "bob", 80).run("reject", "undo-record", "--reason", "it is right")
    assert_golden("cli/reject-80.txt", lasting(ended.err))


def test_a_plan_the_operator_has_not_seen_yet_is_shown_and_approved_as_it_is(
    tenant: Tenant,
) -> None:
    awaiting(tenant)
    before = tenant.read("Compensation", "undo-post")["status"]["planDigest"]
    tenant.change("undo-post", rollbackInstruction="remove all of it")

    ended = approve(tenant, "--yes")

    assert "remove all of it" in ended.err
    assert "the operator has not seen this spec yet" in ended.err
    (approved,) = [one["spec"]["planDigest"] for one in approvals(tenant)]
    assert approved != before
    assert f"  {approved}\n" in ended.err


def test_what_the_operator_warns_of_is_repeated(tenant: Tenant) -> None:
    awaiting(tenant)
    waits = ready("NotExecutable", "not an allowed target")
    stalled = condition("Stalled", "NotExecutable", "not an allowed target")
    by = {
        "effectId": "effect-1",
        "outboxId": "outbox-1",
        "receiptRef": {"name": "effect-1-2"},
        "time": "2099-01-31T09:00:00.000Z",  # by a clock that is ahead of ours
    }
    brought_to(tenant, "undo-post", conditions=[waits, stalled], supersededBy=by)

    shown = " ".join(approve(tenant).err.split())

    assert "! Stalled: not an allowed target" in shown
    assert "! effect effect-1 has succeeded after all" in shown
    assert "Is the undo still wanted?" in shown


# ------------------------------------------------------------------------------- waiting


def settle(tenant: Tenant, **status: Any) -> threading.Thread:
    """What an operator does, as soon as there is an Approval."""

    def act() -> None:
        wait_for(lambda: approvals(tenant), seconds=SECONDS, what="an Approval")
        tenant.write_status("Approval", NAME, status)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (
            {"settled": True, "conditions": [ready("Counted", "counted", "True")]},
            0,
            f"approval {NAME} counts: counted\n",
        ),
        (
            {"settled": True, "conditions": [ready("TooLate", "it is already Cancelled")]},
            1,
            f"error: approval {NAME} does not count: it is already Cancelled\n",
        ),
    ],
)
def test_whoever_waits_hears_whether_it_counted(
    status: Object, code: int, said: str, tenant: Tenant
) -> None:
    awaiting(tenant)
    operator = settle(tenant, **status)

    ended = approve(tenant, "--yes", "--wait")

    operator.join()
    assert (ended.code, ended.out) == (code, CREATED), ended.err
    assert said in ended.err


def test_whoever_waits_in_vain_hears_what_was_said_last(tenant: Tenant) -> None:
    awaiting(tenant)

    ended = approve(tenant, "--yes", "--wait", "--timeout", "1")

    assert (ended.code, ended.out) == (1, CREATED)
    assert "is stored, but the operator has not looked at it within 1 s" in ended.err

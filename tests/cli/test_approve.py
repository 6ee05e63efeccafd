"""`kubectl amends approve` and `reject`: read, asked, and then stated for exactly that plan."""

import pytest
import yaml

from support.api import Object
from support.plugin import Ended, Plugin
from support.stages import HTTP, awaiting, brought_to
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

NAME = "undo-post-approve-alice"
CREATED = f"approval.amends.dev/{NAME} created\n"
UNCHANGED = f"approval.amends.dev/{NAME} unchanged\n"
TWO = {"approvers": 2}


def approve(tenant: Tenant, *options: str, user: str = "alice") -> Ended:
    return Plugin.of(tenant, user).run("approve", "undo-post", *options)


def approvals(tenant: Tenant) -> list[str]:
    return [one["metadata"]["name"] for one in tenant.every("Approval")]


def specs(tenant: Tenant) -> list[Object]:
    return [one["spec"] for one in tenant.every("Approval")]


# ------------------------------------------------------------------------------- what is created


def test_exactly_the_plan_that_was_shown_is_approved(tenant: Tenant) -> None:
    stored = awaiting(tenant, execution={"http": HTTP})

    ended = approve(tenant, "--yes", "--reason", "wrong channel")

    assert (ended.code, ended.out) == (0, CREATED)
    assert specs(tenant) == [
        {
            "subjectRef": {
                "kind": "Compensation",
                "name": "undo-post",
                "uid": stored["metadata"]["uid"],
            },
            "planDigest": stored["status"]["planDigest"],
            "decision": "Approve",
            "reason": "wrong channel",
            "actor": {
                "username": "alice",
                "uid": "alice",
                "groups": ["tenant-a", "system:authenticated"],
            },
        }
    ]
    assert f"  {stored['status']['planDigest']}\n" in ended.err


def test_on_a_terminal_yes_creates_it(tenant: Tenant) -> None:
    awaiting(tenant)
    ended = Plugin.of(tenant, "alice", 80).type("approve", "undo-post", answers=[("[y/N]", "y")])
    assert ended.code == 0
    assert CREATED in ended.out
    assert approvals(tenant) == [NAME]


@pytest.mark.parametrize("answer", ["n", "", "\x04"])
def test_on_a_terminal_anything_but_yes_creates_nothing(answer: str, tenant: Tenant) -> None:
    awaiting(tenant)
    alice = Plugin.of(tenant, "alice", 80)

    ended = alice.type("approve", "undo-post", answers=[("[y/N]", answer)])

    assert ended.code == 4
    assert "error: nothing was created" in ended.out
    assert approvals(tenant) == []


def test_without_a_terminal_and_without_yes_nothing_is_created(tenant: Tenant) -> None:
    awaiting(tenant)

    ended = approve(tenant)

    assert (ended.code, ended.out) == (4, "")
    assert ended.err.endswith(
        "error: nothing was created: there is no terminal to ask on\n"
        "  look at what is shown above, then repeat the command with --yes\n"
    )
    assert approvals(tenant) == []


def test_twice_is_once(tenant: Tenant) -> None:
    awaiting(tenant)
    approve(tenant, "--yes")
    assert approve(tenant, "--yes").out == UNCHANGED
    assert approvals(tenant) == [NAME]


def test_what_counts_already_is_not_said_again(tenant: Tenant) -> None:
    awaiting(tenant, approval=TWO)
    approve(tenant, "--yes")
    (stored,) = tenant.every("Approval")
    counted = {
        "name": NAME,
        "uid": stored["metadata"]["uid"],
        "username": "alice",
        "decision": "Approve",
        "reason": "",
        "time": "2026-11-23T09:00:00.000Z",
    }
    tenant.write_status("Compensation", "undo-post", {"approvals": [counted]})

    ended = approve(tenant, "--yes", "--reason", "again")

    assert (ended.code, ended.out) == (0, UNCHANGED)


def test_another_statement_under_the_same_name_gets_another_name(tenant: Tenant) -> None:
    awaiting(tenant)
    approve(tenant, "--yes")
    tenant.change("undo-post", rollbackInstruction="remove all of it")

    ended = approve(tenant, "--yes", "-o", "name")

    assert ended.code == 0
    first, second = sorted(approvals(tenant))
    assert first == NAME
    assert ended.out == f"approval.amends.dev/{second}\n"
    assert second.startswith(f"{NAME}-")


# ------------------------------------------------------------------------------- only tried


def test_for_git_the_object_names_no_uid_and_can_be_applied(tenant: Tenant) -> None:
    stored = awaiting(tenant)

    ended = approve(tenant, "--dry-run=client", "-o", "yaml", "--reason", "wrong channel")

    assert ended.code == 0
    assert yaml.safe_load(ended.out) == {
        "apiVersion": "amends.dev/v1alpha1",
        "kind": "Approval",
        "metadata": {"name": NAME, "namespace": tenant.namespace},
        "spec": {
            "subjectRef": {"kind": "Compensation", "name": "undo-post"},
            "planDigest": stored["status"]["planDigest"],
            "decision": "Approve",
            "reason": "wrong channel",
        },
    }
    assert approvals(tenant) == []
    tenant.installed.cp.kubectl("apply", "-f", "-", user="alice", input=ended.out)
    assert approvals(tenant) == [NAME]


def test_the_server_may_judge_it_and_store_nothing(tenant: Tenant) -> None:
    awaiting(tenant)
    ended = approve(tenant, "--dry-run=server", "-o", "json")
    assert ended.code == 0
    assert yaml.safe_load(ended.out)["spec"]["actor"]["username"] == "alice"
    assert approve(tenant, "--dry-run=server").out == (
        f"approval.amends.dev/{NAME} created (server dry run)\n"
    )
    assert approvals(tenant) == []


# ------------------------------------------------------------------------------- what is refused


def test_who_asked_is_told_that_it_would_not_count(tenant: Tenant) -> None:
    awaiting(tenant)

    ended = approve(tenant, "--yes", user="bob")

    flags = f"-n {tenant.namespace}"
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "error: your approval would not count: bob asked for compensation undo-post and may not "
        "approve it: another person must\n"
        f"  another person approves: kubectl amends approve undo-post {flags}\n"
        f"  to take it back instead: kubectl amends cancel undo-post {flags}\n"
    )
    assert approvals(tenant) == []


def test_who_asked_may_make_the_file_for_another(tenant: Tenant) -> None:
    awaiting(tenant)
    ended = approve(tenant, "--dry-run=client", "-o", "yaml", user="bob")
    assert ended.code == 0
    assert "It will not count if you apply it yourself" in ended.err


@pytest.mark.parametrize(
    ("phases", "why"),
    [
        (["Cancelled"], "nothing was created: compensation undo-post is already Cancelled"),
        (["Approved"], "nothing was created: compensation undo-post is already Approved"),
        (
            ["Approved", "Running", "Completed"],
            "nothing was created: compensation undo-post is already Completed",
        ),
    ],
)
def test_what_is_decided_already_is_refused(phases: list[str], why: str, tenant: Tenant) -> None:
    awaiting(tenant)
    brought_to(tenant, "undo-post", *phases)

    ended = approve(tenant, "--yes")

    see = f"kubectl amends show compensation/undo-post -n {tenant.namespace}"
    assert (ended.code, ended.err) == (1, f"error: {why}\n  see it: {see}\n")
    assert approvals(tenant) == []


def test_what_is_being_cancelled_is_refused(tenant: Tenant) -> None:
    awaiting(tenant)
    tenant.change("undo-post", cancel=True)
    ended = approve(tenant, "--yes")
    assert ended.code == 1
    assert "is about to be cancelled: spec.cancel is true" in ended.err


def test_two_versions_that_compute_different_digests_are_refused(tenant: Tenant) -> None:
    awaiting(tenant)
    brought_to(tenant, "undo-post", planDigest=f"sha256:{'0' * 64}")
    ended = approve(tenant, "--yes")
    assert ended.code == 1
    assert "they are of different versions" in ended.err


def test_a_stranger_is_told_what_to_ask_for(tenant: Tenant) -> None:
    awaiting(tenant)
    ended = approve(tenant, "--yes", user="carol")
    assert ended.code == 7
    assert "you may not get compensations.amends.dev" in ended.err


def test_a_name_that_is_not_there_has_a_neighbour(tenant: Tenant) -> None:
    awaiting(tenant)
    ended = Plugin.of(tenant, "alice").run("approve", "undo-pots", "--yes")
    assert ended.code == 3
    assert "  similar: undo-post\n" in ended.err


def test_an_object_of_another_kind_is_refused(tenant: Tenant) -> None:
    ended = Plugin.of(tenant, "alice").run("approve", "dead-letter/x")
    assert ended.code == 2
    assert "dead-letter/x is no compensation" in ended.err


# ------------------------------------------------------------------------------- rejecting


def test_a_rejection_needs_a_reason(tenant: Tenant) -> None:
    awaiting(tenant)
    ended = Plugin.of(tenant, "alice").run("reject", "undo-post", "--yes")
    assert ended.code == 2
    assert ended.err == (
        "error: --reason is missing: who asked must be told why it is rejected\n"
        '  add --reason "…"\n'
    )
    assert approvals(tenant) == []


def test_on_a_terminal_the_reason_is_asked_for(tenant: Tenant) -> None:
    awaiting(tenant)
    bob = Plugin.of(tenant, "bob", 80)  # who asked may reject

    ended = bob.type(
        *("reject", "undo-post"),
        answers=[("Reason (it stays in the record)", "the message is right"), ("[y/N]", "y")],
    )

    assert ended.code == 0
    (spec,) = specs(tenant)
    assert (spec["decision"], spec["reason"]) == ("Reject", "the message is right")

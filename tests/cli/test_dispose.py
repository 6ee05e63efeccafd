"""`kubectl amends dispose` and `retry`: what is to become of a failure, read first, on record."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.api import Object
from support.golden import assert_golden, lasting
from support.plugin import Ended, Plugin
from support.stages import EFFECT, LETTER, awaiting, failed_action, open_letter
from support.tenant import Installed, Tenant

pytestmark = pytest.mark.controlplane

PLAN: Object = {
    "rollbackInstruction": "phone them",
    "execution": {
        "http": {
            "method": "POST",
            "url": "https://api.example.com/undo",
            "headers": [{"name": "X-Api-Key", "value": "planted-key"}],
        }
    },
}


def retry(tenant: Tenant, *options: str, user: str = "alice") -> Ended:
    return Plugin.of(tenant, user).run("retry", LETTER, *options)


def dispose(tenant: Tenant, choice: str, *options: str) -> Ended:
    because = ("--reason", "paid by phone")
    return Plugin.of(tenant, "alice").run("dispose", LETTER, "--choice", choice, *because, *options)


def specs(tenant: Tenant) -> list[Object]:
    return [one["spec"] for one in tenant.every("Disposition")]


def refused(ended: Ended) -> str:
    """The first line of what was said."""
    assert (ended.code, ended.out) == (1, "")
    return ended.err.splitlines()[0]


@pytest.fixture(scope="module")
def billing(installed: Installed) -> Iterator[Tenant]:
    """A namespace whose name has the same length in every run."""
    made = installed.tenant("billing")
    made.people_may("use", "secrets", "board")
    failed_action(made)
    open_letter(made)
    yield made
    made.clear()


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """A file that says how it is undone."""
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(PLAN))
    return str(file)


def test_a_retry_is_a_disposition_of_exactly_this_dead_letter(tenant: Tenant) -> None:
    failed_action(tenant)
    letter = open_letter(tenant)

    ended = retry(tenant, "--yes", "--reason", "the board is up again")

    assert (ended.code, ended.out) == (
        0,
        f"disposition.amends.dev/{LETTER}-retry-alice created\n",
    )
    assert specs(tenant) == [
        {
            "deadLetterRef": {"name": LETTER, "uid": letter["metadata"]["uid"]},
            "choice": "Retry",
            "reason": "the board is up again",
            "actor": {
                "username": "alice",
                "uid": "alice",
                "groups": ["tenant-a", "system:authenticated"],
            },
        }
    ]


def test_a_second_retry_after_the_first_has_settled_is_a_new_statement(tenant: Tenant) -> None:
    failed_action(tenant)
    open_letter(tenant)
    retry(tenant, "--yes", "--reason", "up again")
    again = retry(tenant, "--yes", "--reason", "up again")
    assert again.out == f"disposition.amends.dev/{LETTER}-retry-alice unchanged\n"

    tenant.write_status("Disposition", f"{LETTER}-retry-alice", {"settled": True})
    retry(tenant, "--yes", "--reason", "up again")

    assert len(specs(tenant)) == 2


@pytest.mark.parametrize("columns", [80, 120])
def test_the_screen_before_a_retry(columns: int, billing: Tenant) -> None:
    alice = Plugin.of(billing, "alice", columns)
    ended = alice.run("retry", LETTER, "--reason", "the board is up again")
    assert_golden(f"cli/retry-{columns}.txt", lasting(ended.err))
    assert max(map(len, ended.err.splitlines())) <= columns


def test_the_screen_before_a_compensation(billing: Tenant, plan: str) -> None:
    ended = Plugin.of(billing, "alice", 80).run(
        *("dispose", LETTER, "--choice", "Compensate", "--reason", "they are angry"),
        *("--compensation-file", plan),
    )
    assert_golden("cli/compensate-80.txt", lasting(ended.err))
    assert "planted" not in ended.err


def test_the_screen_before_it_is_ignored(billing: Tenant) -> None:
    ended = Plugin.of(billing, "alice", 80).run(
        *("dispose", LETTER, "--choice", "Ignore", "--reason", "a test message")
    )
    assert_golden("cli/ignore-80.txt", lasting(ended.err))


def test_a_plan_from_a_file_stands_in_the_disposition(tenant: Tenant, plan: str) -> None:
    failed_action(tenant)
    open_letter(tenant)

    ended = dispose(tenant, "compensate", "--compensation-file", plan, "--yes")

    assert ended.code == 0
    (spec,) = specs(tenant)
    assert spec["choice"] == "Compensate"
    assert spec["compensation"]["rollbackInstruction"] == "phone them"
    assert spec["compensation"]["execution"]["http"]["url"] == "https://api.example.com/undo"


def test_a_compensation_that_waits_already_is_shown_and_linked(tenant: Tenant) -> None:
    failed_action(tenant)
    open_letter(tenant)
    awaiting(tenant, targetEffect=EFFECT)

    ended = dispose(tenant, "Compensate", "--yes")

    assert ended.code == 0
    assert "It is linked to compensation undo-post, AwaitingApproval." in ended.err
    assert "compensation" not in specs(tenant)[0]


def test_a_retry_beside_an_undo_is_warned_of(tenant: Tenant) -> None:
    failed_action(tenant)
    open_letter(tenant)
    awaiting(tenant, targetEffect=EFFECT)
    ended = retry(tenant, "--reason", "up again")
    assert "! compensation undo-post of the same effect is AwaitingApproval" in ended.err


def test_a_retry_under_way_is_waited_for(tenant: Tenant) -> None:
    failed_action(tenant)
    outbox = {
        "id": "outbox-1",
        "operation": "board.post",
        "phase": "Claimed",
        "attempt": 1,
        "claimedBy": "amends-1",
        "claimExpiresAt": "2099-01-31T09:00:00.000Z",
    }
    dispatch = {"count": 1}
    open_letter(tenant, "RetryRequested", "Retrying", outbox=outbox, dispatch=dispatch)

    ended = dispose(tenant, "Resolve", "--yes")

    assert ended.code == 0
    assert "! It does not apply yet: waits until dispatch 1 of" in ended.err


def test_for_git_the_object_names_no_uid(tenant: Tenant) -> None:
    failed_action(tenant)
    open_letter(tenant)

    ended = dispose(tenant, "Resolve", "--dry-run=client", "-o", "yaml")

    assert yaml.safe_load(ended.out) == {
        "apiVersion": "amends.dev/v1alpha1",
        "kind": "Disposition",
        "metadata": {"name": f"{LETTER}-resolve-alice", "namespace": tenant.namespace},
        "spec": {
            "deadLetterRef": {"name": LETTER},
            "choice": "Resolve",
            "reason": "paid by phone",
        },
    }
    assert specs(tenant) == []


# ------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("choice", "phases", "applies_to", "possible"),
    [
        ("Reopen", ["Open"], "Ignored", "Retry, Ignore, Abandon, Compensate, Resolve"),
        ("Retry", ["Ignored"], "Open: choose Reopen first", "Reopen"),
        (
            "Ignore",
            ["LinkedToCompensation"],
            "Open, RetryRequested, Retrying",
            "Resolve",
        ),
        ("Resolve", ["Resolved"], "Open, RetryRequested, Retrying, LinkedToCompensation", None),
    ],
)
def test_what_a_phase_does_not_allow_is_refused(
    choice: str, phases: list[str], applies_to: str, possible: str | None, tenant: Tenant
) -> None:
    failed_action(tenant)
    open_letter(tenant, *phases)

    ended = dispose(tenant, choice, "--yes")

    assert refused(ended) == (
        f"error: nothing was created: dead letter {LETTER} is {phases[-1]}, and {choice} applies "
        f"to {applies_to}"
    )
    hint = f"from {phases[-1]} you may choose {possible}" if possible else "Resolved is final"
    assert ended.err.splitlines()[1] == f"  {hint}"
    assert specs(tenant) == []


def test_a_retry_that_nobody_declared_is_refused(tenant: Tenant) -> None:
    failed_action(tenant, retry=None)
    open_letter(tenant)
    assert refused(retry(tenant, "--yes", "--reason", "up again")) == (
        "error: nothing was created: action post has no spec.retry, so nobody here knows how to "
        "send it again: choose Compensate, Resolve or Ignore"
    )


def test_a_retry_of_an_action_that_is_gone_is_refused(tenant: Tenant) -> None:
    open_letter(tenant)
    assert "error: nothing was created: action post is gone" in refused(
        retry(tenant, "--yes", "--reason", "up again")
    )


def test_compensate_without_a_plan_asks_for_one(tenant: Tenant) -> None:
    failed_action(tenant)
    open_letter(tenant)
    ended = dispose(tenant, "Compensate", "--yes")
    assert "action post does not say how it is undone" in refused(ended)
    assert ended.err.splitlines()[1] == "  here: --compensation-file FILE"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Compensation\nspec: {}", "holds a Compensation, and spec.compensation is wanted"),
        ("rollback: by hand", "rollback: there is no such field: remove it, or correct its name"),
        ("- a list", "must hold one document with the fields of spec.compensation"),
        ("{", "is no YAML: "),
    ],
)
def test_a_plan_that_is_none_is_refused_in_words(
    text: str, said: str, tenant: Tenant, tmp_path: Path
) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    ended = dispose(tenant, "Compensate", "--compensation-file", str(file))
    assert ended.code in (1, 2)
    assert said in ended.err


def test_a_plan_goes_with_compensate_alone(tenant: Tenant, plan: str) -> None:
    ended = dispose(tenant, "Ignore", "--compensation-file", plan)
    assert ended.code == 2
    assert "--compensation-file goes with --choice Compensate, not Ignore" in " ".join(
        ended.err.replace("│", " ").split()
    )


def test_a_disposition_needs_a_reason(tenant: Tenant) -> None:
    ended = retry(tenant, "--yes")
    assert ended.code == 2
    assert ended.err.startswith(
        "error: --reason is missing: a Disposition is a record, and says why\n"
    )


def test_who_may_not_decide_is_told_before_anything_is_asked(tenant: Tenant) -> None:
    open_letter(tenant)
    failed_action(tenant)
    ended = retry(tenant, "--reason", "up again", user="carol")
    assert ended.code == 7
    assert "you may not get deadletters.amends.dev" in ended.err

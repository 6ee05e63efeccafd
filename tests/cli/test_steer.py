"""`kubectl amends cancel`, `suspend` and `resume`: one field of spec, shown first."""

from collections.abc import Iterator

import pytest
import yaml

from support.api import Object
from support.golden import assert_golden, lasting
from support.plugin import Ended, Plugin
from support.stages import HTTP, awaiting, brought_to
from support.tenant import Installed, Tenant

pytestmark = pytest.mark.controlplane


def steer(tenant: Tenant, verb: str, *options: str, user: str = "alice") -> Ended:
    return Plugin.of(tenant, user).run(verb, "undo-post", *options)


@pytest.fixture(scope="module")
def shipping(installed: Installed) -> Iterator[Tenant]:
    """A namespace whose name has the same length in every run."""
    made = installed.tenant("shipping")
    made.people_may("use", "secrets", "board")
    yield made
    made.clear()


@pytest.mark.parametrize(
    ("verb", "done", "before", "after"),
    [
        ("cancel", "cancelled", {}, {"cancel": True, "suspend": False}),
        ("suspend", "suspended", {}, {"cancel": False, "suspend": True}),
        ("resume", "resumed", {"suspend": True}, {"cancel": False, "suspend": False}),
    ],
)
def test_one_field_is_changed_and_nobody_takes_the_request_over(
    verb: str, done: str, before: Object, after: dict[str, bool], tenant: Tenant
) -> None:
    stored = awaiting(tenant, **before)

    ended = steer(tenant, verb, "--yes")

    assert (ended.code, ended.out) == (0, f"compensation.amends.dev/undo-post {done}\n")
    assert tenant.read("Compensation", "undo-post")["spec"] == {**stored["spec"], **after}
    again = steer(tenant, verb, "--yes")
    assert (again.code, again.out) == (0, "compensation.amends.dev/undo-post unchanged\n")


def test_it_is_asked_first(tenant: Tenant) -> None:
    awaiting(tenant)
    alice = Plugin.of(tenant, "alice", 80)
    assert alice.type("cancel", "undo-post", answers=[("[y/N]", "n")]).code == 4
    assert steer(tenant, "cancel").code == 4
    assert tenant.read("Compensation", "undo-post")["spec"]["cancel"] is False
    assert alice.type("cancel", "undo-post", answers=[("[y/N]", "y")]).code == 0
    assert tenant.read("Compensation", "undo-post")["spec"]["cancel"] is True


@pytest.mark.parametrize("verb", ["cancel", "suspend", "resume"])
@pytest.mark.parametrize("phases", [["Cancelled"], ["Approved", "Running", "Completed"]])
def test_what_is_over_is_refused(verb: str, phases: list[str], tenant: Tenant) -> None:
    awaiting(tenant)
    brought_to(tenant, "undo-post", *phases)

    ended = steer(tenant, verb, "--yes")

    assert ended.code == 1
    assert ended.err.startswith(
        f"error: nothing was changed: compensation undo-post is {phases[-1]}, and stays so for "
        "good\n"
    )


def test_an_attempt_under_way_is_not_interrupted(tenant: Tenant) -> None:
    awaiting(tenant)
    outbox = {
        "id": "outbox-1",
        "operation": "compensation.operator_review",
        "phase": "Claimed",
        "attempt": 1,
        "idempotencyKey": "key-1",
        "doubt": "the answer of attempt 0 was lost",
    }
    brought_to(tenant, "undo-post", "Approved", "Running", attempts=1, outbox=outbox)

    shown = " ".join(steer(tenant, "cancel").err.split())

    assert "! attempt 1 is under way and is not interrupted" in shown
    assert "! an attempt may have been applied: to cancel does not take that back" in shown


@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_the_screen_before_it_is_steered(verb: str, shipping: Tenant) -> None:
    name = f"undo-{verb}"
    awaiting(shipping, name, execution={"http": HTTP}, suspend=True)
    brought_to(shipping, name, "Approved", conditions=[])
    ended = Plugin.of(shipping, "alice", 80).run(verb, name)
    assert_golden(f"cli/{verb}-80.txt", lasting(ended.err))
    assert "planted" not in ended.err


def test_a_dry_run_changes_nothing(tenant: Tenant) -> None:
    awaiting(tenant, execution={"http": HTTP})

    for_git = steer(tenant, "suspend", "--dry-run=client", "-o", "yaml")
    judged = steer(tenant, "suspend", "--dry-run=server", "-o", "json")

    assert yaml.safe_load(for_git.out) == {
        "apiVersion": "amends.dev/v1alpha1",
        "kind": "Compensation",
        "metadata": {"name": "undo-post", "namespace": tenant.namespace},
        "spec": {"suspend": True},
    }
    assert yaml.safe_load(judged.out)["spec"]["suspend"] is True
    assert "planted" not in judged.out
    assert tenant.read("Compensation", "undo-post")["spec"]["suspend"] is False
    apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    tenant.installed.cp.kubectl(*apply, user="alice", input=for_git.out)
    assert tenant.read("Compensation", "undo-post")["spec"]["suspend"] is True


def test_a_stranger_may_not_steer(tenant: Tenant) -> None:
    awaiting(tenant)
    assert steer(tenant, "cancel", "--yes", user="carol").code == 7

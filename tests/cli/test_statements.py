"""Names of statements, and who signs them where nothing stamps them."""

from collections.abc import Iterator

import pytest

import installation
from amends.api.resource import LONGEST_NAME
from amends.cli.decide.statements import valid_name
from support.plugin import Plugin
from support.stages import awaiting
from support.tenant import SECONDS, Installed, Tenant
from waiting import wait_for

STAMP = ("mutatingadmissionpolicybinding", "amends-stamp-actor")
PROVE = ("validatingadmissionpolicybinding", "amends-prove-actor")


@pytest.mark.parametrize(
    ("subject", "username", "name"),
    [
        ("undo-post", "alice", "undo-post-approve-alice"),
        ("undo-post", "Alice.Smith@example.com", "undo-post-approve-alice-smith-example-com"),
        ("undo-post", "oidc:4711", "undo-post-approve-oidc-4711"),
        ("undo-post", "日本", "undo-post-approve"),
        ("x" * LONGEST_NAME, "alice", "x" * (LONGEST_NAME - 20) + "-approve-alice"),
        ("undo-post", "a" * 512, "undo-post-approve-" + "a" * (LONGEST_NAME // 2 - 9)),
    ],
)
def test_a_statement_is_named_after_its_subject_its_verb_and_who_makes_it(
    subject: str, username: str, name: str
) -> None:
    assert valid_name(subject, "approve", username) == name
    assert len(name) + len("-12345") <= LONGEST_NAME


@pytest.fixture
def unstamped(installed: Installed, request: pytest.FixtureRequest) -> Iterator[None]:
    """A cluster without some of the policies, as one before Kubernetes 1.36, or half installed."""
    cp = installed.cp
    for kind, name in request.param:
        cp.kubectl("delete", kind, name)
    wait_for(lambda: not installation.enforces(cp), seconds=SECONDS, what="the policies to go")
    try:
        yield
    finally:
        cp.kubectl("apply", "-f", installation.POLICIES)
        wait_for(lambda: installation.enforces(cp), seconds=60, what="the policies to be back")


@pytest.mark.controlplane
@pytest.mark.parametrize("unstamped", [[STAMP]], indirect=True)
@pytest.mark.usefixtures("unstamped")
def test_where_nothing_stamps_the_actor_people_sign_in_their_own_name(tenant: Tenant) -> None:
    awaiting(tenant)

    ended = Plugin.of(tenant, "alice").run("approve", "undo-post", "--yes")

    assert (ended.code, ended.err.splitlines()[-1]) == (
        0,
        f"see what becomes of it: kubectl amends show compensation/undo-post -n {tenant.namespace}",
    )
    (approval,) = tenant.every("Approval")
    assert approval["spec"]["actor"] == {
        "username": "alice",
        "uid": "",
        "groups": ["tenant-a", "system:authenticated"],
    }


@pytest.mark.controlplane
@pytest.mark.parametrize("unstamped", [[STAMP, PROVE]], indirect=True)
@pytest.mark.usefixtures("unstamped")
def test_where_nobody_proves_the_actor_nothing_is_created(tenant: Tenant) -> None:
    awaiting(tenant)

    ended = Plugin.of(tenant, "alice").run("approve", "undo-post", "--yes")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: the admission policies are missing")
    assert tenant.every("Approval") == []

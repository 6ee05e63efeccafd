"""What may be on its way to the outside world is not deleted; a namespace in termination drains."""

import pytest

from integration.cluster import Refused
from support.api import path_of
from support.manifests import compensation, dead_letter
from support.tenant import SECONDS, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane


@pytest.fixture
def tenant(fresh: Tenant) -> Tenant:
    """A namespace of its own, because what runs cannot be cleared away."""
    return fresh


RUNNING = ("Approved", "Running")
RETRYING = ("RetryRequested", "Retrying")
USERS = pytest.mark.parametrize("user", ["admin", "operator"])


def in_phase(tenant: Tenant, kind: str, *phases: str) -> None:
    """An object called `one` that has gone through these phases."""
    if kind == "DeadLetter":
        tenant.create(dead_letter("one", tenant.namespace, "effect-1"), "operator")
    else:
        tenant.create(compensation("one"))
    for phase in phases:
        tenant.write_status(kind, "one", {"phase": phase})


def delete(tenant: Tenant, kind: str, user: str, name: str | None = "one") -> None:
    tenant.installed.user(user).call("DELETE", path_of(kind, tenant.namespace, name))


APPROVED = (
    r"compensation one is Approved and may have changed the outside world: set spec\.cancel: true, "
    "or wait until it has ended"
)
IS_RETRYING = (
    "dead letter one is Retrying: its action may be on its way to the outside world again; wait "
    "until the retry has ended, or where nobody knows what became of it, settle it with a "
    "Disposition"
)


@USERS
@pytest.mark.parametrize(
    ("kind", "phases", "words"),
    [
        pytest.param("Compensation", ("Approved",), APPROVED, id="Approved"),
        pytest.param("Compensation", RUNNING, "compensation one is Running", id="Running"),
        pytest.param("DeadLetter", RETRYING, IS_RETRYING, id="Retrying"),
    ],
)
def test_what_may_be_on_its_way_is_not_deleted(
    kind: str, phases: tuple[str, ...], words: str, user: str, tenant: Tenant
) -> None:
    in_phase(tenant, kind, *phases)

    with pytest.raises(Refused, match=words) as refused:
        delete(tenant, kind, user)
    assert refused.value.code == 403
    with pytest.raises(Refused):
        tenant.installed.user("admin").call("DELETE", path_of(kind, tenant.namespace))
    assert len(tenant.every(kind)) == 1


@USERS
@pytest.mark.parametrize(
    ("kind", "phases"),
    [
        ("Compensation", ()),
        ("Compensation", ("AwaitingApproval",)),
        ("Compensation", (*RUNNING, "Failed")),
        ("Compensation", (*RUNNING, "Completed")),
        ("DeadLetter", ()),
        ("DeadLetter", ("RetryRequested",)),
        ("DeadLetter", (*RETRYING, "Open")),
        ("DeadLetter", ("Resolved",)),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value) or "new",
)
def test_everything_else_can_be_deleted(
    kind: str, phases: tuple[str, ...], user: str, tenant: Tenant
) -> None:
    in_phase(tenant, kind, *phases)

    delete(tenant, kind, user)

    assert tenant.every(kind) == []


@pytest.mark.parametrize(("kind", "phases"), [("Compensation", RUNNING), ("DeadLetter", RETRYING)])
def test_a_namespace_in_termination_drains(
    kind: str, phases: tuple[str, ...], tenant: Tenant
) -> None:
    in_phase(tenant, kind, *phases)
    tenant.installed.cp.kubectl("delete", "namespace", tenant.namespace, "--wait=false")

    def drains() -> bool:
        # As the namespace controller does: the whole collection at once.
        try:
            delete(tenant, kind, "admin", None)
        except Refused:  # the policy has not yet heard of the termination
            return False
        return tenant.every(kind) == []

    wait_for(drains, seconds=SECONDS, what="the namespace to drain")

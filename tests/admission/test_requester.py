"""Who asked is who was authenticated, and whoever changes a plan has asked for what it says now.

Four eyes rest on this: the requester of a plan does not approve it.
"""

from collections.abc import Callable, Mapping

import pytest

from admission.bindings import without
from admission.people import create_unsigned, full, recorded
from integration.cluster import Refused
from support.api import Object
from support.manifests import action, compensation
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

ASKING: Mapping[str, Callable[..., Object]] = {"Action": action, "Compensation": compensation}
EITHER = pytest.mark.parametrize("kind", ASKING)
ANOTHERS_PLAN = r"spec\.requester\.username is bob but the request was made by dora"


def in_own_name(tenant: Tenant, user: str) -> Object:
    """What somebody adds who changes a plan: nothing, where the server stamps it."""
    return {} if tenant.installed.stamps else {"requester": {"username": user}}


@EITHER
def test_the_requester_is_who_made_the_request(kind: str, tenant: Tenant) -> None:
    assert tenant.create(ASKING[kind]("one"))["spec"]["requester"] == recorded(tenant, "bob")


@EITHER
@pytest.mark.parametrize(
    ("requester", "words"),
    [
        pytest.param(
            {"username": "carol"},
            "spec.requester.username is carol but the request was made by bob: leave "
            "spec.requester out, or where the cluster does not stamp it write your own name",
            id="another name",
        ),
        pytest.param(
            {"username": "bob", "uid": "alice"},
            "spec.requester.uid alice is not the uid of bob: leave spec.requester.uid out",
            id="another uid",
        ),
        pytest.param(
            {"username": "bob", "groups": ["tenant-a", "system:masters"]},
            "spec.requester.groups names a group that bob is not in: leave "
            "spec.requester.groups out",
            id="a group more",
        ),
    ],
)
def test_a_forged_requester_is_refused_on_create(
    kind: str, requester: Object, words: str, tenant: Tenant
) -> None:
    with pytest.raises(Refused) as refused:
        tenant.create(ASKING[kind]("one", requester=requester))

    assert (refused.value.code, words in str(refused.value)) == (403, True)
    assert tenant.every(kind) == []


@EITHER
def test_the_true_requester_may_be_written_down(kind: str, tenant: Tenant) -> None:
    asked = tenant.create(ASKING[kind]("one", requester=full("bob")))

    assert asked["spec"]["requester"] == full("bob")


@EITHER
def test_who_names_nobody_is_stamped_or_told_to_write_their_own_name(
    kind: str, tenant: Tenant
) -> None:
    told = (
        "spec.requester is missing and this cluster does not stamp it: write "
        "spec.requester.username: bob"
    )

    assert create_unsigned(tenant, "bob", ASKING[kind]("one")) == (
        full("bob") if tenant.installed.stamps else told
    )


def test_whoever_changes_the_plan_is_the_requester_from_then_on(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))

    changed = tenant.change("undo", "dora", timeoutSeconds=30, **in_own_name(tenant, "dora"))

    assert changed["spec"]["requester"] == recorded(tenant, "dora")


@pytest.mark.parametrize("blame", [{}, {"requester": {"username": "bob"}}], ids=["silent", "aloud"])
def test_a_changed_plan_does_not_stay_in_anothers_name(blame: Object, tenant: Tenant) -> None:
    asked = tenant.create(compensation("undo"))
    change: Object = {"timeoutSeconds": 30, **blame}

    if tenant.installed.stamps:
        assert tenant.change("undo", "dora", **change)["spec"]["requester"] == full("dora")
    else:
        with pytest.raises(Refused, match=ANOTHERS_PLAN):
            tenant.change("undo", "dora", **change)
        assert tenant.read("Compensation", "undo")["spec"] == asked["spec"]


@pytest.mark.parametrize("change", [{"suspend": True}, {"cancel": True}])
def test_who_suspends_or_cancels_does_not_become_the_requester(
    change: Object, tenant: Tenant
) -> None:
    tenant.create(compensation("undo"))

    changed = tenant.change("undo", "dora", **change)

    assert changed["spec"]["requester"] == recorded(tenant, "bob")


@pytest.mark.parametrize(
    "requester",
    [
        pytest.param(None, id="to nobody"),
        pytest.param({"username": "carol"}, id="to somebody else"),
        pytest.param({"uid": "carol"}, id="to another uid"),
        pytest.param({"groups": ["tenant-b"]}, id="to other groups"),
    ],
)
@pytest.mark.parametrize("user", ["bob", "dora"])
def test_a_requester_forged_by_update_is_refused(
    user: str, requester: Object | None, tenant: Tenant
) -> None:
    tenant.create(compensation("undo"))

    with pytest.raises(Refused, match=r"spec\.requester") as refused:
        tenant.change("undo", user, requester=requester)
    assert refused.value.code == 403
    assert tenant.read("Compensation", "undo")["spec"]["requester"] == recorded(tenant, "bob")


STAMP = "mutatingadmissionpolicybinding/amends-stamp-requester"


@pytest.fixture
def nameless(tenant: Tenant) -> Tenant:
    """A tenant with a Compensation called `undo` from before there were policies."""

    def stamped() -> bool:
        path = f"/apis/amends.dev/v1alpha1/namespaces/{tenant.namespace}/compensations"
        created = tenant.installed.user("operator").call(
            "POST", path, compensation("tried"), query={"dryRun": "All"}
        )
        return "requester" in created["spec"]

    if tenant.installed.stamps:
        with without(tenant.installed.cp, STAMP, gone=lambda: not stamped(), back=stamped):
            tenant.create(compensation("undo"), "operator")
    else:
        tenant.create(compensation("undo"), "operator")
    assert "requester" not in tenant.read("Compensation", "undo")["spec"]
    return tenant


def test_where_nobody_is_named_nobody_can_be_blamed_afterwards(nameless: Tenant) -> None:
    with pytest.raises(Refused, match=ANOTHERS_PLAN):
        nameless.change("undo", "dora", requester={"username": "bob"})

    changed = nameless.change("undo", "dora", requester=full("dora"))
    assert changed["spec"]["requester"] == full("dora")


def test_where_nobody_is_named_anybody_may_still_cancel(nameless: Tenant) -> None:
    assert "requester" not in nameless.change("undo", "dora", cancel=True)["spec"]


def test_a_compensation_that_the_operator_proposes_names_who_reported_the_action(
    tenant: Tenant,
) -> None:
    obj = compensation("undo", requester=full("bob"))

    assert tenant.create(obj, "operator")["spec"]["requester"] == full("bob")


UNDO = {"rollbackInstruction": "remove the posted message"}
AGAIN = {"http": {"method": "POST", "url": "https://api.example.com/messages"}}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"compensation": {**UNDO, "timeoutSeconds": 30}}, id="another undo"),
        pytest.param({"compensation": None}, id="no undo"),
        pytest.param({"retry": AGAIN}, id="a retry"),
    ],
)
def test_whoever_changes_what_an_action_would_do_next_is_its_requester(
    change: Object, tenant: Tenant
) -> None:
    tenant.create(action("one", "claimed", idempotencyKey="key", compensation=UNDO))

    if not tenant.installed.stamps:
        with pytest.raises(Refused, match=ANOTHERS_PLAN):
            tenant.patch("Action", "one", {"spec": change}, "dora")
    change = {**change, **in_own_name(tenant, "dora")}
    changed = tenant.patch("Action", "one", {"spec": change}, "dora")

    assert changed["spec"]["requester"] == recorded(tenant, "dora")


def test_who_reports_the_outcome_of_an_action_does_not_become_its_requester(
    tenant: Tenant,
) -> None:
    tenant.create(action("one", "claimed", idempotencyKey="key", compensation=UNDO, retry=AGAIN))

    reported = tenant.patch(
        "Action", "one", {"spec": {"outcome": "failed", "error": "503", "runId": "run-a"}}, "dora"
    )

    assert reported["spec"]["requester"] == recorded(tenant, "bob")

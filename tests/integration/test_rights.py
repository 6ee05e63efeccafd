"""What each role of the chart may do with our kinds, as RBAC answers, and at the real door."""

import pytest

from integration.cluster import PLURALS, Refused
from support.api import MERGE_PATCH, Api, Object, path_of
from support.manifests import action, compensation, disposition, unique
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
CHANGES = VERBS[3:]


def may(tenant: Tenant, user: str, verb: str, resource: str) -> bool:
    """Whether RBAC lets a user do this in the tenant's namespace."""
    plural, _, part = resource.partition("/")
    asked = {
        "namespace": tenant.namespace,
        "group": "amends.dev",
        "resource": plural,
        "subresource": part,
        "verb": verb,
    }
    answer = tenant.installed.user("admin").call(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {"spec": {"user": user, "resourceAttributes": asked}},
    )
    return bool(answer["status"]["allowed"])


def bind(tenant: Tenant, role: str, *subject: str) -> None:
    tenant.installed.cp.kubectl(
        *("create", "rolebinding", unique(role), "-n", tenant.namespace),
        *(f"--clusterrole={role}", *subject),
    )


def rights(tenant: Tenant, user: str, verbs: tuple[str, ...]) -> set[str]:
    """Everything of these verbs that a user may do with our kinds and their status."""
    resources = [*PLURALS.values(), *(f"{plural}/status" for plural in PLURALS.values())]
    return {
        f"{verb} {resource}"
        for resource in resources
        for verb in verbs
        if may(tenant, user, verb, resource)
    }


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("amends-viewer", set()),
        (
            "amends-responder",
            {
                "create actions",
                "update actions",
                "patch actions",
                "create compensations",
                "update compensations",
                "patch compensations",
                "create dispositions",
                "patch dispositions",
                "create attestations",
                "patch attestations",
            },
        ),
        ("amends-approver", {"create approvals", "patch approvals"}),
        ("amends-automation", {"create actions", "patch actions"}),
    ],
)
def test_what_a_role_may_change(role: str, expected: set[str], tenant: Tenant) -> None:
    user = f"{role}@example.com"
    bind(tenant, role, f"--user={user}")

    assert rights(tenant, user, CHANGES) == expected


def test_a_viewer_reads_every_kind(tenant: Tenant) -> None:
    bind(tenant, "amends-viewer", "--user=viewer@example.com")

    for plural in PLURALS.values():
        for verb in ("get", "list", "watch"):
            assert may(tenant, "viewer@example.com", verb, plural)


def test_the_operator_writes_no_spec_and_decides_nothing(tenant: Tenant) -> None:
    operator = "system:serviceaccount:amends-system:amends"
    kinds = set(PLURALS.values())

    assert rights(tenant, operator, ("create", "update", "patch")) == {
        *(f"create {plural}" for plural in ("compensations", "deadletters", "receipts")),
        *(f"patch {plural}/status" for plural in kinds - {"receipts"}),
    }
    assert all(may(tenant, operator, "list", plural) for plural in kinds)


@pytest.fixture
def automation(tenant: Tenant) -> Api:
    """The service account of an automation, with its own token."""
    cp = tenant.installed.cp
    cp.kubectl("create", "serviceaccount", "writer", "-n", tenant.namespace)
    bind(tenant, "amends-automation", f"--serviceaccount={tenant.namespace}:writer")
    return Api(cp.service_account_kubeconfig(tenant.namespace, "writer"))


def test_an_automation_records_before_and_after_and_reads_back_its_own(
    automation: Api, tenant: Tenant
) -> None:
    def asks(method: str, name: str | None = None, body: Object | None = None) -> Object:
        kind = MERGE_PATCH if method == "PATCH" else "application/json"
        return automation.call(
            method, path_of("Action", tenant.namespace, name), body, content_type=kind
        )

    account = f"system:serviceaccount:{tenant.namespace}:writer"

    created = asks("POST", body=action("post", "claimed", idempotencyKey="run-a/post"))
    asks("PATCH", "post", {"spec": {"outcome": "failed", "error": "503"}})

    assert created["spec"]["requester"]["username"] == account
    read = asks("GET", "post")["spec"]
    assert (read["outcome"], read["requester"]["username"]) == ("failed", account)
    with pytest.raises(Refused, match=r"cannot list resource \"actions\""):
        asks("GET")
    automation.close()


@pytest.mark.parametrize("obj", [compensation("one"), disposition("one", "letter")])
def test_an_automation_asks_for_no_undo_and_decides_nothing(
    obj: Object, automation: Api, tenant: Tenant
) -> None:
    with pytest.raises(Refused, match="cannot create resource"):
        automation.call("POST", path_of(obj["kind"], tenant.namespace), obj)
    automation.close()


def test_a_stranger_disposes_of_nothing(tenant: Tenant) -> None:
    with pytest.raises(Refused, match='User "carol" cannot create resource "dispositions"'):
        tenant.create(disposition("one", "letter"), "carol")

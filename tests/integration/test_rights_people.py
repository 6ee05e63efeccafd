"""What the roles for people and automations grant: exactly what they say, whatever is tried."""

from collections.abc import Iterator, Mapping

import pytest

from integration.cluster import Refused
from support.api import Object, path_of
from support.manifests import (
    action,
    approval,
    attestation,
    compensation,
    dead_letter,
    disposition,
    unique,
)
from support.rights import Right, role_of
from support.tenant import Installed, Tenant

pytestmark = pytest.mark.controlplane

RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
GRANTED: Mapping[str, set[str]] = {
    "amends-viewer": {
        *(f"{verb} *.amends.dev" for verb in ("get", "list", "watch")),
        *(f"{verb} events" for verb in ("get", "list", "watch")),
        *(f"{verb} events.events.k8s.io" for verb in ("get", "list", "watch")),
        "get namespaces",  # bound in a namespace, it is that one: what its floors are
    },
    "amends-responder": {
        *(f"{verb} actions.amends.dev" for verb in ("create", "update", "patch")),
        *(f"{verb} compensations.amends.dev" for verb in ("create", "update", "patch")),
        *(f"{verb} dispositions.amends.dev" for verb in ("create", "patch")),
        *(f"{verb} attestations.amends.dev" for verb in ("create", "patch")),
        "use serviceaccounts amends-runner",
    },
    "amends-approver": {
        *(f"{verb} approvals.amends.dev" for verb in ("create", "patch")),
        "approve compensations.amends.dev",
    },
    "amends-automation": {
        *(f"{verb} actions.amends.dev" for verb in ("get", "create", "patch")),
        "use serviceaccounts amends-runner",
    },
    "amends-delegator": {"use secrets", "use serviceaccounts"},
}
DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def home(installed: Installed) -> Iterator[Tenant]:
    """A namespace with one person for each role, who has no other."""
    made = installed.tenant(unique("roles"))
    for role in GRANTED:
        made.installed.cp.kubectl(
            *("create", "rolebinding", f"only-{role}", "-n", made.namespace),
            *(f"--clusterrole={role}", f"--user={role}"),
        )
    made.create(compensation("undo"))
    made.secret("board", token="hidden")
    yield made
    made.clear()


def as_(role: str) -> dict[str, str]:
    return {"Impersonate-User": role, "Impersonate-Group": "system:authenticated"}


def rights_of(tenant: Tenant, who: str) -> set[str]:
    """Everything that a person may do in the namespace, as the API server lists it."""
    answer = tenant.installed.user("admin").call(
        "POST", RULES, {"spec": {"namespace": tenant.namespace}}, headers=as_(who)
    )
    assert not answer["status"]["incomplete"]
    rules = answer["status"]["resourceRules"]
    role = role_of({"metadata": {"name": who}, "rules": rules})
    return {str(right) for right in role.rights}


@pytest.mark.parametrize("role", GRANTED)
def test_a_role_grants_this_and_nothing_else(role: str, home: Tenant) -> None:
    assert rights_of(home, role) - rights_of(home, "nobody-in-particular") == GRANTED[role]


def test_the_roles_of_people_are_all_in_the_list(home: Tenant, installed: Installed) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    found = [one["metadata"]["name"] for one in installed.user("admin").call("GET", path)["items"]]
    ours = {name for name in found if name.startswith("amends-")}

    assert ours - {"amends-operator"} == set(GRANTED)


ATTEMPTS: Mapping[str, tuple[str, str, str, str]] = {
    # words: verb, group, resource, name
    "read a Secret": ("get", "", "secrets", "board"),
    "list Secrets": ("list", "", "secrets", ""),
    "make a Secret": ("create", "", "secrets", ""),
    "read a ConfigMap": ("get", "", "configmaps", "settings"),
    "run a Pod": ("create", "", "pods", ""),
    "run a command": ("create", "", "pods/exec", "web"),
    "run a Job": ("create", "batch", "jobs", ""),
    "make a token of the runner": ("create", "", "serviceaccounts/token", "amends-runner"),
    "be the runner": ("impersonate", "", "serviceaccounts", "amends-runner"),
    "be somebody else": ("impersonate", "", "users", "alice"),
    "make a Role": ("create", "rbac.authorization.k8s.io", "roles", ""),
    "bind itself a Role": ("create", "rbac.authorization.k8s.io", "rolebindings", ""),
    "bind cluster-admin": ("bind", "rbac.authorization.k8s.io", "clusterroles", "cluster-admin"),
    "annotate the namespace": ("patch", "", "namespaces", ""),
    "rewrite events": ("patch", "events.k8s.io", "events", "any"),
    "write a receipt": ("create", "amends.dev", "receipts", ""),
    "rewrite a receipt": ("patch", "amends.dev", "receipts", "any"),
    "write a dead letter": ("create", "amends.dev", "deadletters", ""),
    "rewrite a dead letter": ("patch", "amends.dev", "deadletters", "any"),
    "write the status of an undo": ("patch", "amends.dev", "compensations/status", "undo"),
    "write the status of an action": ("patch", "amends.dev", "actions/status", "any"),
    "write the status of an approval": ("patch", "amends.dev", "approvals/status", "any"),
    "delete an undo": ("delete", "amends.dev", "compensations", "undo"),
    "delete an action": ("delete", "amends.dev", "actions", "any"),
    "delete an approval": ("delete", "amends.dev", "approvals", "any"),
    "delete a receipt": ("delete", "amends.dev", "receipts", "any"),
    "delete every receipt": ("deletecollection", "amends.dev", "receipts", ""),
    "replace an approval": ("update", "amends.dev", "approvals", "any"),
    "replace a disposition": ("update", "amends.dev", "dispositions", "any"),
}


@pytest.mark.parametrize("role", GRANTED)
def test_no_role_of_people_grants_any_of_these(role: str, home: Tenant) -> None:
    allowed = {words for words, asked in ATTEMPTS.items() if _may(home, role, Right(*asked))}

    assert allowed == set()


def _may(tenant: Tenant, who: str, right: Right) -> bool:
    resource, _, part = right.resource.partition("/")
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": part,
        "name": right.name,
        "namespace": tenant.namespace,
    }
    body = {"spec": {"user": who, "resourceAttributes": asked}}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = tenant.installed.user("admin").call("POST", path, body)
    return bool(answer["status"]["allowed"])


WRITES: Mapping[str, str] = {
    "Action": "amends-responder amends-automation",
    "Compensation": "amends-responder",
    "Disposition": "amends-responder",
    "Attestation": "amends-responder",
    "Approval": "amends-approver",
    "DeadLetter": "",
    "Receipt": "",
}


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize("role", GRANTED)
def test_at_the_door_only_these_may_create(role: str, kind: str, home: Tenant) -> None:
    obj = example(kind, home.namespace)

    if role in WRITES[kind].split():
        assert ask(home, role, obj)["metadata"]["name"] == obj["metadata"]["name"]
        return
    with pytest.raises(Refused, match=f'User "{role}" cannot create resource') as refused:
        ask(home, role, obj)
    assert refused.value.code == 403


def ask(tenant: Tenant, role: str, obj: Object) -> Object:
    """Create it as who has this role, up to the point where it would be stored."""
    return tenant.installed.user("admin").call(
        "POST",
        path_of(obj["kind"], tenant.namespace),
        obj,
        query={"dryRun": "All"},
        headers=as_(role),
    )


def example(kind: str, namespace: str) -> Object:
    """An object of a kind that has nothing wrong with it."""
    name = unique("asked")
    match kind:
        case "Action":
            return action(name)
        case "Compensation":
            return compensation(name)
        case "Disposition":
            return disposition(name, "letter")
        case "Attestation":
            return attestation(name, "undo")
        case "Approval":
            return approval(name, "undo", planDigest=DIGEST)
        case "DeadLetter":
            return dead_letter(name, namespace, "effect-x")
        case _:
            return {**action(name), "kind": kind}

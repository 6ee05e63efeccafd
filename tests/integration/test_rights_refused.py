"""What the operator must not do: the API server is asked, and refuses each of it."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from integration.cluster import Refused
from support.api import Api
from support.manifests import compensation, unique
from support.refusals import METHODS, MUST_NOT, SYSTEM, MustNot
from support.rights import Right, may
from support.tenant import SECONDS, Installed, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

ACCOUNT = "system:serviceaccount:"
IMPERSONATIONS = {
    "cluster-admin": {"Impersonate-User": "admin"},
    "a person": {"Impersonate-User": "alice"},
    "a group": {"Impersonate-User": ACCOUNT + "{tenant}:amends-runner", "Impersonate-Group": "sre"},
    "a group that may do anything": {
        "Impersonate-User": ACCOUNT + "{tenant}:amends-runner",
        "Impersonate-Group": "system:masters",
    },
    "the runner, with an extra": {
        "Impersonate-User": ACCOUNT + "{tenant}:amends-runner",
        "Impersonate-Extra-Reason": "why not",
    },
    "somebody by uid": {
        "Impersonate-User": ACCOUNT + "{tenant}:amends-runner",
        "Impersonate-Uid": "1",
    },
    "a tenant's other account": {"Impersonate-User": ACCOUNT + "{tenant}:default"},
    "a runner where no tenant is": {"Impersonate-User": ACCOUNT + "{stranger}:amends-runner"},
    "an account of its own namespace": {"Impersonate-User": ACCOUNT + SYSTEM + ":default"},
    "a controller": {"Impersonate-User": "system:kube-controller-manager"},
    "a controller's account": {
        "Impersonate-User": ACCOUNT + "kube-system:generic-garbage-collector"
    },
    "a node": {"Impersonate-User": "system:node:node-1"},
    "nobody": {"Impersonate-User": "system:anonymous"},
}
NOT_RESOURCES = ("/metrics", "/logs/", "/debug/pprof/", "/configz", "/flagz", "/statusz")


@pytest.fixture(scope="module")
def served(installed: Installed) -> Iterator[Tenant]:
    """A tenant that the operator serves."""
    made = installed.tenant(unique("served"))
    yield made
    made.clear()


@pytest.fixture(scope="module")
def stranger(installed: Installed) -> str:
    """A namespace with everything that a tenant has, but for being one."""
    name = unique("stranger")
    installed.cp.kubectl("create", "namespace", name)
    installed.cp.kubectl("create", "serviceaccount", "amends-runner", "-n", name)
    return name


@pytest.fixture
def operator(installed: Installed) -> Api:
    """The operator's account, with its own token."""
    return installed.user("operator")


def test_the_list_is_long_enough_and_says_nothing_twice() -> None:
    assert len({(one.verb, one.path(one.namespace)) for one in MUST_NOT}) == len(MUST_NOT)
    assert len({one.words for one in MUST_NOT}) == len(MUST_NOT) >= 60


@pytest.mark.parametrize("wrong", MUST_NOT, ids=str)
def test_the_operator_must_not(wrong: MustNot, served: Tenant, operator: Api) -> None:
    namespace = wrong.namespace.format(tenant=served.namespace)
    name = wrong.name.format(tenant=served.namespace)
    right = Right(wrong.verb, wrong.group, wrong.resource, name, namespace)

    assert not may(operator, right)
    if wrong.verb in METHODS:
        with pytest.raises(Refused, match=f'cannot {wrong.verb} resource "{wrong.resource}"') as no:
            attempt(wrong, namespace, name, operator)
        assert no.value.code == 403


def attempt(wrong: MustNot, namespace: str, name: str, operator: Api) -> None:
    """The request itself, with an empty body: who may not ask is not told what is wrong with it."""
    path = wrong.path(namespace).replace(wrong.name, name) if name else wrong.path(namespace)
    watching = {"watch": "1", "timeoutSeconds": "1"} if wrong.verb == "watch" else {}
    operator.call(METHODS[wrong.verb], path, {}, query=watching)


@pytest.mark.parametrize("whom", IMPERSONATIONS)
def test_the_operator_must_not_act_as(
    whom: str, served: Tenant, stranger: str, operator: Api
) -> None:
    names = {"tenant": served.namespace, "stranger": stranger}
    headers = {name: value.format(**names) for name, value in IMPERSONATIONS[whom].items()}

    with pytest.raises(Refused, match='amends-system:amends" cannot impersonate') as refused:
        operator.call("GET", "/api/v1/namespaces", headers=headers)

    assert refused.value.code == 403


@pytest.mark.parametrize("path", NOT_RESOURCES)
def test_the_operator_must_not_look_into_the_server(path: str, operator: Api) -> None:
    with pytest.raises(Refused, match=f'cannot get path "{path}"') as refused:
        operator.call("GET", path)

    assert refused.value.code == 403


@pytest.mark.parametrize("verb", ["impersonate", "use", "bind", "escalate", "approve", "*"])
def test_the_operator_holds_no_verb_on_everything(verb: str, operator: Api) -> None:
    assert not may(operator, Right(verb, "*", "*"))


def test_as_the_runner_it_may_do_what_the_runner_may_and_no_more(
    served: Tenant, operator: Api
) -> None:
    runner = {"Impersonate-User": f"{ACCOUNT}{served.namespace}:amends-runner"}
    secrets = f"/api/v1/namespaces/{served.namespace}/secrets"
    for name in ("lent", "kept"):
        served.secret(name, token=name)
    served.runner_may_read("lent")

    def lent() -> bool:
        """The authorizer learns of a new role by a watch, so it takes a moment."""
        with suppress(Refused):
            return bool(operator.call("GET", f"{secrets}/lent", headers=runner)["data"])
        return False

    wait_for(lent, seconds=SECONDS, what="the runner's right to be known")
    beyond = [
        ("GET", f"{secrets}/kept"),
        ("GET", secrets),
        ("GET", "/api/v1/secrets"),
        ("DELETE", f"{secrets}/lent"),
        ("POST", f"/api/v1/namespaces/{served.namespace}/pods"),
        ("POST", f"/apis/amends.dev/v1alpha1/namespaces/{served.namespace}/approvals"),
    ]
    for method, path in beyond:
        with pytest.raises(Refused, match=f"{served.namespace}:amends-runner.* cannot") as refused:
            operator.call(method, path, {} if method == "POST" else None, headers=runner)
        assert refused.value.code == 403


@pytest.mark.parametrize("phase", ["Approved", "Running"])
def test_the_operator_must_not_delete_what_is_agreed_or_under_way(
    phase: str, served: Tenant, operator: Api
) -> None:
    name = unique("undo")
    served.create(compensation(name))
    for step in ("Approved", "Running")[: 1 + (phase == "Running")]:
        served.write_status("Compensation", name, {"phase": step})
    path = f"/apis/amends.dev/v1alpha1/namespaces/{served.namespace}/compensations/{name}"

    with pytest.raises(Refused, match="ValidatingAdmissionPolicy"):
        operator.call("DELETE", path)

    assert served.read("Compensation", name)["status"]["phase"] == phase
    served.write_status("Compensation", name, {"phase": "Cancelled"})  # for operators to come

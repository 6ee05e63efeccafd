"""The operator's rights are the measured minimum: it uses each one, and needs each one.

One story uses everything that an operator does, and the API server's audit log says which rights
that took. Then each right is taken away, alone, and a request of that very story is refused.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from installation import RBAC as FILES
from installation import SERVICE_ACCOUNT, SYSTEM_NAMESPACE
from integration.cluster import PLURALS, Refused
from integration.letters import decide, failed, in_phase
from support.api import Api
from support.audit import Asked, AuditLog
from support.manifests import action, attestation, compensation, unique
from support.rights import Right, Role, as_asked, role_of, roles_bound_to, roles_of, without
from support.target import APPLIED, Target
from support.tenant import SECONDS, Installed, StartOperator, Tenant
from support.upkeep import free_address, keep_for, metric, told
from waiting import wait_for

pytestmark = pytest.mark.controlplane

NAMESPACE = unique("measured")
ROLES = [*roles_of(FILES / "operator.yaml"), *roles_of(FILES / "tenant.yaml", NAMESPACE)]
EVERY_RIGHT = [(right, role) for role in ROLES for right in sorted(role.rights)]
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases/amends"
CLUSTER_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "impersonate": "GET",
}


@pytest.fixture(scope="module")
def measured(installed: Installed) -> Iterator[Tenant]:
    """The tenant of the story."""
    made = installed.tenant(NAMESPACE)
    yield made
    made.clear()


@pytest.fixture(scope="module")
def story(measured: Tenant, start: StartOperator, target: Target) -> list[Asked]:
    """What the operator asked the API server for while it did everything that it can do."""
    admin, address = measured.installed.user("admin"), free_address()
    if any(one["metadata"]["name"] == "amends" for one in _leases(admin)):
        admin.call("DELETE", LEASE)
    audit = AuditLog(measured.installed)
    with start("--metrics-listen", address, "--sweep-seconds", "1", "--sweep-rate", "1000"):
        _an_undo_with_a_secret(measured, target)
        decide(measured, retried := failed(measured, target.route(APPLIED)), "Retry")
        in_phase(measured, retried, "Resolved")
        _a_failure_that_was_none(measured)
        _work_done_by_hand(measured)
        _what_is_settled_goes(measured, address)
    return as_asked(audit.everything())


def _leases(admin: Api) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = admin.call("GET", LEASE.rpartition("/")[0])["items"]
    return found


def _an_undo_with_a_secret(tenant: Tenant, target: Target) -> None:
    tenant.secret("board", token="Bearer of-the-board")
    tenant.runner_may_read("board")
    tenant.installed.cp.kubectl(  # and so may the people whose undo names it
        *("create", "rolebinding", "people-read-board", "-n", tenant.namespace),
        *("--role=read-board", "--group=tenant-a"),
    )
    route = target.route(APPLIED)
    secret = {"secretKeyRef": {"name": "board", "key": "token"}}
    header = {"name": "Authorization", "valueFrom": secret}
    http = {"method": "DELETE", "url": route.url, "headers": [header]}
    tenant.create(action("post", compensation={"name": "undo", "execution": {"http": http}}))
    tenant.ready("Compensation", "undo", "AwaitingApproval")
    tenant.approve("undo")
    tenant.in_phase("undo", "Completed")
    assert route.requests[0].headers["Authorization"] == "Bearer of-the-board"


def _work_done_by_hand(tenant: Tenant) -> None:
    tenant.ask(compensation("by-hand", execution={"manual": {}}))
    tenant.ready("Compensation", "by-hand", "AwaitingAttestation")
    tenant.create(attestation("saw", "by-hand"))
    tenant.in_phase("by-hand", "Completed")


def _a_failure_that_was_none(tenant: Tenant) -> None:
    """Its dead letter and its undo, which nobody has touched, go."""
    undo = {"name": "needless", "execution": {"record": {}}}
    tenant.create(action("late", idempotencyKey="run-a/late", compensation=undo))
    tenant.ready("Compensation", "needless", "AwaitingApproval")
    tenant.create(action("later", "sent", idempotencyKey="run-a/late"))
    wait_for(
        lambda: "needless" not in {one["metadata"]["name"] for one in tenant.every("Compensation")},
        seconds=SECONDS,
        what="the undo that is needless to go",
    )


def _what_is_settled_goes(tenant: Tenant, metrics: str) -> None:
    """At least one record of every kind."""
    tenant.create(action("fine", "sent"))
    tenant.ready("Action", "fine", "Recorded")
    tenant.ask(compensation("alone"))
    tenant.in_phase("alone", "Completed")
    keep_for(tenant, "1s")
    wait_for(
        lambda: all(
            metric(metrics, "amends_retention_deleted_total", kind=kind) for kind in PLURALS
        ),
        seconds=SECONDS,
        what="a settled record of every kind to go",
    )


def test_the_operator_is_bound_to_these_roles_and_to_no_other(
    measured: Tenant, installed: Installed
) -> None:
    admin = installed.user("admin")
    bound = roles_bound_to(admin, f"{SYSTEM_NAMESPACE}:{SERVICE_ACCOUNT}")
    tenants = {where: role for where, role in bound.items() if where == NAMESPACE or not where}

    assert tenants == {"": "amends-operator", NAMESPACE: "amends-act-as-runner"}
    assert bound[SYSTEM_NAMESPACE] == "amends-leader"
    assert set(bound.values()) == {role.name for role in ROLES}
    assert [role_of(admin.call("GET", role.path)) for role in ROLES] == ROLES


def test_the_operator_uses_exactly_the_rights_that_it_has(
    story: list[Asked], installed: Installed
) -> None:
    has = {right for right, _ in EVERY_RIGHT}
    # Who somebody is, and what they may do, the server tells everybody about themselves.
    basic = installed.user("admin").call("GET", f"{CLUSTER_ROLES}/system:basic-user")
    may = has | role_of(basic).rights

    used = {right for right in has if any(right.allows(asked) for asked in story)}
    beyond = {str(asked) for asked in story if not any(right.allows(asked) for right in may)}

    assert sorted(map(str, has - used)) == [], "granted, and never used"
    assert beyond == set(), "asked for, and never granted"
    assert {asked.code for asked in story} & {401, 403} == set()


@pytest.mark.parametrize(
    ("right", "role"), [pytest.param(*one, id=str(one[0])) for one in EVERY_RIGHT]
)
def test_without_this_right_a_request_of_the_story_is_refused(
    right: Right, role: Role, story: list[Asked], installed: Installed
) -> None:
    operator, admin = installed.user("operator"), installed.user("admin")
    asked = next(asked for asked in story if right.allows(asked))

    with without(right, role, admin, operator), pytest.raises(Refused) as refused:
        again(asked, operator)

    assert refused.value.code == 403
    resource = right.resource
    assert f'cannot {right.verb} resource "{resource}"' in str(refused.value)


def again(asked: Asked, operator: Api) -> None:
    """Sends it once more; what it would write is not stored, should it be let through."""
    query = {} if METHODS[asked.verb] == "GET" else {"dryRun": "All"}
    if asked.verb == "watch":
        query = {"watch": "1", "timeoutSeconds": "1"}
    who = {"Impersonate-User": asked.impersonated} if asked.impersonated else {}
    operator.call(METHODS[asked.verb], urlsplit(asked.uri).path, {}, query=query, headers=who)


@pytest.mark.parametrize("lacking", ["compensations/status", "receipts"])
def test_an_operator_that_lacks_a_right_names_it_and_finishes_once_it_is_given_back(
    lacking: str, tenant: Tenant, start: StartOperator, target: Target, installed: Installed
) -> None:
    route = target.route(APPLIED)
    verb = "patch" if lacking.endswith("/status") else "create"
    words = f'cannot {verb} resource "{lacking}" in API group "amends.dev"'
    right = Right(verb, "amends.dev", lacking)
    with start() as operator:
        tenant.create(compensation("undo", http={"url": route.url}))
        tenant.planned("undo")
        with without(right, ROLES[0], installed.user("admin"), installed.user("operator")):
            tenant.approve("undo")
            wait_for(
                lambda: any(words in line["why"] for line in told(operator, "will look again")),
                seconds=SECONDS,
                what="its log to say so",
            )

        done = tenant.in_phase("undo", "Completed")

    assert (done["status"]["attempts"], len(route.requests)) == (1, 1)
    assert len(tenant.every("Receipt")) == 1

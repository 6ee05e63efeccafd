"""Who decided is who was authenticated, and a person: Approvals and Dispositions alike."""

import json
from collections.abc import Iterator

import pytest

from integration.cluster import MASTERS, OPERATOR, Refused
from support.api import Object
from support.manifests import approval, disposition
from support.tenant import SECONDS, Installed, Tenant
from waiting import wait_for

pytestmark = pytest.mark.controlplane

DIGEST = "sha256:" + "0" * 64
BOB = {"username": "bob", "uid": "bob", "groups": ["tenant-a", "system:authenticated"]}
ALICE = {**BOB, "username": "alice", "uid": "alice"}

STATEMENTS = {
    "Approval": approval("statement", "undo", planDigest=DIGEST),
    "Disposition": disposition("statement", "letter"),
}
BOTH = pytest.mark.parametrize("kind", STATEMENTS)


def statement(kind: str, **spec: object) -> Object:
    return {**STATEMENTS[kind], "spec": {**STATEMENTS[kind]["spec"], **spec}}


@BOTH
def test_the_actor_is_who_made_the_request(kind: str, tenant: Tenant) -> None:
    assert tenant.create(statement(kind), "alice")["spec"]["actor"] == ALICE


@BOTH
@pytest.mark.parametrize(
    ("actor", "words"),
    [
        pytest.param(
            {"username": "alice"},
            "spec.actor.username is alice but the request was made by bob: leave spec.actor out",
            id="another name",
        ),
        pytest.param(
            {"username": "bob", "groups": ["tenant-a", "system:masters"]},
            "spec.actor.groups names a group that bob is not in: leave spec.actor out",
            id="a group more",
        ),
        pytest.param(
            {"username": "bob", "uid": "alice"},
            "spec.actor.uid alice is not the uid of bob: leave spec.actor out",
            id="another uid",
        ),
    ],
)
def test_a_forged_actor_is_refused(kind: str, actor: Object, words: str, tenant: Tenant) -> None:
    with pytest.raises(Refused, match=words) as refused:
        tenant.create(statement(kind, actor=actor), "bob")
    assert refused.value.code == 403
    assert tenant.every(kind) == []


@BOTH
def test_the_true_actor_may_be_written_down(kind: str, tenant: Tenant) -> None:
    assert tenant.create(statement(kind, actor=BOB), "bob")["spec"]["actor"] == BOB


@BOTH
def test_applying_the_same_again_changes_nothing(kind: str, tenant: Tenant) -> None:
    def apply() -> str:
        return tenant.installed.cp.kubectl(
            *("apply", "-n", tenant.namespace, "-f", "-"),
            user="alice",
            input=json.dumps(statement(kind)),
        ).stdout.strip()

    assert apply() == f"{kind.lower()}.amends.dev/statement created"
    assert apply() == f"{kind.lower()}.amends.dev/statement unchanged"


@BOTH
def test_somebody_else_cannot_take_a_decision_over(kind: str, tenant: Tenant) -> None:
    tenant.create(statement(kind), "alice")

    with pytest.raises(Refused, match="is immutable: a statement stands"):
        tenant.patch(kind, "statement", {"spec": {"actor": BOB}}, "bob")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("Approval", "Approve undo by alice"),
        ("Disposition", "Ignore letter by alice"),
    ],
)
def test_the_audit_log_tells_the_decision_in_words(kind: str, told: str, tenant: Tenant) -> None:
    tenant.create(statement(kind), "alice")

    def annotations() -> list[str]:
        log = tenant.installed.cp.audit_log.read_text().splitlines()
        events = [json.loads(line) for line in log if f'"{tenant.namespace}"' in line]
        found = (event.get("annotations", {}) for event in events)
        return [one["amends-prove-actor/decision"] for one in found if len(one) > 2]

    wait_for(annotations, seconds=SECONDS, what="the audit log")
    assert annotations() == [told]


def said_to(tenant: Tenant, account: str, obj: Object) -> str:
    """The refusal that a service account gets, with every right that RBAC can give."""
    return tenant.installed.cp.kubectl(
        *("create", "-n", tenant.namespace, "-f", "-"),
        *("--as", account, "--as-group", MASTERS),
        input=json.dumps(obj),
        check=False,
    ).stderr


@BOTH
def test_a_service_account_does_not_decide(kind: str, tenant: Tenant) -> None:
    runner = f"system:serviceaccount:{tenant.namespace}:amends-runner"

    assert f"{runner} is a service account, and people decide: let a person apply this {kind}" in (
        said_to(tenant, runner, statement(kind))
    )
    assert tenant.every(kind) == []


@BOTH
def test_the_operator_does_not_decide(kind: str, tenant: Tenant) -> None:
    assert f"{OPERATOR} is the Amends operator, which carries out what people decide" in (
        said_to(tenant, OPERATOR, statement(kind))
    )
    assert tenant.every(kind) == []


AGENT = "system:serviceaccount:flux-system:kustomize-controller"
POLICY = "validatingadmissionpolicy/amends-people-decide"


@pytest.fixture
def listed(installed: Installed, tenant: Tenant) -> Iterator[None]:
    """While it lasts, a GitOps agent is listed as such, and by mistake the operator too."""
    kubectl = installed.cp.kubectl
    shipped = kubectl("get", POLICY, "-o", "jsonpath={.spec.variables[0].expression}").stdout

    def write(expression: str) -> None:
        patch = [{"op": "replace", "path": "/spec/variables/0/expression", "value": expression}]
        kubectl("patch", POLICY, "--type=json", "-p", json.dumps(patch))

    def may_decide() -> bool:
        tried = kubectl(
            *("create", "--dry-run=server", "-n", tenant.namespace, "-f", "-"),
            *("--as", AGENT, "--as-group", MASTERS),
            input=json.dumps(statement("Approval")),
            check=False,
        )
        return tried.returncode == 0

    write(f"['{AGENT}', '{OPERATOR}']")
    wait_for(may_decide, seconds=SECONDS, what="the list to be in force")
    yield
    write(shipped)
    wait_for(lambda: not may_decide(), seconds=SECONDS, what="the list to be gone")


@pytest.mark.usefixtures("listed")
@BOTH
def test_a_listed_gitops_agent_is_the_actor_of_what_people_merged(
    kind: str, tenant: Tenant
) -> None:
    merged: Object = {"username": "alice", "commit": "c0ffee"}
    tenant.installed.cp.kubectl(
        *("create", "-n", tenant.namespace, "-f", "-"),
        *("--as", AGENT, "--as-group", MASTERS),
        input=json.dumps(statement(kind, onBehalfOf=merged)),
    )

    spec = tenant.read(kind, "statement")["spec"]
    assert (spec["actor"]["username"], spec["onBehalfOf"]) == (AGENT, merged)


@pytest.mark.usefixtures("listed")
@BOTH
def test_the_operator_does_not_decide_even_if_it_is_listed(kind: str, tenant: Tenant) -> None:
    assert "is the Amends operator" in said_to(tenant, OPERATOR, statement(kind))
    assert tenant.every(kind) == []

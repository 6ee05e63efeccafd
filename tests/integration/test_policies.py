"""What admission policies make true: who made a statement, and that only the operator writes it."""

import json

import pytest

from integration.cluster import Refused
from support.api import Object
from support.manifests import action, approval, compensation, dead_letter, manifest
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

DIGEST = "sha256:" + "0" * 64
BOB = {"username": "bob", "uid": "bob", "groups": ["tenant-a", "system:authenticated"]}
ALICE = {**BOB, "username": "alice", "uid": "alice"}
DORA = {**BOB, "username": "dora", "uid": "dora"}


def statement(name: str = "statement", **spec: object) -> Object:
    return approval(name, "undo", planDigest=DIGEST, **spec)


def test_the_actor_of_an_approval_is_who_made_the_request(tenant: Tenant) -> None:
    assert tenant.create(statement(), "alice")["spec"]["actor"] == ALICE


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
def test_a_forged_actor_is_refused(actor: Object, words: str, tenant: Tenant) -> None:
    with pytest.raises(Refused, match=words) as refused:
        tenant.create(statement(actor=actor), "bob")
    assert refused.value.code == 403
    assert tenant.every("Approval") == []


def test_the_true_actor_may_be_written_down(tenant: Tenant) -> None:
    assert tenant.create(statement(actor=BOB), "bob")["spec"]["actor"] == BOB


def test_applying_the_same_approval_again_changes_nothing(tenant: Tenant) -> None:
    def apply() -> str:
        return tenant.installed.cp.kubectl(
            *("apply", "-n", tenant.namespace, "-f", "-"),
            user="alice",
            input=json.dumps(statement()),
        ).stdout.strip()

    assert apply() == "approval.amends.dev/statement created"
    assert apply() == "approval.amends.dev/statement unchanged"


@pytest.mark.parametrize("user", ["operator", "runner"])
def test_a_service_account_does_not_decide(user: str, tenant: Tenant) -> None:
    # With every right in the cluster, so that only the policy refuses.
    account = {
        "operator": "system:serviceaccount:amends-system:amends",
        "runner": f"system:serviceaccount:{tenant.namespace}:amends-runner",
    }[user]
    said = tenant.installed.cp.kubectl(
        *("create", "-n", tenant.namespace, "-f", "-"),
        *("--as", account, "--as-group", "system:masters"),
        input=json.dumps(statement()),
        check=False,
    ).stderr
    assert f"{account} is a service account, and people decide" in said
    assert tenant.every("Approval") == []


@pytest.mark.parametrize("user", ["admin", "alice"])
@pytest.mark.parametrize("kind", ["Action", "Approval", "Compensation"])
def test_nobody_but_the_operator_writes_status(kind: str, user: str, tenant: Tenant) -> None:
    obj = {"Action": action("one"), "Compensation": compensation("one")}.get(kind, statement("one"))
    tenant.create(obj, "alice")

    with pytest.raises(Refused) as refused:
        tenant.write_status(kind, "one", {"conditions": []}, user)

    assert refused.value.code == 403
    if user == "admin":
        words = f"admin may not write {kind.lower()}s/status: it is the record of the Amends"
        assert words in str(refused.value)
    tenant.write_status(kind, "one", {"conditions": []}, "operator")


def receipt(tenant: Tenant) -> Object:
    spec = {
        "subject": {"kind": "Action", "name": "post", "uid": "u-1"},
        "source": "tool_effect",
        "effectId": "effect-1",
        "outboxId": "outbox-1",
        "outcome": "Succeeded",
        "operation": "board.post",
        "scope": {"namespace": tenant.namespace},
        "payloadDigest": DIGEST,
        "payload": {},
        "pointer": "external-action://post",
        "recordedAt": "2026-01-31T09:00:00Z",
        "auditHash": DIGEST,
    }
    return manifest("Receipt", "one", spec)


@pytest.mark.parametrize("kind", ["Receipt", "DeadLetter"])
def test_nobody_but_the_operator_makes_evidence(kind: str, tenant: Tenant) -> None:
    obj = dead_letter("one", tenant.namespace, "effect-1")
    if kind == "Receipt":
        obj = receipt(tenant)

    with pytest.raises(Refused, match=f"admin may not write {kind.lower()}s: it is the record"):
        tenant.create(obj, "admin")
    with pytest.raises(Refused, match="is forbidden"):
        tenant.create(obj, "alice")

    tenant.create(obj, "operator")


@pytest.mark.parametrize("kind", ["Action", "Compensation"])
def test_the_requester_is_who_made_the_request(kind: str, tenant: Tenant) -> None:
    obj = action("one") if kind == "Action" else compensation("one")

    assert tenant.create(obj)["spec"]["requester"] == BOB


@pytest.mark.parametrize("kind", ["Action", "Compensation"])
def test_a_forged_requester_is_refused(kind: str, tenant: Tenant) -> None:
    forged: Object = {"requester": {"username": "carol"}}
    obj = action("one", **forged) if kind == "Action" else compensation("one", **forged)

    with pytest.raises(
        Refused, match=r"spec\.requester\.username is carol but the request was made by bob"
    ):
        tenant.create(obj)
    assert tenant.every(kind) == []


def test_whoever_changes_the_plan_is_the_requester_from_then_on(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))

    changed = tenant.change("undo", "dora", timeoutSeconds=30)

    assert changed["spec"]["requester"] == DORA


def test_whoever_changes_the_plan_cannot_blame_another(tenant: Tenant) -> None:
    tenant.create(compensation("undo"))

    blamed = tenant.change("undo", "dora", timeoutSeconds=30, requester=BOB)

    assert blamed["spec"]["requester"] == DORA


@pytest.mark.parametrize("change", [{"suspend": True}, {"cancel": True}])
def test_who_suspends_or_cancels_does_not_become_the_requester(
    change: Object, tenant: Tenant
) -> None:
    tenant.create(compensation("undo"))

    assert tenant.change("undo", "dora", **change)["spec"]["requester"] == BOB


@pytest.mark.parametrize("requester", [None, {"username": "carol"}, {"groups": ["tenant-b"]}])
def test_the_requester_cannot_be_changed_to_somebody_else(
    requester: Object | None, tenant: Tenant
) -> None:
    tenant.create(compensation("undo"))

    with pytest.raises(Refused, match=r"spec\.requester"):
        tenant.change("undo", "dora", requester=requester)
    assert tenant.read("Compensation", "undo")["spec"]["requester"] == BOB


def test_a_compensation_that_the_operator_proposes_names_who_reported_the_action(
    tenant: Tenant,
) -> None:
    obj = compensation("undo", requester=BOB)

    assert tenant.create(obj, "operator")["spec"]["requester"] == BOB

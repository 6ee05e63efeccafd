"""What admission policies make true: who asked, and that only the operator writes the record.

Who decided is in test_policies_decisions.py.
"""

import pytest

from integration.cluster import MASTERS, OPERATOR, Refused
from support.api import Object
from support.manifests import (
    action,
    approval,
    compensation,
    dead_letter,
    disposition,
    manifest,
)
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

DIGEST = "sha256:" + "0" * 64
BOB = {"username": "bob", "uid": "bob", "groups": ["tenant-a", "system:authenticated"]}
DORA = {**BOB, "username": "dora", "uid": "dora"}


@pytest.mark.parametrize("user", ["admin", "alice"])
@pytest.mark.parametrize(
    "obj",
    [
        action("one"),
        approval("one", "undo", planDigest=DIGEST),
        compensation("one"),
        disposition("one", "letter"),
    ],
    ids=lambda obj: obj["kind"],
)
def test_nobody_but_the_operator_writes_status(obj: Object, user: str, tenant: Tenant) -> None:
    kind = obj["kind"]
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


def test_where_nobody_is_named_nobody_can_be_blamed_afterwards(tenant: Tenant) -> None:
    # As it is stored where it was created before there were policies.
    tenant.create(compensation("undo"))
    tenant.installed.cp.kubectl(
        *("patch", "compensation", "undo", "-n", tenant.namespace, "--type=merge"),
        *("-p", '{"spec": {"requester": null}}', "--as", OPERATOR, "--as-group", MASTERS),
    )
    assert "requester" not in tenant.read("Compensation", "undo")["spec"]

    with pytest.raises(
        Refused, match=r"requester\.username is bob but the request was made by dora"
    ):
        tenant.change("undo", "dora", requester=BOB)
    assert tenant.change("undo", "dora", requester=DORA)["spec"]["requester"] == DORA


def test_a_compensation_that_the_operator_proposes_names_who_reported_the_action(
    tenant: Tenant,
) -> None:
    obj = compensation("undo", requester=BOB)

    assert tenant.create(obj, "operator")["spec"]["requester"] == BOB


UNDO = {"rollbackInstruction": "remove the posted message"}
AGAIN = {"http": {"method": "POST", "url": "https://api.example.com/messages"}}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"compensation": {**UNDO, "timeoutSeconds": 30}}, id="another undo"),
        pytest.param({"compensation": None}, id="no undo"),
        pytest.param({"retry": AGAIN}, id="a retry"),
        pytest.param({"compensation": None, "requester": BOB}, id="and blames another"),
    ],
)
def test_whoever_changes_what_an_action_would_do_next_is_its_requester(
    change: Object, tenant: Tenant
) -> None:
    tenant.create(action("one", "claimed", idempotencyKey="key", compensation=UNDO))

    changed = tenant.patch("Action", "one", {"spec": change}, "dora")

    assert changed["spec"]["requester"] == DORA


def test_who_reports_the_outcome_of_an_action_does_not_become_its_requester(
    tenant: Tenant,
) -> None:
    tenant.create(action("one", "claimed", idempotencyKey="key", compensation=UNDO, retry=AGAIN))

    reported = tenant.patch(
        "Action", "one", {"spec": {"outcome": "failed", "error": "503", "runId": "run-a"}}, "dora"
    )

    assert reported["spec"]["requester"] == BOB

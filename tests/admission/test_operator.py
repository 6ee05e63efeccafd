"""People write spec, the operator writes status and evidence, and neither writes the other's."""

import json
from typing import Any

import pytest

from admission.people import create_as
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
WRITTEN_BY_PEOPLE = (
    action("one"),
    approval("one", "undo", planDigest=DIGEST),
    compensation("one"),
    disposition("one", "letter"),
)


@pytest.mark.parametrize("user", ["admin", "alice"])
@pytest.mark.parametrize(
    "obj",
    WRITTEN_BY_PEOPLE,
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


def changed_by_the_operator(tenant: Tenant, kind: str, change: Object) -> str:
    """What the operator is told that changes an object, with every right that RBAC can give."""
    return tenant.installed.cp.kubectl(
        *("patch", kind.lower(), "one", "-n", tenant.namespace, "--type=merge"),
        *("-p", json.dumps(change), "--as", OPERATOR, "--as-group", MASTERS),
        check=False,
    ).stderr


@pytest.mark.parametrize(
    ("obj", "change"),
    [
        pytest.param(action("one"), {"outcome": "succeeded"}, id="Action"),
        pytest.param(compensation("one"), {"cancel": True}, id="Compensation: cancel"),
        pytest.param(compensation("one"), {"requester": None}, id="Compensation: requester"),
        pytest.param(compensation("one"), {"timeoutSeconds": 1}, id="Compensation: plan"),
    ],
)
def test_the_operator_does_not_change_what_people_wrote(
    obj: Object, change: dict[str, Any], tenant: Tenant
) -> None:
    spec = tenant.create(obj)["spec"]

    said = changed_by_the_operator(tenant, obj["kind"], {"spec": change})

    assert (
        f"{OPERATOR} is the Amends operator and may not change spec of {obj['kind'].lower()}s: "
        "people write spec, the operator writes status"
    ) in said
    assert tenant.read(obj["kind"], "one")["spec"] == spec


def test_what_is_not_spec_stands_in_nobodys_way(tenant: Tenant) -> None:
    tenant.create(compensation("one"))

    assert changed_by_the_operator(
        tenant, "Compensation", {"metadata": {"labels": {"a": "b"}}}
    ) == ("")


@pytest.mark.parametrize(
    "obj", [WRITTEN_BY_PEOPLE[1], WRITTEN_BY_PEOPLE[3]], ids=lambda o: o["kind"]
)
def test_the_operator_does_not_decide(obj: Object, tenant: Tenant) -> None:
    assert f"{OPERATOR} is the Amends operator, which carries out what people decide" in (
        create_as(tenant, OPERATOR, obj)
    )
    assert tenant.every(obj["kind"]) == []

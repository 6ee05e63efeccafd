"""`kubectl amends verify-receipt`: recomputed from what stands there, and compared."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from amends.api import Compensation
from amends.api.receipt import Scope
from amends.core.records import receipts
from support.api import Object
from support.digests import sha256
from support.golden import assert_golden
from support.plugin import Ended, Plugin
from support.stages import HTTP, awaiting, brought_to
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

OTHER = f"sha256:{'0' * 64}"
WHEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def alice(tenant: Tenant) -> Plugin:
    return Plugin.of(tenant, "alice")


def written(folder: Path, *objects: Object) -> str:
    """A file with these objects."""
    file = folder / "objects.yaml"
    file.write_text("---\n".join(yaml.safe_dump(one) for one in objects))
    return str(file)


# ------------------------------------------------------------------------------------ receipts


def proved(tenant: Tenant, evidence: Object | None = None, **spec: Any) -> Object:
    """The Receipt of a Compensation that has completed, as the operator writes it."""
    awaiting(tenant, **spec)
    stored = brought_to(tenant, "undo-post", "Approved")
    outbox = {
        "id": "outbox-1",
        "operation": "compensation.operator_review",
        "phase": "Claimed",
        "attempt": 1,
        "idempotencyKey": f"amends:{tenant.namespace}/{stored['metadata']['uid']}",
        "payloadDigest": sha256(stored["spec"]["execution"]),
    }
    running = brought_to(tenant, "undo-post", "Running", attempts=1, outbox=outbox)
    scope = Scope(namespace=tenant.namespace)
    made = receipts.of_compensation(Compensation.read(running), evidence or {}, scope, WHEN)
    receipt = tenant.create(
        {
            "apiVersion": "amends.dev/v1alpha1",
            "kind": "Receipt",
            "metadata": {"name": made.name},
            "spec": made.spec.wire(),
        },
        "operator",
    )
    brought_to(tenant, "undo-post", "Completed", receiptRef={"name": made.name})
    return receipt


def results(ended: Ended) -> dict[str, str]:
    """Each check and what it came to."""
    (audited,) = json.loads(ended.out)["receipts"]
    return {check["name"]: check["result"] for check in audited["checks"]}


def verify(alice: Plugin, receipt: Object) -> Ended:
    return alice.run("verify-receipt", receipt["metadata"]["name"], "-o", "json")


def offline(alice: Plugin, folder: Path, *objects: Object) -> Ended:
    return alice.run("verify-receipt", "-f", written(folder, *objects), "-o", "json")


ALL_HOLD = {
    "audit hash": "ok",
    "payload digest": "ok",
    "output digest": "ok",
    "subject": "ok",
    "named by it": "ok",
    "plan digest": "ok",
    "input digest": "ok",
}


def test_a_genuine_receipt_holds_in_every_point(tenant: Tenant, alice: Plugin) -> None:
    ended = verify(alice, proved(tenant, {"status": 204}, execution={"http": HTTP}))
    assert (ended.code, results(ended)) == (0, ALL_HOLD)


@pytest.mark.parametrize("columns", [80, 120])
def test_what_an_auditor_reads(columns: int, tenant: Tenant) -> None:
    receipt = proved(tenant, {"answer": {"token": "abc"}})
    name = receipt["metadata"]["name"]

    ended = Plugin.of(tenant, "alice", columns).run("verify-receipt", name)

    assert ended.code == 0
    shown = "".join(f"{line.rstrip()}\n" for line in ended.out.splitlines())
    assert_golden(f"cli/verify-receipt-{columns}.txt", shown.replace(name, "effect-compensation-1"))


def test_what_was_redacted_cannot_be_recomputed_and_says_so(tenant: Tenant, alice: Plugin) -> None:
    ended = verify(alice, proved(tenant, {"answer": {"token": "abc"}}))
    assert ended.code == 0
    assert results(ended) == {
        **ALL_HOLD,
        "payload digest": "not checked",
        "output digest": "not checked",
    }


def test_a_file_is_checked_without_a_cluster(tmp_path: Path, tenant: Tenant) -> None:
    receipt = proved(tenant)
    undo = tenant.read("Compensation", "undo-post")
    nobody = Plugin(tmp_path / "no-kubeconfig", tmp_path, tenant.namespace)

    alone = offline(nobody, tmp_path, receipt)
    everything = offline(nobody, tmp_path, {"kind": "List", "items": [receipt, undo]})

    kept = ("audit hash", "payload digest", "output digest")
    assert alone.code == 0
    assert results(alone) == {**dict.fromkeys(kept, "ok"), "subject": "not checked"}
    assert (everything.code, results(everything)) == (0, ALL_HOLD)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"payload": {"status": "Completed", "evidence": {}}}, {"payload digest", "plan digest"}),
        ({"auditHash": OTHER}, {"audit hash"}),
        ({"payloadDigest": OTHER}, {"audit hash", "payload digest"}),
        ({"operation": "compensation.other"}, {"audit hash"}),
        ({"inputDigest": OTHER}, {"input digest"}),
        ({"outputDigest": OTHER}, {"output digest"}),
        (
            {"subject": {"kind": "Compensation", "name": "undo-post", "uid": "u-2"}},
            {"subject"},
        ),
    ],
)
def test_a_receipt_that_was_tampered_with_is_found_out(
    change: Object, wrong: set[str], tmp_path: Path, tenant: Tenant, alice: Plugin
) -> None:
    receipt = proved(tenant)
    undo = tenant.read("Compensation", "undo-post")
    forged = {**receipt, "spec": {**receipt["spec"], **change}}

    ended = offline(alice, tmp_path, forged, undo)

    assert ended.code == 5
    assert {name for name, result in results(ended).items() if result == "MISMATCH"} == wrong


def test_a_namesake_that_was_created_later_is_not_the_subject(
    tenant: Tenant, alice: Plugin
) -> None:
    receipt = proved(tenant)
    tenant.delete("Compensation", "undo-post")
    gone = verify(alice, receipt)
    awaiting(tenant)
    replaced = verify(alice, receipt)
    assert (gone.code, results(gone)["subject"]) == (0, "not checked")
    assert (replaced.code, results(replaced)["subject"]) == (5, "MISMATCH")


def test_the_chain_of_replaced_receipts_is_followed(
    tmp_path: Path, tenant: Tenant, alice: Plugin
) -> None:
    last = proved(tenant)

    def renamed(number: int, supersedes: str | None, **changes: Any) -> Object:
        spec = {**last["spec"], "sequence": number, **changes}
        name = f"effect-1-{number}"
        hashed = [name, "undo-post", spec["operation"], spec["payloadDigest"]]
        named = {"supersedes": {"name": supersedes}} if supersedes else {}
        spec = {"auditHash": sha256(hashed), **changes, **named} | {
            field: value for field, value in spec.items() if field != "auditHash"
        }
        return {**last, "metadata": {**last["metadata"], "name": name}, "spec": spec}

    def chain(*objects: Object) -> dict[str, str]:
        ended = alice.run("verify-receipt", "-f", written(tmp_path, *objects), "-o", "json")
        audited = json.loads(ended.out)["receipts"][0]
        return {
            check["name"]: check["result"]
            for check in audited["checks"]
            if check["name"].startswith("supersedes")
        }

    third, second, first = renamed(3, "effect-1-2"), renamed(2, "effect-1-1"), renamed(1, None)

    assert chain(third, second, first) == {
        "supersedes effect-1-2": "ok",
        "supersedes effect-1-1": "ok",
    }
    assert chain(third, second) == {
        "supersedes effect-1-2": "ok",
        "supersedes effect-1-1": "not checked",
    }
    other = renamed(2, None, effectId="effect-2")
    assert chain(third, other) == {"supersedes effect-1-2": "MISMATCH"}
    circle = renamed(2, "effect-1-3")
    assert chain(third, circle)["supersedes effect-1-3"] == "MISMATCH"


def test_a_receipt_or_a_file_must_be_named(alice: Plugin) -> None:
    assert alice.run("verify-receipt").code == 2
    missing = alice.run("verify-receipt", "effect-1-1")
    assert missing.code == 3
    assert missing.err.startswith("error: there is no receipt effect-1-1 in namespace")

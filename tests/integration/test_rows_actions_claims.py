"""Row A9: a claim that is on record before anything is sent, and what it becomes."""

import pytest

from support.api import Object
from support.digests import sha256, short
from support.manifests import action
from support.tenant import Tenant, condition

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

KEY = "run-7/post"
EFFECT = f"effect-{short(KEY)}"
SENDING = {"text": "hello"}
CLAIM: Object = {
    "idempotencyKey": KEY,
    "input": SENDING,
    "attempt": 2,
    "source": {"kind": "agent", "id": "writer"},
}
SURVIVES = ("createdAt", "claimedBy", "claimedAt", "attempt", "payloadDigest", "before")


def claim(tenant: Tenant, name: str = "claim", **spec: object) -> Object:
    """The Action once its claim is on record."""
    tenant.create(action(name, "claimed", **{**CLAIM, **spec}))
    return tenant.ready("Action", name, "Pending")


def recorded(tenant: Tenant, name: str, reason: str) -> Object:
    one = tenant.wait_until("Action", name, lambda one: one["status"]["phase"] == "Recorded")
    assert condition(one)["reason"] == reason
    return one


def kept(one: Object) -> Object:
    return {field: one["status"]["outbox"].get(field) for field in SURVIVES}


def test_a9_a_claim_says_who_is_about_to_send_what(tenant: Tenant) -> None:
    one = claim(tenant)

    outbox = one["status"]["outbox"]
    assert outbox["createdAt"][:19] == one["metadata"]["creationTimestamp"][:19]
    assert outbox["claimedAt"] == outbox["before"]["time"]
    assert {field: outbox[field] for field in ("phase", "attempt", "claimedBy")} == {
        "phase": "Pending",
        "attempt": 2,
        "claimedBy": "writer",
    }
    assert outbox["before"]["outcome"] == "claimed"
    assert outbox["payloadDigest"] == outbox["before"]["payloadDigest"] == sha256(SENDING)
    assert tenant.every("Receipt") == []


@pytest.mark.parametrize(("outcome", "phase"), [("sent", "Sent"), ("failed", "Failed")])
def test_a9_the_claim_survives_when_the_same_action_reports(
    outcome: str, phase: str, tenant: Tenant
) -> None:
    before = kept(claim(tenant))

    change = {"outcome": outcome, "attempt": 1, "input": {"text": "?"}, "receipt": {"id": 7}}
    tenant.patch("Action", "claim", {"spec": change})

    done = recorded(tenant, "claim", "Recorded")
    outbox = done["status"]["outbox"]
    assert kept(done) == before
    assert (outbox["phase"], outbox["after"]["outcome"]) == (phase, outcome)
    assert outbox["after"]["payloadDigest"] == sha256({"id": 7})
    assert tenant.read("Receipt", f"{EFFECT}-1")["spec"]["attempt"] == 2


def test_a9_the_claim_survives_when_another_action_reports(tenant: Tenant) -> None:
    before = kept(claim(tenant))

    tenant.create(action("report", "sent", idempotencyKey=KEY, attempt=3, receipt={"id": 7}))

    done = recorded(tenant, "report", "Recorded")
    assert kept(done) == {**before, "attempt": 3}
    assert done["status"]["outbox"]["after"]["outcome"] == "sent"
    claimed = recorded(tenant, "claim", "ReportedBy")
    assert kept(claimed) == before
    assert claimed["status"]["receiptRef"] == done["status"]["receiptRef"]
    assert claimed["status"]["effect"] == {"id": EFFECT, "outcome": "Succeeded"}
    assert len(tenant.every("Receipt")) == 1


def test_a9_the_claim_survives_a_repeated_report_too(tenant: Tenant) -> None:
    tenant.create(action("first", "failed", idempotencyKey=KEY))
    recorded(tenant, "first", "Recorded")
    before = kept(claim(tenant))

    tenant.create(action("second", "failed", idempotencyKey=KEY, attempt=2))

    assert kept(recorded(tenant, "second", "Repeated")) == before
    assert recorded(tenant, "claim", "ReportedBy")["status"]["effect"]["outcome"] == "Failed"
    assert len(tenant.every("Receipt")) == len(tenant.every("DeadLetter")) == 1


def test_a9_a_claim_for_a_later_attempt_is_not_answered_by_an_earlier_one(tenant: Tenant) -> None:
    claim(tenant)
    tenant.create(action("report", "failed", idempotencyKey=KEY, attempt=1))
    recorded(tenant, "report", "Recorded")

    tenant.patch("Action", "claim", {"spec": {"outcome": "sent"}})

    recorded(tenant, "claim", "Recorded")
    outcomes = [one["spec"]["outcome"] for one in tenant.every("Receipt")]
    assert outcomes == ["Failed", "Succeeded"]

"""Rows E1 to E3: what looks like a secret stands in nothing that the operator writes."""

import json

import pytest

from installation import RunningOperator
from support.api import Object
from support.digests import sha256
from support.manifests import action, compensation
from support.target import Answer, Target
from support.tenant import Tenant, condition

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLW9mLXBsYW50ZWQ"
PLANTED = {
    "api_key": "planted-api-key",
    "Access-Token": "planted-access-token",
    "CLIENT_SECRET": "planted-client-secret",
    "userPassword": "planted-password",
    "authorization": "planted-authorization",
    "private-key": "planted-private-key",
    "apikey": {"nested": ["planted-in-apikey"]},
}
EVERYWHERE = {
    "text": "hello",
    "deep": [{"list": [PLANTED]}],
    "note": f"sent with Bearer {JWT}",
    "aws": "AKIAIOSFODNN7PLANTED",
    "url": "https://user:planted-url-password@example.com/",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\nplanted-pem\n-----END RSA PRIVATE KEY-----",
}
SECRETS = [
    *("planted-api-key", "planted-access-token", "planted-client-secret", "planted-password"),
    *("planted-authorization", "planted-private-key", "planted-in-apikey", "planted-url-password"),
    *("planted-pem", "planted-in-error", "planted-in-target", "planted-in-answer"),
    *("AKIAIOSFODNN7PLANTED", JWT),
]


def written(tenant: Tenant, running: RunningOperator) -> str:
    """Everything the operator wrote: evidence, dead letters, statuses, Events and its log."""
    objects: list[object] = [*tenant.every("Receipt"), *tenant.every("DeadLetter")]
    for kind in ("Action", "Compensation", "Approval"):
        objects += [one["status"] for one in tenant.every(kind)]
    objects += [one["note"] for name in ("post", "undo") for one in tenant.events(name)]
    return json.dumps(objects) + running.log.read_text()


def report(outcome: str) -> Object:
    return action(
        "post",
        outcome,
        **({"error": "401: password=planted-in-error"} if outcome == "failed" else {}),
        target="https://example.com/?access_token=planted-in-target",
        input=EVERYWHERE,
        receipt={"result": EVERYWHERE},
        compensation={"name": "undo"},
    )


@pytest.mark.parametrize("outcome", ["failed", "sent"])
def test_e1_e3_no_secret_of_an_action_is_written_anywhere(
    outcome: str, tenant: Tenant, running: RunningOperator
) -> None:
    tenant.create(report(outcome))
    done = tenant.ready("Action", "post", "Recorded")
    if outcome == "failed":
        tenant.approve("undo", reason="it leaked password=planted-in-answer")
        tenant.in_phase("undo", "Completed")
        tenant.ready("DeadLetter", "dead-letter-effect-post", "Compensated")
        tenant.wait_for_event("undo", "Executed")
    tenant.wait_for_event("post", "Recorded")

    everything = written(tenant, running)

    assert [secret for secret in SECRETS if secret in everything] == []
    spec = tenant.read("Receipt", done["status"]["receiptRef"]["name"])["spec"]
    assert spec["payload"]["input"] == {
        "text": "hello",
        "deep": [{"list": [dict.fromkeys(PLANTED, "[redacted]")]}],
        "note": "sent with Bearer [redacted]",
        "aws": "[redacted]",
        "url": "https://user:[redacted]@example.com/",
        "pem": "[redacted]",
    }
    assert spec["target"] == "https://example.com/?access_token=[redacted]"


def test_e2_digests_are_over_what_was_really_there(tenant: Tenant) -> None:
    tenant.create(report("failed"))
    done = tenant.ready("Action", "post", "Recorded")

    spec = tenant.read("Receipt", done["status"]["receiptRef"]["name"])["spec"]

    payload = {
        "input": EVERYWHERE,
        "receipt": {"result": EVERYWHERE},
        "outcome": "Failed",
        "error": "401: password=planted-in-error",
    }
    assert spec["inputDigest"] == sha256(EVERYWHERE)
    assert spec["outputDigest"] == sha256(EVERYWHERE)
    assert spec["payloadDigest"] == sha256(payload)
    assert spec["payload"] != payload


@pytest.mark.parametrize("status", [200, 422])
def test_e3_no_secret_in_the_answer_of_a_target_is_written_anywhere(
    status: int, tenant: Tenant, target: Target, running: RunningOperator
) -> None:
    body = {"token": "planted-in-answer", "note": f"Bearer {JWT}", **EVERYWHERE}
    route = target.route(Answer(status, body))
    tenant.ask(compensation("undo", http={"url": route.url}))
    ended = tenant.ready("Compensation", "undo", "Completed" if status == 200 else "Failed")
    tenant.wait_for_event("undo", "Executed" if status == 200 else "Failed")

    everything = written(tenant, running)

    assert [secret for secret in SECRETS if secret in everything] == []
    assert condition(ended)["status"] == ("True" if status == 200 else "False")

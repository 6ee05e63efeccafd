"""An undo of an object whose outcome nobody knows: nothing is repeated, and a person is asked."""

from collections.abc import Iterator

import pytest

from installation import RunningOperator
from integration.cluster_doubts import removal
from integration.cluster_objects import CONFIGMAPS, Namespaced, change, runner_may
from support.api import Object
from support.manifests import attestation
from support.namespaces import frozen
from support.tenant import StartOperator, Tenant, condition

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

GONE = "operator-that-was-killed"
LONG_AGO, FAR_AHEAD = "2026-01-31T09:00:00Z", "2126-01-31T09:00:00Z"


@pytest.fixture(scope="module")
def running(start: StartOperator) -> Iterator[RunningOperator]:
    """An operator whose claims are short."""
    with start("--claim-seconds", "2") as operator:
        yield operator


def claimed(tenant: Tenant) -> Object:
    """The ledger as a process writes it before it changes anything."""
    status = tenant.read("Compensation", "undo")["status"]
    outbox = {
        "id": "outbox-1",
        "operation": "compensation.operator_review",
        "phase": "Claimed",
        "createdAt": LONG_AGO,
        "attempt": 1,
        "idempotencyKey": f"amends:{tenant.namespace}/key",
        "attemptKey": "undo:1",
        "claimedBy": GONE,
        "claimedAt": LONG_AGO,
        "claimExpiresAt": FAR_AHEAD,
    }
    return {**status, "phase": "Running", "attempts": 1, "outbox": outbox}


@pytest.mark.parametrize("drift", ["Refuse", "Allow"])
def test_of_a_removal_whose_maker_was_killed_nobody_removes_more_and_a_person_is_asked(
    drift: str, tenant: Tenant
) -> None:
    objects = Namespaced(tenant)
    runner_may(tenant, CONFIGMAPS, "get", "patch")
    objects.settings()
    marks = ["a.b/first", "a.b/second"]
    objects.merge(CONFIGMAPS, {"metadata": {"finalizers": marks}})
    first = removal("/metadata/finalizers/0")
    with frozen(tenant, tenant.namespace):
        tenant.ask(change("undo", "Patch", previewDrift=drift, **first))
        tenant.in_phase("undo", "Approved")
        tenant.write_status("Compensation", "undo", claimed(tenant))
        objects.merge(CONFIGMAPS, {"metadata": {"finalizers": marks[1:]}})
        killed = {"outbox": {"claimExpiresAt": LONG_AGO}}
        tenant.write_status("Compensation", "undo", killed)

    unknown = tenant.ready("Compensation", "undo", "OutcomeUnknown")

    status = unknown["status"]
    assert (status["phase"], status["attempts"]) == ("Running", 1)
    assert "nextAttemptAt" not in status
    assert "ConfigMap settings" in status["outbox"]["detail"]
    assert "another process had begun it" in status["outbox"]["detail"]
    assert "kubectl amends attest undo" in condition(unknown, "Stalled")["message"]
    assert objects.read(CONFIGMAPS)["metadata"]["finalizers"] == marks[1:]

    tenant.create(attestation("saw", "undo"), "alice")
    tenant.in_phase("undo", "Completed")
    assert objects.read(CONFIGMAPS)["metadata"]["finalizers"] == marks[1:]
    objects.merge(CONFIGMAPS, {"metadata": {"finalizers": None}})

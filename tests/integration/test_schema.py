"""What the API server makes of our CRDs: frozen specs, selectors, explanations, tables."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from amends.api import KINDS, Compensation, Resource
from amends.api.compensation import CompensationSpec
from controlplane import ControlPlane
from integration.cluster import Cluster, Refused
from integration.objects import DIGEST, LEAST, MOST, WHEN, named

pytestmark = pytest.mark.controlplane

GOLDEN = Path(__file__).parents[1] / "golden"

OTHER_PLAN: dict[str, Any] = {
    "type": "other",
    "direction": "Rollback",
    "rollbackInstruction": "other",
    "forwardFixInstruction": "other",
    "approval": {"approvers": 3},
    "execution": {"http": {"body": {"why": "other"}}},
    "retry": {"maxAttempts": 4},
    "timeoutSeconds": 31,
    "serviceAccountName": "other",
    "verify": {"attempts": 2},
    "orderingKey": "other",
    "compensableUntil": None,
    "targetEffect": "other",
    "runId": None,
    "actionRef": {"name": "other"},
}
"""For every field of the plan, a change that is valid in itself."""


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Receipt", {"payload": {"message": "another"}}),
        ("Receipt", {"error": "new"}),
        ("DeadLetter", {"reason": "another"}),
        ("Approval", {"decision": "Reject"}),
        ("Approval", {"reason": None}),
        ("Disposition", {"choice": "Ignore"}),
        ("Disposition", {"reason": "another"}),
        ("Disposition", {"compensation": {"type": "another"}}),
        ("Attestation", {"outcome": "NotApplied"}),
        ("Attestation", {"evidence": {"ticket": "another"}}),
    ],
)
def test_evidence_and_statements_are_immutable(
    kind: str, change: dict[str, object], admin: Cluster
) -> None:
    admin.create(
        named(kind, "one", {**LEAST[kind], "reason": "so"} if kind == "Approval" else None)
    )

    article = "an" if kind.startswith("A") else "a"
    with pytest.raises(Refused, match=f"spec: Forbidden: spec of {article} {kind} is immutable: "):
        admin.patch(kind, "one", {"spec": change})


@pytest.mark.parametrize("kind", LEAST)
def test_applying_the_same_again_changes_nothing(kind: str, admin: Cluster) -> None:
    created = admin.create(named(kind, "one"))

    # The default of status is not in etcd before the first update, which therefore is a write.
    once = admin.patch(kind, "one", {"spec": LEAST[kind]})
    twice = admin.patch(kind, "one", {"spec": LEAST[kind]})

    assert twice["metadata"]["resourceVersion"] == once["metadata"]["resourceVersion"]
    assert (twice["spec"], twice.get("status")) == (created["spec"], created.get("status"))
    assert twice["metadata"]["generation"] == 1


def test_the_plan_is_frozen_from_approved_on(admin: Cluster, operator: Cluster) -> None:
    assert set(OTHER_PLAN) == {
        field.alias
        for name, field in CompensationSpec.model_fields.items()
        if name not in CompensationSpec.NOT_PLAN
    }
    admin.create(named("Compensation", "one", MOST["Compensation"]))
    admin.patch("Compensation", "one", {"spec": {"timeoutSeconds": 40}})
    operator.write_status("Compensation", "one", {"phase": "AwaitingApproval"})
    admin.patch("Compensation", "one", {"spec": {"timeoutSeconds": 41}})
    for phase in ("Approved", "Running", "Failed", "Approved", "Running"):
        operator.write_status("Compensation", "one", {"phase": phase})
        for field, value in OTHER_PLAN.items():
            with pytest.raises(Refused) as refused:
                admin.patch("Compensation", "one", {"spec": {field: value}})
            assert (
                f"spec: Forbidden: the plan is frozen from Approved on, and status.phase is {phase}"
                in str(refused.value)
            )
        for field in ("suspend", "cancel"):
            for value in (False, True):
                spec = admin.patch("Compensation", "one", {"spec": {field: value}})["spec"]
                assert spec[field] is value


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        pytest.param("Completed", "compensation one is already completed", id="completed"),
        pytest.param("Cancelled", "compensation one is cancelled", id="B4: cancelled"),
    ],
)
def test_b3_what_has_settled_cannot_be_asked_for_again(
    phase: str, words: str, admin: Cluster, operator: Cluster
) -> None:
    admin.create(named("Compensation", "one"))
    for step in ("Approved", "Running", phase):
        operator.write_status("Compensation", "one", {"phase": step})

    for change in ({"suspend": True}, {"cancel": True}, {"timeoutSeconds": 41}):
        with pytest.raises(Refused, match=words):
            admin.patch("Compensation", "one", {"spec": change})


def test_a_recorded_action_is_frozen(admin: Cluster, operator: Cluster) -> None:
    admin.create(named("Action", "one"))
    admin.patch("Action", "one", {"spec": {"outcome": "posted"}})
    operator.write_status("Action", "one", {"phase": "Recorded"})

    with pytest.raises(Refused, match="spec is frozen, because the outcome has been recorded"):
        admin.patch("Action", "one", {"spec": {"input": {"text": "another"}}})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_selectable_field_can_be_selected(kind: type[Resource], admin: Cluster) -> None:
    admin.create(named(kind.__name__, "one", MOST[kind.__name__]))
    for path in (*kind.SERVED.selectable, kind.SERVED.period):
        assert admin.select(kind.__name__, f"{path[1:]}=nothing") == []


def test_open_work_is_what_is_not_finished(admin: Cluster, operator: Cluster) -> None:
    finished: dict[str, dict[str, Any]] = {
        "Action": {"phase": "Recorded"},
        "DeadLetter": {"settled": True},
        "Compensation": {"phase": "Cancelled"},
        "Approval": {"settled": True},
        "Disposition": {"settled": True},
        "Attestation": {"settled": True},
    }
    selectors = {kind.__name__: kind.SERVED.open_work for kind in KINDS if kind.SERVED.open_work}
    assert set(finished) == set(selectors)
    for kind, status in finished.items():
        admin.create(named(kind, "open"))
        admin.create(named(kind, "done"))
        operator.write_status(kind, "done", status)

    for kind, selector in selectors.items():
        assert admin.select(kind, selector) == ["open"]
    assert admin.select("Compensation", "status.phase=Proposed") == ["open"]


def test_kubectl_explains_every_field(control_plane: ControlPlane) -> None:
    told = control_plane.kubectl("explain", "compensation.spec.execution.http").stdout

    assert "Send one HTTP request." in told
    assert "url\t<string> -required-" in told
    assert "enum: None, ProviderKey, Natural" in told
    for kind in KINDS:
        plural = kind.SERVED.plural
        everything = control_plane.kubectl("explain", plural, "--recursive").stdout
        assert kind.SERVED.description.split()[0] in everything
        assert "<no description>" not in control_plane.kubectl("explain", plural).stdout


def _condition(kind: str, status: str, reason: str) -> dict[str, object]:
    return {
        "type": kind,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": WHEN,
        "reason": reason,
        "message": "for the table",
    }


STATUS: dict[str, dict[str, Any]] = {
    "Action": {
        "phase": "Recorded",
        "runId": "run-2026-01-31-0017",
        "effect": {"id": "effect-3f2a9c0d1b4e5f60", "outcome": "Succeeded"},
        "compensationRef": {"name": "compensation-effect-3f2a9c0d1b4e5f60"},
    },
    "DeadLetter": {
        "phase": "LinkedToCompensation",
        "compensationRef": {"name": "compensation-effect-3f2a9c0d1b4e5f60"},
        "conditions": [_condition("Ready", "False", "AwaitingCompensation")],
    },
    "Compensation": {
        "phase": "AwaitingApproval",
        "attempts": 0,
        "planDigest": DIGEST,
        "conditions": [
            _condition("Ready", "False", "AwaitingApproval"),
            _condition("Approved", "Unknown", "AwaitingApproval"),
        ],
        "approvals": [
            {
                "name": f"{who}-says-yes",
                "uid": "u-1",
                "username": f"{who}@example.com",
                "decision": "Approve",
                "time": WHEN,
            }
            for who in ("alice", "bob")
        ],
    },
    "Approval": {"conditions": [_condition("Ready", "True", "Counted")]},
    "Disposition": {"conditions": [_condition("Ready", "False", "NoCompensation")]},
    "Attestation": {"conditions": [_condition("Ready", "False", "EvidenceTooLarge")]},
}

SPEC: dict[str, dict[str, Any]] = {
    "Action": {"operation": "slack.chat.postMessage"},
    "DeadLetter": {"operation": "slack.chat.postMessage"},
    "Receipt": {
        "operation": "slack.chat.postMessage",
        "source": "compensation",
        "subject": {
            "kind": "Compensation",
            "name": "compensation-effect-3f2a9c0d1b4e5f60",
            "uid": "u-1",
        },
    },
    "Approval": {
        "subjectRef": {"name": "compensation-effect-3f2a9c0d1b4e5f60"},
        "actor": {"username": "alice@example.com"},
    },
    "Disposition": {
        "deadLetterRef": {"name": "dead-letter-effect-3f2a9c0d1b4e5f60"},
        "actor": {"username": "alice@example.com"},
    },
    "Attestation": {
        "subjectRef": {"name": "compensation-effect-3f2a9c0d1b4e5f60"},
        "actor": {"username": "alice@example.com"},
    },
}

NAMES = {
    "Action": "post-release-notes-17",
    "Receipt": "effect-3f2a9c0d1b4e5f60-1",
    "DeadLetter": "dead-letter-effect-3f2a9c0d1b4e5f60",
    "Compensation": "compensation-effect-3f2a9c0d1b4e5f60",
    "Approval": "alice-approves-17",
    "Disposition": "alice-compensates-17",
    "Attestation": "alice-attests-17",
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_table_fits_a_terminal(
    kind: type[Resource],
    control_plane: ControlPlane,
    namespace: str,
    admin: Cluster,
    operator: Cluster,
) -> None:
    word = kind.__name__
    spec = {**copy.deepcopy(LEAST[word]), **SPEC.get(word, {})}
    admin.create(named(word, NAMES[word], spec))
    if kind is Compensation:
        operator.write_status(word, NAMES[word], {"phase": "AwaitingApproval"})
    if word in STATUS:
        operator.write_status(word, NAMES[word], STATUS[word])

    told = control_plane.kubectl("get", kind.SERVED.plural, "-n", namespace).stdout

    table = re.sub(r"\b\d+s$", "AGE", told, flags=re.MULTILINE)
    assert max(len(line) for line in told.splitlines()) <= 120
    assert table == (GOLDEN / f"get-{kind.SERVED.plural}.txt").read_text()


def test_every_decision_of_people_is_found_in_one_place(
    control_plane: ControlPlane, namespace: str, admin: Cluster
) -> None:
    for kind in KINDS:
        admin.create(named(kind.__name__, f"a-{kind.__name__.lower()}"))

    told = control_plane.kubectl("get", "decisions", "-n", namespace, "-o", "name").stdout

    assert sorted(told.split()) == [
        "approval.amends.dev/a-approval",
        "attestation.amends.dev/a-attestation",
        "disposition.amends.dev/a-disposition",
    ]

"""The status of every kind with every field of it, as the operator may come to write it."""

from typing import Any

from integration.objects import DIGEST, WHEN

Object = dict[str, Any]

_LATE_RESULTS = [
    {
        "attemptKey": "undo:1",
        "holder": "amends-1",
        "outcome": "Applied",
        "time": WHEN,
        "excerpt": '{"status": 200}',
        "digest": DIGEST,
    }
]

_OBSERVED: Object = {
    "history": [
        {"from": "Open", "to": "Resolved", "time": WHEN, "actor": "alice", "reason": "dealt with"}
    ],
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "observedGeneration": 1,
            "lastTransitionTime": WHEN,
            "reason": "AwaitingDecision",
            "message": "waits for a person",
        }
    ],
}

_OUTBOX: Object = {
    "id": "outbox-retry-3f2a9c0d1b4e5f60",
    "operation": "board.post",
    "createdAt": WHEN,
    "phase": "Sent",
    "attempt": 2,
    "idempotencyKey": "run-a/post",
    "attemptKey": "dead-letter-effect-1:2",
    "payloadDigest": DIGEST,
    "target": "https://board.example.com:443",
    "claimedBy": "amends-0",
    "claimedAt": WHEN,
    "claimExpiresAt": WHEN,
    "outcome": "Applied",
    "detail": "201 Created",
    "verification": {"count": 2, "nextAt": WHEN, "detail": "503 Service Unavailable"},
    "doubt": "the first answer was lost",
    "before": {"time": WHEN, "outcome": "claimed", "payloadDigest": DIGEST},
    "after": {"time": WHEN, "outcome": "applied", "payloadDigest": DIGEST},
    "effectId": "effect-1",
    "receiptRef": {"name": "effect-1-2"},
    "sentAt": WHEN,
}

_SUPERSEDED_BY: Object = {
    "effectId": "effect-1",
    "outboxId": "outbox-1",
    "receiptRef": {"name": "effect-1-2"},
    "time": WHEN,
}

_ATTESTED: list[Object] = [
    {
        "name": "bob-looked",
        "uid": "u-6",
        "username": "bob",
        "attemptKey": "dead-letter-effect-1:1",
        "outcome": "NotApplied",
        "reason": "there is no message",
        "time": WHEN,
    }
]

_STATEMENT: Object = {
    "settled": True,
    "observedGeneration": 1,
    "period": "2026-01-31T08",
    "boundUid": "u-3",
    "conditions": _OBSERVED["conditions"],
}

FULL: dict[str, Object] = {
    "Action": {
        "phase": "Recorded",
        "observedGeneration": 1,
        "period": "2026-01-31T08",
        "runId": "run-a",
        "outbox": _OUTBOX,
        "effect": {"id": "effect-1", "outcome": "Succeeded"},
        "receiptRef": {"name": "effect-1-2"},
        "deadLetterRef": {"name": "dead-letter-effect-1"},
        "compensationRef": {"name": "compensation-effect-1"},
        "intentDigest": DIGEST,
        "conditions": _OBSERVED["conditions"],
    },
    "DeadLetter": {
        "phase": "Resolved",
        "settled": True,
        "observedGeneration": 1,
        "period": "2026-01-31T08",
        "disposition": {
            "name": "alice-resolves",
            "uid": "u-5",
            "choice": "Resolve",
            "reason": "posted by hand",
            "actor": "alice",
            "time": WHEN,
        },
        "compensationRef": {"name": "compensation-effect-1"},
        "compensableUntil": WHEN,
        "dispatch": {"count": 2, "lastTime": WHEN, "nextTime": WHEN},
        "outbox": _OUTBOX,
        "attestations": _ATTESTED,
        "supersededBy": _SUPERSEDED_BY,
        "lateResults": _LATE_RESULTS,
        **_OBSERVED,
    },
    "Compensation": {
        "phase": "AwaitingApproval",
        "previousPhase": "Proposed",
        "reason": "needs one more approval",
        "observedGeneration": 1,
        "period": "2026-01-31T08",
        "planDigest": DIGEST,
        "preview": {
            "digest": DIGEST,
            "changes": ["/spec/replicas: 1 → 3"],
            "uid": "u-9",
            "resourceVersion": "77",
            "time": WHEN,
        },
        "approvalDeadline": WHEN,
        "approvals": [
            {
                "name": "alice-approves",
                "uid": "u-3",
                "username": "alice",
                "decision": "Approve",
                "reason": "the message is wrong",
                "groups": ["sre"],
                "time": WHEN,
                "madeAt": WHEN,
            }
        ],
        "attempts": 2,
        "nextAttemptAt": WHEN,
        "outbox": _OUTBOX,
        "attestationDeadline": WHEN,
        "attestations": _ATTESTED,
        "executedBy": "amends-0",
        "executedAt": WHEN,
        "receiptRef": {"name": "effect-compensation-1"},
        "supersededBy": _SUPERSEDED_BY,
        "escalation": {
            "owner": "payments",
            "reason": "Failed",
            "message": "400: set spec.cancel: true",
            "since": WHEN,
            "deadline": WHEN,
            "escalatedAt": WHEN,
            "notice": {
                "id": "escalation-1",
                "attempts": 3,
                "nextAt": WHEN,
                "lastError": "https://pager.example.com answered 503",
                "deliveredAt": WHEN,
                "givenUpAt": WHEN,
            },
            "endedAt": WHEN,
        },
        "lateResults": _LATE_RESULTS,
        **_OBSERVED,
    },
    "Approval": _STATEMENT,
    "Disposition": _STATEMENT,
    "Attestation": _STATEMENT,
}
"""One step from the first phase."""

"""Objects of every kind as tests need them: the least, the most, and by name."""

import copy
from typing import Any

from amends.api import GROUP, VERSION

Object = dict[str, Any]

DIGEST = "sha256:" + "0123456789abcdef" * 4
WHEN = "2026-01-31T09:00:00.000Z"

_SCOPE = {"namespace": "tenant-a"}
_PERSON = {"username": "alice", "uid": "u-1", "groups": ["tenant-a"]}
_MERGED_BY = {"username": "bob", "commit": "c0ffee", "url": "https://git.example.com/1"}

_HTTP: Object = {
    "method": "DELETE",
    "url": "https://api.example.com/messages/17?force=true",
    "headers": [
        {"name": "Accept", "value": "application/json"},
        {
            "name": "Authorization",
            "valueFrom": {"secretKeyRef": {"name": "board", "key": "token"}},
        },
    ],
    "body": {"why": None, "lines": [1, 2.5, "three", {"four": True}], "auth": {"user": "amends"}},
    "bodyFrom": [{"path": "/auth/pin", "secretKeyRef": {"name": "board", "key": "pin"}}],
    "idempotencyHeader": "X-Idempotency-Key",
    "retrySafety": "ProviderKey",
    "statusCodes": [{"codes": [404, 410], "outcome": "Applied"}],
}

_PLAN: Object = {
    "type": "message.remove",
    "direction": "ForwardFix",
    "rollbackInstruction": "remove the posted message",
    "forwardFixInstruction": "post a correction",
    "approval": {"required": True, "approvers": 2, "deadlineSeconds": 3600},
    "execution": {"http": _HTTP},
    "retry": {"maxAttempts": 3, "backoffSeconds": 5, "maxBackoffSeconds": 60},
    "timeoutSeconds": 30,
    "serviceAccountName": "board-runner",
    "verify": {"http": {"url": "https://board.example.com/messages/1"}},
    "orderingKey": "channel-general",
    "compensableUntil": WHEN,
    "escalation": {"owner": "payments", "afterSeconds": 600},
}

LEAST: dict[str, Object] = {
    "Action": {"operation": "board.post"},
    "Receipt": {
        "subject": {"kind": "Action", "name": "post", "uid": "u-2"},
        "source": "tool_effect",
        "effectId": "effect-1",
        "outboxId": "outbox-1",
        "outcome": "Succeeded",
        "operation": "board.post",
        "scope": _SCOPE,
        "payloadDigest": DIGEST,
        "payload": {"message": "hello"},
        "pointer": "/apis/amends.dev/v1alpha1/namespaces/tenant-a/actions/post",
        "recordedAt": WHEN,
        "auditHash": DIGEST,
    },
    "DeadLetter": {
        "source": "tool_effect",
        "actionRef": {"name": "post"},
        "effectId": "effect-1",
        "operation": "board.post",
        "reason": "503 Service Unavailable",
        "recoveryOptions": ["Retry", "Ignore"],
        "scope": _SCOPE,
    },
    "Compensation": {"targetEffect": "effect-1"},
    "Approval": {
        "subjectRef": {"name": "undo-post"},
        "planDigest": DIGEST,
        "decision": "Approve",
    },
    "Disposition": {
        "deadLetterRef": {"name": "dead-letter-effect-1"},
        "choice": "Compensate",
        "reason": "the message was wrong",
    },
    "Attestation": {
        "subjectRef": {"name": "undo-post"},
        "attemptKey": "undo-post:1",
        "outcome": "Applied",
        "reason": "the message is gone",
    },
}
"""The spec with nothing in it that has a default."""

MOST: dict[str, Object] = {
    "Action": {
        **LEAST["Action"],
        "outcome": "succeeded",
        "error": "none",
        "provider": "board",
        "tool": "board-cli",
        "target": "general",
        "idempotencyKey": "run-a/post",
        "runId": "run-a",
        "workflowRunId": "run-b",
        "routineRunId": "run-c",
        "contextRunId": "workflow-run-d",
        "nodeId": "step-3",
        "attempt": 2,
        "source": {"kind": "agent", "id": "writer"},
        "policyDecisionId": "decision-1",
        "contextAssertionId": "assertion-1",
        "input": {"text": "hello", "to": [None, {"deep": 1}]},
        "receipt": {"id": 17},
        "compensation": {"name": "undo-post", **_PLAN},
        "retry": {
            "http": _HTTP,
            "timeoutSeconds": 30,
            "serviceAccountName": "board-runner",
            "verify": _PLAN["verify"],
        },
        "requester": _PERSON,
    },
    "Receipt": {
        **LEAST["Receipt"],
        "source": "compensation",
        "scope": {"namespace": "tenant-a", "org": "acme", "workspace": "blue"},
        "provider": "board",
        "tool": "board-cli",
        "target": "general",
        "runId": "run-a",
        "nodeId": "step-3",
        "sourceKind": "agent",
        "sourceId": "writer",
        "policyDecisionId": "decision-1",
        "contextAssertionId": "assertion-1",
        "idempotencyKey": "run-a/post",
        "attempt": 2,
        "sequence": 2,
        "inputDigest": DIGEST,
        "outputDigest": DIGEST,
        "payload": ["any", {"json": None}, 1],
        "redactionTier": "internal",
        "error": "none",
        "supersedes": {"name": "receipt-0"},
        "period": "2026-01-31T08",
    },
    "DeadLetter": {
        **LEAST["DeadLetter"],
        "actionRef": {"name": "post", "uid": "u-2"},
        "provider": "board",
        "target": "general",
        "runId": "run-a",
        "nodeId": "step-3",
        "attempts": 3,
        "compensableUntil": WHEN,
    },
    "Compensation": {
        **LEAST["Compensation"],
        **_PLAN,
        "runId": "run-a",
        "actionRef": {"name": "post"},
        "suspend": True,
        "cancel": True,
        "requester": _PERSON,
    },
    "Approval": {
        **LEAST["Approval"],
        "subjectRef": {"kind": "Compensation", "name": "undo-post", "uid": "u-3"},
        "decision": "Reject",
        "reason": "the message is correct",
        "expiresAt": WHEN,
        "onBehalfOf": _MERGED_BY,
        "actor": _PERSON,
    },
    "Disposition": {
        **LEAST["Disposition"],
        "deadLetterRef": {"name": "dead-letter-effect-1", "uid": "u-4"},
        "compensation": {"name": "undo-post", **_PLAN},
        "onBehalfOf": _MERGED_BY,
        "actor": _PERSON,
    },
    "Attestation": {
        **LEAST["Attestation"],
        "subjectRef": {"kind": "DeadLetter", "name": "dead-letter-effect-1", "uid": "u-4"},
        "outcome": "NotApplied",
        "evidence": {"ticket": "OPS-17"},
        "onBehalfOf": _MERGED_BY,
        "actor": _PERSON,
    },
}
"""The spec with every field of the kind, none at its default."""


def named(kind: str, name: str, spec: Object | None = None) -> Object:
    """An object of this kind with the least spec, or with this one."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": copy.deepcopy(LEAST[kind] if spec is None else spec),
    }

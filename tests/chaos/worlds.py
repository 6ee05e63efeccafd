"""Strategies for worlds: valid models in every combination, also such as no operator makes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from amends.api import Approval, Attestation, Compensation, Receipt
from amends.api.approval import ApprovalDecision
from amends.api.compensation import CompensationPhase
from amends.api.outbox import OutboxPhase, SupersededBy
from amends.api.outcome import Outcome as WireOutcome
from amends.api.receipt import Scope
from amends.core.enforcement import ENFORCED, Enforcement
from amends.core.key import Key
from amends.core.namespace import Floors
from amends.core.outcome import Applied, NotApplied, Unknown
from amends.core.records import receipts
from amends.core.records.digest import plan_digest
from amends.core.records.identity import probe_key
from amends.core.world import (
    ApprovalWorld,
    Attempt,
    CompensationWorld,
)

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
LEASE = timedelta(minutes=5)
SCOPE = Scope(namespace="tenant")
ME, OTHER = "me-1", "other-2"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
long_texts = texts | st.integers(1, 4096).map(lambda size: "token=a " * (size // 8))
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True) | st.just("n" * 200)
people = st.sampled_from(["alice", "bob", "carol", "d" * 512, "e" * 512])


def as_seconds(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


times = st.sampled_from([-86400, -301, -300, -1, 0, 1, 150, 151, 299, 300, 301, 86400]).map(
    lambda seconds: NOW + timedelta(seconds=seconds)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, json_values, max_size=3)
some_conditions = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Ready", "Stalled", "Approved"]),
            "status": st.sampled_from(["True", "False", "Unknown"]),
            "observedGeneration": st.just(1),
            "lastTransitionTime": times,
            "reason": st.just("Reason"),
            "message": texts,
        }
    ),
    max_size=2,
    unique_by=lambda one: one["type"],
)


news = st.sampled_from([0, -300]).map(
    lambda seconds: SupersededBy.model_validate(
        {
            "effectId": "effect-1",
            "outboxId": "outbox-1",
            "receiptRef": {"name": "effect-1-2"},
            "time": NOW + timedelta(seconds=seconds),
        }
    )
)
"""The effect has succeeded after all."""


groups = st.lists(st.sampled_from(["sre", "security", "s" * 512]), max_size=3, unique=True)
"""Of a person."""
floors = st.just(Floors(unapproved=True)) | st.builds(
    Floors,
    unapproved=st.booleans(),
    approvers=st.none() | st.integers(1, 10),
    groups=groups.map(tuple),
    validity=st.none() | st.sampled_from([1, 300, 999999999 * 86400]).map(as_seconds),
    unreadable=st.sampled_from([(), (), ("annotation amends.dev/approvers: 'two'",)]),
)
"""What a namespace demands of approvals."""


enforcements = st.sampled_from(
    [ENFORCED, ENFORCED, Enforcement(gap="a policy is missing"), Enforcement(since=NOW)]
)
"""What is known of the admission policies."""
freezes = st.sampled_from([None, None, None, "namespace tenant is frozen"])
"""Why a person has stopped all execution."""


def meta(
    name: str, uid: str = "u-1", generation: int = 3, created: datetime = NOW
) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "tenant",
        "uid": uid,
        "resourceVersion": "7",
        "generation": generation,
        "creationTimestamp": created.isoformat(),
    }


JOB = {"job": {"template": {"spec": {"containers": [{"name": "undo"}]}}}}


@st.composite
def executions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["record", "manual", "job", "http", "http"]))
    if kind == "record":
        return {"record": {}}
    if kind == "job":
        return JOB
    if kind == "manual":
        deadline = draw(st.none() | st.integers(1, 31536000))
        return {"manual": {"instructions": draw(long_texts), "deadlineSeconds": deadline}}
    return {
        "http": {
            "method": "POST",
            "url": "https://board/x",
            "retrySafety": draw(st.sampled_from(["None", "ProviderKey", "Natural"])),
            "body": draw(json_values),
        }
    }


verifications = st.fixed_dictionaries(
    {
        "http": st.just({"url": "https://board/x"}),
        "afterSeconds": st.integers(0, 3600),
        "attempts": st.integers(1, 20),
    }
)
"""How a plan says that the target is asked whether the effect has happened."""


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    backoff = draw(st.integers(1, 3600))
    return {
        "execution": draw(executions()),
        "approval": {
            "required": draw(st.booleans()),
            "approvers": draw(st.integers(1, 10)),
            "deadlineSeconds": draw(st.integers(1, 31536000)),
        },
        "retry": {
            "maxAttempts": draw(st.integers(1, 100)),
            "backoffSeconds": backoff,
            "maxBackoffSeconds": draw(st.integers(backoff, 86400)),
        },
        "timeoutSeconds": draw(st.integers(1, 3600)),
        "rollbackInstruction": draw(long_texts),
        "verify": draw(st.none() | verifications),
    }


@st.composite
def outboxes(draw: st.DrawFn, attempt: int) -> dict[str, Any]:
    outcome = draw(st.none() | st.sampled_from(list(WireOutcome)))
    probing = st.fixed_dictionaries({"count": st.integers(0, 20), "nextAt": st.none() | times})
    return {
        "id": "outbox-1",
        "operation": "compensation.operator_review",
        "phase": draw(st.sampled_from(list(OutboxPhase))),
        "attempt": attempt,
        "idempotencyKey": "amends:tenant/u-1",
        "attemptKey": f"undo:{attempt}",
        "claimedBy": draw(st.sampled_from([ME, ME, OTHER, OTHER, None])),
        "claimedAt": NOW - timedelta(seconds=9),
        "before": {"time": NOW - as_seconds(draw(st.sampled_from([9, 99]))), "outcome": "claimed"},
        "claimExpiresAt": draw(times | st.none()),
        "outcome": outcome,
        "detail": draw(st.none() | long_texts) if outcome else None,
        "doubt": draw(st.none() | long_texts),
        "verification": draw(st.none() | probing) if outcome is WireOutcome.UNKNOWN else None,
    }


@st.composite
def compensations(draw: st.DrawFn) -> Compensation:
    spec = {
        **draw(plans()),
        "targetEffect": "effect-1",
        "suspend": draw(st.booleans()),
        "cancel": draw(st.integers(0, 3)) == 0,
        "compensableUntil": draw(st.none() | st.none() | times),
        "requester": draw(st.none() | people.map(lambda name: {"username": name})),
    }
    attempts = draw(st.integers(0, 6))
    outbox = draw(st.none() | outboxes(attempts))
    counted = draw(st.lists(people, max_size=3, unique=True))
    raw = {"metadata": meta("undo"), "spec": spec}
    status = {
        "phase": draw(st.sampled_from(list(CompensationPhase))),
        "reason": draw(st.none() | long_texts),
        "attempts": attempts,
        "nextAttemptAt": draw(st.none() | times),
        "approvalDeadline": draw(st.none() | times),
        "approvals": [
            {
                "name": f"says-{number}",
                "uid": f"a-{number}",
                "username": name,
                "decision": "Approve",
                "reason": draw(long_texts),
                "groups": draw(groups),
                "time": NOW,
                "madeAt": draw(st.none() | times),
            }
            for number, name in enumerate(counted)
        ],
        "outbox": outbox,
        "attestationDeadline": draw(st.none() | times),
        "attestations": draw(ledgers),
        "conditions": draw(some_conditions),
        "supersededBy": draw(st.none() | st.none() | news),
        "planDigest": None,
    }
    undo = Compensation.read({**raw, "status": status})
    try:
        right = plan_digest("tenant", "undo", undo.spec)
    except ValueError:
        right = None
    digest = draw(st.sampled_from([right, right, None, f"sha256:{'0' * 64}"]))
    return undo.model_copy(
        update={"status": undo.status.model_copy(update={"plan_digest": digest})}
    )


ledgers = st.sampled_from([0, 0, 1, 32]).map(
    lambda length: [
        {
            "name": f"saw-{number}",
            "uid": f"w-{number}",
            "username": "alice",
            "attemptKey": f"undo:{number}",
            "outcome": "NotApplied",
            "time": NOW,
        }
        for number in range(length)
    ]
)
"""What people have attested before."""


@st.composite
def attestations(draw: st.DrawFn, number: int, kind: str, name: str) -> Attestation:
    raw = {
        "metadata": meta(f"saw-{number}", f"w-{number}", 1, draw(st.just(NOW) | times)),
        "spec": {
            "subjectRef": {
                "kind": kind,
                "name": name,
                "uid": draw(st.sampled_from([None, None, "u-1", "u-2"])),
            },
            "attemptKey": f"undo:{draw(st.integers(0, 3))}",
            "outcome": draw(st.sampled_from(["Applied", "NotApplied"])),
            "reason": draw(long_texts.filter(lambda text: text.strip() != "")),
            "evidence": draw(objects),
            "actor": draw(st.none() | people.map(lambda name: {"username": name})),
        },
        "status": {
            "settled": draw(st.sampled_from([None, None, True])),
            "boundUid": draw(st.sampled_from([None, "u-1", "u-1", "u-2"])),
            "conditions": draw(some_conditions),
        },
    }
    return Attestation.read(raw)


@st.composite
def approvals(draw: st.DrawFn, number: int, subject: Compensation | None) -> Approval:
    digests = [subject.status.plan_digest if subject else None, f"sha256:{'0' * 64}"]
    digest = next(one for one in draw(st.permutations(digests)) if one is not None)
    raw = {
        "metadata": meta(f"says-{number}", f"a-{number}", 1, draw(st.just(NOW) | times)),
        "spec": {
            "subjectRef": {
                "name": "undo",
                "uid": draw(st.sampled_from([None, None, "u-1", "u-2"])),
            },
            "planDigest": digest,
            "decision": draw(st.sampled_from(list(ApprovalDecision))),
            "reason": draw(long_texts),
            "expiresAt": draw(st.none() | times),
            "actor": draw(
                st.none() | st.fixed_dictionaries({"username": people, "groups": groups})
            ),
        },
        "status": {
            "settled": draw(st.sampled_from([None, None, True])),
            "boundUid": draw(st.sampled_from([None, "u-1", "u-1", "u-2"])),
            "conditions": draw(some_conditions),
        },
    }
    return Approval.read(raw)


outcomes = (
    st.builds(Applied, objects)
    | st.builds(
        NotApplied,
        long_texts.map(lambda text: text * 3),
        st.booleans(),
        st.none() | st.integers(0, 86400).map(lambda seconds: timedelta(seconds=seconds)),
    )
    | st.builds(Unknown, long_texts.map(lambda text: text * 3), st.just(value=False), st.booleans())
)


@st.composite
def compensation_worlds(draw: st.DrawFn) -> CompensationWorld:
    undo = draw(compensations())
    outbox = undo.status.outbox
    attempt = receipt = probe = None
    if outbox is not None and undo.status.phase is CompensationPhase.RUNNING:
        if draw(st.booleans()):
            attempt = Attempt(outbox.attempt_key or "", draw(st.none() | outcomes))
        elif outbox.outcome is None and draw(st.booleans()):
            receipt = evidence(undo)
        if outbox.verification is not None and draw(st.booleans()):
            probe = Attempt(probe_key(outbox), draw(st.none() | outcomes))
    seen = draw(st.integers(0, 2))
    count = draw(st.integers(0, 3))
    return CompensationWorld(
        compensation=undo,
        approvals=[draw(approvals(number, undo)) for number in range(7, 7 + count)],
        unlinked=draw(st.sampled_from([(), (Key("DeadLetter", "tenant", "letter"),)])),
        receipt=receipt,
        attempt=attempt,
        objection=draw(st.sampled_from([None, None, "no such executor"])),
        success=draw(st.none() | news),
        scope=SCOPE,
        floors=draw(floors),
        holder=ME,
        lease=LEASE,
        now=NOW,
        obstacle=draw(st.sampled_from([None, None, "the name is taken"])),
        enforcement=draw(enforcements),
        freeze=draw(freezes),
        attestations=[draw(attestations(n, "Compensation", "undo")) for n in range(50, 50 + seen)],
        probe=probe,
    )


def evidence(undo: Compensation) -> Receipt:
    made = receipts.of_compensation(undo, {}, SCOPE, NOW)
    return Receipt.read({"metadata": meta(made.name, "r-1"), "spec": made.spec.wire()})


@st.composite
def approval_worlds(draw: st.DrawFn) -> ApprovalWorld:
    subject = draw(st.none() | compensations())
    said = draw(approvals(1, subject))
    return ApprovalWorld(said, subject, draw(floors), NOW, draw(enforcements))

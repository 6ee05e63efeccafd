"""Worlds as the core sees them, from the few words that a row is about; and decisions in words."""

from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from amends.api import Action, Approval, Attestation, Compensation, DeadLetter, Disposition
from amends.api.outbox import SupersededBy
from amends.api.receipt import Receipt, Scope
from amends.core.decide import decide
from amends.core.decision import (
    Decision,
    Deliver,
    Disown,
    Effect,
    Execute,
    Probe,
    Release,
    Stop,
    Tell,
    Wake,
    WakeFollowers,
    Withdraw,
)
from amends.core.key import Key
from amends.core.namespace import Floors
from amends.core.outcome import Outcome
from amends.core.records import receipts
from amends.core.records.digest import plan_digest
from amends.core.world import (
    ApprovalWorld,
    Attempt,
    CompensationWorld,
    DeadLetterWorld,
)
from support.api import Object

NAMESPACE = "tenant-a"
NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)
SCOPE = Scope(namespace=NAMESPACE)
NO_FLOORS = Floors(unapproved=True)
"""A namespace that leaves everything to the plan."""
ME, OTHER = "operator-1", "operator-2"
BOB = {"username": "bob"}
ONCE = {"execution": {"http": {"method": "POST", "url": "https://x/"}}}
MANUAL = {"execution": {"manual": {"instructions": "unplug it", "deadlineSeconds": 60}}}
OF_AN_OBJECT = {
    operation: {
        "execution": {
            "kubernetes": {
                "operation": operation,
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": "settings",
                **what,
            }
        }
    }
    for operation, what in (
        ("Apply", {"manifest": {"data": {"color": "blue"}}}),
        ("Patch", {"patch": {"merge": {"data": {"color": "blue"}}}}),
        ("Delete", {}),
    )
}
"""A change of each sort, of which only the object may tell whether it was made."""
SAFE = {"execution": {"http": {"method": "POST", "url": "https://x/", "retrySafety": "Natural"}}}


def after(seconds: float) -> str:
    """So many seconds after NOW, as the wire has it; before, if negative."""
    return (NOW + timedelta(seconds=seconds)).isoformat()


def metadata(name: str, **changes: Any) -> Object:
    """What the API server would have written."""
    created = after(-60)
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "generation": 1,
        "creationTimestamp": created,
        **changes,
    }


def compensation(
    phase: str = "Proposed", name: str = "undo", spec: Object | None = None, **status: Any
) -> Compensation:
    """A compensation that bob asked for, in a phase and with the digest of its plan."""
    given = {"targetEffect": "effect-1", "requester": BOB, **(spec or {})}
    raw: Object = {"metadata": metadata(name), "spec": given}
    read = Compensation.read(raw)
    if phase != "Proposed":
        status.setdefault("planDigest", plan_digest(NAMESPACE, name, read.spec))
    if phase == "Approved":
        status.setdefault("approvals", [counted()] * read.spec.approval.required)
    return Compensation.read({**raw, "status": {"phase": phase, **status}})


def running(
    *,
    by: str = ME,
    expires: float = 300,
    attempt: int = 1,
    spec: Object | None = None,
    outbox: Object | None = None,
    **status: Any,
) -> Compensation:
    """A compensation with a claimed attempt."""
    claim = {
        "id": "outbox-1",
        "operation": "compensation.operator_review",
        "phase": "Claimed",
        "attempt": attempt,
        "idempotencyKey": "key-1",
        "attemptKey": f"undo:{attempt}",
        "claimedBy": by,
        "claimedAt": after(-1),
        "claimExpiresAt": after(expires),
        **(outbox or {}),
    }
    status = {"attempts": attempt, "outbox": claim, **status}
    return compensation("Running", spec=spec, **status)


def failed(**status: Any) -> Compensation:
    """A compensation whose first attempt certainly did nothing."""
    outbox = running(outbox={"phase": "Failed", "outcome": "NotApplied"}).status.outbox
    assert outbox is not None
    return compensation("Failed", attempts=1, outbox=outbox.wire(), **status)


def unknown(**status: Any) -> Compensation:
    """A compensation of whose first attempt nobody knows what became; a repeat is safe."""
    return running(outbox={"outcome": "Unknown", "detail": "lost"}, spec=SAFE, **status)


def approval(name: str = "yes", user: str | None = "alice", **changes: Any) -> Approval:
    """alice's approval of the plan of `compensation()`, bound to it."""
    digest = changes.pop("digest", compensation("AwaitingApproval").status.plan_digest)
    status = changes.pop("status", {"boundUid": "uid-undo"})
    reference = {"name": "undo", **changes.pop("subject", {})}
    spec = {"subjectRef": reference, "planDigest": digest, "decision": "Approve", **changes}
    if user is not None:
        spec["actor"] = {"username": user}
    return Approval.read({"metadata": metadata(name), "spec": spec, "status": status})


def attestation(
    outcome: str = "Applied", name: str = "saw", user: str | None = "alice", **changes: Any
) -> Attestation:
    """What alice has seen of the attempt of `running()`, bound to it."""
    status = changes.pop("status", {"boundUid": "uid-undo"})
    meta = metadata(name, **changes.pop("meta", {}))
    reference = {"name": "undo", **changes.pop("subject", {})}
    spec = {
        "subjectRef": reference,
        "attemptKey": "undo:1",
        "outcome": outcome,
        "reason": "I looked",
        **changes,
    }
    if user is not None:
        spec["actor"] = {"username": user}
    return Attestation.read({"metadata": meta, "spec": spec, "status": status})


def attested(name: str = "saw", outcome: str = "Applied", attempt: str = "undo:1") -> Object:
    """An attestation in the ledger."""
    said = {"username": "alice", "attemptKey": attempt, "outcome": outcome, "reason": "I looked"}
    return {"name": name, "uid": f"uid-{name}", "time": after(-5), **said}


def counted(name: str = "yes", user: str = "alice", decision: str = "Approve") -> Object:
    """An approval in the ledger."""
    uid = f"uid-{name}"
    return {"name": name, "uid": uid, "username": user, "decision": decision, "time": after(-5)}


def dead_letter(phase: str = "Open", **status: Any) -> DeadLetter:
    """A dead letter for effect-1."""
    spec = {
        "source": "tool_effect",
        "actionRef": {"name": "post"},
        "effectId": "effect-1",
        "operation": "board.post",
        "reason": "503",
        "recoveryOptions": ["Compensate"],
        "scope": {"namespace": NAMESPACE},
    }
    raw = {"metadata": metadata("letter"), "spec": spec, "status": {"phase": phase, **status}}
    return DeadLetter.read(raw)


def action(
    outcome: str = "failed",
    status: Object | None = None,
    *,
    name: str = "post",
    meta: Object | None = None,
    **spec: Any,
) -> Action:
    """An action that bob reported a minute ago."""
    given = {"operation": "board.post", "outcome": outcome, "requester": BOB, **spec}
    about = metadata(name, **(meta or {}))
    return Action.read({"metadata": about, "spec": given, "status": status or {}})


def world(
    one: Compensation, *, outcome: Outcome | None = None, attempt: bool = False, **known: Any
) -> CompensationWorld:
    """What is known about a compensation; attempt: this process makes the one in the outbox."""
    outbox = one.status.outbox
    made = None
    if attempt or outcome is not None:
        made = Attempt((outbox.attempt_key if outbox else None) or "", outcome)
    facts = {
        "approvals": (),
        "unlinked": (),
        "receipt": None,
        "objection": None,
        "success": None,
        "scope": SCOPE,
        "floors": NO_FLOORS,
        "holder": ME,
        "lease": LEASE,
        "now": NOW,
        **known,
    }
    return CompensationWorld(compensation=one, attempt=made, **facts)


def receipt_of(one: Compensation) -> Receipt:
    """The proof of the attempt that is in the outbox."""
    child = receipts.of_compensation(one, {"recorded": True}, SCOPE, NOW)
    return Receipt.read({"metadata": metadata(child.name), "spec": child.spec.wire()})


def left_behind(decision: Decision) -> Receipt:
    """The Receipt of a decision whose status nobody wrote any more."""
    (child,) = decision.children
    return Receipt.read({"metadata": metadata(child.name), "spec": child.spec.wire()})


def approval_world(
    one: Approval, subject: Compensation | None, floors: Floors = NO_FLOORS
) -> ApprovalWorld:
    """What is known about an approval."""
    return ApprovalWorld(one, subject, floors, NOW)


def letter_world(
    one: DeadLetter,
    named: Compensation | None = None,
    *candidates: Compensation,
    outcome: Outcome | None = None,
    attempt: bool = False,
    **known: Any,
) -> DeadLetterWorld:
    """What is known about a dead letter; attempt: this process makes the dispatch in the outbox."""
    outbox, made = one.status.outbox, None
    if attempt or outcome is not None:
        made = Attempt((outbox.attempt_key if outbox else None) or "", outcome)
    facts: dict[str, Any] = {
        "action": None,
        "dispositions": (),
        "receipts": (),
        "objection": None,
        "success": None,
        "scope": SCOPE,
        "holder": ME,
        "lease": LEASE,
        "now": NOW,
        **known,
    }
    return DeadLetterWorld(
        letter=one, compensation=named, candidates=candidates, attempt=made, **facts
    )


def disposition(choice: str = "Ignore", name: str = "choice", **changes: Any) -> Disposition:
    """alice's decision about the dead letter, bound to it and about to be carried out."""
    ready = {"type": "Ready", "status": "Unknown", "reason": "Applicable", "message": "bound"}
    since = {"lastTransitionTime": after(-1), "observedGeneration": 1}
    status = changes.pop("status", {"boundUid": "uid-letter", "conditions": [{**ready, **since}]})
    spec = {
        "deadLetterRef": {"name": "letter"},
        "choice": choice,
        "reason": "because",
        "actor": {"username": "alice"},
        **changes,
    }
    given = {key: value for key, value in spec.items() if value is not None}
    return Disposition.read({"metadata": metadata(name), "spec": given, "status": status})


def superseded_by(seconds: float = 0) -> SupersededBy:
    """The news that effect-1 has succeeded after all."""
    news = {"effectId": "effect-1", "outboxId": "outbox-1", "time": after(seconds)}
    return SupersededBy.model_validate({**news, "receiptRef": {"name": "effect-1-2"}})


def told(decision: Decision) -> list[str]:
    """The effects of a decision, in words."""
    return [_word(effect) for effect in decision.effects]


def _word(effect: Effect) -> str:
    match effect:
        case Execute():
            return f"execute {effect.attempt_key}"
        case Probe(key=name):
            return f"probe {name}"
        case Stop():
            return "stop"
        case Release():
            return "release"
        case Disown():
            return "disown"
        case Wake(Key(kind, _, name)):
            return f"wake {kind} {name}"
        case WakeFollowers(kind):
            return f"wake followers{f' of kind {kind}' if kind is not None else ''}"
        case Tell(Key(kind, _, name), reason):
            return f"tell {kind} {name}: {reason}"
        case Deliver(_, number, secret):
            return f"deliver {number} to {secret}"
        case Withdraw():
            return "withdraw"
        case unknown:
            assert_never(unknown)


def written(decision: Decision) -> Any:
    """The status that a decision writes."""
    assert decision.status is not None
    return decision.status


def reasons(decision: Decision) -> dict[str, tuple[str, str]]:
    """The conditions that a decision writes: status and reason, by type."""
    return {one.type: (str(one.status), one.reason) for one in written(decision).conditions}


def check_step(
    known: CompensationWorld,
    phase: str | None,
    ready: str | None,
    effects: list[str],
    again: timedelta | None,
) -> None:
    """Whether this is what happens next; phase None: nothing is written."""
    decision = decide(known)

    assert told(decision) == effects
    assert decision.look_again == again
    if phase is None:
        assert decision.status is None
        return
    status = written(decision)
    assert (status.phase, reasons(decision)["Ready"][1]) == (phase, ready)
    moved = [(known.phase, status.phase)] if known.phase != status.phase else []
    assert [(one.from_, one.to) for one in status.history] == moved
    waits_for_a_person = ready in ("Failed", "OutcomeUnknown", "NotExecutable", "NameTaken")
    assert ("Stalled" in reasons(decision)) == waits_for_a_person
    assert ("Reconciling" in reasons(decision)) == (reasons(decision)["Ready"][0] == "Unknown")

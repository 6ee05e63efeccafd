"""Attempts: claim before, prove after, and never guess in between."""

from datetime import timedelta
from typing import Any

from amends.api import execution as wire
from amends.api.compensation import Compensation, CompensationPhase
from amends.api.outbox import Observation, Outbox, OutboxPhase
from amends.api.wire import LocalRef
from amends.core import claims
from amends.core.decision import Decision, Execute, Release, Tell, Wake
from amends.core.outcome import Applied, NotApplied
from amends.core.records import identity, receipts
from amends.core.records.digest import digest
from amends.core.records.redaction import redact_text
from amends.core.undo.progress import in_doubt as doubt_about
from amends.core.undo.progress import moved, observed
from amends.core.world import CompensationWorld

P = CompensationPhase


def claimed(world: CompensationWorld) -> Decision:
    """Running, and a claim under a key that repeats, are durable before anything is executed."""
    compensation = world.compensation
    status, spec = compensation.status, compensation.spec
    attempt = status.attempts + 1
    payload_digest = digest(spec.execution.wire())
    outbox = Outbox(
        id=identity.compensation_outbox_id(compensation, attempt),
        operation=f"compensation.{spec.type}",
        phase=OutboxPhase.CLAIMED,
        created_at=world.now,
        attempt=attempt,
        idempotency_key=identity.idempotency_key(compensation),
        attempt_key=identity.attempt_key(compensation, attempt),
        payload_digest=payload_digest,
        before=Observation(time=world.now, outcome="claimed", payload_digest=payload_digest),
        claimed_by=world.holder,
        claimed_at=world.now,
        claim_expires_at=world.now + world.lease,
        doubt=doubt_about(status),
    )
    decision = moved(
        world,
        P.RUNNING,
        f"attempt {attempt} of {spec.retry.max_attempts}",
        attempts=attempt,
        outbox=outbox,
        next_attempt_at=None,
    )
    return Decision(
        status=decision.status,
        effects=(_execute(compensation, outbox),),
        look_again=world.lease / 2,
    )


def resumed(world: CompensationWorld) -> Decision:
    """The claim is ours, and nothing was started under it: the answer to its write was lost.

    That is certain only of the newest version, so the claim is written again before anything runs:
    one that was seen too late is refused there.
    """
    outbox = world.compensation.status.outbox
    assert outbox is not None
    extended = _extended(world)
    return Decision(
        status=extended.status,
        effects=(_execute(world.compensation, outbox),),
        look_again=extended.look_again,
    )


def _execute(compensation: Compensation, outbox: Outbox) -> Execute:
    spec = compensation.spec
    return Execute(
        execution=spec.execution,
        service_account=spec.service_account_name,
        idempotency_key=outbox.idempotency_key or "",
        attempt_key=outbox.attempt_key or "",
        timeout=timedelta(seconds=spec.timeout_seconds),
    )


def renewed(world: CompensationWorld) -> Decision:
    """The executor works: keep the claim from expiring under it."""
    outbox = world.compensation.status.outbox
    assert outbox is not None
    due = claims.renewal(outbox, world.lease, world.now)
    return Decision(look_again=due) if due > timedelta(0) else _extended(world)


def _extended(world: CompensationWorld) -> Decision:
    outbox = world.compensation.status.outbox
    assert outbox is not None
    claim = claims.extended(outbox, world.lease, world.now)
    status = world.compensation.status.model_copy(update={"outbox": claim})
    return observed(world, status, look_again=world.lease / 2)


def proved(world: CompensationWorld, applied: Applied) -> Decision:
    """The effect is certain: first the Receipt, then the status that points to it."""
    if world.obstacle is not None:
        return _extended(world)
    evidence = receipts.of_compensation(
        world.compensation, applied.evidence, world.scope, world.now
    )
    done = completed(world, receipt=evidence.name)
    return Decision(children=(evidence,), status=done.status, effects=done.effects)


def completed(world: CompensationWorld, *, receipt: str) -> Decision:
    """Completed, with the Receipt that proves it; dead letters of the effect follow."""
    compensation = world.compensation
    attempt = compensation.status.attempts
    outbox = _outbox(
        world,
        phase=OutboxPhase.SENT,
        outcome=wire.Outcome.APPLIED,
        after=Observation(time=world.now, outcome="applied"),
        effect_id=identity.compensation_effect_id(compensation, attempt),
        receipt_ref=LocalRef(name=receipt),
        sent_at=world.now,
    )
    message = f"applied by attempt {attempt}, receipt {receipt}"
    decision = moved(
        world,
        P.COMPLETED,
        message,
        outbox=outbox,
        executed_by=outbox.claimed_by,
        executed_at=world.now,
        receipt_ref=LocalRef(name=receipt),
    )
    return Decision(
        status=decision.status,
        effects=(
            Release(),
            Tell(world.key, "Executed", message),
            *(Wake(key) for key in world.followers),
        ),
    )


def failed(world: CompensationWorld, failure: NotApplied) -> Decision:
    """It is certain that this attempt did nothing. Was there an earlier one that may have?"""
    status, reason = world.compensation.status, redact_text(failure.reason)
    if status.outbox is not None and status.outbox.doubt is not None:
        doubt = f"{status.outbox.doubt}; attempt {status.attempts}: {reason}"
        return in_doubt(world, doubt, failure)
    pause = _pause(world, failure) if failure.retryable else None
    outbox = _outbox(
        world,
        phase=OutboxPhase.FAILED,
        outcome=wire.Outcome.NOT_APPLIED,
        detail=reason[:4096],
    )
    decision = moved(world, P.FAILED, reason, outbox=outbox, next_attempt_at=_at(world, pause))
    # For good: the dead letters of the effect are open again.
    told = tuple(Wake(key) for key in world.followers) if pause is None else ()
    return Decision(
        status=decision.status,
        effects=(Release(), _trouble(world, "Failed", reason, pause), *told),
        look_again=pause,
    )


def in_doubt(world: CompensationWorld, reason: str, failure: NotApplied | None = None) -> Decision:
    """Nobody knows whether it happened. Repeat only where a repeat is known to be safe."""
    execution, reason = world.compensation.spec.execution, redact_text(reason)
    hopeless = failure is not None and not failure.retryable
    pause = _pause(world, failure) if execution.repeat_is_safe and not hopeless else None
    outbox = _outbox(world, outcome=wire.Outcome.UNKNOWN, detail=reason[:4096])
    decision = moved(world, P.RUNNING, reason, outbox=outbox, next_attempt_at=_at(world, pause))
    return Decision(
        status=decision.status,
        effects=(Release(), _trouble(world, "OutcomeUnknown", reason, pause)),
        look_again=pause,
    )


def _outbox(world: CompensationWorld, **changes: Any) -> Outbox:
    outbox = world.compensation.status.outbox
    assert outbox is not None
    return outbox.model_copy(update=changes)


def _at(world: CompensationWorld, pause: timedelta | None) -> Any:
    return world.now + pause if pause is not None else None


def _pause(world: CompensationWorld, failure: NotApplied | None) -> timedelta | None:
    """How long to wait before the next attempt; None: there is none left."""
    policy, made = world.compensation.spec.retry, world.compensation.status.attempts
    if made >= policy.max_attempts:
        return None
    doubled = policy.backoff_seconds * 2 ** min(made - 1, 32)
    backoff = timedelta(seconds=min(doubled, policy.max_backoff_seconds))
    wished = failure.retry_after if failure is not None else None
    return max(backoff, wished or timedelta(0))


def _trouble(world: CompensationWorld, reason: str, message: str, pause: timedelta | None) -> Tell:
    attempt = world.compensation.status.attempts
    then = "no further attempt" if pause is None else f"next attempt in {pause.total_seconds():g} s"
    return Tell(world.key, reason, f"attempt {attempt}: {message}; {then}", "Warning")

"""Attempts: claim before, prove after, and never guess in between."""

from datetime import timedelta
from typing import Any

from amends.api import outcome as wire
from amends.api.compensation import Compensation, CompensationPhase, Previewed
from amends.api.execution import RetryPolicy
from amends.api.outbox import Observation, Outbox, OutboxPhase, Probing
from amends.api.wire import LocalRef
from amends.core import claims, probing
from amends.core.conditions import Observed
from amends.core.decision import AT_ONCE, Decision, Execute, Release, Tell, WakeFollowers
from amends.core.history import OPERATOR
from amends.core.outcome import Applied, NotApplied, Preview
from amends.core.records import identity, receipts
from amends.core.records.digest import digest
from amends.core.records.redaction import redact_text
from amends.core.undo import foresight
from amends.core.undo.progress import in_doubt as doubt_about
from amends.core.undo.progress import moved, observed
from amends.core.world import CompensationWorld

P = CompensationPhase


def claimed(world: CompensationWorld) -> Decision:
    """Running, and a claim under a key that repeats, are durable before anything is executed.

    What a person does is nobody's claim: no process works on it, and so none can lose it.
    """
    compensation = world.compensation
    status, spec = compensation.status, compensation.spec
    attempt = status.attempts + 1
    payload_digest = digest(spec.execution.wire())
    manual = spec.execution.manual
    outbox = Outbox(
        id=identity.compensation_outbox_id(compensation, attempt),
        operation=f"compensation.{spec.type}",
        phase=OutboxPhase.CLAIMED,
        created_at=world.now,
        attempt=attempt,
        idempotency_key=identity.idempotency_key(compensation),
        attempt_key=identity.attempt_key(compensation, attempt),
        payload_digest=payload_digest,
        target=world.target,
        before=Observation(time=world.now, outcome="claimed", payload_digest=payload_digest),
        claimed_by=world.holder if manual is None else None,
        claimed_at=world.now,
        claim_expires_at=world.now + world.lease if manual is None else None,
        doubt=doubt_about(status),
    )
    decision = moved(
        world,
        P.RUNNING,
        f"attempt {attempt} of {spec.retry.max_attempts}",
        attempts=attempt,
        outbox=outbox,
        next_attempt_at=None,
        attestation_deadline=_deadline(world),
        preview=foresight.claimed(world),
    )
    if manual is not None:
        asked = manual.instructions or f"carry out compensation {compensation.metadata.name}"
        told = Tell(world.key, "AwaitingAttestation", f"a person is asked: {redact_text(asked)}")
        return Decision(status=decision.status, effects=(told,), look_again=AT_ONCE)
    return Decision(
        status=decision.status,
        effects=(execute(compensation, outbox, foresight.claimed(world)),),
        look_again=world.lease / 2,
    )


def _deadline(world: CompensationWorld) -> Any:
    manual = world.compensation.spec.execution.manual
    seconds = manual.deadline_seconds if manual is not None else None
    return world.now + timedelta(seconds=seconds) if seconds is not None else None


def gone_on(world: CompensationWorld, *, begun: bool, only_look: bool) -> Decision:
    """The attempt that was claimed before, by whomever, is carried out.

    That nothing of it is started here is certain only of the newest version, so the claim is
    written again before anything runs: one that was seen too late is refused there. begun: another
    process has held it, and what runs it finds what was begun under the attempt's key.
    """
    before = world.compensation.status.outbox
    assert before is not None
    outbox = claims.taken(before, world.holder, world.lease, world.now)
    status = world.compensation.status.model_copy(update={"outbox": outbox})
    work = execute(world.compensation, outbox, status.preview, begun=begun, only_look=only_look)
    claim = observed(world, status, look_again=world.lease / 2)
    return Decision(status=claim.status, effects=(work,), look_again=claim.look_again)


def execute(
    compensation: Compensation,
    outbox: Outbox,
    preview: Previewed | None = None,
    *,
    begun: bool = False,
    only_look: bool = False,
) -> Execute:
    """The attempt that is in the outbox, as it is carried out."""
    spec = compensation.spec
    seen = (
        Preview(preview.digest, preview.changes, preview.uid, preview.resource_version)
        if preview is not None
        else None
    )
    return Execute(
        execution=spec.execution,
        service_account=spec.service_account_name,
        idempotency_key=outbox.idempotency_key or "",
        attempt_key=outbox.attempt_key or "",
        timeout=timedelta(seconds=spec.timeout_seconds),
        preview=seen,
        run_id=spec.run_id,
        begun=begun,
        only_look=only_look,
    )


def renewed(world: CompensationWorld) -> Decision:
    """The executor works: keep the claim from expiring under it."""
    outbox = world.compensation.status.outbox
    assert outbox is not None
    due = claims.renewal(outbox, world.lease, world.now)
    return Decision(look_again=due) if due > timedelta(0) else kept(world)


def kept(world: CompensationWorld, note: Observed | None = None) -> Decision:
    """The claim, for another lease; nothing else. note: what it waits for."""
    outbox = world.compensation.status.outbox
    assert outbox is not None
    if claims.hand(outbox, world.attempt, world.holder, world.now) is None:
        return observed(world, look_again=world.lease / 2)
    claim = claims.extended(outbox, world.lease, world.now)
    status = world.compensation.status.model_copy(update={"outbox": claim})
    return observed(world, status, note=note, look_again=world.lease / 2)


def proved(
    world: CompensationWorld, applied: Applied, *, how: str | None = None, by: str | None = None
) -> Decision:
    """The effect is certain: first the Receipt, then the status that points to it.

    how: what makes it certain, if not the executor's answer. by: the person who said so.
    """
    if world.obstacle is not None:
        return kept(world)
    evidence = receipts.of_compensation(
        world.compensation, applied.evidence, world.scope, world.now
    )
    done = completed(world, receipt=evidence.name, how=how, by=by)
    return Decision(children=(evidence,), status=done.status, effects=done.effects)


def completed(
    world: CompensationWorld, *, receipt: str, how: str | None = None, by: str | None = None
) -> Decision:
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
    message = message if how is None else f"{message}: {how}"
    decision = moved(
        world,
        P.COMPLETED,
        message,
        actor=by or OPERATOR,
        outbox=outbox,
        executed_by=outbox.claimed_by or (by or OPERATOR)[:256],
        executed_at=world.now,
        receipt_ref=LocalRef(name=receipt),
    )
    return Decision(
        status=decision.status,
        effects=(
            Release(),
            Tell(world.key, "Executed", message),
            WakeFollowers(),
        ),
    )


def failed(world: CompensationWorld, failure: NotApplied, *, by: str = OPERATOR) -> Decision:
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
    at = _at(world, pause)
    decision = moved(world, P.FAILED, reason, actor=by, outbox=outbox, next_attempt_at=at)
    # For good: the dead letters of the effect are open again.
    told = (WakeFollowers(),) if pause is None else ()
    return Decision(
        status=decision.status,
        effects=(Release(), _trouble(world, "Failed", reason, pause), *told),
        look_again=pause,
    )


def in_doubt(world: CompensationWorld, reason: str, failure: NotApplied | None = None) -> Decision:
    """Nobody knows whether it happened.

    Repeat only where a repeat is known to be safe, else ask the target if the plan says how, else
    wait for a person who has looked at it.
    """
    execution, reason = world.compensation.spec.execution, redact_text(reason)
    hopeless = failure is not None and not failure.retryable
    pause = _pause(world, failure) if execution.repeat_is_safe and not hopeless else None
    asked = _first_probe(world) if pause is None else None
    outbox = _outbox(world, outcome=wire.Outcome.UNKNOWN, detail=reason[:4096], verification=asked)
    decision = moved(world, P.RUNNING, reason, outbox=outbox, next_attempt_at=_at(world, pause))
    return Decision(
        status=decision.status,
        effects=(Release(), _trouble(world, "OutcomeUnknown", reason, pause)),
        look_again=asked.next_at - world.now if asked and asked.next_at else pause,
    )


def _first_probe(world: CompensationWorld) -> Probing | None:
    """When the target is asked first, if the plan says how."""
    spec = world.compensation.spec
    return probing.first(spec.verify, world.now) if spec.execution.manual is None else None


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
    wished = failure.retry_after if failure is not None else None
    return max(pause_after(policy, made), wished or timedelta(0))


def pause_after(policy: RetryPolicy, tries: int) -> timedelta:
    """How long after so many tries the next one has to wait."""
    doubled = policy.backoff_seconds * 2 ** min(tries - 1, 32)
    return timedelta(seconds=min(doubled, policy.max_backoff_seconds))


def _trouble(world: CompensationWorld, reason: str, message: str, pause: timedelta | None) -> Tell:
    attempt = world.compensation.status.attempts
    then = "no further attempt" if pause is None else f"next attempt in {pause.total_seconds():g} s"
    return Tell(world.key, reason, f"attempt {attempt}: {message}; {then}", "Warning")

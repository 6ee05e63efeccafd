"""Retries: a failed action sent again under its own key; claimed before, put on record after."""

from datetime import timedelta
from typing import Any

from amends.api.action import Action
from amends.api.dead_letter import DeadLetterPhase, Dispatch, RecordedDisposition
from amends.api.outbox import Observation, Outbox, OutboxPhase, Probing
from amends.api.outcome import Outcome
from amends.api.receipt import EffectOutcome, Receipt
from amends.api.wire import LocalRef
from amends.core import claims, probing
from amends.core.decision import (
    AT_ONCE,
    Create,
    Decision,
    Effect,
    Execute,
    Release,
    Tell,
    Wake,
    WakeFollowers,
)
from amends.core.history import OPERATOR
from amends.core.hold import standstill
from amends.core.letters import evidence
from amends.core.letters.progress import (
    MOST_DISPATCHES,
    declared,
    may_be_sent_again,
    moved,
    observed,
)
from amends.core.outcome import Applied, NotApplied
from amends.core.records import identity
from amends.core.records.digest import digest
from amends.core.records.receipts import exact
from amends.core.records.redaction import redact_text
from amends.core.world import DeadLetterWorld

P = DeadLetterPhase
LONGEST_PAUSE_SECONDS = 300
TELLING = timedelta(seconds=1)
"""How long others may take to hear of a success before they are told again."""
EXHAUSTED = "retry_exhausted"


def pause_after(dispatches: int) -> timedelta:
    """How long after so many dispatches the next one has to wait: 1 s, doubled, at most 300 s."""
    return timedelta(seconds=min(2 ** min(dispatches - 1, 32), LONGEST_PAUSE_SECONDS))


def dispatched(world: DeadLetterWorld, action: Action) -> Decision:
    """Retrying, and a claim under the action's own key, are durable before anything is sent."""
    letter, retry = world.letter, action.spec.retry
    assert retry is not None
    count = world.dispatches + 1
    payload_digest = digest(exact(retry.execution.wire()))
    outbox = Outbox(
        id=identity.dispatch_outbox_id(letter, count),
        operation=letter.spec.operation,
        phase=OutboxPhase.CLAIMED,
        created_at=world.now,
        attempt=count,
        idempotency_key=action.spec.idempotency_key,
        attempt_key=identity.dispatch_key(letter, count),
        payload_digest=payload_digest,
        target=world.target,
        before=Observation(time=world.now, outcome="claimed", payload_digest=payload_digest),
        claimed_by=world.holder,
        claimed_at=world.now,
        claim_expires_at=world.now + world.lease,
        doubt=_doubt(letter.status.outbox),
    )
    status = moved(
        world,
        P.RETRYING,
        f"dispatch {count} of {MOST_DISPATCHES}",
        outbox=outbox,
        compensation_ref=None,
        dispatch=Dispatch(
            count=count, last_time=world.now, next_time=world.now + pause_after(count)
        ),
    )
    return observed(world, status, effects=(execute(action, outbox),), look_again=world.lease / 2)


def _doubt(outbox: Outbox | None) -> str | None:
    """Why an earlier dispatch may have been applied after all."""
    if outbox is None:
        return None
    return outbox.detail if outbox.outcome is Outcome.UNKNOWN else outbox.doubt


def unstarted(world: DeadLetterWorld, action: Action, *, begun: bool) -> Decision:
    """The claim is ours, and nothing works under it: was that ever different?"""
    retry = action.spec.retry
    assert retry is not None
    altered = not (world.unbegun or begun or retry.execution.repeat_is_safe)
    if altered and not retry.execution.outlives_its_process:
        return in_doubt(world, claims.altered(_outbox(world)))
    return taken_up(world, action, begun=begun or altered, seen=not altered)


def taken_up(world: DeadLetterWorld, action: Action, *, begun: bool, seen: bool) -> Decision:
    """Claimed before, and nothing works on it here: it goes on, if it may begin now.

    The claim is written again first, which shows that nobody has moved on since. begun: another
    process may have begun it, and the cluster remembers that: it is looked for whatever keeps it
    from beginning, and followed to its end. seen: it has been looked for since, and was not there.
    """
    hold = standstill(world.enforcement, world.freeze)
    claim = claims.taken(_outbox(world), world.holder, world.lease, world.now)
    status = world.letter.status.model_copy(update={"outbox": claim})
    half = world.lease / 2
    if hold is not None and (seen or not begun):
        return observed(world, status, note=hold.note, look_again=half)
    work = execute(action, claim, begun=begun, only_look=hold is not None)
    return observed(world, status, effects=(work,), look_again=half)


def execute(
    action: Action, outbox: Outbox, *, begun: bool = False, only_look: bool = False
) -> Execute:
    """The dispatch that is in the outbox, as it is carried out."""
    retry = action.spec.retry
    assert retry is not None
    return Execute(
        execution=retry.execution,
        service_account=retry.service_account_name,
        idempotency_key=outbox.idempotency_key or "",
        attempt_key=outbox.attempt_key or "",
        timeout=timedelta(seconds=retry.timeout_seconds),
        run_id=identity.run_id(action.spec),
        begun=begun,
        only_look=only_look,
    )


def renewed(world: DeadLetterWorld) -> Decision:
    """The executor works: keep the claim from expiring under it."""
    due = claims.renewal(_outbox(world), world.lease, world.now)
    if due > timedelta(0):
        return Decision(look_again=due)
    claim = claims.extended(_outbox(world), world.lease, world.now)
    status = world.letter.status.model_copy(update={"outbox": claim})
    return observed(world, status, look_again=world.lease / 2)


def proved(world: DeadLetterWorld, applied: Applied, *, how: str | None = None) -> Decision:
    """It has happened: first the Receipt, then the status that points to it.

    how: what makes that certain, if not the executor's answer.
    """
    receipt = _receipt(world, EffectOutcome.SUCCEEDED, dict(applied.evidence), None)
    done = succeeded(world, receipt.name, how)
    return Decision(
        children=(receipt,), status=done.status, effects=done.effects, look_again=done.look_again
    )


def succeeded(world: DeadLetterWorld, receipt: str, how: str | None = None) -> Decision:
    """Resolved; but before that, everybody who was to undo the failure knows."""
    outbox = _outbox(
        world,
        phase=OutboxPhase.SENT,
        outcome=Outcome.APPLIED,
        after=Observation(time=world.now, outcome="applied"),
        effect_id=world.letter.spec.effect_id,
        receipt_ref=LocalRef(name=receipt),
        sent_at=world.now,
    )
    unaware = tuple(
        Wake(world.related("Compensation", one.metadata.name))
        for one in world.candidates
        if one.status.superseded_by is None
    )
    if unaware:
        status = world.letter.status.model_copy(update={"outbox": outbox})
        return observed(world, status, effects=(Release(), *unaware), look_again=TELLING)
    message = f"dispatch {outbox.attempt} applied, receipt {receipt}"
    message = message if how is None else f"{message}: {how}"
    status = moved(world, P.RESOLVED, message, outbox=outbox)
    told = Tell(world.key, "Resolved", message)
    return observed(world, status, effects=(Release(), told, WakeFollowers()))


def failed(
    world: DeadLetterWorld, failure: NotApplied, answer: dict[str, Any] | None = None
) -> Decision:
    """It is certain that this dispatch did nothing. Was there an earlier one that may have?"""
    reason = redact_text(failure.reason)
    if (doubt := _outbox(world).doubt) is not None:
        return in_doubt(world, f"{doubt}; dispatch {world.dispatches}: {reason}")
    receipt = _receipt(world, EffectOutcome.FAILED, answer or {}, reason)
    ended = failed_again(world, receipt.name, reason, failure.retry_after)
    return Decision(
        children=(receipt,), status=ended.status, effects=ended.effects, look_again=AT_ONCE
    )


def failed_again(
    world: DeadLetterWorld, receipt: str, reason: str, wish: timedelta | None = None
) -> Decision:
    """Open again for a person; Ignored when it has been sent often enough.

    wish: how long the target asks to be left alone; a retry that is asked for sooner waits.
    """
    count = world.dispatches
    outbox = _outbox(
        world,
        phase=OutboxPhase.FAILED,
        outcome=Outcome.NOT_APPLIED,
        detail=reason[:4096],
        doubt=None,  # while there is one, no Receipt says that it has failed
        after=Observation(time=world.now, outcome="not applied"),
        receipt_ref=LocalRef(name=receipt),
    )
    message = f"dispatch {count}: {reason}"
    effects: tuple[Effect, ...] = (
        Release(),
        Tell(world.key, "RetryFailed", message, "Warning"),
        WakeFollowers(),
    )
    if count < MOST_DISPATCHES:
        status = moved(world, P.OPEN, message, outbox=outbox, dispatch=_spared(world, wish))
        return observed(world, status, effects=effects, look_again=AT_ONCE)
    given_up = RecordedDisposition(
        choice=EXHAUSTED, reason=message[:4096], actor=OPERATOR, time=world.now
    )
    status = moved(world, P.IGNORED, message, outbox=outbox, disposition=given_up)
    return observed(world, status, effects=effects)


def _spared(world: DeadLetterWorld, wish: timedelta | None) -> Dispatch | None:
    """When the next one may leave: not before the target wants it."""
    dispatch = world.letter.status.dispatch
    if dispatch is None or wish is None:
        return dispatch
    latest = max(dispatch.next_time or world.now, world.now + wish)
    return dispatch.model_copy(update={"next_time": latest})


def in_doubt(world: DeadLetterWorld, reason: str) -> Decision:
    """Nobody knows whether it happened.

    Send it again only where a repeat is known to be safe, else ask the target if the action says
    how, else wait for a person who has looked at it.
    """
    reason = redact_text(reason)
    asked = first_probe(world) if not may_be_sent_again(world) else None
    outbox = _outbox(world, outcome=Outcome.UNKNOWN, detail=reason[:4096], verification=asked)
    status = world.letter.status.model_copy(update={"outbox": outbox})
    message = f"dispatch {outbox.attempt}: {reason}"
    told = Tell(world.key, "OutcomeUnknown", message, "Warning")
    effects: tuple[Effect, ...] = (Release(), told, WakeFollowers())
    return observed(world, status, effects=effects, look_again=AT_ONCE)


def first_probe(world: DeadLetterWorld) -> Probing | None:
    """When the target is asked first, if the action says how."""
    retry = declared(world)
    return probing.first(retry.verify, world.now) if retry is not None else None


def found(world: DeadLetterWorld, receipt: Receipt) -> Decision:
    """A Receipt of this dispatch is there, whoever wrote it: go on from there."""
    if receipt.spec.outcome is EffectOutcome.SUCCEEDED:
        return succeeded(world, receipt.metadata.name, probing.how_verified(receipt))
    return failed_again(world, receipt.metadata.name, receipt.spec.error or "failed")


def _receipt(
    world: DeadLetterWorld, outcome: EffectOutcome, answer: dict[str, Any], error: str | None
) -> Create:
    return evidence.of_dispatch(
        world.letter, world.receipts, outcome, answer, error, world.scope, world.now
    )


def _outbox(world: DeadLetterWorld, **changes: Any) -> Outbox:
    outbox = world.letter.status.outbox
    assert outbox is not None
    return outbox.model_copy(update=changes)

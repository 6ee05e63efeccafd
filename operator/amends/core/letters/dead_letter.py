"""DeadLetter: what happens next to one failure. Gather once, then ask the questions in order."""

from dataclasses import replace
from datetime import timedelta

from amends.api.approval import ApprovalDecision
from amends.api.compensation import Compensation, CompensationPhase
from amends.api.dead_letter import DeadLetterPhase, DeadLetterStatus, RecordedDisposition
from amends.api.wire import LocalRef
from amends.core import claims, late, probing
from amends.core.conditions import Observed, not_ready, ready
from amends.core.decision import (
    AT_ONCE,
    NOTHING,
    Decision,
    Disown,
    Effect,
    Release,
    Tell,
    Wake,
    WakeFollowers,
)
from amends.core.hold import Hold, standstill
from amends.core.letters import attesting, disposing, evidence, retries
from amends.core.letters.attesting import has_somebody_attested
from amends.core.letters.disposing import carried_out
from amends.core.letters.progress import (
    DECIDED,
    held_back,
    in_doubt,
    may_be_sent_again,
    moved,
    observed,
)
from amends.core.letters.recovery import is_live, is_under_way, live_compensation
from amends.core.letters.verifying import has_the_target_answered, shall_the_target_be_asked
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.superseding import superseded, tells_of_success
from amends.core.world import DeadLetterWorld

P = DeadLetterPhase
LINKABLE = (P.OPEN, P.RETRY_REQUESTED, P.LINKED_TO_COMPENSATION)
LOOK_FOR_THE_NAME = timedelta(seconds=30)
"""How often it is tried whether a name that was taken has become free."""


def decide(world: DeadLetterWorld) -> Decision:
    """One step. Every question answers with a Decision, or None: not mine, ask the next."""
    for question in QUESTIONS:
        if (decision := question(world)) is not None:
            told = disposing.telling(world, attesting.telling(world, decision))
            return _without_leftovers(world, told)
    return NOTHING


def _without_leftovers(world: DeadLetterWorld, decision: Decision) -> Decision:
    """First of all, this process lets go of what has been decided without it."""
    left = late.leftover(world.letter.status.outbox, world.attempt, world.stray)
    written, status = decision.status, world.letter.status
    then = written if isinstance(written, DeadLetterStatus) else status
    is_over = then.phase is not P.RETRYING and Release() not in decision.effects
    if world.probe is not None and is_over:
        left = (*left, Release())
    return replace(decision, effects=(*left, *decision.effects)) if left else decision


def has_it_been_sent(world: DeadLetterWorld) -> Decision | None:
    """A Receipt of the dispatch is proof, whoever wrote it: go on from there."""
    letter = world.letter
    if letter.status.phase is not P.RETRYING or letter.status.outbox is None:
        return None
    receipt = evidence.of_this_dispatch(letter, world.receipts)
    if tells_of_success(letter):
        ref = letter.status.outbox.receipt_ref
        how = probing.how_verified(receipt) if receipt is not None else None
        return retries.succeeded(world, ref.name if ref is not None else "", how)
    if receipt is None:
        return None
    return attesting.is_proved_already(world, receipt) or retries.found(world, receipt)


def is_it_being_sent(world: DeadLetterWorld) -> Decision | None:
    """Retrying: wait for whoever holds the claim, or take the executor's answer."""
    if world.letter.status.phase is not P.RETRYING:
        return Decision(effects=(Disown(),), look_again=AT_ONCE) if world.attempt else None
    match claims.hand(world.letter.status.outbox, world.attempt, world.holder, world.now):
        case None:
            return None
        case claims.Stray():
            return Decision(effects=(Disown(),), look_again=AT_ONCE)
        case claims.Elsewhere(left):
            return Decision(look_again=left)
        case claims.Abandoned(why):
            retry = world.action.spec.retry if world.action is not None else None
            if world.action is None or retry is None or not retry.execution.outlives_its_process:
                return retries.in_doubt(world, why)
            return retries.taken_up(world, world.action, begun=True, seen=False)
        case claims.Unstarted(begun):
            if world.action is None or world.action.spec.retry is None:
                gone = f"action {world.letter.spec.action_ref.name} is gone"
                return retries.in_doubt(world, f"{gone}, and with it how it is sent")
            return retries.unstarted(world, world.action, begun=begun)
        case claims.Working():
            return retries.renewed(world)
        case claims.Answered(outcome):
            return _answered(world, outcome)


def _answered(world: DeadLetterWorld, outcome: Outcome) -> Decision:
    if claims.is_unbegun(world.letter.status.outbox, outcome):
        return Decision(effects=(Release(),), look_again=AT_ONCE)
    match outcome:
        case Applied():
            return retries.proved(world, outcome)
        case NotApplied():
            return retries.failed(world, outcome)
        case Unknown(reason):
            return retries.in_doubt(world, reason)


def has_its_effect_succeeded(world: DeadLetterWorld) -> Decision | None:
    """Success after failure: what nobody has touched goes away, everything else is marked."""
    by, status = world.success, world.letter.status
    if by is None or status.superseded_by is not None:
        return None
    stated = bool(world.dispositions) or status.disposition is not None
    if status.phase is P.OPEN and not stated and not status.history:
        return Decision(remove=True, effects=(WakeFollowers(),))
    told = Tell(world.key, "Superseded", superseded(by).message, "Warning")
    marked = status.model_copy(update={"superseded_by": by})
    return observed(world, marked, effects=(told, WakeFollowers()), look_again=AT_ONCE)


def has_a_person_decided(world: DeadLetterWorld) -> Decision | None:
    """A Disposition that applies is carried out."""
    return carried_out(world)


def is_it_settled(world: DeadLetterWorld) -> Decision | None:
    """Nothing more happens to it by itself.

    Who waits for it is told on every look: the answer to the write that settled it may have been
    lost, and with it the first telling.
    """
    if not world.letter.status.settled:
        return None
    return Decision(effects=(WakeFollowers(),))


def has_it_been_undone(world: DeadLetterWorld) -> Decision | None:
    """Its Compensation has completed: say so, for good."""
    compensation = live_compensation(world)
    if compensation is None or compensation.status.phase is not CompensationPhase.COMPLETED:
        return None
    if world.letter.status.phase not in LINKABLE:
        return _left_alone(world, compensation)
    return _undone(world, compensation)


def shall_it_be_sent_again(world: DeadLetterWorld) -> Decision | None:
    """A retry was asked for, or is safe to repeat: not before its time, nor beside an undo."""
    letter, action = world.letter, world.action
    requested = letter.status.phase is P.RETRY_REQUESTED
    if letter.status.phase is P.RETRYING:
        if in_doubt(letter.status) is None or not may_be_sent_again(world):
            return observed(world)
    elif not requested:
        return None
    if (note := _why_it_cannot_be_sent(world)) is not None:
        return _naming(world, note=note)
    if world.enforcement.gap is not None:
        return held_back(world)
    if requested and any(is_under_way(one) for one in world.candidates):
        return _naming(world)
    if letter.status.compensation_ref is not None:
        # Durably, before anything is sent: a Compensation that it does not name will not start.
        apart = letter.status.model_copy(update={"compensation_ref": None})
        return observed(world, apart, look_again=AT_ONCE)
    pause = _until_next(world)
    if pause > timedelta(0):
        return observed(world, look_again=pause)
    if (hold := _hold(world)) is not None:
        return observed(world, note=hold.note, look_again=hold.look_again)
    assert action is not None
    return retries.dispatched(world, action)


def _hold(world: DeadLetterWorld) -> Hold | None:
    """What keeps a retry that is due from being sent."""
    return standstill(world.enforcement, world.freeze) or world.hold


def has_its_undo_ended_without_effect(world: DeadLetterWorld) -> Decision | None:
    """Linked by a person, but the Compensation was cancelled, has failed for good, or is gone."""
    status, compensation = world.letter.status, world.compensation
    if status.phase is not P.LINKED_TO_COMPENSATION or status.compensation_ref is None:
        return None
    if compensation is not None and is_live(compensation):
        return None
    name = status.compensation_ref.name
    became = "gone" if compensation is None else str(compensation.status.phase)
    message = f"compensation {name} is {became}, and nothing was undone"
    reopened = moved(world, P.OPEN, message, compensation_ref=None)
    told = Tell(world.key, "Reopened", message, "Warning")
    return observed(world, reopened, effects=(told,), look_again=AT_ONCE)


def who_undoes_it(world: DeadLetterWorld) -> Decision | None:
    """Name the Compensation that is to undo the effect; decided otherwise, see how it ends."""
    if world.letter.status.phase not in DECIDED or live_compensation(world) is not None:
        return _naming(world)
    over = world.letter.status.model_copy(update={"settled": True, "compensation_ref": None})
    return observed(world, over)


QUESTIONS = (
    has_it_been_sent,
    is_it_being_sent,
    has_somebody_attested,
    has_the_target_answered,
    has_its_effect_succeeded,
    has_a_person_decided,
    is_it_settled,
    has_it_been_undone,
    shall_the_target_be_asked,
    shall_it_be_sent_again,
    has_its_undo_ended_without_effect,
    who_undoes_it,
)


def _naming(world: DeadLetterWorld, note: Observed | None = None) -> Decision:
    status = world.letter.status
    compensation = live_compensation(world)
    named = LocalRef(name=compensation.metadata.name) if compensation is not None else None
    woken: list[Effect] = []
    if named is not None and named != status.compensation_ref:
        woken.append(Wake(world.related("Compensation", named.name)))
    if status.observed_generation is None:
        woken.append(WakeFollowers())  # a Disposition may have been there first
    return observed(
        world,
        status.model_copy(update={"compensation_ref": named}),
        note=note,
        effects=tuple(woken),
        look_again=LOOK_FOR_THE_NAME if world.obstacle is not None else None,
    )


def _why_it_cannot_be_sent(world: DeadLetterWorld) -> Observed | None:
    letter, action = world.letter, world.action
    if action is None or action.spec.retry is None or world.objection is not None:
        why = world.objection or f"action {letter.spec.action_ref.name} with its spec.retry is gone"
        return not_ready("NotExecutable", f"{why}: choose Compensate, Resolve or Ignore")
    if letter.status.superseded_by is not None:
        why = superseded(letter.status.superseded_by).message
        return not_ready("Superseded", f"{why}: choose Resolve or Ignore")
    return None


def _until_next(world: DeadLetterWorld) -> timedelta:
    dispatch = world.letter.status.dispatch
    due = dispatch.next_time if dispatch is not None else None
    return due - world.now if due is not None else timedelta(0)


def _undone(world: DeadLetterWorld, compensation: Compensation) -> Decision:
    name, status = compensation.metadata.name, world.letter.status
    approvers = [
        counted
        for counted in compensation.status.approvals
        if counted.decision is ApprovalDecision.APPROVE
    ]
    actor = ", ".join(counted.username for counted in approvers)[:512] or "amends"
    reason = next((c.reason for c in approvers if c.reason), f"compensation `{name}` completed")
    chosen = RecordedDisposition(choice="Compensate", reason=reason, actor=actor, time=world.now)
    by_a_person = status.phase is P.LINKED_TO_COMPENSATION and status.disposition is not None
    linked = moved(
        world,
        P.LINKED_TO_COMPENSATION,
        reason,
        actor=actor,
        settled=True,
        compensation_ref=LocalRef(name=name),
        disposition=status.disposition if by_a_person else chosen,
    )
    told = Tell(world.key, "Compensated", f"compensation {name} has undone it")
    return observed(world, linked, effects=(told,))


def _left_alone(world: DeadLetterWorld, compensation: Compensation) -> Decision:
    letter, name = world.letter, compensation.metadata.name
    message = f"compensation {name} has undone it, but it is {letter.status.phase} and stays so"
    heard = any(c.message == message for c in letter.status.conditions)
    told = () if heard else (Tell(world.key, "NotLinked", message),)
    decided = letter.status.phase in DECIDED
    status = letter.status.model_copy(update={"settled": True if decided else None})
    note = (ready if decided else not_ready)("NotLinked", message)
    return observed(world, status, note=note, effects=told)

"""Disposition: may this person's choice be carried out, on this dead letter, now?"""

from collections.abc import Mapping

from amends.api.dead_letter import DeadLetterPhase
from amends.api.disposition import Choice, Disposition
from amends.core import claims
from amends.core.decision import AT_ONCE, NOTHING, Decision, Effect, Tell, Wake
from amends.core.letters.progress import MOST_DISPATCHES
from amends.core.letters.recovery import live_compensation
from amends.core.statement import Verdict, is_news, judged, proved
from amends.core.superseding import superseded, tells_of_success
from amends.core.world import DeadLetterWorld, DispositionWorld

P = DeadLetterPhase
_UNSETTLED = (P.OPEN, P.RETRY_REQUESTED, P.RETRYING)
APPLIES_TO: Mapping[Choice, tuple[DeadLetterPhase, ...]] = {
    Choice.RETRY: (P.OPEN,),
    Choice.IGNORE: _UNSETTLED,
    Choice.ABANDON: _UNSETTLED,
    Choice.COMPENSATE: _UNSETTLED,
    Choice.RESOLVE: (*_UNSETTLED, P.LINKED_TO_COMPENSATION),
    Choice.REOPEN: (P.IGNORED,),
}
"""From which phases a person may choose what; each of these steps is in the machine's table."""


def verdict(disposition: Disposition, world: DeadLetterWorld | None) -> Verdict:
    """Judge one statement against its dead letter."""
    spec, name = disposition.spec, disposition.spec.dead_letter_ref.name
    if world is None:
        return Verdict("SubjectNotFound", f"waits for dead letter {name} to be created")
    letter = world.letter
    bound = disposition.status.bound_uid or spec.dead_letter_ref.uid
    if bound not in (None, letter.metadata.uid):
        return Verdict(
            "BoundToAnother",
            f"it is bound to uid {bound}, but dead letter {name} has uid {letter.metadata.uid}: "
            "decide on this one with a new Disposition",
            final=True,
        )
    recorded = letter.status.disposition
    if recorded is not None and recorded.uid == disposition.metadata.uid:
        return Verdict("Applied", f"{spec.choice} recorded on dead letter {name}", final=True)
    if spec.actor is None:
        return Verdict(
            "Unauthenticated",
            "spec.actor is not known: it was created while the admission policies were not "
            "installed; install them and create it again",
            final=True,
        )
    return _objection(spec.choice, disposition, world) or Verdict(
        "Applicable", f"bound to dead letter {name}, about to be carried out"
    )


def _objection(choice: Choice, disposition: Disposition, world: DeadLetterWorld) -> Verdict | None:
    letter, name = world.letter, world.letter.metadata.name
    phase = letter.status.phase
    if phase not in APPLIES_TO[choice]:
        phases = ", ".join(APPLIES_TO[choice])
        first = ": choose Reopen first" if phase is P.IGNORED else ""
        return Verdict(
            "NotApplicable",
            f"dead letter {name} is {phase}, and {choice} applies to {phases}{first}",
            final=True,
        )
    if phase is P.RETRYING and _is_under_way(world):
        dispatches = world.dispatches
        return Verdict("RetryUnderWay", f"waits until dispatch {dispatches} of {name} has ended")
    if choice is Choice.RETRY:
        return _objection_to_retry(world)
    if choice is Choice.COMPENSATE:
        return _objection_to_compensation(disposition, world)
    return None


def _is_under_way(world: DeadLetterWorld) -> bool:
    outbox = world.letter.status.outbox
    hand = claims.hand(outbox, world.attempt, world.holder, world.now)
    return hand is not None or tells_of_success(world.letter)


def _objection_to_retry(world: DeadLetterWorld) -> Verdict | None:
    letter = world.letter
    if (by := letter.status.superseded_by) is not None:
        return Verdict("Superseded", f"{superseded(by).message}: choose Resolve or Ignore", True)
    if world.action is None:
        return Verdict(
            "ActionNotFound",
            f"action {letter.spec.action_ref.name} is gone, and only it says how to send it again: "
            "choose Compensate, Resolve or Ignore",
            final=True,
        )
    if world.action.spec.retry is None:
        return Verdict(
            "NoRetryDeclared",
            f"action {letter.spec.action_ref.name} has no spec.retry, so nobody here knows how to "
            "send it again: choose Compensate, Resolve or Ignore",
            final=True,
        )
    if world.objection is not None:
        return Verdict("NotExecutable", world.objection, final=True)
    if world.dispatches >= MOST_DISPATCHES:
        return Verdict(
            "RetriesExhausted",
            f"it has been sent {world.dispatches} times, which is the most: choose Compensate, "
            "Resolve or Ignore",
            final=True,
        )
    return None


def _objection_to_compensation(disposition: Disposition, world: DeadLetterWorld) -> Verdict | None:
    letter = world.letter
    if (by := letter.status.superseded_by) is not None:
        message = f"{superseded(by).message}: choose Resolve or Ignore, or create a Compensation"
        return Verdict("Superseded", message, final=True)
    declared = world.action is not None and world.action.spec.compensation is not None
    given = disposition.spec.compensation is not None
    if not given and not declared and live_compensation(world) is None:
        return Verdict(
            "NoCompensation",
            f"action {letter.spec.action_ref.name} does not say how it is undone, and there is no "
            f"Compensation for effect {letter.spec.effect_id}: say it in spec.compensation of a "
            "new Disposition",
            final=True,
        )
    return None


def is_due(disposition: Disposition, world: DeadLetterWorld) -> bool:
    """Whether it says, durably, that this dead letter may carry it out."""
    status = disposition.status
    bound = status.bound_uid == world.letter.metadata.uid
    return bound and any(one.reason == "Applicable" for one in status.conditions)


def is_refused(world: DispositionWorld) -> bool:
    """Whether it would be told, for good, that it is not carried out."""
    found = verdict(world.disposition, world.letter)
    return found.final and not found.counts


def decide(world: DispositionWorld) -> Decision:
    """Say on the Disposition whether it is carried out.

    It is bound to the dead letter's uid, durably, before the dead letter may carry it out: so it
    can never be carried out on a namesake that is created later. And it is withdrawn, durably,
    before it is refused for good: the dead letter may be about to carry it out just now, having
    come into another phase meanwhile, and then the next look finds it on record.
    """
    disposition, letter = world.disposition, world.letter
    if disposition.status.settled:
        # The dead letter goes on only now; the answer to the write that settled this one may have
        # been lost, and with it the first telling.
        return Decision(effects=(Wake(letter.key),)) if letter is not None else NOTHING
    found = verdict(disposition, letter)
    if letter is not None:
        found = proved(disposition, found, letter.enforcement)
    if letter is not None and found.final and not found.counts and is_due(disposition, letter):
        found = Verdict("Withdrawn", f"not to be carried out as things stand: {found.message}")
    uid = letter.letter.metadata.uid if letter is not None else None
    return Decision(
        status=judged(disposition, found, uid, world.now),
        effects=_effects(world, found),
        look_again=AT_ONCE if found.reason == "Withdrawn" else None,
    )


def _effects(world: DispositionWorld, found: Verdict) -> tuple[Effect, ...]:
    if world.letter is None:
        return ()
    on = world.letter.key
    if found.counts:
        return (Wake(on),)  # to carry it out; or to go on, now that this one knows that it was
    if is_news(world.disposition, found):
        name = world.disposition.metadata.name
        message = f"disposition {name} is not carried out: {found.message}"
        return (Tell(on, found.reason, message, "Warning"),)
    return ()

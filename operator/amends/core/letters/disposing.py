"""Disposing: a dead letter carries out what a person has decided about it, one at a time."""

from dataclasses import replace

from amends.api.compensation import Compensation
from amends.api.dead_letter import DeadLetterPhase, RecordedDisposition
from amends.api.disposition import Choice, Disposition
from amends.api.wire import LocalRef
from amends.core.decision import AT_ONCE, Create, Decision, Tell, Wake, WakeFollowers
from amends.core.letters import recovery
from amends.core.letters.disposition import is_due, verdict
from amends.core.letters.progress import moved, observed
from amends.core.records.redaction import redact_text
from amends.core.world import DeadLetterWorld

P = DeadLetterPhase
TO = {
    Choice.RETRY: P.RETRY_REQUESTED,
    Choice.IGNORE: P.IGNORED,
    Choice.ABANDON: P.IGNORED,
    Choice.COMPENSATE: P.LINKED_TO_COMPENSATION,
    Choice.RESOLVE: P.RESOLVED,
    Choice.REOPEN: P.OPEN,
}


def carried_out(world: DeadLetterWorld) -> Decision | None:
    """The oldest decision that applies is carried out; None: there is none.

    The one that is on record must have been told so, durably, before the next one takes its place:
    otherwise it could not know that it was carried out, and would be again.
    """
    recorded = world.letter.status.disposition
    if recorded is not None and any(d.metadata.uid == recorded.uid for d in world.dispositions):
        key = world.related("Disposition", recorded.name or "")
        return Decision(effects=(Wake(key),))
    ordered = sorted(
        world.dispositions,
        key=lambda one: (str(one.metadata.creation_timestamp), one.metadata.name),
    )
    for disposition in ordered:
        due = is_due(disposition, world)
        doubt = world.enforcement.doubt(disposition.metadata.creation_timestamp)
        if due and doubt is None and verdict(disposition, world).reason == "Applicable":
            return _carried_out(world, disposition)
    return None


def telling(world: DeadLetterWorld, decision: Decision) -> Decision:
    """The same decision, of which every Disposition is told that does not know how it stands.

    On every look: the answer to the write that decided it may have been lost, and with it the first
    telling.
    """
    if decision.remove:
        return decision
    letter = world.letter.model_copy(update={"status": decision.status or world.letter.status})
    after = replace(world, letter=letter)
    untold = (one for one in world.dispositions if _is_untold(one, after))
    return decision.waking(
        *(Wake(world.related("Disposition", one.metadata.name)) for one in untold)
    )


def _is_untold(disposition: Disposition, world: DeadLetterWorld) -> bool:
    found = verdict(disposition, world)
    return found.final or (found.counts and not is_due(disposition, world))


def _carried_out(world: DeadLetterWorld, disposition: Disposition) -> Decision | None:
    spec = disposition.spec
    assert spec.actor is not None  # the verdict has seen to it
    if spec.choice is Choice.COMPENSATE and world.obstacle is not None:
        return None  # its name is taken: the dead letter says so, and it is tried again
    child, compensation = _compensation(world, disposition)
    to, reason = TO[spec.choice], redact_text(spec.reason)
    status = moved(
        world,
        to,
        f"{spec.choice}: {reason}",
        actor=spec.actor.username,
        compensation_ref=LocalRef(name=compensation) if compensation is not None else None,
        disposition=RecordedDisposition(
            name=disposition.metadata.name,
            uid=disposition.metadata.uid,
            choice=spec.choice,
            reason=reason,
            actor=spec.actor.username,
            time=world.now,
        ),
    )
    told = Tell(world.key, str(to), f"{spec.choice} by {spec.actor.username}: {reason}")
    decision = observed(
        world,
        status,
        effects=(told, WakeFollowers()),
        look_again=None if status.settled else AT_ONCE,
    )
    return Decision(
        children=(child,) if child is not None else (),
        status=decision.status,
        effects=decision.effects,
        look_again=decision.look_again,
    )


def _compensation(
    world: DeadLetterWorld, disposition: Disposition
) -> tuple[Create | None, str | None]:
    """The Compensation that is to undo it: to be created or not, and its name."""
    spec, letter = disposition.spec, world.letter
    live = recovery.live_compensation(world)
    if spec.choice is Choice.RETRY or spec.choice is Choice.REOPEN:
        return None, None
    if spec.choice is not Choice.COMPENSATE:
        return None, _name(live)
    plan = spec.compensation or recovery.declared_by(world.action)
    if plan is None or (live is not None and spec.compensation is None):
        return None, _name(live)
    given = spec.compensation.name if spec.compensation is not None else None
    name = given or f"compensation-{letter.spec.effect_id}-{disposition.metadata.uid[:8]}"
    child = recovery.proposed(
        name,
        plan,
        effect=letter.spec.effect_id,
        run_id=letter.spec.run_id,
        action=letter.spec.action_ref.name,
        requester=spec.actor,
    )
    return child, name


def _name(compensation: Compensation | None) -> str | None:
    return compensation.metadata.name if compensation is not None else None

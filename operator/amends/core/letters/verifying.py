"""Verifying: where nobody knows what came of a retry, the target is asked, as its Action says."""

from amends.api.dead_letter import DeadLetterPhase
from amends.api.outcome import Outcome
from amends.core import probing
from amends.core.decision import AT_ONCE, Decision, Probe
from amends.core.letters import retries
from amends.core.letters.attesting import certain
from amends.core.letters.progress import declared, may_be_sent_again, observed
from amends.core.world import DeadLetterWorld


def has_the_target_answered(world: DeadLetterWorld) -> Decision | None:
    """What it says counts, whatever a person has decided while it was asked."""
    match _stage(world):
        case probing.Found(applied, how):
            return retries.proved(world, applied, how=how)
        case probing.NotThere(failure):
            return retries.failed(certain(world), failure)
        case probing.Untold() as untold:
            status = world.letter.status.model_copy(update={"outbox": untold.outbox})
            effects = untold.effects(world.key)
            return observed(world, status, effects=effects, look_again=untold.pause)
        case _:
            return None


def shall_the_target_be_asked(world: DeadLetterWorld) -> Decision | None:
    """Nobody knows what came of it, and it is not sent again: ask when it is time."""
    status, action = world.letter.status, world.action
    outbox = status.outbox
    if status.phase is not DeadLetterPhase.RETRYING or may_be_sent_again(world):
        return None
    if outbox is None or outbox.outcome is not Outcome.UNKNOWN:
        return None
    match _stage(world):
        case probing.NotYet(left):
            return observed(world, look_again=left)
        case probing.UnderWay():
            return observed(world)
        case probing.Due(verification, key) if action is not None:
            work = retries.execute(action, outbox)
            return Decision(effects=(Probe(work, verification, key),))
        case None if outbox.verification is None and (asked := retries.first_probe(world)):
            # It was to be sent again, and it has turned out since that it cannot be.
            begun = outbox.model_copy(update={"verification": asked})
            ledger = status.model_copy(update={"outbox": begun})
            return observed(world, ledger, look_again=AT_ONCE)
        case _:
            return None


def _stage(world: DeadLetterWorld) -> probing.Stage | None:
    status, retry = world.letter.status, declared(world)
    if status.phase is not DeadLetterPhase.RETRYING:
        return None
    verification = retry.verify if retry is not None else None
    return probing.stage(status.outbox, verification, world.probe, world.now, retries.pause_after)

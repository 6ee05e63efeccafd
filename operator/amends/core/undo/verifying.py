"""Verifying: where nobody knows what came of an attempt, the target is asked, as the plan says."""

from functools import partial

from amends.core import probing
from amends.core.decision import Decision, Probe
from amends.core.undo import attempts
from amends.core.undo.attesting import certain
from amends.core.undo.awaiting import is_probed
from amends.core.undo.progress import observed
from amends.core.world import CompensationWorld


def is_it_being_verified(world: CompensationWorld) -> Decision | None:
    """Ask the target when it is time, and take in what it says: that counts, cancelled or not."""
    compensation = world.compensation
    spec, outbox = compensation.spec, compensation.status.outbox
    if not is_probed(compensation):
        return None
    pause_after = partial(attempts.pause_after, spec.retry)
    match probing.stage(outbox, spec.verify, world.probe, world.now, pause_after):
        case probing.Found(applied, how):
            return attempts.proved(world, applied, how=how)
        case probing.NotThere(failure):
            return attempts.failed(certain(world), failure)
        case probing.Untold() as untold:
            return _not_told(world, untold)
        case stage:
            return None if spec.cancel else _asked(world, stage)


def _asked(
    world: CompensationWorld, stage: probing.NotYet | probing.Due | probing.UnderWay | None
) -> Decision | None:
    match stage:
        case probing.NotYet(left):
            return observed(world, look_again=left)
        case probing.UnderWay():
            return observed(world)
        case probing.Due(verification, key):
            outbox = world.compensation.status.outbox
            assert outbox is not None  # something is asked of it
            work = attempts.execute(world.compensation, outbox)
            return Decision(effects=(Probe(work, verification, key),))
        case None:
            return None


def _not_told(world: CompensationWorld, untold: probing.Untold) -> Decision:
    status = world.compensation.status.model_copy(update={"outbox": untold.outbox})
    stays = observed(world, status, look_again=untold.pause)
    return Decision(
        status=stays.status, effects=untold.effects(world.key), look_again=stays.look_again
    )

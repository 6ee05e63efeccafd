"""The one entrance to the core: a world in, a decision out. Pure and total."""

from typing import assert_never

from amends.core.actions import action
from amends.core.decision import Decision
from amends.core.letters import dead_letter, disposition
from amends.core.undo import approval, compensation
from amends.core.world import (
    ActionWorld,
    ApprovalWorld,
    CompensationWorld,
    DeadLetterWorld,
    DispositionWorld,
    World,
)


def decide(world: World) -> Decision:
    """One step for one object."""
    match world:
        case ActionWorld():
            return action.decide(world)
        case ApprovalWorld():
            return approval.decide(world)
        case CompensationWorld():
            return compensation.decide(world)
        case DeadLetterWorld():
            return dead_letter.decide(world)
        case DispositionWorld():
            return disposition.decide(world)
        case unknown:
            assert_never(unknown)

"""The one entrance to the core: a world in, a decision out. Pure and total."""

from dataclasses import replace
from typing import assert_never

from amends.api.resource import Resource
from amends.core import attestation
from amends.core.actions import action
from amends.core.decision import Decision
from amends.core.letters import dead_letter, disposition
from amends.core.period import period_of
from amends.core.undo import approval, compensation
from amends.core.world import (
    ActionWorld,
    ApprovalWorld,
    AttestationWorld,
    CompensationWorld,
    DeadLetterWorld,
    DispositionWorld,
    World,
)


def decide(world: World) -> Decision:
    """One step for one object. Whatever its status becomes, lists find it by its period."""
    match world:
        case ActionWorld():
            return _listed(action.decide(world), world.action)
        case ApprovalWorld():
            return _listed(approval.decide(world), world.approval)
        case AttestationWorld():
            return _listed(attestation.decide(world), world.attestation)
        case CompensationWorld():
            return _listed(compensation.decide(world), world.compensation)
        case DeadLetterWorld():
            return _listed(dead_letter.decide(world), world.letter)
        case DispositionWorld():
            return _listed(disposition.decide(world), world.disposition)
        case unknown:
            assert_never(unknown)


def _listed(decision: Decision, about: Resource) -> Decision:
    status, created = decision.status, about.metadata.creation_timestamp
    if status is None or created is None or status.period == (period := period_of(created)):
        return decision
    return replace(decision, status=status.model_copy(update={"period": period}))

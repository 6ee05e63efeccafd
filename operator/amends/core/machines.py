"""The state machines. Everything that affects transitions lives in this file.

The check in Python, the CEL rules of the CRDs and the diagrams of the docs are made from these
tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from amends.api.action import ActionPhase
from amends.api.compensation import CompensationPhase
from amends.api.dead_letter import DeadLetterPhase
from amends.api.outbox import OutboxPhase


class IllegalTransition(ValueError):
    """The table does not allow this step."""


@dataclass(frozen=True)
class Machine:
    """A set of phases and the steps between them. A step to the same phase is always legal."""

    noun: str
    initial: StrEnum
    steps: Mapping[StrEnum, tuple[StrEnum, ...]]

    @property
    def terminal(self) -> frozenset[StrEnum]:
        """Phases that are never left."""
        return frozenset(phase for phase, after in self.steps.items() if not after)

    def allows(self, before: StrEnum, after: StrEnum) -> bool:
        """Whether the step is in the table, or no step at all."""
        return before == after or after in self.steps[before]

    def check(self, before: StrEnum, after: StrEnum) -> None:
        """Refuse a step that is not in the table.

        Raises:
            IllegalTransition: with the same words as the API server's refusal.
        """
        if not self.allows(before, after):
            raise IllegalTransition(
                f"illegal {self.noun} status transition from {before} to {after}"
            )


_C = CompensationPhase
COMPENSATION = Machine(
    noun="compensation",
    initial=_C.PROPOSED,
    steps={
        _C.PROPOSED: (_C.AWAITING_APPROVAL, _C.APPROVED, _C.CANCELLED),
        _C.AWAITING_APPROVAL: (_C.APPROVED, _C.CANCELLED),
        _C.APPROVED: (_C.RUNNING, _C.AWAITING_APPROVAL, _C.CANCELLED),
        _C.RUNNING: (_C.COMPLETED, _C.FAILED, _C.CANCELLED),
        _C.FAILED: (_C.APPROVED, _C.RUNNING, _C.CANCELLED),
        _C.COMPLETED: (),
        _C.CANCELLED: (),
    },
)

_D = DeadLetterPhase
DEAD_LETTER = Machine(
    noun="dead letter",
    initial=_D.OPEN,
    steps={
        _D.OPEN: (_D.RETRY_REQUESTED, _D.IGNORED, _D.LINKED_TO_COMPENSATION, _D.RESOLVED),
        _D.RETRY_REQUESTED: (_D.RETRYING, _D.IGNORED, _D.LINKED_TO_COMPENSATION, _D.RESOLVED),
        _D.RETRYING: (_D.OPEN, _D.IGNORED, _D.LINKED_TO_COMPENSATION, _D.RESOLVED),
        _D.IGNORED: (_D.OPEN,),
        _D.LINKED_TO_COMPENSATION: (_D.OPEN, _D.RESOLVED),
        _D.RESOLVED: (),
    },
)

_A = ActionPhase
ACTION = Machine(
    noun="action",
    initial=_A.PENDING,
    steps={_A.PENDING: (_A.RECORDED,), _A.RECORDED: ()},
)

_O = OutboxPhase
OUTBOX = Machine(
    noun="outbox",
    initial=_O.PENDING,
    steps={
        _O.PENDING: (_O.CLAIMED, _O.SENT, _O.FAILED, _O.DEAD_LETTERED, _O.CANCELLED),
        _O.CLAIMED: (_O.SENT, _O.FAILED, _O.DEAD_LETTERED, _O.CANCELLED),
        _O.FAILED: (_O.CLAIMED, _O.DEAD_LETTERED, _O.CANCELLED),
        _O.SENT: (),
        _O.DEAD_LETTERED: (),
        _O.CANCELLED: (),
    },
)

PHASE_MACHINES: Mapping[str, Machine] = {
    "Action": ACTION,
    "Compensation": COMPENSATION,
    "DeadLetter": DEAD_LETTER,
}
"""Kinds whose `status.phase` follows a table."""

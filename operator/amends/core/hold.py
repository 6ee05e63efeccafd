"""Holds: why an attempt that would begin now does not, and when to ask again."""

from dataclasses import dataclass
from datetime import timedelta

from amends.core.conditions import TRUE, Observed, not_ready
from amends.core.enforcement import NOT_ENFORCED, Enforcement

FROZEN = "Frozen"


@dataclass(frozen=True)
class Hold:
    """One reason in one CamelCase word, the same for people. look_again: None if it is told."""

    reason: str
    message: str
    look_again: timedelta | None = None

    @property
    def note(self) -> Observed:
        """What the object says instead of Ready."""
        return not_ready(self.reason, self.message)


def standstill(enforcement: Enforcement, freeze: str | None) -> Hold | None:
    """What keeps everything in a namespace from being sent now; None: nothing does.

    Asked before an attempt is claimed, and again before anything is sent under an older claim.
    """
    if (note := enforcement.note) is not None:
        return Hold(NOT_ENFORCED, note.message)
    return Hold(FROZEN, freeze) if freeze is not None else None


def frozen(freeze: str) -> Observed:
    """The condition of everything open while a person has stopped all execution."""
    return Observed(FROZEN, TRUE, FROZEN, freeze)

"""Enforcement: whether the admission policies stand that prove who asks and who decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from amends.api.wire import Condition, rfc3339
from amends.core.conditions import Observed, not_ready

NOT_ENFORCED = "PoliciesNotEnforced"


@dataclass(frozen=True)
class Enforcement:
    """What is known of the policies when an object is looked at.

    gap: what is wrong with them and the fix; None: nothing is. since: from when on the server has
    obeyed them as they are now; None: for as long as it matters.
    """

    gap: str | None = None
    since: datetime | None = None

    @property
    def note(self) -> Observed | None:
        """What an object says that would go on, were it not for the gap."""
        return not_ready(NOT_ENFORCED, f"{WAITS}: {self.gap}") if self.gap is not None else None

    def doubt(self, made: datetime | None) -> str | None:
        """Why nobody knows who made a statement that was created then; None: it was proved."""
        if self.gap is not None:
            return f"{WAITS}: {self.gap}"
        if self.since is None or (made is not None and made >= self.since):
            return None
        when = f"at {rfc3339(made)}" if made is not None else "nobody knows when"
        return (
            f"it was created {when}, but the server has proved who makes a statement only since "
            f"{rfc3339(self.since)}, when its admission policies had last changed: create it again"
        )


WAITS = "waits, because the admission policies that prove who asks and who decides are not enforced"

ENFORCED = Enforcement()
"""Nothing is wrong, and nothing ever was."""


def is_told(conditions: Iterable[Condition]) -> bool:
    """Whether the object has said so before."""
    return any(one.reason == NOT_ENFORCED for one in conditions)

"""The last transitions of an object, newest last."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from amends.api.wire import HISTORY_LIMIT, Transition

OPERATOR = "amends"


def step(
    history: Sequence[Transition],
    before: StrEnum,
    after: StrEnum,
    now: datetime,
    actor: str,
    reason: str,
) -> list[Transition]:
    """The history with one more step; a step to the same phase is none."""
    if before == after:
        return list(history)
    taken = Transition(
        from_=before, to=after, time=now, actor=(actor or OPERATOR)[:512], reason=reason[:1024]
    )
    return [*history, taken][-HISTORY_LIMIT:]

"""What narrow worlds are made of: a plain undo, a plain dead letter, and what may be wrong."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from amends.api import Action, Compensation, DeadLetter
from amends.core.namespace import Floors
from amends.core.world import CompensationWorld, DeadLetterWorld
from chaos.action_worlds import LETTER
from chaos.letter_worlds import KEY
from chaos.worlds import LEASE, ME, NOW, SCOPE, meta
from support import worlds

BOB = {"username": "bob"}
NEWS = {
    "effectId": "effect-1",
    "outboxId": "outbox-1",
    "receiptRef": {"name": "effect-1-2"},
    "time": NOW - timedelta(seconds=60),
}


def perhaps(*flaws: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One of these, in half of all cases."""
    return st.just({}) | st.sampled_from(flaws)


def sent(safety: str) -> dict[str, Any]:
    return {"http": {"method": "POST", "url": "https://board/x", "retrySafety": safety}}


SECOND_ATTEMPT = {
    "id": "outbox-1",
    "operation": "board.post",
    "phase": "Claimed",
    "attempt": 2,
    "attemptKey": "undo:2",
}
"""What the outbox of an undo or of a dead letter says of it in any case, but for its key."""
HERE = {"scope": SCOPE, "holder": ME, "lease": LEASE, "now": NOW}


def undo_world(undo: Compensation, **known: Any) -> CompensationWorld:
    return worlds.world(undo, **{**HERE, "floors": Floors(), **known})


def letter_world(
    status: dict[str, Any],
    how: dict[str, Any],
    candidates: Sequence[Compensation] = (),
    **known: Any,
) -> DeadLetterWorld:
    action: dict[str, Any] = {"operation": "board.post", "outcome": "failed", "idempotencyKey": KEY}
    action |= {"retry": how, "compensation": {"execution": {"record": {}}}}
    return worlds.letter_world(
        DeadLetter.read({"metadata": meta("letter"), "spec": LETTER, "status": status}),
        None,
        *candidates,
        action=Action.read({"metadata": meta("post", "p-1"), "spec": action}),
        **{**HERE, **known},
    )

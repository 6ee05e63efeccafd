"""What narrow worlds are made of: a plain undo, a plain dead letter, and what may be wrong."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from amends.api import Action, Compensation, DeadLetter
from amends.core.namespace import Floors
from amends.core.world import CompensationWorld, DeadLetterWorld
from chaos.letter_worlds import KEY
from chaos.worlds import LEASE, ME, NOW, SCOPE, meta

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


def undo_world(undo: Compensation, **known: Any) -> CompensationWorld:
    facts: dict[str, Any] = {
        "approvals": (),
        "unlinked": (),
        "receipt": None,
        "attempt": None,
        "objection": None,
        "success": None,
        "scope": SCOPE,
        "floors": Floors(),
        "holder": ME,
        "lease": LEASE,
        "now": NOW,
        **known,
    }
    return CompensationWorld(compensation=undo, **facts)


def letter_world(status: dict[str, Any], how: dict[str, Any], **known: Any) -> DeadLetterWorld:
    letter = {
        "source": "tool_effect",
        "actionRef": {"name": "post"},
        "effectId": "effect-1",
        "operation": "board.post",
        "reason": "503",
        "recoveryOptions": ["Retry"],
        "scope": {"namespace": "tenant"},
    }
    action: dict[str, Any] = {"operation": "board.post", "outcome": "failed", "idempotencyKey": KEY}
    action |= {"retry": how, "compensation": {"execution": {"record": {}}}}
    facts: dict[str, Any] = {
        "compensation": None,
        "candidates": (),
        "dispositions": (),
        "receipts": (),
        "attempt": None,
        "objection": None,
        "success": None,
        "scope": SCOPE,
        "holder": ME,
        "lease": LEASE,
        "now": NOW,
        **known,
    }
    return DeadLetterWorld(
        letter=DeadLetter.read({"metadata": meta("letter"), "spec": letter, "status": status}),
        action=Action.read({"metadata": meta("post", "p-1"), "spec": action}),
        **facts,
    )

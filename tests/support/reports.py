"""Reports of automations and the evidence that they leave, from the few words a row is about."""

from datetime import timedelta
from typing import Any

from amends.api import Action, Receipt
from amends.api.receipt import EffectOutcome
from amends.core.decision import Decision
from amends.core.records import receipts
from amends.core.world import ActionWorld
from support.api import Object
from support.worlds import NOW, SCOPE, action, metadata, written

KEY = "run-7/post"


def keyed(outcome: str = "failed", name: str = "post", **given: Any) -> Action:
    """A report of the effect that has the key."""
    return action(outcome, name=name, idempotencyKey=KEY, **given)


def action_world(one: Action, *evidence: Receipt, **known: Any) -> ActionWorld:
    """What is known about an action, and the receipts of its effect."""
    facts: dict[str, Any] = {
        "witnesses": (),
        "reports": (),
        "letter": None,
        "undo": None,
        "recovery": (),
        "twins": (),
        "scope": SCOPE,
        "now": NOW,
        **known,
    }
    return ActionWorld(action=one, receipts=evidence, **facts)


def proof(
    one: Action,
    outcome: str,
    sequence: int = 1,
    *,
    replaces: Receipt | None = None,
    seconds: float = 0,
) -> Receipt:
    """The n-th receipt of the effect, as this Action has left it so long after NOW."""
    child = receipts.of_action(
        one,
        EffectOutcome(outcome),
        SCOPE,
        NOW + timedelta(seconds=seconds),
        attempt=one.spec.attempt,
        sequence=sequence,
        supersedes=replaces,
    )
    return Receipt.read({"metadata": metadata(child.name), "spec": child.spec.wire()})


def after_status(one: Action, decision: Decision) -> Action:
    """The Action once the decision is written."""
    return one.model_copy(update={"status": written(decision)})


def children(decision: Decision) -> list[str]:
    """What a decision creates, in words."""
    return [f"{child.kind} {child.name}" for child in decision.children]


def receipt_spec(decision: Decision) -> Object:
    """The receipt that a decision creates."""
    return next(child.spec.wire() for child in decision.children if child.kind == "Receipt")

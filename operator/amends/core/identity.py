"""Deterministic names and ids: the same object leads to the same children, on every try."""

from amends.api.action import Action, ActionSpec
from amends.api.compensation import Compensation
from amends.core.digest import short

RUN_PREFIXES = ("automation-v2-", "workflow-", "routine-")


def run_id(spec: ActionSpec) -> str | None:
    """The run an action belongs to: its own, its workflow's, its routine's, its context's."""
    if named := spec.run_id or spec.workflow_run_id or spec.routine_run_id:
        return named
    context = spec.context_run_id
    if context is None:
        return None
    prefix = next((prefix for prefix in RUN_PREFIXES if context.startswith(prefix)), "")
    return context.removeprefix(prefix)


def _effect_suffix(action: Action) -> str:
    key = action.spec.idempotency_key
    return action.metadata.name if key is None else short(key)


def effect_id(action: Action) -> str:
    """The effect: one per idempotency key; without a key one per action."""
    return f"effect-{_effect_suffix(action)}"


def outbox_id(action: Action) -> str:
    """The outbox entry of the effect."""
    return f"outbox-{_effect_suffix(action)}"


def action_receipt_name(action: Action, outcome: str) -> str:
    """The receipt of one outcome that one action reported."""
    return f"{effect_id(action)}-{short(action.metadata.uid, outcome)}"


def dead_letter_name(effect: str) -> str:
    """The dead letter of a failed effect."""
    return f"dead-letter-{effect}"


def compensation_name(action: Action) -> str:
    """The compensation to propose: as the action says, else after the effect."""
    proposed = action.spec.compensation
    named = proposed.name if proposed is not None else None
    return named or f"compensation-{effect_id(action)}"


def compensation_effect_id(compensation: Compensation, attempt: int) -> str:
    """The effect that one attempt of a compensation makes."""
    return "effect-compensation-" + short(
        compensation.metadata.name, compensation.spec.run_id, attempt
    )


def compensation_outbox_id(compensation: Compensation, attempt: int) -> str:
    """The outbox entry of one attempt."""
    return "outbox-compensation-" + short(
        compensation.metadata.name, compensation.spec.run_id, attempt, "outbox"
    )


def compensation_receipt_name(compensation: Compensation, attempt: int) -> str:
    """The receipt of one attempt.

    It carries part of the uid, because a Receipt outlives its Compensation: one that is created
    again under the same name must not find the evidence of its predecessor.
    """
    return f"{compensation_effect_id(compensation, attempt)}-{compensation.metadata.uid[:8]}"


def idempotency_key(compensation: Compensation) -> str:
    """The key that the target sees: the same on every attempt."""
    return f"amends:{compensation.metadata.namespace}/{compensation.metadata.uid}"


def attempt_key(compensation: Compensation, attempt: int) -> str:
    """The name of one attempt."""
    return f"{compensation.metadata.name}:{attempt}"

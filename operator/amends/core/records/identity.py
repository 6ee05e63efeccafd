"""Deterministic names and ids: the same object leads to the same children, on every try."""

from collections.abc import Mapping
from typing import Any

from amends.api.action import Action, ActionSpec
from amends.api.compensation import Compensation
from amends.api.dead_letter import DeadLetter
from amends.api.outbox import Outbox
from amends.api.resource import LONGEST_NAME
from amends.core.records.digest import short

"""What the CRDs allow."""

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


def _effect_suffix(name: str, idempotency_key: str | None) -> str:
    return name if idempotency_key is None else short(idempotency_key)


def effect_id(action: Action) -> str:
    """The effect: one per idempotency key; without a key one per action."""
    return f"effect-{_effect_suffix(action.metadata.name, action.spec.idempotency_key)}"


def effect_of(raw: Mapping[str, Any]) -> str:
    """The effect of an Action as it is stored, whether it can be read or not."""
    suffix = _effect_suffix(raw["metadata"]["name"], raw["spec"].get("idempotencyKey"))
    return f"effect-{suffix}"


def outbox_id(action: Action) -> str:
    """The outbox entry of the effect."""
    return f"outbox-{_effect_suffix(action.metadata.name, action.spec.idempotency_key)}"


def effect_receipt_name(effect: str, sequence: int) -> str:
    """The n-th receipt of one effect. The name is the lock: who comes second takes the next."""
    return f"{effect}-{sequence}"


def dead_letter_name(effect: str) -> str:
    """The dead letter of a failed effect."""
    return f"dead-letter-{effect}"


def numbered(name: str, sequence: int) -> str:
    """The same name for a later failure of the effect; as long as a name may be at most."""
    suffix = f"-{sequence}"
    return name[: LONGEST_NAME - len(suffix)].rstrip("-.") + suffix


def dispatch_outbox_id(letter: DeadLetter, dispatch: int) -> str:
    """The outbox entry of one dispatch of a retry."""
    return "outbox-retry-" + short(letter.metadata.uid, dispatch)


def dispatch_key(letter: DeadLetter, dispatch: int) -> str:
    """The name of one dispatch of a retry."""
    return f"{letter.metadata.name}:{dispatch}"


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


def probe_key(outbox: Outbox) -> str:
    """The name of the probe that is made next of an attempt."""
    made = outbox.verification.count if outbox.verification is not None else 0
    return f"{outbox.attempt_key}/verify-{made + 1}"


def attempt_key(compensation: Compensation, attempt: int) -> str:
    """The name of one attempt."""
    return f"{compensation.metadata.name}:{attempt}"

"""Action: what came of it, and what must exist because of that."""

from collections.abc import Sequence
from datetime import timedelta

from amends.api.action import Action, ActionOutcome, ActionPhase, ActionStatus, Effect
from amends.api.compensation import CompensationSpec
from amends.api.dead_letter import DeadLetterSpec, RecoveryOption
from amends.api.outbox import Outbox, OutboxPhase
from amends.api.plan import Plan
from amends.api.receipt import ReceiptSource
from amends.api.wire import LocalRef, ObjectRef
from amends.core import identity, receipts
from amends.core.conditions import Observed, conditions, not_ready, ready, stalled
from amends.core.decision import NOTHING, Create, Decision, Tell
from amends.core.digest import digest
from amends.core.key import Key
from amends.core.redaction import redact_text
from amends.core.world import ActionWorld

WORDS = {
    ActionOutcome.SUCCEEDED: "posted sent succeeded success completed delivered matched",
    ActionOutcome.PENDING: "pending queued claimed",
    ActionOutcome.FAILED: "failed error rejected denied cancelled",
}
MEANING = {word: outcome for outcome, words in WORDS.items() for word in words.split()}

OUTBOX_PHASE = {
    ActionOutcome.SUCCEEDED: OutboxPhase.SENT,
    ActionOutcome.FAILED: OutboxPhase.FAILED,
    ActionOutcome.PENDING: OutboxPhase.PENDING,
    ActionOutcome.UNKNOWN: OutboxPhase.PENDING,
}
LOOK_FOR_THE_NAME = timedelta(seconds=30)
"""How often it is tried whether a name that was taken has become free."""
FINAL = (ActionOutcome.SUCCEEDED, ActionOutcome.FAILED)


def classify(outcome: str, error: str | None) -> ActionOutcome:
    """What an outcome text means. An error always means Failed."""
    if error is not None and error.strip():
        return ActionOutcome.FAILED
    word = outcome.strip().lower().replace("-", "_")
    return MEANING.get(word, ActionOutcome.UNKNOWN)


def decide(world: ActionWorld) -> Decision:
    """Record a final outcome: first everything that must exist because of it, then the status."""
    action = world.action
    if action.status.phase is ActionPhase.RECORDED:
        return NOTHING
    outcome = classify(action.spec.outcome, action.spec.error)
    if outcome not in FINAL:
        waiting = not_ready(str(outcome), f"outcome {action.spec.outcome!r} is not final")
        return Decision(status=_status(world, outcome, (), [waiting]))
    children = _children(world, outcome)
    if world.obstacle is not None:
        observed = stalled("NameTaken", world.obstacle)
        told = Tell(_key(action), "NameTaken", world.obstacle, "Warning")
        fresh = all(c.message != world.obstacle for c in action.status.conditions)
        return Decision(
            status=_status(world, outcome, (), observed),
            effects=(told,) if fresh else (),
            look_again=LOOK_FOR_THE_NAME,
        )
    return Decision(
        children=children,
        status=_status(world, outcome, children, [_recorded(outcome, children)]),
        effects=(Tell(_key(action), "Recorded", _recorded(outcome, children).message),),
    )


def _key(action: Action) -> Key:
    return Key("Action", action.metadata.namespace, action.metadata.name)


def _recorded(outcome: ActionOutcome, children: Sequence[Create]) -> Observed:
    names = ", ".join(f"{child.kind} {child.name}" for child in children)
    return ready("Recorded", f"{outcome}: {names}")


def _children(world: ActionWorld, outcome: ActionOutcome) -> tuple[Create, ...]:
    action = world.action
    error = action.spec.error if outcome is ActionOutcome.FAILED else None
    receipt = receipts.of_action(action, outcome, error, world.scope, world.now)
    if outcome is not ActionOutcome.FAILED:
        return (receipt,)
    if action.spec.compensation is None:
        return (receipt, _dead_letter(world))
    return (receipt, _dead_letter(world), _compensation(action))


def _dead_letter(world: ActionWorld) -> Create:
    action, spec = world.action, world.action.spec
    effect = identity.effect_id(action)
    error = (spec.error or "").strip() or f"external action `{spec.operation}` failed"
    return Create(
        "DeadLetter",
        identity.dead_letter_name(effect),
        DeadLetterSpec(
            source=ReceiptSource.TOOL_EFFECT,
            action_ref=ObjectRef(name=action.metadata.name, uid=action.metadata.uid),
            effect_id=effect,
            operation=spec.operation,
            provider=spec.provider,
            target=redact_text(spec.target) if spec.target is not None else None,
            run_id=identity.run_id(spec),
            node_id=spec.node_id,
            reason=redact_text(error)[: receipts.TEXT_LIMIT],
            recovery_options=list(RecoveryOption),
            attempts=spec.attempt,
            scope=world.scope,
        ),
        same=("source", "effectId"),
    )


def _compensation(action: Action) -> Create:
    proposed = action.spec.compensation
    assert proposed is not None
    plan = {field: getattr(proposed, field) for field in Plan.model_fields}
    spec = CompensationSpec(
        **plan,
        target_effect=identity.effect_id(action),
        run_id=identity.run_id(action.spec),
        action_ref=LocalRef(name=action.metadata.name),
        requester=action.spec.requester,
    )
    # Not the plan: people may change that before it is approved, also before we have looked again.
    same = ("targetEffect", "actionRef")
    return Create("Compensation", identity.compensation_name(action), spec, same)


def _status(
    world: ActionWorld,
    outcome: ActionOutcome,
    children: Sequence[Create],
    observed: Sequence[Observed],
) -> ActionStatus:
    action = world.action
    names = {child.kind: LocalRef(name=child.name) for child in children}
    effect = identity.effect_id(action)
    sent = outcome is ActionOutcome.SUCCEEDED and bool(children)
    generation = action.metadata.generation
    return ActionStatus(
        phase=ActionPhase.RECORDED if children else ActionPhase.PENDING,
        observed_generation=generation,
        run_id=identity.run_id(action.spec),
        outbox=Outbox(
            id=identity.outbox_id(action),
            operation=action.spec.operation,
            phase=OUTBOX_PHASE[outcome],
            attempt=action.spec.attempt,
            idempotency_key=action.spec.idempotency_key,
            payload_digest=digest(receipts.exact(action.spec.input)),
            effect_id=effect,
            receipt_ref=names.get("Receipt"),
            sent_at=world.now if sent else None,
        ),
        effect=Effect(id=effect, outcome=outcome),
        receipt_ref=names.get("Receipt"),
        dead_letter_ref=names.get("DeadLetter"),
        compensation_ref=names.get("Compensation"),
        conditions=conditions(observed, action.status.conditions, generation, world.now),
    )

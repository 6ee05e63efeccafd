"""Strategies for the worlds of Actions: any evidence, any other reports, in every combination."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from amends.api import Action, Compensation, DeadLetter, Receipt
from amends.api.compensation import CompensationPhase
from amends.api.dead_letter import DeadLetterPhase
from amends.api.outbox import OutboxPhase
from amends.api.receipt import EffectOutcome
from amends.core.key import Key
from amends.core.records import identity, receipts
from amends.core.records.sequence import current
from amends.core.world import ActionWorld
from chaos.worlds import (
    NOW,
    SCOPE,
    long_texts,
    meta,
    names,
    objects,
    people,
    plans,
    some_conditions,
    texts,
    times,
)

attempts = st.integers(1, 3) | st.just(1000000)
outcome_texts = st.sampled_from(["posted", "failed", "queued", "", "Ünknown", "x" * 256])
READY = [
    {
        "type": "Ready",
        "status": "True",
        "observedGeneration": 1,
        "lastTransitionTime": NOW,
        "reason": "Recorded",
        "message": "",
    }
]
NEWS = {"effectId": "effect-1", "outboxId": "outbox-1", "receiptRef": {"name": "r"}, "time": NOW}


@st.composite
def actions(draw: st.DrawFn, uid: str = "u-1", key: str | None = None) -> Action:
    plan = draw(st.none() | plans())
    source = {"kind": "agent", "id": draw(texts)}
    raw: dict[str, Any] = {
        "metadata": {
            **meta(draw(names), uid, draw(st.integers(1, 3))),
            "creationTimestamp": draw(times).replace(microsecond=0),
        },
        "spec": {
            "operation": draw(st.text("abc.", min_size=1, max_size=256)),
            "outcome": draw(outcome_texts),
            "error": draw(st.none() | long_texts),
            "target": draw(st.none() | long_texts.map(lambda text: text[:2048])),
            "idempotencyKey": key,
            "runId": draw(st.none() | texts),
            "contextRunId": draw(st.none() | texts.map(lambda text: f"workflow-{text}")),
            "attempt": draw(attempts),
            "source": draw(st.none() | st.just(source)),
            "requester": draw(st.none() | people.map(lambda name: {"username": name})),
            "input": draw(objects),
            "receipt": draw(objects),
            "compensation": plan and {**plan, "name": draw(st.none() | names)},
        },
        "status": {
            "phase": draw(st.sampled_from(["Pending", "Pending", "Recorded"])),
            "outbox": draw(st.none() | entries()),
            "conditions": draw(some_conditions | st.just(READY)),
        },
    }
    if raw["status"]["phase"] == "Recorded":
        raw["status"]["conditions"] = READY
    return Action.read(raw)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    seen = {"time": draw(times), "outcome": draw(texts)}
    return {
        "id": "outbox-1",
        "operation": "board.post",
        "createdAt": draw(st.none() | times),
        "phase": draw(st.sampled_from(list(OutboxPhase))),
        "attempt": draw(attempts),
        "claimedBy": draw(st.none() | texts),
        "claimedAt": draw(st.none() | times),
        "before": draw(st.none() | st.just(seen)),
        "after": draw(st.none() | st.just(seen)),
        "receiptRef": draw(st.none() | st.just({"name": "effect-1-1"})),
        "sentAt": draw(st.none() | times),
    }


@st.composite
def evidence(draw: st.DrawFn, action: Action) -> list[Receipt]:
    """Receipts of the effect: this Action's own, and those of others."""
    found: list[Receipt] = []
    for number in range(1, draw(st.integers(0, 3)) + 1):
        reporter = draw(st.just(action) | actions(uid=f"u-{number + 1}"))
        made = receipts.of_action(
            reporter,
            draw(st.sampled_from(list(EffectOutcome))),
            SCOPE,
            NOW - timedelta(seconds=draw(st.integers(0, 400))),
            attempt=draw(attempts),
            sequence=number,
            supersedes=draw(st.sampled_from([None, current(found)])),
        )
        name = identity.effect_receipt_name(identity.effect_id(action), number)
        found.append(Receipt.read({"metadata": meta(name, "r-1"), "spec": made.spec.wire()}))
    return found


LETTER = {
    "source": "tool_effect",
    "actionRef": {"name": "post"},
    "effectId": "effect-1",
    "operation": "board.post",
    "reason": "503",
    "recoveryOptions": ["Retry"],
    "scope": {"namespace": "tenant"},
}
"""What a dead letter says of a failure that may be sent again."""


@st.composite
def letters(draw: st.DrawFn) -> DeadLetter:
    status = {
        "phase": draw(st.sampled_from(list(DeadLetterPhase))),
        "settled": draw(st.sampled_from([None, True])),
        "supersededBy": draw(st.sampled_from([None, NEWS])),
    }
    return DeadLetter.read({"metadata": meta("letter", "u-2"), "spec": LETTER, "status": status})


@st.composite
def undos(draw: st.DrawFn) -> Compensation:
    status = {
        "phase": draw(st.sampled_from(list(CompensationPhase))),
        "supersededBy": draw(st.sampled_from([None, NEWS])),
    }
    raw = {"metadata": meta("undo", "u-3"), "spec": {"targetEffect": "effect-1"}, "status": status}
    return Compensation.read(raw)


@st.composite
def action_worlds(draw: st.DrawFn) -> ActionWorld:
    key = draw(st.none() | texts.filter(bool))
    action = draw(actions(key=key))
    others = [
        draw(actions(uid=f"u-{number}", key=key)) for number in range(2, draw(st.integers(2, 4)))
    ]
    found = draw(evidence(action))
    return ActionWorld(
        action=action,
        receipts=found,
        witnesses=others or draw(st.lists(letters(), max_size=1)),
        reports=draw(st.sampled_from([(), others])),
        letter=draw(st.none() | letters()),
        undo=draw(st.none() | undos()),
        recovery=draw(st.sampled_from([(), (Key("DeadLetter", "tenant", "letter"),)])),
        twins=draw(st.lists(actions(uid="u-9"), max_size=1)),
        scope=SCOPE,
        now=NOW,
        obstacle=draw(st.sampled_from([None, None, "the name is taken"])),
    )

"""Strategies for the worlds of dead letters and dispositions, also such as no operator makes."""

from typing import Any

from hypothesis import strategies as st

from amends.api import Action, DeadLetter, Disposition, Receipt
from amends.api.dead_letter import DeadLetterPhase
from amends.api.disposition import Choice
from amends.api.receipt import EffectOutcome
from amends.core.letters import evidence
from amends.core.records.identity import probe_key
from amends.core.world import Attempt, AttestationWorld, DeadLetterWorld, DispositionWorld
from chaos.worlds import (
    JOB,
    LEASE,
    ME,
    NOW,
    SCOPE,
    attestations,
    compensations,
    enforcements,
    executions,
    freezes,
    json_values,
    ledgers,
    long_texts,
    meta,
    news,
    outboxes,
    outcomes,
    people,
    plans,
    some_conditions,
    times,
    verifications,
)

KEY = "run-a/post"
perhaps_news = st.none() | st.none() | news

DUE = [
    {
        "type": "Ready",
        "status": "Unknown",
        "observedGeneration": 1,
        "lastTransitionTime": NOW,
        "reason": "Applicable",
        "message": "bound",
    }
]
"""What a Disposition says that is about to be carried out."""


@st.composite
def failed_actions(draw: st.DrawFn) -> Action:
    plan = draw(st.none() | plans())
    http = {"method": "POST", "url": "https://board/", "body": draw(json_values)}
    safety = draw(st.sampled_from(["None", "ProviderKey", "Natural"]))
    verify = {"verify": draw(st.none() | verifications)}
    sent = {"http": {**http, "retrySafety": safety}}
    retry = draw(st.sampled_from([None, {**sent, **verify}, {**JOB, **verify}]))
    spec = {"operation": "board.post", "outcome": "failed", "idempotencyKey": KEY}
    return Action.read(
        {"metadata": meta("post", "a-1"), "spec": {**spec, "compensation": plan, "retry": retry}}
    )


@st.composite
def dispositions(draw: st.DrawFn, number: int) -> Disposition:
    choice = draw(st.sampled_from(list(Choice)))
    given = choice is Choice.COMPENSATE and draw(st.booleans())
    raw = {
        "metadata": meta(f"says-{number}", f"d-{number}", 1),
        "spec": {
            "deadLetterRef": {
                "name": "letter",
                "uid": draw(st.sampled_from([None, None, "u-1", "u-2"])),
            },
            "choice": choice,
            "reason": draw(long_texts.filter(lambda text: text.strip() != "")),
            "compensation": {"execution": draw(executions())} if given else None,
            "actor": draw(st.none() | people.map(lambda name: {"username": name})),
        },
        "status": {
            "settled": draw(st.sampled_from([None, None, True])),
            "boundUid": draw(st.sampled_from([None, "u-1", "u-1", "u-2"])),
            "conditions": draw(some_conditions | st.just(DUE)),
        },
    }
    return Disposition.read(raw)


@st.composite
def dead_letters(draw: st.DrawFn) -> DeadLetter:
    phase = draw(st.sampled_from(list(DeadLetterPhase)))
    sent = draw(st.integers(0, 6))
    retrying = phase is DeadLetterPhase.RETRYING
    outbox = draw(outboxes(max(sent, 1))) if retrying or (sent and draw(st.booleans())) else None
    dispatch = {"count": max(sent, 1), "lastTime": NOW, "nextTime": draw(times | st.none())}
    recorded = {"choice": "Retry", "actor": draw(people), "time": NOW, "reason": draw(long_texts)}
    recorded |= {"name": "says-1", "uid": draw(st.sampled_from(["d-1", "d-9"]))}
    raw = {
        "metadata": meta("letter"),
        "spec": {
            "source": "tool_effect",
            "actionRef": {"name": "post"},
            "effectId": "effect-1",
            "operation": "board.post",
            "reason": draw(long_texts),
            "recoveryOptions": ["Retry"],
            "scope": {"namespace": "tenant"},
        },
        "status": {
            "phase": phase,
            "settled": draw(st.sampled_from([None, None, True])) if not retrying else None,
            "compensationRef": draw(st.sampled_from([None, {"name": "undo"}])),
            "dispatch": dispatch if sent or retrying else None,
            "outbox": outbox and _of_a_dispatch(outbox),
            "disposition": draw(st.none() | st.just(recorded)),
            "attestations": draw(ledgers),
            "supersededBy": draw(perhaps_news),
            "conditions": draw(some_conditions),
        },
    }
    return DeadLetter.read(raw)


def _of_a_dispatch(outbox: dict[str, Any]) -> dict[str, Any]:
    proof = {"name": "effect-1-2"} if outbox["outcome"] == "Applied" else None
    return {**outbox, "operation": "board.post", "idempotencyKey": KEY, "receiptRef": proof}


@st.composite
def dead_letter_worlds(draw: st.DrawFn) -> DeadLetterWorld:
    letter = draw(dead_letters())
    outbox, attempt, probe = letter.status.outbox, None, None
    receipts: tuple[Receipt, ...] = ()
    if outbox is not None and letter.status.phase is DeadLetterPhase.RETRYING:
        if draw(st.booleans()):
            attempt = Attempt(outbox.attempt_key or "", draw(st.none() | outcomes))
        elif outbox.outcome is None and draw(st.booleans()):
            receipts = (proof_of(letter, draw(st.sampled_from(list(EffectOutcome)))),)
        if outbox.verification is not None and draw(st.booleans()):
            probe = Attempt(probe_key(outbox), draw(st.none() | outcomes))
    return DeadLetterWorld(
        letter=letter,
        action=draw(st.none() | failed_actions()),
        compensation=draw(st.none() | compensations()),
        candidates=draw(st.lists(compensations(), max_size=2)),
        dispositions=[draw(dispositions(number)) for number in range(1, draw(st.integers(1, 3)))],
        receipts=receipts,
        attempt=attempt,
        objection=draw(st.sampled_from([None, None, "no such executor"])),
        success=draw(perhaps_news),
        scope=SCOPE,
        holder=ME,
        lease=LEASE,
        now=NOW,
        obstacle=draw(st.sampled_from([None, None, "the name is taken"])),
        enforcement=draw(enforcements),
        freeze=draw(freezes),
        attestations=[
            draw(attestations(n, "DeadLetter", "letter"))
            for n in range(50, draw(st.integers(50, 52)))
        ],
        probe=probe,
    )


def proof_of(letter: DeadLetter, outcome: EffectOutcome) -> Receipt:
    error = "503" if outcome is EffectOutcome.FAILED else None
    made = evidence.of_dispatch(letter, (), outcome, {}, error, SCOPE, NOW)
    return Receipt.read({"metadata": meta(made.name, "r-1"), "spec": made.spec.wire()})


@st.composite
def disposition_worlds(draw: st.DrawFn) -> DispositionWorld:
    return DispositionWorld(draw(dispositions(1)), draw(st.none() | dead_letter_worlds()), NOW)


@st.composite
def attestation_worlds(draw: st.DrawFn) -> AttestationWorld:
    subject = draw(st.none() | compensations() | dead_letter_worlds())
    kind, name = "Compensation", "undo"
    if isinstance(subject, DeadLetterWorld):
        kind, name = "DeadLetter", "letter"
    return AttestationWorld(draw(attestations(50, kind, name)), subject, NOW, draw(enforcements))

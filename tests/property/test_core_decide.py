"""`decide` has an answer to every world (I12), a legal one (I4, I10), and comes to rest.

Worlds are built over valid models: every phase with every outbox, attempt, approval, receipt, wish
of a person and time, also such as the operator itself would never come to. As hardly one of them
moves, there are narrow ones besides, in which most do.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.api import Action, Compensation, DeadLetter
from amends.api.compensation import CompensationPhase
from amends.api.outbox import OutboxPhase
from amends.api.wire import Condition
from amends.core.decide import decide
from amends.core.decision import Decision
from amends.core.machines import ACTION, COMPENSATION, DEAD_LETTER, OUTBOX
from amends.core.period import period_of
from amends.core.records import identity
from amends.core.world import (
    ActionWorld,
    ApprovalWorld,
    AttestationWorld,
    CompensationWorld,
    DeadLetterWorld,
    DispositionWorld,
    World,
)
from chaos.action_worlds import action_worlds
from chaos.due_worlds import retries_due, undos_due
from chaos.letter_worlds import (
    attestation_worlds,
    dead_letter_worlds,
    disposition_worlds,
)
from chaos.stated_worlds import approval_worlds as approved_worlds
from chaos.stated_worlds import decided_letters, retries_in_doubt, undos_in_doubt
from chaos.worlds import approval_worlds, compensation_worlds
from support.search import SETTINGS

BOUND = 12
"""No world needs more steps than this without something new happening."""

EVERY_KIND = pytest.mark.parametrize(
    "worlds",
    [
        action_worlds(),
        approval_worlds(),
        compensation_worlds(),
        dead_letter_worlds(),
        disposition_worlds(),
        attestation_worlds(),
        approved_worlds("AwaitingApproval", "Approved") | undos_in_doubt() | undos_due(),
        decided_letters() | retries_in_doubt() | retries_due(),
    ],
    ids=[
        *("action", "approval", "compensation", "dead-letter", "disposition", "attestation"),
        *("compensation-that-moves", "dead-letter-that-moves"),
    ],
)


def subject_of(world: World) -> Any:
    match world:
        case ActionWorld(action=subject) | ApprovalWorld(approval=subject):
            return subject
        case CompensationWorld(compensation=subject) | DeadLetterWorld(letter=subject):
            return subject
        case DispositionWorld(disposition=subject) | AttestationWorld(attestation=subject):
            return subject


def after(world: Any, decision: Decision) -> Any:
    """The same world, once the decision is carried out."""
    kind = type(subject_of(world)).__name__
    changes: dict[str, Any] = {}
    if decision.status is not None:
        field = "letter" if kind == "DeadLetter" else kind.lower()
        changes[field] = subject_of(world).model_copy(update={"status": decision.status})
    if isinstance(world, CompensationWorld):
        changes |= {"receipt": None, "attempt": None, "probe": None}
    if isinstance(world, DeadLetterWorld):
        recorded = (changes.get("letter") or world.letter).status.disposition
        known = recorded.uid if recorded is not None else None
        left = [one for one in world.dispositions if one.metadata.uid != known]  # it was told
        changes |= {"receipts": (), "attempt": None, "probe": None, "dispositions": left}
    return replace(world, **changes)


@EVERY_KIND
@given(data=st.data())
@SETTINGS
def test_every_world_has_a_legal_answer(
    worlds: st.SearchStrategy[World], data: st.DataObject
) -> None:
    world = data.draw(worlds)
    decision = decide(world)
    if decision.status is not None:
        check_status(world, decision.status)
    assert decision.look_again is None or decision.look_again >= timedelta(0)


@EVERY_KIND
@given(data=st.data())
@SETTINGS
def test_every_world_comes_to_rest(worlds: st.SearchStrategy[World], data: st.DataObject) -> None:
    """I12: at one time, with nothing new, a few steps lead to a status that stays."""
    world = data.draw(worlds)
    for _ in range(BOUND):
        decision = decide(world)
        if decision.remove:
            return
        rests = decision.status is None or decision.status == subject_of(world).status
        if rests and (decision.look_again is None or decision.look_again > timedelta(0)):
            return
        world = after(world, decision)
    raise AssertionError(f"no rest after {BOUND} steps: {decide(world)}")


def check_status(world: World, status: Any) -> None:
    before = subject_of(world)
    created = before.metadata.creation_timestamp
    # The API server would refuse what does not fit: limits, patterns, enums.
    assert type(status).model_validate(status.wire()).wire() == status.wire()
    assert status.observed_generation == before.metadata.generation
    match before:
        case Action():
            ACTION.check(before.status.phase, status.phase)
            if before.status.phase == "Recorded":
                # A possible duplicate may turn up later; nothing else about it moves.
                known = {
                    "conditions": status.conditions,
                    "observed_generation": status.observed_generation,
                    "period": period_of(created) if created is not None else None,
                }
                assert status == before.status.model_copy(update=known)
        case Compensation():
            COMPENSATION.check(before.status.phase, status.phase)
            if before.status.phase in COMPENSATION.terminal:
                check_told_of_success(before.status, status)
            check_outbox(before, status)
        case DeadLetter():
            DEAD_LETTER.check(before.status.phase, status.phase)
            if before.status.phase in DEAD_LETTER.terminal and before.status.settled:
                check_told_of_success(before.status, status)
        case _:
            assert not before.status.settled
    check_conditions(status.conditions)


def check_told_of_success(before: Any, status: Any) -> None:
    """What is over may still be told that the effect has succeeded after all; that is all."""
    fields = ("conditions", "observed_generation", "period", "superseded_by")
    assert before.superseded_by is None
    assert status == before.model_copy(update={name: getattr(status, name) for name in fields})


def check_outbox(before: Compensation, status: Any) -> None:
    """Legal as well, except from phases that no operator leaves a Running or Failed undo with."""
    was, now = before.status.outbox, status.outbox
    if was is None or was.phase in OUTBOX.terminal:
        return
    odd = was.phase is OutboxPhase.PENDING or (
        was.phase is OutboxPhase.FAILED and before.status.phase is not CompensationPhase.FAILED
    )
    if was.attempt == now.attempt and not odd:
        OUTBOX.check(was.phase, now.phase)
    assert now.idempotency_key in (was.idempotency_key, identity.idempotency_key(before))


def check_conditions(conditions: Sequence[Condition]) -> None:
    """kstatus: Ready always; Reconciling and Stalled only when True, and never both."""
    status = {one.type: one.status for one in conditions}
    assert len(status) == len(conditions)
    assert "Ready" in status
    assert status.get("Reconciling", "True") == "True"
    assert status.get("Stalled", "True") == "True"
    assert not {"Reconciling", "Stalled"} <= set(status)
    if status["Ready"] == "True":
        assert not {"Reconciling", "Stalled"} & set(status)

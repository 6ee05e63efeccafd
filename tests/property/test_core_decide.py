"""`decide` has an answer to every world (I12), a legal one (I4, I10), and comes to rest.

Worlds are built over valid models: every phase with every outbox, attempt, approval, receipt, wish
of a person and time, also such as the operator itself would never come to.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.api import Action, Compensation, DeadLetter, Disposition
from amends.api.approval import ApprovalDecision
from amends.api.compensation import CompensationPhase
from amends.api.dead_letter import DeadLetterPhase, DeadLetterStatus
from amends.api.outbox import OutboxPhase
from amends.api.outcome import Outcome
from amends.api.wire import Condition
from amends.core.decide import decide
from amends.core.decision import Decision, Execute
from amends.core.enforcement import ENFORCED
from amends.core.letters.recovery import is_under_way
from amends.core.machines import ACTION, COMPENSATION, DEAD_LETTER, OUTBOX
from amends.core.period import period_of
from amends.core.records import identity
from amends.core.records.digest import plan_digest
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
from chaos.letter_worlds import (
    DUE,
    attestation_worlds,
    dead_letter_worlds,
    disposition_worlds,
    dispositions,
)
from chaos.worlds import ME, NOW, approval_worlds, compensation_worlds, meta
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
    ],
    ids=["action", "approval", "compensation", "dead-letter", "disposition", "attestation"],
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
    for effect in decision.effects:
        if isinstance(effect, Execute):
            check_execute(world, decision, effect)
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


def check_execute(world: World, decision: Decision, effect: Execute) -> None:
    """I1: only behind a claim that is written first, on a plan that was agreed to."""
    status: Any = decision.status
    assert status is not None
    assert status.outbox.claimed_by == ME
    assert status.outbox.claim_expires_at > NOW
    assert status.outbox.attempt_key == effect.attempt_key
    assert status.outbox.idempotency_key == effect.idempotency_key
    if isinstance(world, DeadLetterWorld):
        check_nothing_begins_that_may_not(world, effect)
        check_dispatch(world, status, effect)
        return
    assert isinstance(world, CompensationWorld)
    assert status.phase is CompensationPhase.RUNNING
    before = world.compensation
    check_nothing_begins_that_may_not(world, effect)
    assert effect.execution == before.spec.execution
    if before.status.phase is CompensationPhase.APPROVED:
        assert status.plan_digest == plan_digest("tenant", "undo", before.spec)
    assert before.status.phase not in (
        CompensationPhase.PROPOSED,
        CompensationPhase.AWAITING_APPROVAL,
    )


def check_nothing_begins_that_may_not(
    world: CompensationWorld | DeadLetterWorld, effect: Execute
) -> None:
    """N7, N11: frozen, not enforced, too late, called off: what was begun is looked for."""
    may_not = world.enforcement.gap is not None or world.freeze is not None
    if isinstance(world, CompensationWorld):
        spec = world.compensation.spec
        over = spec.compensable_until is not None and spec.compensable_until <= NOW
        may_not = may_not or spec.cancel or over
    assert effect.begun or not effect.only_look
    assert effect.only_look == may_not


@given(data=st.data())
@SETTINGS
def test_nobody_is_believed_whose_name_was_not_proved(data: st.DataObject) -> None:
    world = data.draw(compensation_worlds())
    status: Any = decide(world).status
    if status is None:
        return
    new = {one.uid for one in status.approvals}
    new -= {one.uid for one in world.compensation.status.approvals}
    for approval in world.approvals:
        made = approval.metadata.creation_timestamp
        assert approval.metadata.uid not in new or world.enforcement.doubt(made) is None


def check_dispatch(world: DeadLetterWorld, status: Any, effect: Execute) -> None:
    """Asked for, as declared, under the action's own key, not too often, not beside an undo."""
    before, action = world.letter.status, world.action
    assert action is not None
    assert action.spec.retry is not None
    assert effect.execution == action.spec.retry.execution
    assert status.phase is DeadLetterPhase.RETRYING
    assert before.phase in (DeadLetterPhase.RETRY_REQUESTED, DeadLetterPhase.RETRYING)
    if status.dispatch == before.dispatch:
        return  # claimed before, and not begun
    assert effect.idempotency_key == action.spec.idempotency_key
    assert status.dispatch.count == world.dispatches + 1
    assert before.compensation_ref is None
    if before.phase is DeadLetterPhase.RETRYING:
        assert action.spec.retry.execution.repeat_is_safe
    else:
        assert not any(is_under_way(one) for one in world.candidates)


@given(data=st.data())
@SETTINGS
def test_an_outcome_is_attested_once_of_this_attempt_by_somebody_proved(
    data: st.DataObject,
) -> None:
    world = data.draw(compensation_worlds() | dead_letter_worlds())
    before, decision = subject_of(world), decide(world)
    status: Any = decision.status
    if status is None:
        return
    known = {one.uid for one in before.status.attestations}
    new = [one for one in status.attestations if one.uid not in known]
    assert len(new) <= 1
    for counted in new:
        (said,) = [one for one in world.attestations if one.metadata.uid == counted.uid]
        outbox = before.status.outbox
        assert world.enforcement.doubt(said.metadata.creation_timestamp) is None
        assert said.status.bound_uid == before.metadata.uid
        assert said.spec.attempt_key == outbox.attempt_key == counted.attempt_key
        assert outbox.outcome in (None, Outcome.UNKNOWN)
        assert outbox.outcome is not None or before.spec.execution.manual is not None
        proofs = [
            child.spec.wire()["outcome"] for child in decision.children if child.kind == "Receipt"
        ]
        proves = "Succeeded" if said.spec.outcome == "Applied" else "Failed"
        is_letter = isinstance(world, DeadLetterWorld)
        assert proofs == ([proves] if proves == "Succeeded" or is_letter else [])


@given(data=st.data())
@SETTINGS
def test_only_a_decision_that_says_so_beforehand_is_carried_out(data: st.DataObject) -> None:
    """Of an open letter that nothing else happens to, and by alice, who is proved: else hardly any
    of these worlds has one that is carried out."""
    drawn = data.draw(dead_letter_worlds())
    letter = drawn.letter.model_copy(update={"status": DeadLetterStatus()})
    said = data.draw(dispositions(1))
    bound = {"boundUid": letter.metadata.uid, "conditions": data.draw(st.sampled_from([[], DUE]))}
    spec = {**said.spec.wire(), "deadLetterRef": {"name": "letter"}, "actor": {"username": "alice"}}
    made = Disposition.read({"metadata": meta("says-1", "d-1", 1), "spec": spec, "status": bound})
    quiet: Any = {"attempt": None, "probe": None, "receipts": (), "attestations": ()}
    quiet |= {"success": None, "enforcement": ENFORCED, "dispositions": [made]}
    world = replace(drawn, letter=letter, **quiet)
    status: Any = decide(world).status
    carried_out = status.disposition.uid if status is not None and status.disposition else None
    if carried_out is None:
        return
    assert carried_out == made.metadata.uid
    assert made.status.bound_uid == world.letter.metadata.uid
    assert "Applicable" in {one.reason for one in made.status.conditions}


@given(data=st.data())
@SETTINGS
def test_approved_only_by_enough_different_people_for_this_plan(data: st.DataObject) -> None:
    world = data.draw(compensation_worlds())
    before, decision = world.compensation, decide(world)
    status: Any = decision.status
    if status is None or status.phase is not CompensationPhase.APPROVED:
        return
    floors, policy = world.floors, before.spec.approval
    lets_be = floors.unapproved and floors.approvers is None and not floors.groups
    assert not floors.unreadable or before.status.phase is CompensationPhase.APPROVED
    if before.status.phase is CompensationPhase.APPROVED or (not policy.required and lets_be):
        return
    right = plan_digest("tenant", "undo", before.spec)
    assert status.plan_digest == right
    new = {one.uid for one in status.approvals} - {one.uid for one in before.status.approvals}
    for approval in world.approvals:
        if approval.metadata.uid in new:
            assert approval.spec.plan_digest == right
            assert approval.status.bound_uid == before.metadata.uid
            assert approval.spec.decision is ApprovalDecision.APPROVE
    usernames = [one.username for one in status.approvals]
    needed = max(policy.approvers, floors.approvers or 1)
    assert len(usernames) == len(set(usernames)) >= needed
    assert set(floors.groups) <= {group for one in status.approvals for group in one.groups}
    if floors.validity is not None:
        ages = [NOW - (one.made_at or one.time) for one in status.approvals]
        assert all(age < floors.validity for age in ages)

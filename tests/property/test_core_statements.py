"""What people have stated counts only as the rules have it, whatever else is known (I1).

The worlds are narrow, so that most statements nearly count: each rule, once it is broken, is seen.
"""

from datetime import datetime
from typing import Any

from hypothesis import given, settings

from amends.api import Action
from amends.api.approval import ApprovalDecision
from amends.api.compensation import CompensationPhase, CompensationStatus
from amends.api.dead_letter import DeadLetterStatus
from amends.api.disposition import Choice
from amends.api.outcome import Outcome
from amends.core.decide import decide
from amends.core.decision import Decision, Execute
from amends.core.letters.disposition import APPLIES_TO
from amends.core.letters.progress import MOST_DISPATCHES
from amends.core.records.digest import plan_digest
from amends.core.world import CompensationWorld, DeadLetterWorld
from chaos.stated_worlds import (
    approval_worlds,
    decided_letters,
    retries_in_doubt,
    undos_in_doubt,
)
from chaos.worlds import NOW
from support.search import EXAMPLES, SETTINGS

MANY = settings(SETTINGS, max_examples=3 * EXAMPLES)
"""These worlds are small."""


def is_proved(world: CompensationWorld | DeadLetterWorld, made: datetime | None) -> bool:
    """Whether the server has proved who made a statement that was created then."""
    known = world.enforcement
    return known.gap is None and made is not None and (known.since is None or made >= known.since)


def undo_after(world: CompensationWorld, decision: Decision) -> CompensationStatus:
    status = decision.status or world.compensation.status
    assert isinstance(status, CompensationStatus)
    return status


@given(approval_worlds("AwaitingApproval", approvers=(3, 4)))
@MANY
def test_an_approval_counts_for_this_plan_by_somebody_else_who_is_proved(
    world: CompensationWorld,
) -> None:
    before, status = world.compensation, undo_after(world, decide(world))
    known = {one.uid for one in before.status.approvals}
    new = [one for one in status.approvals if one.uid not in known]
    for counted in new:
        (said,) = [one for one in world.approvals if one.metadata.uid == counted.uid]
        created, requester = said.metadata.creation_timestamp, before.spec.requester
        assert said.spec.plan_digest == plan_digest("tenant", "undo", before.spec)
        assert said.status.bound_uid == before.metadata.uid
        assert is_proved(world, created)
        assert said.spec.expires_at is None or said.spec.expires_at > NOW
        by = before.status.superseded_by
        assert by is None or (created is not None and created > by.time)
        assert said.spec.actor is not None
        assert requester is not None
        assert counted.username == said.spec.actor.username
        assert counted.decision == said.spec.decision
        assert set(counted.groups) <= groups_of(counted.username, world)
        rejects = counted.decision is ApprovalDecision.REJECT
        assert rejects or counted.username != requester.username
        assert not rejects or status.phase is CompensationPhase.CANCELLED
    if status.plan_digest != before.status.plan_digest:
        assert status.approvals == []


@given(approval_worlds("Proposed", *["AwaitingApproval"] * 4))
@MANY
def test_approved_only_by_enough_different_people(world: CompensationWorld) -> None:
    before, status = world.compensation, undo_after(world, decide(world))
    floors, policy, requester = world.floors, before.spec.approval, before.spec.requester
    lets_be = floors.unapproved and floors.approvers is None and not floors.groups
    if status.phase is not CompensationPhase.APPROVED:
        return
    assert not floors.unreadable
    assert status.plan_digest == plan_digest("tenant", "undo", before.spec)
    if not policy.required and lets_be:
        return
    usernames = [one.username for one in status.approvals]
    assert len(usernames) == len(set(usernames)) >= max(policy.approvers, floors.approvers or 1)
    assert requester is None or requester.username not in usernames
    assert {one.decision for one in status.approvals} == {ApprovalDecision.APPROVE}
    assert set(floors.groups) <= {group for one in status.approvals for group in one.groups}
    if floors.validity is not None:
        ages = [NOW - (one.made_at or one.time) for one in status.approvals]
        assert all(age < floors.validity for age in ages)


def groups_of(username: str, world: CompensationWorld) -> set[str]:
    """Of which groups somebody is, by all that this person has stated."""
    actors = [one.spec.actor for one in world.approvals if one.spec.actor is not None]
    of = [(one.username, one.groups) for one in actors]
    of += [(one.username, one.groups) for one in world.compensation.status.approvals]
    return {group for name, groups in of if name == username for group in groups}


@given(approval_worlds("Approved"))
@MANY
def test_nothing_begins_that_too_few_have_approved(world: CompensationWorld) -> None:
    """Whoever wrote that it is approved, and whatever was planned then."""
    before, decision = world.compensation, decide(world)
    if not any(isinstance(effect, Execute) for effect in decision.effects):
        return
    policy = before.spec.approval
    people = {one.username for one in before.status.approvals}
    assert before.status.plan_digest == plan_digest("tenant", "undo", before.spec)
    assert len(people) >= policy.approvers * policy.required


@given(undos_in_doubt() | retries_in_doubt())
@MANY
def test_an_outcome_is_attested_once_of_this_attempt_by_somebody_proved(
    world: CompensationWorld | DeadLetterWorld,
) -> None:
    is_letter = isinstance(world, DeadLetterWorld)
    before: Any = world.letter if isinstance(world, DeadLetterWorld) else world.compensation
    decision = decide(world)
    status: Any = decision.status or before.status
    known = {one.uid for one in before.status.attestations}
    new = [one for one in status.attestations if one.uid not in known]
    assert len(new) <= 1
    for counted in new:
        (said,) = [one for one in world.attestations if one.metadata.uid == counted.uid]
        outbox = before.status.outbox
        assert is_proved(world, said.metadata.creation_timestamp)
        assert said.status.bound_uid == before.metadata.uid
        assert said.spec.actor is not None
        assert said.spec.attempt_key == outbox.attempt_key == counted.attempt_key
        assert said.spec.attempt_key not in {one.attempt_key for one in before.status.attestations}
        assert is_left_to_people(world)
        proofs = [
            child.spec.wire()["outcome"] for child in decision.children if child.kind == "Receipt"
        ]
        proves = "Succeeded" if said.spec.outcome == "Applied" else "Failed"
        assert proofs == ([proves] if proves == "Succeeded" or is_letter else [])


def is_left_to_people(world: CompensationWorld | DeadLetterWorld) -> bool:
    """Whether nothing but a person will say what came of the attempt."""
    if isinstance(world, DeadLetterWorld):
        outbox = world.letter.status.outbox
        unknown = outbox is not None and outbox.outcome is Outcome.UNKNOWN
        return unknown and not repeats_by_itself(world.action)
    outbox, spec = world.compensation.status.outbox, world.compensation.spec
    if outbox is None or outbox.outcome is None:
        return spec.execution.manual is not None
    none_follows = world.compensation.status.next_attempt_at is None
    return outbox.outcome is Outcome.UNKNOWN and none_follows


def repeats_by_itself(action: Action | None) -> bool:
    retry = action.spec.retry if action is not None else None
    return retry is not None and retry.execution.repeat_is_safe


@given(decided_letters())
@MANY
def test_only_a_decision_that_says_so_beforehand_is_carried_out(world: DeadLetterWorld) -> None:
    before, status = world.letter.status, decide(world).status
    assert status is None or isinstance(status, DeadLetterStatus)
    if status is None or status.disposition is None or status.disposition == before.disposition:
        return
    (made,) = [one for one in world.dispositions if one.metadata.uid == status.disposition.uid]
    assert made.status.bound_uid == world.letter.metadata.uid
    assert "Applicable" in {one.reason for one in made.status.conditions}
    assert is_proved(world, made.metadata.creation_timestamp)
    assert made.spec.actor is not None
    assert status.disposition.actor == made.spec.actor.username
    assert before.phase in APPLIES_TO[made.spec.choice]
    told = before.disposition.uid if before.disposition is not None else None
    assert told not in {one.metadata.uid for one in world.dispositions}
    if made.spec.choice in (Choice.RETRY, Choice.COMPENSATE):
        assert before.superseded_by is None
    if made.spec.choice is Choice.RETRY:
        assert world.dispatches < MOST_DISPATCHES

"""I1, N7, N11: only what was agreed to, is due and may go on is sent, behind a claim of its own.

The worlds are narrow, so that in most of them something is sent, or nearly.
"""

from typing import Any

from hypothesis import given, settings

from amends.api.execution import Execution
from amends.api.outcome import Outcome
from amends.core.decide import decide
from amends.core.decision import Decision, Execute
from amends.core.letters.progress import MOST_DISPATCHES
from amends.core.letters.recovery import is_under_way
from amends.core.records.digest import plan_digest
from amends.core.world import CompensationWorld, DeadLetterWorld
from chaos.due_worlds import retries_due, undos_due
from chaos.worlds import ME, NOW
from support.search import EXAMPLES, SETTINGS

MANY = settings(SETTINGS, max_examples=3 * EXAMPLES)
"""These worlds are small."""

AnyWorld = CompensationWorld | DeadLetterWorld


def sent(world: AnyWorld, decision: Decision) -> Execute | None:
    """What the decision sends; whatever it is, it is claimed first, and nothing else forbids it."""
    works = [effect for effect in decision.effects if isinstance(effect, Execute)]
    if not works:
        return None
    (work,) = works
    status: Any = decision.status
    assert status.outbox.claimed_by == ME
    assert status.outbox.claim_expires_at > NOW
    assert status.outbox.attempt_key == work.attempt_key
    assert status.outbox.idempotency_key == work.idempotency_key
    return work


def is_new(before: Any, status: Any) -> bool:
    """Whether it is another attempt than the one that is on record."""
    return before.outbox is None or before.outbox.attempt_key != status.outbox.attempt_key


def check_same_attempt(world: AnyWorld, before: Any, work: Execute, how: Execution) -> None:
    """Its claim was ours or nobody's, and what may have begun under it is looked for."""
    outbox = before.outbox
    assert outbox.outcome is None
    assert outbox.claimed_by == ME or outbox.claim_expires_at <= NOW
    held_by_others = outbox.claimed_by != ME or outbox.claimed_at != outbox.before.time
    assert work.begun or not held_by_others
    assert work.begun or world.unbegun or how.repeat_is_safe
    assert how.repeat_is_safe or how.outlives_its_process or world.unbegun or held_by_others


def check_repeat(before: Any, how: Execution) -> None:
    """What may have happened is not repeated, unless a repeat is safe."""
    known = before.outbox is None or before.outbox.outcome is Outcome.NOT_APPLIED
    assert known or how.repeat_is_safe


@given(undos_due())
@MANY
def test_an_undo_is_sent_only_if_it_may_begin(world: CompensationWorld) -> None:
    spec, before = world.compensation.spec, world.compensation.status
    decision = decide(world)
    if (work := sent(world, decision)) is None:
        return
    status: Any = decision.status
    over = spec.compensable_until is not None and spec.compensable_until <= NOW
    frozen = world.enforcement.gap is not None or world.freeze is not None
    assert work.only_look == (frozen or spec.cancel or over)
    assert work.begun or not work.only_look
    assert status.phase == "Running"
    assert before.phase in ("Approved", "Running", "Failed")
    assert work.execution == spec.execution
    assert status.plan_digest == plan_digest("tenant", "undo", spec)
    if not is_new(before, status):
        check_same_attempt(world, before, work, spec.execution)
        return
    check_repeat(before, spec.execution)
    assert not spec.suspend
    assert not world.ahead
    assert world.hold is None
    assert before.phase != "Approved" or not world.unlinked
    due = before.next_attempt_at
    assert before.phase == "Approved" if due is None else due <= NOW


@given(retries_due())
@MANY
def test_a_retry_is_sent_only_as_declared_when_due_and_not_beside_an_undo(
    world: DeadLetterWorld,
) -> None:
    before, action = world.letter.status, world.action
    decision = decide(world)
    if (work := sent(world, decision)) is None:
        return
    assert action is not None
    assert action.spec.retry is not None
    status: Any = decision.status
    how = action.spec.retry.execution
    assert work.only_look == (world.enforcement.gap is not None or world.freeze is not None)
    assert work.begun or not work.only_look
    assert status.phase == "Retrying"
    assert work.execution == how
    assert work.idempotency_key == action.spec.idempotency_key
    if not is_new(before, status):
        check_same_attempt(world, before, work, how)
        return
    check_repeat(before, how)
    assert before.phase in ("RetryRequested", "Retrying")
    assert before.superseded_by is None
    assert before.compensation_ref is None
    assert world.hold is None
    assert status.dispatch.count == world.dispatches + 1
    assert before.dispatch is not None
    assert before.dispatch.next_time is None or before.dispatch.next_time <= NOW
    if before.phase == "RetryRequested":
        assert not any(is_under_way(one) for one in world.candidates)
    else:
        assert status.dispatch.count <= MOST_DISPATCHES

"""Reports of one effect in any order, with the operator failing anywhere: one and the same end.

What is known in the end is what the latest report says: the highest attempt, then the latest made.
Everybody is recorded, and what is there to be recovered is what the end calls for (I3, I8, I9).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from amends.api import Action, Receipt
from amends.api.action import ActionOutcome
from amends.core.actions.effects import created
from amends.core.actions.words import FINAL, outcome_of
from amends.core.records.sequence import current
from amends.runtime.reported import MOST_REPORTS
from chaos.small_server import SmallServer
from chaos.small_world import Holder, PowerLost, Trouble
from support.search import SETTINGS

STEPS = 400
"""More than any of these worlds needs."""

troubles = st.lists(
    st.builds(
        Trouble,
        at=st.integers(0, 12),
        kind=st.sampled_from(["power-before", "power-after", "lost-before", "lost-after"]),
        on=st.sampled_from(["", "create", "write", "delete"]),
    ),
    max_size=3,
)


@dataclass(frozen=True)
class Said:
    """One report: what it says, and whether the operator is at work when it is made."""

    outcome: str
    attempt: int
    seen: bool


def said(*outcomes: str) -> st.SearchStrategy[Said]:
    return st.builds(Said, st.sampled_from(outcomes), st.integers(1, 3), st.booleans())


@dataclass
class Schedule:
    """A server, and operators that fail one after the other until one does not."""

    server: SmallServer
    troubles: list[Trouble]
    dice: Random
    holder: Holder | None = None
    lives: int = 0

    def work(self) -> None:
        """Until nothing more happens by itself."""
        for _ in range(STEPS):
            try:
                if not self._step():
                    return
            except PowerLost:
                self.holder = None
        raise AssertionError("it never ends")

    def _step(self) -> bool:
        if self.holder is None:
            self.lives += 1
            trouble = self.troubles.pop() if self.troubles else Trouble()
            self.holder = Holder(self.server, f"life-{self.lives}", trouble)
            waiting = list(self.holder.queue.waiting)
            self.dice.shuffle(waiting)
            self.holder.queue.waiting = dict.fromkeys(waiting)
        heard = self.holder.hears()
        if self.holder.work() or heard:
            return True
        due = self.holder.queue.due
        if not due:
            return False
        soonest = min(due.values())
        if soonest > self.server.time.at + timedelta(minutes=1):
            return False  # an approval that nobody gives, a claim that nobody holds
        self.server.time.at = max(soonest, self.server.time.at)
        return True

    def report(self, number: int, one: Said, **spec: Any) -> None:
        """An automation makes a report, at least a second after the one before."""
        self.server.time.at += timedelta(seconds=1)
        given = {"operation": "board.post", "outcome": one.outcome, "attempt": one.attempt, **spec}
        self.server.create("Action", f"post-{number}", given)
        if one.seen:
            self.work()

    def actions(self) -> list[Action]:
        return [Action.read(raw) for raw in self.server.of("Action")]


def known(server: SmallServer) -> Receipt | None:
    return current([Receipt.read(raw) for raw in server.of("Receipt")])


@given(
    reports=st.lists(said("sent", "failed"), min_size=1, max_size=5),
    troubles=troubles,
    dice=st.randoms(use_true_random=False),
)
@SETTINGS
def test_i9_reports_of_one_effect_end_the_same_in_any_order(
    reports: list[Said], troubles: list[Trouble], dice: Random
) -> None:
    world = Schedule(SmallServer(), troubles, dice)
    for number, one in enumerate(reports):
        world.report(number, one, idempotencyKey="k", compensation={})
    world.work()

    latest = max(world.actions(), key=lambda one: (one.spec.attempt, created(one)))
    newest = known(world.server)
    assert newest is not None
    assert newest.spec.outcome == str(outcome_of(latest))
    assert {str(one.status.phase) for one in world.actions()} == {"Recorded"}
    check_chain(world.server)
    check_recovery(world.server, failed=newest.spec.outcome == "Failed")


def check_chain(server: SmallServer) -> None:
    """Numbered without a gap; each replaces the one that was current before it, or none."""
    receipts = sorted(
        (Receipt.read(raw) for raw in server.of("Receipt")), key=lambda one: one.spec.sequence
    )
    assert [one.spec.sequence for one in receipts] == list(range(1, len(receipts) + 1))
    for number, one in enumerate(receipts):
        before = current(receipts[:number])
        if one.spec.supersedes is not None:
            assert before is not None
            assert one.spec.supersedes.name == before.metadata.name
            assert one.spec.outcome != before.spec.outcome
    subjects = [(one.spec.subject.uid, one.spec.outcome) for one in receipts]
    assert len(subjects) == len(set(subjects))


def check_recovery(server: SmallServer, *, failed: bool) -> None:
    """Nobody has touched anything: there is one dead letter and one undo, or there is nothing."""
    open_ones = {
        kind: [raw for raw in server.of(kind) if "supersededBy" not in raw["status"]]
        for kind in ("DeadLetter", "Compensation")
    }
    assert {kind: len(found) for kind, found in open_ones.items()} == {
        "DeadLetter": int(failed),
        "Compensation": int(failed),
    }


@given(
    claims=st.lists(said("claimed", "queued", "timeout"), min_size=1, max_size=3),
    reports=st.lists(said("sent", "failed"), min_size=1, max_size=2),
    troubles=troubles,
    dice=st.randoms(use_true_random=False),
)
@SETTINGS
def test_a9_no_claim_is_lost_and_none_that_was_answered_stays_open(
    claims: list[Said], reports: list[Said], troubles: list[Trouble], dice: Random
) -> None:
    world = Schedule(SmallServer(), troubles, dice)
    for number, one in enumerate([*claims, *reports]):
        world.report(number, one, idempotencyKey="k", source={"kind": "agent", "id": f"a-{number}"})
    world.work()

    actions = world.actions()
    final = [one for one in actions if outcome_of(one) in FINAL]
    assert {str(one.status.phase) for one in final} == {"Recorded"}
    for claim in actions[: len(claims)]:
        answered = any(one.spec.attempt >= claim.spec.attempt for one in final)
        assert (str(claim.status.phase) == "Recorded") == answered
        outbox = claim.status.outbox
        assert outbox is not None
        if outcome_of(claim) is ActionOutcome.PENDING:
            assert outbox.before is not None
            assert claim.spec.source is not None
            assert outbox.claimed_by == claim.spec.source.id
    check_taken_over(actions[: len(claims)], final)
    check_chain(world.server)


def check_taken_over(claims: list[Action], final: list[Action]) -> None:
    """Whoever was the first to answer a claim has it on record."""
    pending = [one for one in claims if outcome_of(one) is ActionOutcome.PENDING]
    holders = {one.status.outbox.claimed_by for one in final if one.status.outbox is not None}
    answered = [one for one in pending if any(f.spec.attempt >= one.spec.attempt for f in final)]
    if answered:
        assert holders & {one.spec.source.id for one in pending if one.spec.source is not None}


@given(
    reports=st.lists(said("sent", "failed", "claimed"), min_size=1, max_size=5),
    troubles=troubles,
    dice=st.randoms(use_true_random=False),
)
@SETTINGS
def test_possible_duplicates_are_flagged_on_all_and_on_nobody_else(
    reports: list[Said], troubles: list[Trouble], dice: Random
) -> None:
    world = Schedule(SmallServer(), troubles, dice)
    for number, one in enumerate(reports):
        world.report(number, one, input={"text": "hello"})
        world.report(number + 100, one, input={"text": f"other {number}"})
    world.work()

    for action in world.actions():
        flags = [one for one in action.status.conditions if one.type == "PossibleDuplicate"]
        alike = action.spec.input == {"text": "hello"} and len(reports) > 1
        assert bool(flags) == alike, action.metadata.name
        assert str(action.status.phase) == (
            "Recorded" if outcome_of(action) in FINAL else "Pending"
        )


def test_a9_more_claims_than_are_looked_at_together_are_all_answered() -> None:
    world = Schedule(SmallServer(), [], Random(1))
    for number in range(MOST_REPORTS + 20):
        world.report(number, Said("claimed", 1, seen=False), idempotencyKey="k")
    world.report(999, Said("sent", 1, seen=False), idempotencyKey="k")
    world.work()

    assert {str(one.status.phase) for one in world.actions()} == {"Recorded"}
    assert len(world.server.of("Receipt")) == 1


@given(
    count=st.integers(2, 30), dice=st.randoms(use_true_random=False), seconds=st.integers(0, 300)
)
@settings(SETTINGS, max_examples=40)
def test_many_of_one_intent_cost_no_more_than_a_few_do(
    count: int, dice: Random, seconds: int
) -> None:
    world = Schedule(SmallServer(), [], dice)
    for number in range(count):
        world.report(number, Said("sent", 1, seen=False))
        world.server.time.at += timedelta(seconds=seconds)
    world.work()

    writes = Counter(one.key.name for one in world.server.log)
    assert max(writes.values()) <= 3
    flags = [{one.type for one in action.status.conditions} for action in world.actions()]
    assert flags == [{"Ready", "PossibleDuplicate"}] * count

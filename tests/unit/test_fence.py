"""The fence and the clock it goes by: who may begin, whatever this machine believes the time is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from amends.api.outbox import Outbox, OutboxPhase
from amends.core.key import Key
from amends.runtime.clock import ServerClock
from amends.runtime.fence import Fence

UNDO = Key("Compensation", "tenant", "undo")
TRUE = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""What the time is when a test begins."""


@dataclass
class Machine:
    """A machine whose clock is wrong by so much; its stopwatch counts from when it was started."""

    wrong_by: timedelta = timedelta(0)
    passed: float = 0.0

    def wall(self) -> float:
        return (self.true + self.wrong_by).timestamp()

    def stopwatch(self) -> float:
        return 5000 + self.passed

    @property
    def true(self) -> datetime:
        return TRUE + timedelta(seconds=self.passed)

    def clock(self) -> ServerClock:
        return ServerClock(self.wall, self.stopwatch)

    def ask(self, clock: ServerClock, takes: float = 0.02) -> None:
        """One request that takes a while; the server answers in the middle."""
        heard = clock.listening()
        self.passed += takes / 2
        date = format_datetime(self.true, usegmt=True)
        self.passed += takes / 2
        heard(date)


@pytest.mark.parametrize("minutes", [-10, 10], ids=["behind", "ahead"])
def test_a_clock_that_is_wrong_goes_by_the_servers(minutes: int) -> None:
    machine = Machine(timedelta(minutes=minutes))
    clock = machine.clock()

    machine.ask(clock)

    assert abs(clock.now() - machine.true) <= timedelta(seconds=1.02)


def test_many_answers_make_it_exact() -> None:
    machine = Machine(timedelta(minutes=10))
    clock = machine.clock()

    for _ in range(100):
        machine.ask(clock)
        machine.passed += 0.137

    assert abs(clock.now() - machine.true) <= timedelta(seconds=0.05)


def test_a_clock_that_is_right_is_never_moved() -> None:
    machine = Machine()
    clock = machine.clock()

    for _ in range(50):
        machine.ask(clock, takes=3)
        assert clock.now() == machine.true


def test_a_clock_that_is_set_while_the_process_runs_changes_nothing() -> None:
    machine = Machine()
    clock = machine.clock()

    machine.wrong_by = timedelta(hours=1)

    assert clock.now() == machine.true


def test_a_server_that_does_not_say_the_time_is_not_believed_to_have() -> None:
    machine = Machine(timedelta(minutes=10))
    clock = machine.clock()

    clock.listening()(None)
    clock.listening()("yesterday")

    assert clock.now() == machine.true + machine.wrong_by


def claim(attempt: int, until: datetime) -> Outbox:
    return Outbox(
        id="outbox",
        operation="undo",
        phase=OutboxPhase.CLAIMED,
        attempt=attempt,
        attempt_key=f"undo:{attempt}",
        claim_expires_at=until,
    )


def test_something_may_leave_while_more_than_the_margin_is_left_of_its_claim() -> None:
    machine = Machine()
    fence = Fence(machine.clock(), margin=timedelta(seconds=30))
    fence.claimed(UNDO, claim(1, TRUE + timedelta(minutes=5)))

    machine.passed = 269
    assert fence.holds(UNDO, "undo:1")
    machine.passed = 270
    assert not fence.holds(UNDO, "undo:1")


def test_an_extension_that_the_server_took_in_counts() -> None:
    machine = Machine()
    fence = Fence(machine.clock(), margin=timedelta(0))
    fence.claimed(UNDO, claim(1, TRUE + timedelta(minutes=5)))
    fence.claimed(UNDO, claim(1, TRUE + timedelta(minutes=7)))

    machine.passed = 6 * 60

    assert fence.holds(UNDO, "undo:1")


@pytest.mark.parametrize(
    "attempt", [pytest.param("undo:1", id="an earlier one"), pytest.param("", id="none")]
)
def test_the_claim_of_another_attempt_lets_nothing_through(attempt: str) -> None:
    fence = Fence(Machine().clock(), margin=timedelta(0))
    fence.claimed(UNDO, claim(2, TRUE + timedelta(minutes=5)))

    assert not fence.holds(UNDO, attempt)


def test_nothing_leaves_under_a_claim_that_was_let_go() -> None:
    fence = Fence(Machine().clock(), margin=timedelta(0))
    fence.claimed(UNDO, claim(1, TRUE + timedelta(minutes=5)))
    fence.forget(UNDO)

    assert not fence.holds(UNDO, "undo:1")

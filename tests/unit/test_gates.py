"""N11: how many attempts a target takes at once, in whose turn, and what when it is down."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import pytest

from amends.core.hold import Hold
from amends.core.key import Key
from amends.core.namespace import Limits
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.kube.cache import Cache
from amends.runtime.breakers import Breakers
from amends.runtime.gates import ASK_AGAIN, Gates

NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
API = "https://api.example.com:443"
PATIENT = "patient"
"""An executor that only waits for what is done elsewhere."""
ONE, TWO = Limits(others=1), Limits(of={API: 2})
A, B, C = (Key("Compensation", "shop", name) for name in "abc")
DOWN = Unknown("no answer", target_is_down=True)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Office:
    """The gates of one operator, and the ledgers that they count by."""

    def __init__(self, most: int = 64) -> None:
        self.cache, self.looked = Cache(), list[Key]()
        self.under_way: dict[str, int] = {}
        self.gates = Gates(
            *(self.cache, self.looked.append, lambda room: self.under_way.get(room, 0), most),
            room=lambda target: "patient" if target == PATIENT else "",
        )
        self._version = 0

    def ledger(self, key: Key, outbox: dict[str, Any] | None) -> None:
        """What the object says of its attempt, durably."""
        self._version += 1
        meta = {"name": key.name, "namespace": key.namespace, "uid": key.name}
        self.cache.put(
            {
                "kind": key.kind,
                "metadata": {**meta, "resourceVersion": str(self._version)},
                "spec": {"targetEffect": "effect-1"},
                "status": {"phase": "Running", "outbox": outbox or {}},
            }
        )

    def ask(
        self,
        key: Key,
        limits: Limits = ONE,
        *,
        left: float | None = None,
        now: float = 0,
        target: str = API,
    ) -> Hold | None:
        """It is due; left: how many seconds of its undo window."""
        urgent = NOW + seconds(left) if left is not None else None
        return self.gates.ask(key, target, limits, urgent, NOW + seconds(now))

    def begins(self, key: Key) -> None:
        """Its claim is durable, and the pass over."""
        self.ledger(key, {"phase": "Claimed", "target": API})
        self.gates.settle(key)

    def ends(self, key: Key) -> None:
        """What it came to is durable, and the pass over."""
        self.ledger(key, {"phase": "Claimed", "target": API, "outcome": "Applied"})
        self.gates.settle(key)


def test_at_most_so_many_are_under_way_and_the_next_is_told_when_one_ends() -> None:
    office = Office()
    assert office.ask(A, TWO) is None
    office.begins(A)
    assert office.ask(B, TWO) is None
    office.begins(B)
    assert office.ask(C, TWO) == Hold(
        "TargetBusy",
        f"waits for {API}, where at most 2 attempts of namespace shop are under way at once; its "
        "annotation amends.dev/target-limits says how many",
        ASK_AGAIN,
    )
    office.gates.settle(C)
    office.ends(A)
    assert office.looked == [C]
    assert office.ask(C, TWO) is None


def test_two_that_are_due_in_one_moment_do_not_both_begin() -> None:
    office = Office()
    assert office.ask(A) is None
    assert office.ask(B) is not None


def test_a_place_that_was_not_used_is_given_back() -> None:
    office = Office()
    assert office.ask(A) is None
    assert office.ask(B) is not None
    office.gates.settle(B)
    office.gates.settle(A)
    assert office.looked == [B]
    assert office.ask(B) is None


def test_an_attempt_of_the_leader_before_counts_as_well() -> None:
    office = Office()
    office.ledger(A, {"phase": "Claimed", "target": API, "claimedBy": "the leader before"})
    assert office.ask(B) is not None
    office.ends(A)
    assert office.ask(B) is None


def test_n7_whose_window_closes_first_comes_first() -> None:
    office = Office()
    assert office.ask(A) is None
    office.begins(A)
    assert office.ask(B) is not None
    office.gates.settle(B)
    assert office.ask(C, left=60) is not None
    office.gates.settle(C)
    office.ends(A)
    assert office.looked == [C]
    assert office.ask(B) is not None, "C comes first, though B has waited longer"
    office.gates.settle(B)
    assert office.ask(C, left=60) is None


def test_who_waits_no_more_keeps_nobody_away() -> None:
    office = Office()
    assert office.ask(A) is None
    office.begins(A)
    assert office.ask(B, left=60) is not None
    office.gates.settle(B)
    office.gates.settle(B)
    office.ends(A)
    assert office.ask(C) is None


def test_what_it_waits_for_is_told_once_however_the_line_moves() -> None:
    """Else each of those that wait is written anew whenever one of them gets its turn."""
    office = Office()
    assert office.ask(A, TWO) is None
    office.begins(A)
    assert office.ask(B, TWO) is None
    told = office.ask(C, TWO)
    assert told is not None
    office.gates.settle(C)
    office.gates.settle(B)
    assert office.ask(Key("Compensation", "shop", "d"), TWO, left=60) is None
    urgent = Key("Compensation", "shop", "e")
    assert office.ask(urgent, TWO, left=60) is not None

    assert office.ask(C, TWO, now=30) == told


def steps(do: Callable[[], object]) -> int:
    """How many functions of ours are called for it."""
    counted = 0

    def seen(frame: FrameType, event: str, arg: object) -> None:
        nonlocal counted
        # Whatever else is called meanwhile belongs to garbage of other tests.
        counted += event == "call" and frame.f_globals.get("__name__", "").startswith("amends.")

    sys.setprofile(seen)
    try:
        do()
    finally:
        sys.setprofile(None)
    return counted


def crowded(waiting: int) -> Office:
    """An office where one is at work, and so many wait."""
    office = Office()
    assert office.ask(A) is None
    office.begins(A)
    for number in range(waiting):
        key = Key("Compensation", "shop", f"waits-{number}")
        assert office.ask(key, now=number) is not None
        office.gates.settle(key)
    return office


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(lambda office: office.ask(B), id="one more asks"),
        pytest.param(lambda office: office.ends(A), id="one ends, and the next is told"),
    ],
)
def test_a_turn_costs_no_more_where_a_thousand_wait(what: Callable[[Office], object]) -> None:
    few, many = crowded(10), crowded(1000)

    assert steps(lambda: what(many)) == steps(lambda: what(few)) > 0


def test_i7_another_namespace_is_not_held_up() -> None:
    office = Office()
    assert office.ask(A) is None
    office.begins(A)
    assert office.ask(Key("Compensation", "bank", "a")) is None


def test_the_operator_itself_makes_only_so_many_at_once() -> None:
    office = Office(most=1)
    office.under_way[""] = 1
    hold = office.ask(A)
    assert hold is not None
    assert hold.reason == "OperatorBusy"


def test_i7_what_is_only_waited_for_elsewhere_keeps_nothing_else_from_a_place() -> None:
    office = Office(most=1)
    office.under_way["patient"] = 1
    assert office.ask(A, target=PATIENT) == Hold(
        "OperatorBusy",
        "waits until fewer than 1 attempts by patient are under way in this operator",
        ASK_AGAIN,
    )
    office.gates.settle(A)

    assert office.ask(Key("Compensation", "bank", "a")) is None


def test_a_place_that_is_free_is_no_use_to_who_waits_for_another_sort() -> None:
    office = Office(most=1)
    office.under_way["patient"] = 1
    assert office.ask(A, target=PATIENT) is not None
    office.gates.settle(A)
    assert office.ask(B) is None
    office.begins(B)
    office.ends(B)

    assert office.looked == []


def fail(breakers: Breakers[str], times: int, at: float = 0) -> None:
    for _ in range(times):
        breakers.count("target", DOWN, NOW + seconds(at))


def refused(breakers: Breakers[str], key: Key, at: float) -> Hold | None:
    return breakers.refuses("target", key, NOW + seconds(at))


def test_a_target_that_is_down_is_left_alone_and_then_tried_by_one() -> None:
    breakers: Breakers[str] = Breakers()
    fail(breakers, 4)
    assert refused(breakers, A, 1) is None
    fail(breakers, 1)
    assert refused(breakers, A, 1) == Hold(
        "TargetUnavailable",
        "5 attempts in a row found the target down: the next one is made at "
        "2026-01-31T09:00:30.000Z",
        seconds(29),
    )
    assert refused(breakers, A, 30) is None
    assert refused(breakers, B, 30) == Hold(
        "TargetUnavailable",
        f"5 attempts in a row found the target down: waits for the attempt of {A}, which tries it",
        seconds(30),
    )


def test_while_the_trial_fails_the_pauses_double_up_to_five_minutes() -> None:
    breakers: Breakers[str] = Breakers()
    fail(breakers, 5)
    for pause in (30, 60, 120, 240, 300, 300):
        hold = refused(breakers, A, 0)
        assert hold is not None
        assert hold.look_again == seconds(pause)
        fail(breakers, 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Applied(), id="it applied"),
        pytest.param(NotApplied("409", retryable=True), id="it asks for patience"),
        pytest.param(NotApplied("422", retryable=False), id="it refuses"),
        pytest.param(Unknown("an answer that says nothing"), id="it answers"),
    ],
)
def test_whatever_the_target_answers_closes_it(answer: Outcome) -> None:
    breakers: Breakers[str] = Breakers()
    fail(breakers, 5)
    breakers.count("target", answer, NOW)
    assert refused(breakers, A, 0) is None
    assert refused(breakers, B, 0) is None


def test_a_trial_that_does_not_begin_leaves_it_to_the_next() -> None:
    breakers: Breakers[str] = Breakers()
    fail(breakers, 5)
    assert refused(breakers, A, 30) is None
    breakers.passed("target", A)
    assert refused(breakers, B, 30) is None

"""Possible duplicates: different keys, one intent, about the same time; told of on both."""

from datetime import timedelta
from typing import Any

import pytest

from amends.api import Action
from amends.core.actions import duplicates
from amends.core.decide import decide
from amends.core.decision import NOTHING
from amends.kube.cache import Cache
from support.digests import sha256
from support.reports import action_world, after_status, children
from support.worlds import action, after, metadata, reasons, told, written

INPUT = {"text": "hello", "big": 2**60}
MESSAGE = (
    "action other had the same operation, target and input under another key within the window of "
    "this namespace: if both were sent, it has happened twice"
)
WINDOW = timedelta(minutes=10)


def meant(name: str = "post", outcome: str = "sent", **given: Any) -> Action:
    return action(outcome, name=name, target="general", input=INPUT, **given)


def flagged() -> Action:
    one = meant("other")
    return after_status(one, decide(action_world(one, twins=[meant()])))


def raw(name: str, seconds: float, key: str | None = None) -> dict[str, Any]:
    meta = metadata(name, creationTimestamp=after(seconds - 60))
    return {"metadata": meta, "spec": {} if key is None else {"idempotencyKey": key}}


def test_the_intent_is_operation_target_and_input() -> None:
    one = meant()
    expected = sha256(["board.post", "general", {"text": "hello", "big": str(2**60)}])

    assert duplicates.intent(one) == expected
    assert written(decide(action_world(one))).intent_digest == expected
    assert duplicates.intent(action("sent")) == sha256(["board.post", None, {}])


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"spec": {"operation": "a"}}, sha256(["a", None, {}])),
        (
            {"spec": {"operation": "a", "target": "b", "input": {"c": 1}}},
            sha256(["a", "b", {"c": 1}]),
        ),
        ({"spec": {}, "status": {"intentDigest": "sha256:1"}}, "sha256:1"),
        ({"spec": {"operation": "a", "input": {"\ud800": 1}}}, None),
    ],
)
def test_the_intent_of_a_stored_action(stored: dict[str, Any], expected: str | None) -> None:
    assert duplicates.intent_of(stored) == expected


@pytest.mark.parametrize(
    ("others", "earlier", "later"),
    [
        pytest.param([], None, None, id="none"),
        pytest.param([raw("post", 0)], None, None, id="itself"),
        pytest.param([raw("a", -5), raw("b", -3), raw("c", -9)], "b", None, id="nearest before"),
        pytest.param([raw("a", 5), raw("b", 3), raw("c", 9)], None, "b", id="nearest after"),
        pytest.param([raw("a", 0), raw("z", 0)], "a", "z", id="in one second, by name"),
        pytest.param([raw("a", -600), raw("b", 600)], "a", "b", id="at the edge of the window"),
        pytest.param([raw("a", -601), raw("b", 601)], None, None, id="beyond the window"),
        pytest.param([raw("a", -1, key="k")], "a", None, id="with a key"),
    ],
)
def test_each_looks_at_its_nearest_neighbours(
    others: list[dict[str, Any]], earlier: str | None, later: str | None
) -> None:
    near = duplicates.neighbours(meant(), others, WINDOW)
    assert [one and one["metadata"]["name"] for one in near] == [earlier, later]


def test_actions_of_one_key_are_no_duplicates() -> None:
    one = meant(idempotencyKey="k")
    assert duplicates.neighbours(one, [raw("a", -1, key="k")], WINDOW) == (None, None)


def test_before_it_is_recorded_the_other_is_told_of_too() -> None:
    one, other = meant(), meant("other")

    first = decide(action_world(one, twins=[other]))
    assert children(first) == ["Receipt effect-post-1"]
    assert written(first).phase == "Pending"
    assert reasons(first)["PossibleDuplicate"] == ("True", "SameIntent")
    assert told(first) == ["tell Action post: PossibleDuplicate", "wake Action other"]
    # It is no success after a failure, and must not look like one.
    assert written(first).receipt_ref is None

    last = decide(action_world(after_status(one, first), twins=[flagged()]))
    assert written(last).phase == "Recorded"
    assert reasons(last) == {
        "Ready": ("True", "Recorded"),
        "PossibleDuplicate": ("True", "SameIntent"),
    }
    assert told(last) == ["tell Action post: Recorded"]


def test_it_is_never_blocked() -> None:
    """What must exist because of the outcome exists before anybody is told of a duplicate."""
    first = decide(action_world(meant(outcome="failed", compensation={}), twins=[meant("other")]))
    assert [child.kind for child in first.children] == ["Receipt", "DeadLetter", "Compensation"]


def test_before_anything_is_sent_it_is_told_of_as_well() -> None:
    decision = decide(action_world(meant(outcome="claimed"), twins=[meant("other")]))
    conditions = {one.type: one.message for one in written(decision).conditions}
    assert conditions["PossibleDuplicate"] == MESSAGE
    assert told(decision) == ["tell Action post: PossibleDuplicate", "wake Action other"]


def test_a_recorded_one_is_told_of_once_and_nothing_else_about_it_moves() -> None:
    done = after_status(meant(), decide(action_world(meant())))

    decision = decide(action_world(done, twins=[meant("other")]))

    before, after_it = done.status.wire(), written(decision).wire()
    assert [one["type"] for one in after_it.pop("conditions")] == ["Ready", "PossibleDuplicate"]
    before.pop("conditions")
    assert after_it == before
    assert told(decision) == ["tell Action post: PossibleDuplicate", "wake Action other"]
    assert decide(action_world(after_status(done, decision), twins=[meant("other")])) == NOTHING


def test_an_open_action_is_found_by_its_intent_before_anybody_has_looked_at_it() -> None:
    """Otherwise two that are new at once would both be recorded without having met."""
    one, cache = meant(), Cache()
    meta = {**metadata("post"), "resourceVersion": "1"}
    cache.put({"kind": "Action", "metadata": meta, "spec": one.spec.wire()})

    found = cache.related("Action", "tenant-a", duplicates.intent(one))
    assert [raw["metadata"]["name"] for raw in found] == ["post"]

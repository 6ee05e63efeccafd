"""I9: in whatever order answers, news and people come, nobody waits for a wake-up that was lost.

Each story is told once in its most prompt order, and then with each of its steps held up until
nothing else happens: an answer of the server or the target, what the watch tells, a look at an
object; and with all that concerns one object held up from that step on. It must always come to the
same end, and without waiting for the resync.
"""

from typing import Any

import pytest

from amends.kube.cache import key_of
from chaos.small_orders import Hold, Order, orders
from chaos.small_stories import (
    Deed,
    Tale,
    Told,
    approves,
    bob_cancels,
    chooses,
    end_of,
    once,
    reports,
)
from chaos.small_world import Trouble

AWAITS, TO_RETRY = "write Compensation AwaitingApproval", "write DeadLetter Open"


def asks(safety: str = "ProviderKey", approvers: int = 1) -> Deed:
    """bob asks for an undo."""

    def deed(told: Told) -> bool:
        http = {"method": "DELETE", "url": "https://board/m-1", "retrySafety": safety}
        plan = {"execution": {"http": http}, "approval": {"approvers": approvers}}
        spec = {"targetEffect": "effect-x", "requester": {"username": "bob"}, **plan}
        told.server.create("Compensation", "undo-post", spec)
        return True

    return deed


def is_told_of(told: Told) -> bool:
    """Whether the operator has put on record that it knows the newest spec of the undo."""
    undo = told.the("Compensation")
    if undo is None:
        return False
    status = undo["status"]
    return bool(status.get("observedGeneration") == undo["metadata"]["generation"])


def changes_it(told: Told) -> bool:
    """bob changes the plan, once it waits for approval."""
    undo = told.the("Compensation")
    if undo is None or undo["status"]["phase"] != "AwaitingApproval":
        return False
    told.server.change(key_of(undo), runId="another-run")
    return True


def approves_what_is_planned(told: Told) -> bool:
    """alice approves the plan that the server shows for the newest spec."""
    return is_told_of(told) and approves("alice")(told)


def attests(told: Told) -> bool:
    """alice has looked at the target, once nobody knows what came of it."""
    undo = told.the("Compensation")
    outbox = undo["status"].get("outbox", {}) if undo is not None else {}
    if undo is None or outbox.get("outcome") != "Unknown":
        return False
    said = {
        "subjectRef": {"kind": "Compensation", "name": undo["metadata"]["name"]},
        "attemptKey": outbox["attemptKey"],
        "outcome": "Applied",
        "reason": "I looked at it",
        "actor": {"username": "alice"},
    }
    told.server.create("Attestation", "saw", said)
    return True


FAILS, RETRY = reports("failed"), chooses("Retry", "Open")
STORIES = {
    "approved": Tale((asks(), approves("alice"))),
    "approved, after the plan was changed": Tale((asks(), changes_it, approves_what_is_planned)),
    "attested to": Tale((asks("None"), approves("alice"), attests), ("lost",), "None"),
    "decided while it is sent again": Tale(
        (FAILS, RETRY, chooses("Ignore", "Retrying")), ("refused",)
    ),
    "sent again, once its undo was cancelled": Tale(
        (
            reports("failed", undo=True),
            once(chooses("Compensate", "Open"), Compensation="AwaitingApproval"),
            once(bob_cancels, DeadLetter="LinkedToCompensation"),
            RETRY,
        )
    ),
    "approved again, once its effect has succeeded": Tale(
        (
            reports("failed", undo=True, approvers=2),
            approves("dora"),
            once(reports("succeeded"), "Approval", Compensation="AwaitingApproval"),
            approves("dora", knowing="supersededBy"),
            approves("erin"),
        )
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_comes_to_the_same_end(name: str) -> None:
    tale = STORIES[name]
    length, ends = calm_ends(tale)
    for holds in orders(length):
        order = Order(holds)
        assert played(tale, order) in ends, order


@pytest.mark.parametrize(
    ("name", "write", "number"),
    [
        ("approved", AWAITS, 0),
        ("approved, after the plan was changed", AWAITS, 1),
        ("decided while it is sent again", TO_RETRY, 1),
    ],
)
def test_nor_does_it_matter_that_an_answer_is_lost_as_well(
    name: str, write: str, number: int
) -> None:
    """What others are told because of a write is told although nobody knows that it was made."""
    tale = STORIES[name]
    length, ends = calm_ends(tale)
    for step in range(length):
        order = Order([Hold(step, all=True)], trouble=Trouble(number, "lost-after", on=write))
        assert played(tale, order) in ends, order


def calm_ends(tale: Tale) -> tuple[int, list[dict[str, Any]]]:
    """How many steps it takes undisturbed, and to what it comes: people may be quick or slow."""
    calm = Order()
    slow, quick = played(tale, calm), played(tale, Order(prompt=True))
    return len(calm.story), [slow, quick]


def played(tale: Tale, order: Order) -> dict[str, Any]:
    told = Told(tale)
    order.play(told)
    return end_of(told)

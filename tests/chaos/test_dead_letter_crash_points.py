"""I8 for dead letters: the power fails, or an answer is lost, at every call of every story.

Every call of a life to the outside is a point: a read, a create, a status write, a delete, a
request to the target. At each the operator loses power just before and just after, or lives on
and only the answer is lost, before the call has arrived or after. All of it in memory; the same
for one undo against the real API server is in `test_crash_points`.
"""

from itertools import count
from typing import Any

import pytest

from chaos.at_rest import AT_THE_END
from chaos.invariants import EVERY_MOMENT
from chaos.small_stories import (
    KEY,
    Tale,
    Told,
    approves,
    bob_cancels,
    chooses,
    end_of,
    is_in_doubt,
    once,
    reports,
)
from chaos.small_world import Trouble

pytestmark = [pytest.mark.chaos]

PLAN = {"execution": {"http": {"method": "POST", "url": "https://b/", "retrySafety": "Natural"}}}
FAILS, RETRY = reports("failed"), chooses("Retry", "Open")
FAILS_WITH_UNDO, SUCCEEDS = reports("failed", undo=True), reports("succeeded")
DORA = approves("dora")

TALES = {
    "retried-with-success": Tale((FAILS, RETRY)),
    "retried-with-success-without-a-key": Tale((FAILS, RETRY), retry_safety="None"),
    "retried-and-failed-again": Tale((FAILS, RETRY), ("refused",)),
    "retried-with-a-lost-answer": Tale((FAILS, RETRY), ("lost", "applied")),
    "retried-with-a-lost-answer-without-a-key": Tale((FAILS, RETRY), ("lost",), "None"),
    "retried-with-a-lost-answer-and-found": Tale((FAILS, RETRY), ("lost",), "None", verified=True),
    "retried-with-a-lost-answer-and-not-found": Tale(
        (FAILS, RETRY), ("dropped",), "None", verified=True
    ),
    "retried-until-exhausted": Tale((FAILS, *(RETRY,) * 5), ("refused",)),
    "compensated-as-a-person-says": Tale(
        (FAILS, chooses("Compensate", "Open", compensation=PLAN), DORA)
    ),
    "compensated-as-the-action-says": Tale((FAILS_WITH_UNDO, chooses("Compensate", "Open"), DORA)),
    "the-compensation-is-cancelled": Tale(
        (FAILS, chooses("Compensate", "Open", compensation=PLAN), bob_cancels)
    ),
    "succeeded-after-all-untouched": Tale(
        (FAILS_WITH_UNDO, once(SUCCEEDS, Compensation="AwaitingApproval", DeadLetter="Open"))
    ),
    "succeeded-after-all-while-the-undo-runs": Tale(
        (FAILS_WITH_UNDO, DORA, once(SUCCEEDS, Compensation="Running")), held=True
    ),
    "succeeded-after-all-and-touched": Tale(
        (
            FAILS_WITH_UNDO,
            chooses("Compensate", "Open"),
            DORA,
            once(SUCCEEDS, Compensation="Running"),
        ),
        held=True,
    ),
    "succeeded-after-all-and-asked-again": Tale(
        (
            reports("failed", undo=True, approvers=2),
            approves("dora"),
            once(SUCCEEDS, "Approval", Compensation="AwaitingApproval"),
            approves("dora", knowing="supersededBy"),
            approves("erin"),
        )
    ),
    "succeeded-after-all-once-a-person-has-linked-it": Tale(
        (
            FAILS_WITH_UNDO,
            chooses("Compensate", "Open"),
            once(SUCCEEDS, DeadLetter="LinkedToCompensation"),
        )
    ),
    "retried-with-success-beside-an-undo": Tale((FAILS_WITH_UNDO, RETRY)),
    "ignored-and-opened-again": Tale(
        (FAILS, chooses("Ignore", "Open"), chooses("Reopen", "Ignored"))
    ),
    "resolved-by-a-person": Tale((FAILS_WITH_UNDO, chooses("Resolve", "Open"))),
}
ENDS = {
    "retried-with-success": (("Resolved", "Retry"), None),
    "retried-with-success-without-a-key": (("Resolved", "Retry"), None),
    "retried-and-failed-again": (("Open", "Retry"), None),
    "retried-with-a-lost-answer": (("Resolved", "Retry"), None),
    "retried-with-a-lost-answer-without-a-key": (("Retrying", "Retry"), None),
    "retried-with-a-lost-answer-and-found": (("Resolved", "Retry"), None),
    "retried-with-a-lost-answer-and-not-found": (("Open", "Retry"), None),
    "retried-until-exhausted": (("Ignored", "retry_exhausted"), None),
    "compensated-as-a-person-says": (("LinkedToCompensation", "Compensate"), "Completed"),
    "compensated-as-the-action-says": (("LinkedToCompensation", "Compensate"), "Completed"),
    "the-compensation-is-cancelled": (("Open", "Compensate"), "Cancelled"),
    "succeeded-after-all-untouched": (None, None),
    "succeeded-after-all-while-the-undo-runs": (None, "Completed"),
    "succeeded-after-all-and-touched": (("LinkedToCompensation", "Compensate"), "Completed"),
    "succeeded-after-all-and-asked-again": (None, "Completed"),
    "succeeded-after-all-once-a-person-has-linked-it": (("Open", "Compensate"), "Cancelled"),
    "retried-with-success-beside-an-undo": (("Resolved", "Retry"), None),
    "ignored-and-opened-again": (("Open", "Reopen"), None),
    "resolved-by-a-person": (("Resolved", "Resolve"), "Cancelled"),
}
"""The dead letter and what is recorded of the decision, and its undo, if nothing disturbs it."""


EVERYTHING = (*EVERY_MOMENT, *AT_THE_END)


def played(name: str, trouble: Trouble) -> Told:
    """The tale with one trouble; every invariant holds at its end as well."""
    told = Told(TALES[name])
    told.play(trouble)
    for check in EVERYTHING:
        check(told.server, told.target)
    return told


@pytest.mark.parametrize("name", TALES)
def test_the_story_ends_as_it_should(name: str) -> None:
    told = played(name, Trouble())
    letter, undo = told.the("DeadLetter"), told.the("Compensation")
    decided = letter["status"].get("disposition", {}).get("choice") if letter else None
    found = (letter["status"]["phase"], decided) if letter else None
    assert (found, undo["status"]["phase"] if undo else None) == ENDS[name]
    assert told.done == len(told.tale.deeds)


@pytest.mark.parametrize("kind", ["power-before", "power-after", "lost-before", "lost-after"])
@pytest.mark.parametrize("name", TALES)
def test_the_end_is_the_same_wherever_it_is_disturbed(name: str, kind: str) -> None:
    calm = end_of(played(name, Trouble()))
    wrong: list[str] = []
    for number in count():
        run = played(name, Trouble(number, kind))
        if run.cut is None:
            break
        if (why := fault(run, calm)) is not None:
            wrong.append(f"{kind} call {number}, {run.cut}: {why}")
    assert number > 10
    assert not wrong, f"{len(wrong)} points:\n" + "\n".join(wrong)


def fault(run: Told, calm: dict[str, Any]) -> str | None:
    """What is wrong with a disturbed end; None: nothing.

    Where nothing says what became of a request, the end may be a doubt; and it has to be one where
    a repeat is not safe, unless the target says it.
    """
    end = end_of(run)
    if run.in_doubt and run.tale.verified:
        return None if says_what_happened(run) else f"the target knows, and it says {end}"
    if run.in_doubt and run.tale.retry_safety == "None" and not is_in_doubt(end):
        return f"nobody can know, and it says {end}"
    if end == calm or (run.in_doubt and is_in_doubt(end)):
        return None
    return "\n".join(
        f"{key}: {end.get(key)}, not {calm.get(key)}"
        for key in sorted({*end, *calm})
        if end.get(key) != calm.get(key)
    )


def says_what_happened(run: Told) -> bool:
    """Whether the dead letter says what the target does."""
    letter, happened = run.the("DeadLetter"), run.target.effects[KEY] > 0
    assert letter is not None
    return bool(letter["status"]["phase"] == ("Resolved" if happened else "Open"))

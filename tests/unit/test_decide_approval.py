"""Approval: every verdict, whether it is final, and to whom it is told."""

from datetime import timedelta

import pytest

from amends.api import Approval, Compensation
from amends.core.decide import decide
from amends.core.decision import NOTHING, Decision
from support.worlds import (
    after,
    approval,
    approval_world,
    compensation,
    counted,
    reasons,
    told,
    written,
)

OTHER_DIGEST = "sha256:" + "0" * 64
WAITING = compensation("AwaitingApproval")
REFUSED = "tell Compensation undo: {}"


@pytest.mark.parametrize(
    ("one", "subject", "reason", "final", "effects"),
    [
        pytest.param(approval(), None, "SubjectNotFound", False, [], id="before its subject"),
        pytest.param(
            approval(status={}), WAITING, "Countable", False, ["wake Compensation undo"], id="new"
        ),
        pytest.param(
            approval(), WAITING, "Countable", False, ["wake Compensation undo"], id="bound"
        ),
        pytest.param(
            approval(status={"boundUid": "uid-first"}),
            *(WAITING, "BoundToAnother", True, [REFUSED.format("BoundToAnother")]),
            id="bound to a namesake",
        ),
        pytest.param(
            approval(status={}, subject={"uid": "uid-first"}),
            *(WAITING, "BoundToAnother", True, [REFUSED.format("BoundToAnother")]),
            id="meant for a namesake",
        ),
        pytest.param(
            approval(),
            compensation("Completed", approvals=[counted()]),
            *("Counted", True, []),
            id="counted",
        ),
        pytest.param(
            approval(status={}, expiresAt=after(0)),
            *(WAITING, "Expired", True, [REFUSED.format("Expired")]),
            id="expired",
        ),
        pytest.param(
            approval(expiresAt=after(-60)),
            *(WAITING, "Expired", True, [REFUSED.format("Expired")]),
            id="expired, and nobody can be counting it any more",
        ),
        pytest.param(
            approval(status={}, expiresAt=after(0)),
            *(None, "Expired", True, []),
            id="expired, and no subject",
        ),
        *[
            pytest.param(
                approval(),
                *(compensation(phase, approvals=[counted("dora")]), "TooLate", True),
                [REFUSED.format("TooLate")],
                id=f"already {phase}",
            )
            for phase in ("Approved", "Running", "Failed", "Completed", "Cancelled")
        ],
        pytest.param(
            approval(user=None),
            *(WAITING, "Unauthenticated", True, [REFUSED.format("Unauthenticated")]),
            id="nobody knows who stated it",
        ),
        pytest.param(
            approval(),
            compensation("AwaitingApproval", spec={"requester": None}),
            *("Unauthenticated", True, [REFUSED.format("Unauthenticated")]),
            id="nobody knows who asked",
        ),
        pytest.param(
            approval(), compensation(), "SubjectNotReady", False, [], id="no plan digest yet"
        ),
        pytest.param(
            approval(digest=OTHER_DIGEST),
            *(WAITING, "DigestMismatch", False, [REFUSED.format("DigestMismatch")]),
            id="another plan",
        ),
        pytest.param(
            approval(user="bob"),
            *(WAITING, "SelfApproval", True, [REFUSED.format("SelfApproval")]),
            id="by who asked",
        ),
        pytest.param(
            approval(user="bob", decision="Reject"),
            *(WAITING, "Countable", False, ["wake Compensation undo"]),
            id="rejected by who asked",
        ),
        pytest.param(
            approval(name="again"),
            compensation("AwaitingApproval", approvals=[counted()]),
            *("Duplicate", True, [REFUSED.format("Duplicate")]),
            id="by who has stated it already",
        ),
    ],
)
def test_verdicts(
    one: Approval, subject: Compensation | None, reason: str, final: bool, effects: list[str]
) -> None:
    decision = decide(approval_world(one, subject))

    status = written(decision)
    ready = {"Counted": "True"}.get(reason, "False" if final else "Unknown")
    assert reasons(decision) == {"Ready": (ready, reason)}
    assert status.settled == (True if final else None)
    assert told(decision) == effects
    if reason in ("Countable", "Counted"):
        assert status.bound_uid == "uid-undo"
    else:
        assert status.bound_uid == one.status.bound_uid
    # Deciding again on what was written says the same and tells nobody again.
    if not final:
        again = one.model_copy(update={"status": status})
        repeated = decide(approval_world(again, subject))
        assert repeated.status == status
        assert told(repeated) == (effects if reason == "Countable" else [])


def test_what_is_settled_stays_so() -> None:
    assert decide(approval_world(approval(status={"settled": True}), WAITING)) == NOTHING


@pytest.mark.parametrize(
    ("one", "subject", "seconds"),
    [
        (approval(expiresAt=after(90)), None, 90),
        (approval(expiresAt=after(-90)), None, None),
        (approval(), None, None),
        (approval(expiresAt=after(-90)), WAITING, None),
    ],
)
def test_it_is_looked_at_when_it_expires(
    one: Approval, subject: Compensation | None, seconds: float | None
) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert decide(approval_world(one, subject)).look_again == expected


@pytest.mark.parametrize("subject", [WAITING, None], ids=["not counted so far", "not seen"])
def test_one_that_may_be_counted_just_now_is_not_told_that_it_has_expired(
    subject: Compensation | None,
) -> None:
    """Whoever counts it has looked at the clock before; its write may be under way for a while."""
    decision = decide(approval_world(approval(expiresAt=after(-10)), subject))

    assert decision == Decision(look_again=timedelta(seconds=50))

"""Attestation: every verdict, whether it is final, and to whom it is told."""

from typing import Any

import pytest

from amends.api import Attestation, Compensation
from amends.core.decide import decide
from amends.core.decision import NOTHING
from amends.core.enforcement import ENFORCED, Enforcement
from amends.core.world import AttestationWorld, DeadLetterWorld
from support.worlds import (
    MANUAL,
    NOW,
    ONCE,
    after,
    attestation,
    attested,
    compensation,
    dead_letter,
    failed,
    letter_world,
    reasons,
    running,
    told,
    unknown,
    written,
)

UNKNOWN = {"outcome": "Unknown", "detail": "lost"}
LOST = running(outbox=UNKNOWN, spec=ONCE)
BY_HAND = running(spec=MANUAL, outbox={"claimedBy": None, "claimExpiresAt": None})
GAP = Enforcement(gap="a policy is missing")
SINCE = Enforcement(since=NOW)
REFUSED = "tell Compensation undo: {}"
COUNTS = ["wake Compensation undo"]


def world(
    one: Attestation,
    subject: Compensation | DeadLetterWorld | None,
    enforcement: Enforcement = ENFORCED,
) -> AttestationWorld:
    return AttestationWorld(one, subject, NOW, enforcement)


@pytest.mark.parametrize(
    ("one", "subject", "reason", "final"),
    [
        pytest.param(attestation(), None, "SubjectNotFound", False, id="before its subject"),
        pytest.param(attestation(status={}), LOST, "Countable", False, id="nobody knows"),
        pytest.param(attestation("NotApplied"), BY_HAND, "Countable", False, id="done by hand"),
        pytest.param(
            attestation(status={}, subject={"uid": "uid-first"}),
            *(LOST, "BoundToAnother", True),
            id="meant for a namesake",
        ),
        pytest.param(
            attestation(),
            compensation("Completed", attempts=1, attestations=[attested()]),
            *("Counted", True),
            id="counted",
        ),
        pytest.param(
            attestation(user=None), LOST, "Unauthenticated", True, id="nobody knows who stated it"
        ),
        pytest.param(
            attestation(evidence={"log": "x" * 65536}),
            *(LOST, "EvidenceTooLarge", True),
            id="more evidence than a Receipt takes",
        ),
        pytest.param(
            attestation(attemptKey="undo:2"), LOST, "WrongAttempt", True, id="another attempt"
        ),
        pytest.param(
            attestation(), compensation("Approved"), "WrongAttempt", True, id="before any attempt"
        ),
        pytest.param(
            attestation("NotApplied", name="again"),
            running(outbox=UNKNOWN, spec=ONCE, attestations=[attested()]),
            *("TooLate", True),
            id="somebody has attested first",
        ),
        pytest.param(
            attestation(),
            compensation("Cancelled", attempts=1, outbox=running(outbox=UNKNOWN).status.outbox),
            *("TooLate", True),
            id="cancelled meanwhile",
        ),
        pytest.param(attestation(), failed(), "NotNeeded", True, id="it is known that it did not"),
        pytest.param(
            attestation(), running(spec=ONCE), "NotNeededYet", False, id="the attempt is under way"
        ),
        pytest.param(
            attestation(),
            compensation(attempts=1, outbox=running(spec=ONCE).status.outbox),
            *("NotNeededYet", False),
            id="its status was altered, and it has not begun",
        ),
        pytest.param(
            attestation(),
            unknown(nextAttemptAt=after(5)),
            *("NotNeededYet", False),
            id="it is repeated by itself",
        ),
    ],
)
def test_verdicts(one: Attestation, subject: Compensation | None, reason: str, final: bool) -> None:
    decision = decide(world(one, subject))

    status = written(decision)
    ready = {"Counted": "True"}.get(reason, "False" if final else "Unknown")
    assert reasons(decision) == {"Ready": (ready, reason)}
    assert status.settled == (True if final else None)
    refused = [REFUSED.format(reason)] if final and reason != "Counted" else []
    assert told(decision) == (COUNTS if reason == "Countable" else refused)
    bound = "uid-undo" if reason in ("Countable", "Counted") else one.status.bound_uid
    assert status.bound_uid == bound
    if not final:
        # Deciding again on what was written says the same.
        again = one.model_copy(update={"status": status})
        assert decide(world(again, subject)).status == status


def test_a_contradiction_is_told_as_such() -> None:
    one = attestation("NotApplied", name="again")
    subject = running(outbox=UNKNOWN, spec=ONCE, attestations=[attested()])
    (ready,) = written(decide(world(one, subject))).conditions
    assert ready.message == (
        "alice has attested first (attestation saw) that attempt undo:1 is Applied, which it "
        "contradicts: what counted first stands"
    )


@pytest.mark.parametrize(
    ("enforcement", "reason", "final"),
    [(GAP, "PoliciesNotEnforced", False), (SINCE, "Unauthenticated", True)],
)
def test_it_does_not_count_while_nobody_proves_who_made_it(
    enforcement: Enforcement, reason: str, final: bool
) -> None:
    decision = decide(world(attestation(), LOST, enforcement))
    assert reasons(decision)["Ready"][1] == reason
    assert written(decision).settled == (True if final else None)


def test_what_is_settled_stays_so() -> None:
    assert decide(world(attestation(status={"settled": True}), LOST)) == NOTHING


def letter(phase: str = "Retrying", **outbox: Any) -> DeadLetterWorld:
    entry = {
        "id": "outbox-1",
        "operation": "board.post",
        "phase": "Claimed",
        "attempt": 1,
        "attemptKey": "letter:1",
        **outbox,
    }
    return letter_world(dead_letter(phase, dispatch={"count": 1}, outbox=entry))


def about_the_letter(**changes: Any) -> Attestation:
    subject = {"kind": "DeadLetter", "name": "letter"}
    given = {"status": {"boundUid": "uid-letter"}, "attemptKey": "letter:1", **changes}
    return attestation(subject=subject, **given)


@pytest.mark.parametrize(
    ("subject", "reason", "final"),
    [
        pytest.param(letter(**UNKNOWN), "Countable", False, id="nobody knows"),
        pytest.param(letter(), "NotNeededYet", False, id="under way"),
        pytest.param(letter(outcome="Applied"), "NotNeeded", True, id="known"),
        pytest.param(letter("Ignored", **UNKNOWN), "TooLate", True, id="somebody has decided"),
    ],
)
def test_verdicts_about_a_retry(subject: DeadLetterWorld, reason: str, final: bool) -> None:
    decision = decide(world(about_the_letter(), subject))
    assert reasons(decision)["Ready"][1] == reason
    assert written(decision).settled == (True if final else None)

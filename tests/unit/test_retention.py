"""Row D3: which records of a namespace may go, and why the others stay."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from amends.api import KINDS
from amends.core.records.retention import (
    ORDER,
    SELECTED_LIMIT,
    TYPES,
    Selected,
    Stay,
    Survey,
    judge,
)
from support.api import Object
from support.records import (
    EFFECT,
    NOW,
    action,
    ago,
    approval,
    compensation,
    disposition,
    effect_of,
    letter,
    receipt,
    record,
)

KEEP = timedelta(days=30)
OTHER = "effect-of-something-else"
UNDO = ("Compensation", "undo")


def survey(*records: Object, keep: timedelta = KEEP) -> Survey:
    taken = Survey(NOW, keep)
    for one in sorted(records, key=lambda raw: ORDER.index(raw["kind"])):
        taken.take(one)
    return taken


def names(selected: Sequence[Selected]) -> list[str]:
    return [f"{one.key.kind} {one.key.name}" for one in selected]


def test_every_kind_has_its_place_in_the_order() -> None:
    assert sorted(ORDER) == sorted(kind.__name__ for kind in KINDS)


# ------------------------------------------------------------------------ one record by itself

SETTLED = [
    pytest.param(action(), id="action: sent, succeeded"),
    pytest.param(action(outbox="Cancelled"), id="action: outbox cancelled, succeeded"),
    pytest.param(letter(phase="Ignored"), id="letter: ignored"),
    pytest.param(letter(phase="Resolved"), id="letter: resolved"),
    pytest.param(compensation(phase="Completed"), id="compensation: completed"),
    pytest.param(compensation(phase="Cancelled"), id="compensation: cancelled"),
    pytest.param(approval(), id="approval: settled"),
    pytest.param(disposition(), id="disposition: settled"),
    pytest.param(receipt(), id="receipt"),
]


def judged(raw: Object, keep: timedelta = KEEP) -> Stay | None:
    return judge(TYPES[raw["kind"]].read(raw), NOW, keep)


@pytest.mark.parametrize("raw", SETTLED)
def test_settled_for_long_enough_may_go_and_not_a_moment_before(raw: Object) -> None:
    assert judged(raw, timedelta(days=39)) is None
    assert judged(raw, timedelta(days=40)) is Stay.YOUNG
    assert judged(raw, timedelta.max) is Stay.YOUNG


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        pytest.param(action(phase="Pending"), Stay.OPEN, id="action: pending"),
        pytest.param(action(outcome="Failed", outbox="Failed"), Stay.RECOVERY, id="action: failed"),
        pytest.param(action(outbox="DeadLettered"), Stay.RECOVERY, id="action: dead-lettered"),
        pytest.param(action(outbox="Failed"), Stay.RECOVERY, id="action: outbox failed"),
        pytest.param(letter(phase="Open", settled=False), Stay.OPEN, id="letter: open"),
        pytest.param(letter(phase="Ignored", settled=False), Stay.OPEN, id="letter: not settled"),
        pytest.param(letter(phase="LinkedToCompensation"), Stay.RECOVERY, id="letter: compensated"),
        *(
            pytest.param(compensation(phase=phase), Stay.OPEN, id=f"compensation: {phase}")
            for phase in ("Proposed", "AwaitingApproval", "Approved", "Running", "Failed")
        ),
        pytest.param(approval(settled=False), Stay.OPEN, id="approval: waits"),
        pytest.param(disposition(settled=False), Stay.OPEN, id="disposition: waits"),
    ],
)
def test_what_is_open_or_useful_for_recovery_stays_for_ever(raw: Object, why: Stay) -> None:
    assert judged(raw, timedelta(seconds=1)) is why


def test_the_end_counts_and_not_the_beginning() -> None:
    assert judged(compensation(days=1)) is Stay.YOUNG
    assert compensation()["metadata"]["creationTimestamp"] == ago(365)


def test_without_a_history_the_condition_says_when() -> None:
    status = compensation()["status"]
    without = {"phase": "Completed", "conditions": approval(days=31)["status"]["conditions"]}
    spec = compensation()["spec"]
    assert judged(record("Compensation", "undo", spec, without)) is None
    assert judged(record("Compensation", "undo", spec, {**status, "history": []})) is Stay.UNDATED


def test_what_somebody_is_deleting_already_is_left_to_them() -> None:
    leaving = compensation()
    leaving["metadata"]["deletionTimestamp"] = ago(0)
    assert judged(leaving) is Stay.LEAVING


# --------------------------------------------------------------------- a record among the others


@pytest.mark.parametrize(
    "open_one",
    [
        pytest.param(letter("other", phase="Open", settled=False), id="dead letter"),
        pytest.param(compensation("other", phase="AwaitingApproval"), id="compensation"),
        pytest.param(action("other", phase="Pending"), id="report of the same effect"),
        pytest.param(disposition("reopen", settled=False), id="disposition of its letter"),
        pytest.param(approval("late", settled=False), id="approval of its undo"),
        pytest.param(
            record("Compensation", "odd", {"targetEffect": EFFECT, "newer": True}),
            id="compensation that cannot be read",
        ),
    ],
)
def test_while_anything_about_an_effect_is_open_none_of_its_records_go(open_one: Object) -> None:
    old = [action(), letter(), compensation(), receipt(subject=("Action", "gone"))]
    stranger = compensation("stranger", effect=OTHER)
    assert names(survey(*old, stranger, open_one).selected()) == ["Compensation stranger"]


@pytest.mark.parametrize(
    ("open_one", "needed"),
    [
        pytest.param(
            letter("other", phase="Open", settled=False, effect=OTHER),
            action(key=None),
            id="the action that a dead letter names",
        ),
        pytest.param(
            letter("other", phase="Open", settled=False, effect=OTHER, compensation="undo"),
            compensation(),
            id="the compensation that a dead letter names",
        ),
    ],
)
def test_what_open_work_names_stays(open_one: Object, needed: Object) -> None:
    taken = survey(open_one, needed)
    assert taken.selected() == []
    assert taken.stays == Counter({Stay.OPEN: 1, Stay.NEEDED: 1, Stay.COMPANION: 0})


def test_a_failed_action_and_its_evidence_stay_though_its_letter_goes() -> None:
    failed = action(outcome="Failed", outbox="Failed")
    assert names(survey(failed, letter(), receipt()).selected()) == ["DeadLetter letter"]


@pytest.mark.parametrize(
    ("proof", "subject"),
    [
        pytest.param(receipt(), action(days=1), id="receipt of an action"),
        pytest.param(
            receipt(subject=UNDO, effect=OTHER), compensation(days=1), id="receipt of an undo"
        ),
        pytest.param(
            receipt(subject=("DeadLetter", "letter")), letter(days=1), id="receipt of a retry"
        ),
        pytest.param(approval(), compensation(days=1), id="approval"),
        pytest.param(disposition(), letter(days=1), id="disposition"),
    ],
)
def test_what_proves_or_decides_outlives_its_subject(proof: Object, subject: Object) -> None:
    assert survey(proof, subject).selected() == []
    # Its namesake is another object.
    subject["metadata"]["uid"] = "another"
    stays_with_effect = proof["kind"] == "Receipt" and proof["spec"]["effectId"] == EFFECT
    assert len(survey(proof, subject).selected()) == (0 if stays_with_effect else 1)
    assert len(survey(proof).selected()) == 1


def test_a_subject_that_may_go_still_keeps_its_proof() -> None:
    """They go one sweep after the other, so a proof outlives its subject whatever happens."""
    everything = [action(), letter(), compensation(), receipt(), approval(), disposition()]
    first = survey(*everything).selected()
    assert names(first) == ["Action post", "DeadLetter letter", "Compensation undo"]
    rest = [
        raw for raw in everything if f"{raw['kind']} {raw['metadata']['name']}" not in names(first)
    ]
    assert names(survey(*rest).selected()) == [
        f"Receipt {EFFECT}-1",
        "Approval yes",
        "Disposition ignore",
    ]


def test_an_approval_that_never_saw_its_subject_stays_while_one_of_that_name_is_there() -> None:
    unbound = approval()
    del unbound["status"]["boundUid"]
    assert survey(unbound, compensation(days=1)).selected() == []
    assert names(survey(unbound).selected()) == ["Approval yes"]


def test_a_receipt_stays_while_another_action_has_the_same_effect() -> None:
    again = action("again", days=1)
    assert effect_of("again") == EFFECT
    assert survey(receipt(), again).selected() == []


def test_the_receipts_of_an_effect_go_together_the_latest_first() -> None:
    chain = [receipt(50, sequence=1), receipt(45, sequence=2), receipt(40, sequence=3)]
    assert names(survey(*chain).selected()) == [f"Receipt {EFFECT}-{n}" for n in (3, 2, 1)]
    assert survey(*chain, receipt(1, sequence=4)).selected() == []


def test_a_record_that_cannot_be_read_stays() -> None:
    specs = [None, "text", {"targetEffect": 7, "effectId": [1], "idempotencyKey": 2**60}]
    odd = [
        {**record(kind, f"odd-{number}", {}, compensation()["status"]), "spec": spec}
        for kind in ORDER
        for number, spec in enumerate(specs)
    ]
    taken = survey(*odd, {**approval(), "status": "settled"})
    assert taken.selected() == []
    assert taken.stays == Counter({Stay.UNREADABLE: len(odd) + 1, Stay.COMPANION: 0})


def test_what_is_bound_to_its_subject_for_ever_does_not_use_up_the_selection() -> None:
    failed = action(outcome="Failed", outbox="Failed")
    evidence = [receipt(sequence=1)] * SELECTED_LIMIT
    undo = compensation("stranger", effect=OTHER)
    decided = approval("later", subject="gone")
    taken = survey(failed, undo, *evidence, decided)
    assert names(taken.selected()) == ["Compensation stranger", "Approval later"]


def test_a_selection_is_bounded_and_the_rest_stays_for_the_next_time() -> None:
    many = [compensation(f"undo-{n}", effect=OTHER) for n in range(SELECTED_LIMIT + 5)]
    taken = survey(*many)
    assert len(taken.selected()) == SELECTED_LIMIT
    assert taken.stays[Stay.NEXT_TIME] == 5

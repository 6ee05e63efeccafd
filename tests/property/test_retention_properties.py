"""Row D3 for any namespace: no sweep, stopped anywhere, takes what somebody still needs."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from amends.core.records.retention import ORDER, TYPES, Stay, Survey, judge
from support.api import Object
from support.records import (
    NOW,
    action,
    approval,
    compensation,
    disposition,
    effect_of,
    letter,
    receipt,
)

KEEP = timedelta(days=30)


def survey(there: list[Object]) -> Survey:
    taken = Survey(NOW, KEEP)
    for one in sorted(there, key=lambda raw: ORDER.index(raw["kind"])):
        taken.take(one)
    return taken


DAYS = st.sampled_from([1, 20, 31, 40, 90])
EFFECTS = st.sampled_from([effect_of(key="a"), effect_of(key="b")])
KEYS = st.sampled_from(["a", "b"])
PHASES = ("Proposed", "AwaitingApproval", "Approved", "Running", "Failed", "Completed", "Cancelled")
LETTERS = [("Open", False), ("Retrying", False), ("Ignored", True), ("Resolved", True)]
SUBJECTS = [("Action", "act-1"), ("Compensation", "undo-1"), ("DeadLetter", "letter-1")]


def named(stem: str) -> st.SearchStrategy[str]:
    return st.integers(1, 3).map(lambda number: f"{stem}-{number}")


RECORDS = st.one_of(
    st.builds(
        action,
        named("act"),
        DAYS,
        key=KEYS,
        phase=st.sampled_from(["Pending", "Recorded"]),
        outcome=st.sampled_from(["Succeeded", "Failed"]),
    ),
    st.builds(
        lambda name, days, phase, effect: letter(
            name, days, phase=phase[0], settled=phase[1], effect=effect
        ),
        named("letter"),
        DAYS,
        st.sampled_from(LETTERS),
        EFFECTS,
    ),
    st.builds(compensation, named("undo"), DAYS, phase=st.sampled_from(PHASES), effect=EFFECTS),
    st.builds(approval, named("yes"), DAYS, subject=named("undo"), settled=st.booleans()),
    st.builds(disposition, named("say"), DAYS, subject=named("letter"), settled=st.booleans()),
    st.builds(
        receipt,
        DAYS,
        subject=st.sampled_from(SUBJECTS),
        effect=EFFECTS,
        sequence=st.integers(1, 3),
    ),
)


def uids(records: list[Object]) -> set[str]:
    return {raw["metadata"]["uid"] for raw in records}


NAMESPACES = st.lists(
    RECORDS, max_size=25, unique_by=lambda raw: (raw["kind"], raw["metadata"]["name"])
)


def effects(records: list[Object]) -> set[str]:
    """The effects that Actions, DeadLetters and Compensations are about."""
    found = set[str]()
    for raw in records:
        spec = raw["spec"]
        match raw["kind"]:
            case "Action":
                found.add(effect_of(key=spec["idempotencyKey"]))
            case "DeadLetter":
                found.add(spec["effectId"])
            case "Compensation":
                found.add(spec["targetEffect"])
            case _:
                pass
    return found


@given(NAMESPACES, st.data())
def test_sweeps_that_are_interrupted_anywhere_never_take_what_is_needed(
    there: list[Object], data: st.DataObject
) -> None:
    still_open = [
        raw for raw in there if judge(TYPES[raw["kind"]].read(raw), NOW, KEEP) is Stay.OPEN
    ]
    for _ in range(3):
        selected = survey(there).selected()
        for one in selected[: data.draw(st.integers(0, len(selected)))]:
            there = [raw for raw in there if raw["metadata"]["uid"] != one.uid]
            assert one.effect not in effects(still_open)
            assert one.subject is None or one.subject.uid not in uids(there)
            if one.key.kind == "Receipt":
                assert one.effect not in effects(there)
                evidence = [raw["spec"] for raw in there if raw["kind"] == "Receipt"]
                assert {"name": one.key.name} not in [e.get("supersedes") for e in evidence]
    assert all(raw in there for raw in still_open)


@given(NAMESPACES)
def test_after_two_whole_sweeps_there_is_nothing_more_to_take(there: list[Object]) -> None:
    for _ in range(2):
        gone = {one.uid for one in survey(there).selected()}
        there = [raw for raw in there if raw["metadata"]["uid"] not in gone]
    assert survey(there).selected() == []

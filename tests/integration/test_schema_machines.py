"""The API server allows the steps of the tables in core/machines.py and no others, to anybody."""

from collections.abc import Iterator

import pytest

from amends.core.machines import PHASE_MACHINES, Machine
from integration.cluster import Cluster, Refused
from integration.objects import named

pytestmark = pytest.mark.controlplane

EVERY_PHASE = pytest.mark.parametrize(
    ("kind", "before"),
    [
        pytest.param(kind, before, id=f"{kind}-{before}")
        for kind, machine in PHASE_MACHINES.items()
        for before in machine.steps
    ],
)


def way_to(machine: Machine, goal: str) -> list[str]:
    """The shortest way from the first phase to this one, without the first."""
    ways: list[list[str]] = [[machine.initial]]
    for way in ways:
        if way[-1] == goal:
            return way[1:]
        after = machine.steps[next(phase for phase in machine.steps if phase == way[-1])]
        ways += [[*way, step] for step in after if step not in way]
    raise AssertionError(f"no way leads to {goal}")


def in_phase(operator: Cluster, kind: str, name: str, phase: str) -> None:
    """Creates an object and moves it to the phase, step by legal step."""
    operator.create(named(kind, name))
    for step in way_to(PHASE_MACHINES[kind], phase):
        operator.write_status(kind, name, {"phase": step})


def names() -> Iterator[str]:
    return (f"object-{number}" for number in range(1000))


@EVERY_PHASE
def test_every_step_that_is_not_in_the_table_is_refused(
    kind: str, before: str, operator: Cluster, admin: Cluster
) -> None:
    machine = PHASE_MACHINES[kind]
    in_phase(operator, kind, "one", before)

    for after in machine.steps:
        if after == before or after in machine.steps[type(after)(before)]:
            continue
        for who in (operator, admin):
            with pytest.raises(Refused) as refused:
                who.write_status(kind, "one", {"phase": after})
            assert refused.value.causes == [
                {
                    "reason": "FieldValueForbidden",
                    "message": "Forbidden: illegal "
                    f"{machine.noun} status transition from {before} to {after}",
                    "field": "status.phase",
                }
            ]
    assert operator.read(kind, "one")["status"]["phase"] == before


@EVERY_PHASE
def test_every_step_in_the_table_is_accepted(kind: str, before: str, operator: Cluster) -> None:
    machine = PHASE_MACHINES[kind]
    phase = next(phase for phase in machine.steps if phase == before)
    for name, after in zip(names(), [phase, *machine.steps[phase]], strict=False):
        in_phase(operator, kind, name, before)
        assert operator.write_status(kind, name, {"phase": after})["status"]["phase"] == after


@pytest.mark.parametrize("kind", PHASE_MACHINES)
def test_an_unknown_phase_is_refused(kind: str, operator: Cluster) -> None:
    operator.create(named(kind, "one"))
    known = ", ".join(f'"{phase}"' for phase in PHASE_MACHINES[kind].steps)

    with pytest.raises(Refused, match=f'Unsupported value: "Lost": supported values: {known}'):
        operator.write_status(kind, "one", {"phase": "Lost"})


@pytest.mark.parametrize(
    ("kind", "phase"),
    [("Compensation", "Running"), ("DeadLetter", "Resolved"), ("Action", "Recorded")],
)
def test_neither_status_nor_phase_can_be_removed(kind: str, phase: str, operator: Cluster) -> None:
    # What is removed falls back to its default, and that is an illegal step. (A dead letter may be
    # reopened, so removing its phase before Resolved reopens it.)
    in_phase(operator, kind, "one", phase)
    machine = PHASE_MACHINES[kind]
    words = f"illegal {machine.noun} status transition from {phase} to {machine.initial}"

    with pytest.raises(Refused, match=words):
        operator.write_status(kind, "one", {"phase": None})
    with pytest.raises(Refused, match=words):
        operator.write_status(kind, "one", None)
    with_no_status = operator.read(kind, "one")
    del with_no_status["status"]
    with pytest.raises(Refused, match=words):
        operator.replace_status(with_no_status)


@pytest.mark.parametrize("kind", ["Compensation", "DeadLetter"])
def test_the_idempotency_key_of_what_is_sent_never_changes(kind: str, operator: Cluster) -> None:
    operator.create(named(kind, "one"))
    entry = {"id": "outbox-1", "operation": "undo", "phase": "Pending"}
    operator.write_status(kind, "one", {"outbox": entry})
    operator.write_status(kind, "one", {"outbox": {"idempotencyKey": "key-1"}})
    operator.write_status(kind, "one", {"outbox": {"phase": "Claimed"}})

    for change in ({"idempotencyKey": "key-2"}, {"idempotencyKey": None}, None):
        with pytest.raises(Refused, match=r"outbox\.idempotencyKey key-1 may have been sent"):
            operator.write_status(kind, "one", {"outbox": change})

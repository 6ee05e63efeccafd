"""The tables of the state machines hold together, and illegal steps are refused in one wording."""

from enum import StrEnum

import pytest

from amends.api import KINDS
from amends.core.machines import (
    ACTION,
    COMPENSATION,
    DEAD_LETTER,
    OUTBOX,
    PHASE_MACHINES,
    IllegalTransition,
    Machine,
)
from amends.core.served.diagrams import MACHINES

EVERY_MACHINE = pytest.mark.parametrize("machine", MACHINES.values(), ids=list(MACHINES))

LEGAL = {
    "action": "Pending→Recorded",
    "compensation": (
        "Proposed→AwaitingApproval Proposed→Approved Proposed→Cancelled "
        "AwaitingApproval→Approved AwaitingApproval→Cancelled "
        "Approved→Running Approved→AwaitingApproval Approved→Cancelled "
        "Running→Completed Running→Failed Running→Cancelled "
        "Failed→Approved Failed→Running Failed→Cancelled"
    ),
    "dead letter": (
        "Open→RetryRequested Open→Ignored Open→LinkedToCompensation Open→Resolved "
        "RetryRequested→Retrying RetryRequested→Ignored RetryRequested→LinkedToCompensation "
        "RetryRequested→Resolved "
        "Retrying→Open Retrying→Ignored Retrying→LinkedToCompensation Retrying→Resolved "
        "Ignored→Open LinkedToCompensation→Open LinkedToCompensation→Resolved"
    ),
    "outbox": (
        "Pending→Claimed Pending→Sent Pending→Failed Pending→DeadLettered Pending→Cancelled "
        "Claimed→Sent Claimed→Failed Claimed→DeadLettered Claimed→Cancelled "
        "Failed→Claimed Failed→DeadLettered Failed→Cancelled"
    ),
}
"""Written a second time on purpose: a change of a table is a change of what users rely on."""


def pairs(machine: Machine) -> list[tuple[StrEnum, StrEnum]]:
    return [(before, after) for before in machine.steps for after in machine.steps]


@EVERY_MACHINE
def test_exactly_these_steps_are_legal(machine: Machine) -> None:
    legal = {
        f"{before}→{after}"
        for before, after in pairs(machine)
        if before != after and machine.allows(before, after)
    }
    assert legal == set(LEGAL[machine.noun].split())


@EVERY_MACHINE
def test_every_phase_is_in_the_table_and_can_be_reached(machine: Machine) -> None:
    assert set(machine.steps) == set(type(machine.initial))
    reached = {machine.initial}
    while more := {after for phase in reached for after in machine.steps[phase]} - reached:
        reached |= more
    assert reached == set(machine.steps)


@EVERY_MACHINE
def test_a_step_is_refused_in_the_words_of_the_api_server(machine: Machine) -> None:
    for before, after in pairs(machine):
        if machine.allows(before, after):
            machine.check(before, after)
            continue
        with pytest.raises(IllegalTransition) as refused:
            machine.check(before, after)
        assert str(refused.value) == (
            f"illegal {machine.noun} status transition from {before} to {after}"
        )


@pytest.mark.parametrize(
    ("machine", "terminal"),
    [
        (ACTION, {"Recorded"}),
        (COMPENSATION, {"Completed", "Cancelled"}),
        (DEAD_LETTER, {"Resolved"}),
        (OUTBOX, {"Sent", "DeadLettered", "Cancelled"}),
    ],
    ids=lambda value: value.noun if isinstance(value, Machine) else "",
)
def test_terminal_phases(machine: Machine, terminal: set[str]) -> None:
    assert machine.terminal == terminal
    for phase in machine.terminal:
        assert [after for after in machine.steps if machine.allows(phase, after)] == [phase]


def test_a_kind_with_a_phase_follows_a_machine_that_begins_at_its_default() -> None:
    with_phase = {}
    for kind in KINDS:
        status = kind.model_fields["status"].get_default(call_default_factory=True)
        if hasattr(status, "phase"):
            with_phase[kind.__name__] = status.phase
    assert with_phase == {kind: machine.initial for kind, machine in PHASE_MACHINES.items()}

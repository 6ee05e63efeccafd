"""Stations: every phase of every kind's life, how an object gets there, and what comes after it."""

from dataclasses import dataclass

from chaos import edit_ways as ways
from chaos.edit_subjects import Held, Subject, where
from chaos.edit_ways import Finish, Prepare
from support.target import APPLIED, Answer, Target, refused
from support.tenant import Tenant


@dataclass(frozen=True)
class Station:
    """A phase of a kind. prepare: brings an object there. finish: what people do next.

    frozen: its namespace stops all execution until then. once: a repeat may do harm, so that no
    second request may leave, whatever is edited.
    """

    kind: str
    phase: str
    prepare: Prepare
    finish: Finish
    at: tuple[str, str]
    frozen: bool = False
    once: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.phase}"

    def subject(self, tenant: Tenant, target: Target) -> Subject:
        """A new object there."""
        gate = Held()
        name, route = self.prepare(tenant, target, gate)
        subject = Subject(tenant, self.kind, name, route, gate)
        tenant.wait_until(self.kind, name, lambda one: where(one) == self.at)
        return subject


U, L = "Compensation", "DeadLetter"
STATIONS: tuple[Station, ...] = (
    Station(
        U,
        "Proposed",
        lambda t, g, _: ways.undo(t, g, APPLIED, approved=False, origin=ways.ELSEWHERE),
        ways.make_executable_and_approve,
        ("Proposed", "NotExecutable"),
    ),
    Station(
        U,
        "AwaitingApproval",
        lambda t, g, _: ways.undo(t, g, APPLIED, approved=False),
        ways.approve,
        ("AwaitingApproval", "AwaitingApproval"),
    ),
    Station(
        U,
        "Approved",
        lambda t, g, _: ways.undo(t, g, APPLIED),
        Subject.release,
        ("Approved", "Frozen"),
        frozen=True,
    ),
    Station(
        U,
        "Running, target held",
        lambda t, g, gate: ways.undo(t, g, Answer(until=gate)),
        Subject.release,
        ("Running", "Running"),
    ),
    Station(
        U,
        "Running, target held, no repeat",
        lambda t, g, gate: ways.undo(t, g, Answer(until=gate), safety="None"),
        Subject.release,
        ("Running", "Running"),
        once=True,
    ),
    Station(
        U,
        "Running, outcome unknown",
        lambda t, g, _: ways.undo(t, g, ways.IN_DOUBT, safety="None"),
        ways.attest,
        ("Running", "OutcomeUnknown"),
        once=True,
    ),
    Station(U, "Running, by hand", ways.by_hand, ways.attest, ("Running", "AwaitingAttestation")),
    Station(
        U,
        "Failed, tried again",
        lambda t, g, _: ways.undo(t, g, refused(425)),
        ways.cancel,
        ("Failed", "Retrying"),
    ),
    Station(
        U,
        "Failed for good",
        lambda t, g, _: ways.undo(t, g, refused(400)),
        ways.cancel,
        ("Failed", "Failed"),
    ),
    Station(
        U,
        "Completed",
        lambda t, g, _: ways.undo(t, g, APPLIED),
        ways.nothing,
        ("Completed", "Completed"),
    ),
    Station(U, "Cancelled", ways.cancelled, ways.nothing, ("Cancelled", "Cancelled")),
    Station("Action", "Pending", ways.action("pending"), ways.succeed, ("Pending", "Pending")),
    Station(
        "Action",
        "Recorded, succeeded",
        ways.action("succeeded"),
        ways.nothing,
        ("Recorded", "Recorded"),
    ),
    Station(
        "Action", "Recorded, failed", ways.action("failed"), ways.nothing, ("Recorded", "Recorded")
    ),
    Station(
        L,
        "Open",
        lambda t, g, _: ways.letter(t, g, APPLIED),
        ways.ignore,
        ("Open", "AwaitingDecision"),
    ),
    Station(
        L,
        "RetryRequested",
        lambda t, g, _: ways.letter(t, g, APPLIED, "Retry"),
        Subject.release,
        ("RetryRequested", "Frozen"),
        frozen=True,
    ),
    Station(
        L,
        "Retrying, target held",
        lambda t, g, gate: ways.letter(t, g, Answer(until=gate), "Retry"),
        Subject.release,
        ("Retrying", "Retrying"),
    ),
    Station(
        L,
        "Retrying, target held, no repeat",
        lambda t, g, gate: ways.letter(t, g, Answer(until=gate), "Retry", safety="None"),
        Subject.release,
        ("Retrying", "Retrying"),
        once=True,
    ),
    Station(
        L,
        "Retrying, outcome unknown",
        lambda t, g, _: ways.letter(t, g, ways.IN_DOUBT, "Retry", safety="None"),
        ways.attest,
        ("Retrying", "OutcomeUnknown"),
        once=True,
    ),
    Station(
        L,
        "LinkedToCompensation",
        lambda t, g, _: ways.letter(
            t, g, APPLIED, "Compensate", compensation={"execution": {"record": {}}}
        ),
        ways.approve_its_undo,
        ("LinkedToCompensation", "AwaitingCompensation"),
    ),
    Station(
        L,
        "Resolved",
        lambda t, g, _: ways.letter(t, g, APPLIED, "Resolve"),
        ways.nothing,
        ("Resolved", "Resolved"),
    ),
    Station(
        L,
        "Ignored",
        lambda t, g, _: ways.letter(t, g, APPLIED, "Ignore"),
        ways.nothing,
        ("Ignored", "Ignored"),
    ),
    Station("Approval", "waiting", ways.approval(False), ways.nothing, ("open", "SubjectNotFound")),
    Station("Approval", "counted", ways.approval(True), ways.nothing, ("settled", "Counted")),
    Station(
        "Disposition", "waiting", ways.disposition(False), ways.nothing, ("open", "SubjectNotFound")
    ),
    Station(
        "Disposition", "carried out", ways.disposition(True), ways.nothing, ("settled", "Applied")
    ),
    Station(
        "Attestation", "waiting", ways.attestation(False), ways.nothing, ("open", "SubjectNotFound")
    ),
    Station("Attestation", "counted", ways.attestation(True), ways.nothing, ("settled", "Counted")),
    Station("Receipt", "written", ways.receipt, ways.nothing, ("open", "")),
)

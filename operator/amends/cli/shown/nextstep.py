"""What an object waits for, who must act next, and the very commands to do so. Pure."""

from datetime import datetime

from amends.api import (
    Action,
    Approval,
    Attestation,
    Compensation,
    DeadLetter,
    Disposition,
    Resource,
)
from amends.api.action import ActionOutcome, ActionPhase
from amends.api.compensation import CompensationPhase
from amends.api.wire import Condition
from amends.cli.shown import demands, letter_step
from amends.cli.shown.kinds import reference
from amends.cli.shown.preview import plain, visible
from amends.cli.shown.step import (
    ASKED,
    AUTOMATION,
    NOBODY,
    OPERATOR,
    PEOPLE,
    WHY,
    Next,
    Typing,
    attesting,
    beginning,
    condition,
    is_stalled,
)
from amends.cli.shown.times import at
from amends.core import superseding
from amends.core.enforcement import NOT_ENFORCED
from amends.core.hold import FROZEN
from amends.core.namespace import Floors
from amends.core.undo.awaiting import awaits_attestation, by_hand, is_probed

C = CompensationPhase
Held = Compensation | DeadLetter | Approval | Disposition | Attestation


def of(one: Resource, command: Typing, now: datetime, floors: Floors | None = None) -> Next:
    """The next step of any object. floors: of its namespace, None if that is not known."""
    match one:
        case Compensation() | DeadLetter() | Approval() | Disposition() | Attestation() if (
            is_held_back(one)
        ):
            return _held_back(one, command)
        case Compensation() | DeadLetter() if _is_frozen(one):
            cancel = ("give it up, for good", command("cancel", one.metadata.name))
            commands = (cancel,) if isinstance(one, Compensation) else ()
            return beginning(one.status.conditions, "a freeze holds it back", commands)
        case Compensation():
            return _compensation(one, command, now, floors)
        case DeadLetter():
            return letter_step.of(one, command)
        case Action():
            return _action(one, command)
        case Approval() | Disposition() | Attestation():
            return _statement(one, command)
        case _:
            return Next(NOBODY, "evidence stands for itself", _verify(one.metadata.name, command))


def is_held_back(one: Held) -> bool:
    """Whether it waits until somebody repairs the admission policies."""
    ready = condition(one.status.conditions, "Ready")
    return ready is not None and ready.reason == NOT_ENFORCED


def _is_frozen(one: Compensation | DeadLetter) -> bool:
    """Whether it waits for a freeze to end; what is under way only says that there is one."""
    ready = condition(one.status.conditions, "Ready")
    return ready is not None and ready.reason == FROZEN


def _held_back(one: Held, command: Typing) -> Next:
    ready = condition(one.status.conditions, "Ready")
    assert ready is not None
    policies = command.kubectl(
        "get", "validatingadmissionpolicies,validatingadmissionpolicybindings"
    )
    return Next(PEOPLE, f"it {plain(ready.message)}", (("see which are there", policies),))


# --------------------------------------------------------------------------------- compensations


def _compensation(one: Compensation, command: Typing, now: datetime, floors: Floors | None) -> Next:
    spec, status, name = one.spec, one.status, one.metadata.name
    cancel = ("give it up, for good", command("cancel", name))
    ready = condition(status.conditions, "Ready")
    said = plain(ready.message) if ready is not None else ""
    if status.phase in (C.COMPLETED, C.CANCELLED):
        ref = status.receipt_ref
        proof = _verify(ref.name, command) if ref is not None else ()
        return Next(NOBODY, f"it is {status.phase}, for good", proof)
    if spec.cancel:
        return Next(OPERATOR, "it is about to be cancelled")
    if superseding.is_held(status) and status.phase is not C.RUNNING:
        return Next(
            PEOPLE, f"{said or _SUPERSEDED} Is the undo still wanted?", _recoveries(one, command)
        )
    if spec.suspend:
        resume = ("let it go on", command("resume", name))
        return Next(PEOPLE, "it is suspended, and stays as it is", (resume, cancel))
    if awaits_attestation(one):
        unknown = ("leave it unknown, for good", command("cancel", name))
        steps = (*attesting(name, command), cancel if by_hand(one) else unknown)
        return Next(PEOPLE, said or "somebody must say what came of it", steps)
    if is_stalled(status.conditions):
        return Next(PEOPLE, said, (cancel,))
    match status.phase:
        case C.AWAITING_APPROVAL:
            return Next(PEOPLE, _approvals(one, now, floors), _decide(name, command))
        case C.RUNNING:
            return _running(one, _held(ready, C.RUNNING), command, now)
        case C.FAILED if status.next_attempt_at is not None:
            again = f"it tries again at {at(status.next_attempt_at, now)}"
            return beginning(status.conditions, again, (cancel,))
        case C.FAILED:
            return Next(PEOPLE, said or "it has failed, and is not tried again", (cancel,))
        case C.PROPOSED:
            return Next(OPERATOR, "it has not been looked at yet; is the operator running?")
        case _:
            waits = _held(ready, C.APPROVED) or "it is approved, and about to run"
            return beginning(status.conditions, waits, (cancel,))


def _held(ready: Condition | None, phase: C) -> str | None:
    """What it waits for, where that is more than its phase says."""
    return plain(ready.message) if ready is not None and ready.reason != str(phase) else None


_SUPERSEDED = "the effect has succeeded after all."


def _recoveries(one: Compensation, command: Typing) -> tuple[tuple[str, str], ...]:
    name = one.metadata.name
    given_up = ("no: give it up", command("cancel", name))
    if one.status.phase is not C.AWAITING_APPROVAL:
        return (given_up,)
    return (given_up, ("yes: undo it all the same", command("approve", name)))


def _decide(name: str, command: Typing) -> tuple[tuple[str, str], ...]:
    return (
        ("see the request, then approve", command("approve", name)),
        ("refuse it, for good", command("reject", name, WHY)),
    )


def _approvals(one: Compensation, now: datetime, floors: Floors | None) -> str:
    spec, status = one.spec, one.status
    ready = condition(status.conditions, "Ready")
    if ready is not None and ready.reason == "AnnotationUnreadable":
        return plain(ready.message)
    words = demands.missing(one, floors)
    out = [spec.requester.username] if spec.requester is not None else []
    out += [each.username for each in status.approvals]
    if out:
        words += f", not by {' or '.join(visible(who) for who in dict.fromkeys(out))}"
    if status.approval_deadline is not None:
        words += f"; cancelled without it at {at(status.approval_deadline, now)}"
    return words


def _running(one: Compensation, held: str | None, command: Typing, now: datetime) -> Next:
    outbox = one.status.outbox
    if is_probed(one):
        return Next(OPERATOR, held or ASKED, attesting(one.metadata.name, command))
    if held is not None or outbox is None or outbox.claim_expires_at is None:
        return Next(OPERATOR, held or "it is being executed")
    ends = at(outbox.claim_expires_at, now)
    under_way = f"attempt {outbox.attempt} is under way"
    return Next(OPERATOR, f"{under_way}; its claim, renewed while it works, ends at {ends}")


# ----------------------------------------------------------------------------------------- others


def _action(one: Action, command: Typing) -> Next:
    status = one.status
    if status.effect is not None and status.effect.outcome is ActionOutcome.UNKNOWN:
        fix = command.kubectl("edit", f"actions.amends.dev/{one.metadata.name}")
        what = (
            "nobody knows whether it has happened: look at the target, then say so in spec.outcome"
        )
        return Next(PEOPLE, what, (("succeeded or failed", fix),))
    if status.phase is ActionPhase.PENDING:
        ready = condition(status.conditions, "Ready")
        said = f": {plain(ready.message)}" if ready is not None else ""
        return Next(AUTOMATION, f"its outcome is not known yet{said}")
    if status.dead_letter_ref is not None:
        letter = status.dead_letter_ref.name
        look = ("what is to become of it", command("show", f"dead-letter/{letter}"))
        return Next(f"dead letter {letter}", "it failed", (look,))
    return Next(NOBODY, "its outcome is on record")


def _statement(one: Approval | Disposition | Attestation, command: Typing) -> Next:
    ready = condition(one.status.conditions, "Ready")
    said = f"{ready.reason}: {plain(ready.message)}" if ready is not None else ""
    if isinstance(one, Approval):
        about = f"compensation/{one.spec.subject_ref.name}"
    elif isinstance(one, Attestation):
        about = reference(one.spec.subject_ref.kind, one.spec.subject_ref.name)
    else:
        about = f"dead-letter/{one.spec.dead_letter_ref.name}"
    look = (("what it is about", command("show", about)),)
    if one.status.settled:
        return Next(NOBODY, said or "it has been taken into account", look)
    return Next(OPERATOR, said or "it has not been looked at yet; is the operator running?", look)


def _verify(receipt: str, command: Typing) -> tuple[tuple[str, str], ...]:
    return (("check the proof", command("verify-receipt", receipt)),)

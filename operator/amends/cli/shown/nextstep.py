"""What an object waits for, who must act next, and the very commands to do so. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, assert_never

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
from amends.api.dead_letter import DeadLetterPhase, RecoveryOption
from amends.api.wire import Condition, ConditionStatus
from amends.cli.shown import demands
from amends.cli.shown.kinds import reference
from amends.cli.shown.preview import plain, visible
from amends.cli.shown.times import at
from amends.core import superseding
from amends.core.enforcement import NOT_ENFORCED
from amends.core.namespace import Floors
from amends.core.undo.awaiting import awaits_attestation, by_hand

C, D = CompensationPhase, DeadLetterPhase

PEOPLE, OPERATOR, AUTOMATION, NOBODY = "a person", "the operator", "the automation", "nobody"
WHY = '--reason "…"'
Held = Compensation | DeadLetter | Approval | Disposition | Attestation


class Typing(NamedTuple):
    """How a command to type next is written. flags: which cluster is meant, ` --context prod`."""

    namespace: str
    flags: str = ""

    def __call__(self, verb: str, what: str = "", options: str = "") -> str:
        """A verb of ours."""
        return self.kubectl(f"amends {verb}", what, options)

    def kubectl(self, verb: str, what: str = "", options: str = "") -> str:
        """A verb of kubectl's."""
        words = " ".join(word for word in ("kubectl", verb, what) if word)
        return f"{words} -n {self.namespace}{self.flags}{options and f' {options}'}"


@dataclass(frozen=True)
class Next:
    """Who must act, on what, and how: (what it does, the command)."""

    who: str
    what: str
    commands: tuple[tuple[str, str], ...] = ()


def of(one: Resource, command: Typing, now: datetime, floors: Floors | None = None) -> Next:
    """The next step of any object. floors: of its namespace, None if that is not known."""
    match one:
        case Compensation() | DeadLetter() | Approval() | Disposition() | Attestation() if (
            is_held_back(one)
        ):
            return _held_back(one, command)
        case Compensation():
            return _compensation(one, command, now, floors)
        case DeadLetter():
            return _dead_letter(one, command)
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
        return Next(PEOPLE, f"{said or _SUPERSEDED} Is the undo still wanted?", _held(one, command))
    if spec.suspend:
        resume = ("let it go on", command("resume", name))
        return Next(PEOPLE, "it is suspended, and stays as it is", (resume, cancel))
    if awaits_attestation(one):
        unknown = ("leave it unknown, for good", command("cancel", name))
        steps = (*_attest(name, command), cancel if by_hand(one) else unknown)
        return Next(PEOPLE, said or "somebody must say what came of it", steps)
    if is_stalled(status.conditions):
        return Next(PEOPLE, said, (cancel,))
    match status.phase:
        case C.AWAITING_APPROVAL:
            return Next(PEOPLE, _approvals(one, now, floors), _decide(name, command))
        case C.RUNNING:
            return Next(OPERATOR, _running(one, now))
        case C.FAILED if status.next_attempt_at is not None:
            when = at(status.next_attempt_at, now)
            return Next(OPERATOR, f"it tries again at {when}", (cancel,))
        case C.FAILED:
            return Next(PEOPLE, said or "it has failed, and is not tried again", (cancel,))
        case C.PROPOSED:
            return Next(OPERATOR, "it has not been looked at yet; is the operator running?")
        case _:
            return Next(OPERATOR, "it is approved, and about to run", (cancel,))


_SUPERSEDED = "the effect has succeeded after all."


def _held(one: Compensation, command: Typing) -> tuple[tuple[str, str], ...]:
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


def _running(one: Compensation, now: datetime) -> str:
    outbox = one.status.outbox
    if outbox is None or outbox.claim_expires_at is None:
        return "it is being executed"
    ends = at(outbox.claim_expires_at, now)
    return (
        f"attempt {outbox.attempt} is under way; its claim, renewed while it works, ends at {ends}"
    )


# --------------------------------------------------------------------------------- dead letters


def _dead_letter(one: DeadLetter, command: Typing) -> Next:
    status, name = one.status, one.metadata.name
    ready = condition(status.conditions, "Ready")
    said = plain(ready.message) if ready is not None else ""
    match status.phase:
        case D.RESOLVED:
            return Next(NOBODY, "it is Resolved, for good")
        case D.IGNORED:
            reopen = _dispose("it should not have been ignored", name, "Reopen", command)
            return Next(NOBODY, "it is ignored", (reopen,))
        case D.RETRYING if is_stalled(status.conditions):
            return Next(
                PEOPLE,
                said,
                (
                    *_attest(f"dead-letter/{name}", command),
                    _dispose("leave it unknown", name, "Ignore", command),
                ),
            )
        case D.RETRY_REQUESTED | D.RETRYING:
            return Next(OPERATOR, said or "the retry has been asked for")
        case D.LINKED_TO_COMPENSATION | D.OPEN if status.compensation_ref is not None:
            ref = status.compensation_ref
            if status.settled:
                return Next(NOBODY, f"compensation {ref.name} has undone it")
            look = ("what it waits for", command("show", f"compensation/{ref.name}"))
            return Next(
                f"compensation {ref.name}", "whatever comes of it decides this too", (look,)
            )
        case D.LINKED_TO_COMPENSATION:
            return Next(OPERATOR, said or "its compensation is being made")
        case D.OPEN if status.superseded_by is not None:
            done = _dispose("it has been dealt with", name, "Resolve", command)
            return Next(PEOPLE, f"the effect has succeeded after all; {_CLOSE}", (done,))
        case D.OPEN:
            return Next(PEOPLE, "somebody must say what is to become of it", _choices(one, command))
        case unknown:
            assert_never(unknown)


_CLOSE = "nothing is left to do but to close it"


def _choices(one: DeadLetter, command: Typing) -> tuple[tuple[str, str], ...]:
    name, options = one.metadata.name, one.spec.recovery_options
    found: list[tuple[str, str]] = []
    if RecoveryOption.RETRY in options:
        found.append(("send it again", command("retry", name, WHY)))
    if RecoveryOption.COMPENSATE in options:
        found.append(_dispose("undo or repair it", name, "Compensate", command))
    found.append(_dispose("it has been dealt with", name, "Resolve", command))
    found.append(_dispose("leave it", name, "Ignore", command))
    return tuple(found)


def _attest(subject: str, command: Typing) -> tuple[tuple[str, str], ...]:
    return (
        ("you have looked, and it has happened", command("attest", subject, f"--applied {WHY}")),
        ("you have looked, and it has not", command("attest", subject, f"--not-applied {WHY}")),
    )


def _dispose(what: str, name: str, choice: str, command: Typing) -> tuple[str, str]:
    return what, command("dispose", name, f"--choice {choice} {WHY}")


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


def is_stalled(conditions: Sequence[Condition]) -> bool:
    """Whether the operator says that it cannot go on by itself."""
    found = condition(conditions, "Stalled")
    return found is not None and found.status is ConditionStatus.TRUE


def condition(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """The condition of a type."""
    return next((one for one in conditions if one.type == kind), None)

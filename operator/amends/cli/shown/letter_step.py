"""What a dead letter waits for, and who decides on it with which command. Pure."""

from typing import assert_never

from amends.api import DeadLetter
from amends.api.dead_letter import DeadLetterPhase, RecoveryOption
from amends.cli.shown.preview import plain
from amends.cli.shown.step import (
    ASKED,
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
from amends.core import probing

D = DeadLetterPhase


def of(one: DeadLetter, command: Typing) -> Next:
    """The next step of a dead letter."""
    status, name = one.status, one.metadata.name
    ready = condition(status.conditions, "Ready")
    said = plain(ready.message) if ready is not None else ""
    match status.phase:
        case D.RESOLVED:
            return Next(NOBODY, "it is Resolved, for good")
        case D.IGNORED:
            reopen = _dispose("it should not have been ignored", name, "Reopen", command)
            return Next(NOBODY, "it is ignored", (reopen,))
        case D.RETRY_REQUESTED if ready is not None and ready.reason == "NotExecutable":
            return Next(PEOPLE, said, _choices(one, command, but=RecoveryOption.RETRY))
        case D.RETRY_REQUESTED:
            return beginning(status.conditions, said or "the retry has been asked for")
        case D.RETRYING:
            return _retrying(one, said, command)
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


def _retrying(one: DeadLetter, said: str, command: Typing) -> Next:
    name, attest = one.metadata.name, attesting(f"dead-letter/{one.metadata.name}", command)
    if is_stalled(one.status.conditions):
        unknown = _dispose("leave it unknown", name, "Ignore", command)
        return Next(PEOPLE, said, (*attest, unknown))
    if probing.is_asked(one.status.outbox):
        return Next(OPERATOR, said or ASKED, attest)
    return Next(OPERATOR, said or "it is being sent again")


_CLOSE = "nothing is left to do but to close it"


def _choices(
    one: DeadLetter, command: Typing, but: RecoveryOption | None = None
) -> tuple[tuple[str, str], ...]:
    name, options = one.metadata.name, {*one.spec.recovery_options} - {but}
    found: list[tuple[str, str]] = []
    if RecoveryOption.RETRY in options:
        found.append(("send it again", command("retry", name, WHY)))
    if RecoveryOption.COMPENSATE in options:
        found.append(_dispose("undo or repair it", name, "Compensate", command))
    found.append(_dispose("it has been dealt with", name, "Resolve", command))
    found.append(_dispose("leave it", name, "Ignore", command))
    return tuple(found)


def _dispose(what: str, name: str, choice: str, command: Typing) -> tuple[str, str]:
    return what, command("dispose", name, f"--choice {choice} {WHY}")

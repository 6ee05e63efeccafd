"""A next step: who acts, on what, with which command; and what steps are made of. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from amends.api.wire import Condition, ConditionStatus
from amends.cli.shown.preview import plain
from amends.core.hold import FROZEN

PEOPLE, OPERATOR, AUTOMATION, NOBODY = "a person", "the operator", "the automation", "nobody"
FREEZER = "whoever froze it"
ASKED = "the target is asked what came of it"
WHY = '--reason "…"'


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


def attesting(subject: str, command: Typing) -> tuple[tuple[str, str], ...]:
    return (
        ("you have looked, and it has happened", command("attest", subject, f"--applied {WHY}")),
        ("you have looked, and it has not", command("attest", subject, f"--not-applied {WHY}")),
    )


def beginning(
    conditions: Sequence[Condition], what: str, commands: tuple[tuple[str, str], ...] = ()
) -> Next:
    """What begins by itself, unless a freeze holds it back."""
    if (freeze := condition(conditions, FROZEN)) is not None:
        return Next(FREEZER, plain(freeze.message), commands)
    return Next(OPERATOR, what, commands)


def is_stalled(conditions: Sequence[Condition]) -> bool:
    """Whether the operator says that it cannot go on by itself."""
    found = condition(conditions, "Stalled")
    return found is not None and found.status is ConditionStatus.TRUE


def condition(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """The condition of a type."""
    return next((one for one in conditions if one.type == kind), None)

"""The state machines as Mermaid diagrams, for the documentation."""

import re
from collections.abc import Mapping

from amends.core.machines import ACTION, COMPENSATION, DEAD_LETTER, OUTBOX, Machine

MACHINES: Mapping[str, Machine] = {
    machine.noun: machine for machine in (ACTION, COMPENSATION, DEAD_LETTER, OUTBOX)
}

_BLOCK = re.compile(r"(<!-- machine: ([a-z ]+) -->\n)```mermaid\n.*?```\n", re.DOTALL)


class UnknownMachine(LookupError):
    """The documentation asks for a diagram of a machine that does not exist."""


def state_diagram(machine: Machine) -> str:
    """The machine as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {machine.initial}"]
    for before, steps in machine.steps.items():
        lines += [f"    {before} --> {after}" for after in steps]
    lines += [f"    {phase} --> [*]" for phase in machine.steps if phase in machine.terminal]
    return "\n".join(lines)


def refreshed(text: str) -> str:
    """The text with every diagram that follows a `<!-- machine: noun -->` line made anew.

    Raises:
        UnknownMachine: there is no machine of that noun.
    """
    return _BLOCK.sub(_made_anew, text)


def shown(text: str) -> list[str]:
    """Nouns of the machines whose diagrams the text holds."""
    return [noun for _, noun in _BLOCK.findall(text)]


def _made_anew(block: re.Match[str]) -> str:
    noun = block[2]
    if noun not in MACHINES:
        raise UnknownMachine(f"no machine is called {noun!r}; there are {', '.join(MACHINES)}")
    return f"{block[1]}```mermaid\n{state_diagram(MACHINES[noun])}\n```\n"

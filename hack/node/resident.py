"""One program on a node: started within its namespaces, watched, and ended with the node."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from component import Component


class Resident(Component):
    """A program that runs until it ends or its node does.

    It needs no guard: the node's first process is one for all. A guard would even do harm. What
    enters a pid namespace from outside has its parent outside, and if that were killed, nobody
    might be there to reap the program, which the end of the namespace waits for.
    """

    @classmethod
    def enter(
        cls, first: int, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str]
    ) -> Self:
        """Starts the program where the node's first process is."""
        with log.open("wb") as output:
            entered = subprocess.Popen(
                [*entering(first), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,  # out of reach of Ctrl-C, which is for the starter
            )
        return cls(Path(command[0]).name, log, entered, entered.pid)

    def ask_to_stop(self) -> None:
        """Nothing: the end of the node is the end of it."""


def entering(first: int) -> list[str]:
    """What precedes a command that shall run on the node."""
    return ["nsenter", f"--target={first}", "--mount", "--pid", "--net", "--"]

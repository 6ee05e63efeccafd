"""One running program of a control plane: started under a guard, watched, and stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

_GUARD = Path(__file__).with_name("guard.py")
_GRACE = 10.0
_LOOK_EVERY = 0.05
_RARELY = {"GOGC": "400"}
"""Go collects garbage when its heap has grown by so many per cent, 100 by default. On the machines
of tests processor time is short, and memory is not."""

Found = TypeVar("Found")


class ComponentFailed(RuntimeError):
    """A component ended, or did not become ready; the text holds the end of its log."""


class Component:
    """A program that runs until `stop`, or until the process that started it is gone."""

    def __init__(self, name: str, log: Path, guard: subprocess.Popen[bytes], pid: int) -> None:
        self.name = name
        self.log = log
        self.pid = pid
        self._guard = guard

    @classmethod
    def start(
        cls,
        command: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path,
        name: str = "",
        guard: Sequence[str | Path] = (_GUARD, str(_GRACE)),
    ) -> Self:
        """Starts the program under a guard; its output replaces what the log held."""
        with log.open("wb") as output:
            guarding = subprocess.Popen(
                # Isolated and without site: a guard starts fast and minds nobody's environment.
                [sys.executable, "-I", "-S", *guard, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=cwd,
                env={**os.environ, **_RARELY},
                # Out of reach of Ctrl-C, which is for the starter: it stops us in good order.
                start_new_session=True,
            )
        assert guarding.stdout is not None
        with guarding.stdout:
            said = guarding.stdout.readline()
        component = cls(name or Path(command[0]).name, log, guarding, int(said or 0))
        if not said:
            component.stop()
            raise ComponentFailed(component.failure("could not be started"))
        return component

    def wait_for(self, what: str, look: Callable[[], Found | None], *, seconds: float) -> Found:
        """What `look` returns once it returns something; fails early when the program ends."""
        deadline = time.monotonic() + seconds
        while (found := look()) is None:
            if (status := self._guard.poll()) is not None:
                raise ComponentFailed(self.failure(f"ended with status {status} before {what}"))
            if time.monotonic() > deadline:
                raise ComponentFailed(self.failure(f"took over {seconds:.0f} s for {what}"))
            time.sleep(_LOOK_EVERY)
        return found

    def failure(self, what: str) -> str:
        """A sentence about what went wrong, with the end of the log and where the rest is."""
        last = "\n".join(f"  | {line}" for line in self.logged().splitlines()[-15:])
        return f"{self.name} {what}; the end of {self.log}:\n{last}"

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    def ask_to_stop(self) -> None:
        """Asks the guard to end the program, without waiting for it."""
        assert self._guard.stdin is not None
        # A byte, not only the end of the pipe: a forked process may hold a copy of our end.
        with suppress(BrokenPipeError), self._guard.stdin as pipe:
            pipe.write(b".")

    def stop(self) -> None:
        """Ends the program, by force where it does not listen, and reaps it."""
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self.ask_to_stop()
        try:
            self._guard.wait(_GRACE + 5)
        except subprocess.TimeoutExpired:
            self._guard.kill()  # which kills the program, too
            self._guard.wait()

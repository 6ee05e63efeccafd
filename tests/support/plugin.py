"""`kubectl-amends` as a user runs it: the installed console script, with or without a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from support.tenant import Tenant

SCRIPT = Path(sys.executable).with_name("kubectl-amends")
SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Plugin:
    """The command line of one person. columns: how wide lines may be.

    namespace: what -n says; None leaves it out.
    """

    kubeconfig: Path
    home: Path
    namespace: str | None
    columns: int | None = None

    @classmethod
    def of(cls, tenant: Tenant, user: str, columns: int | None = None) -> Self:
        """The command line of a user of a tenant."""
        cp = tenant.installed.cp
        return cls(cp.kubeconfig(user), cp.directory, tenant.namespace, columns)

    def run(self, *arguments: str, stdin: str = "") -> Ended:
        """Without a terminal."""
        done = subprocess.run(
            [SCRIPT, *arguments, *self._scope],
            env=self._environment(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def type(self, *arguments: str, answers: Sequence[tuple[str, str]]) -> Ended:
        """On a terminal; answers: a prompt to wait for, and what the person types then.

        A terminal shows standard output and error alike: both are in `out`.
        """
        controller, terminal = pty.openpty()
        process = subprocess.Popen(
            [SCRIPT, *arguments, *self._scope],
            env=self._environment() | {"TERM": "xterm", "COLUMNS": str(self.columns or 80)},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        shown = _Shown(controller)
        try:
            for prompt, answer in answers:
                shown.until(prompt)
                os.write(controller, f"{answer}\n".encode())
            shown.until(None)
            code = process.wait(timeout=SECONDS)
        finally:
            process.kill()
            process.wait()
            os.close(controller)
        return Ended(code, shown.text, "")

    @property
    def _scope(self) -> tuple[str, ...]:
        return () if self.namespace is None else ("-n", self.namespace)

    def _environment(self) -> dict[str, str]:
        kept = {
            name: os.environ[name]
            for name in ("PATH", "LANG", "LC_ALL", "NO_COLOR")
            if name in os.environ
        }
        width = {"COLUMNS": str(self.columns)} if self.columns is not None else {}
        return kept | width | {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.home)}


class _Shown:
    """What a terminal has shown so far."""

    def __init__(self, controller: int) -> None:
        self._controller = controller
        self._bytes = b""
        self._deadline = time.monotonic() + SECONDS

    @property
    def text(self) -> str:
        """As lines."""
        return self._bytes.decode(errors="replace").replace("\r\n", "\n")

    def until(self, words: str | None) -> None:
        """Read until these words stand there, or, for None, until the program has ended."""
        seen = 0
        while words is None or words not in self.text[seen:]:
            left = self._deadline - time.monotonic()
            ready, _, _ = select.select([self._controller], [], [], max(0.0, left))
            if not ready:
                raise TimeoutError(f"waited in vain for {words!r}; shown so far:\n{self.text}")
            try:
                got = os.read(self._controller, 65536)
            except OSError:  # Linux: the other side is closed
                got = b""
            if not got:
                if words is None:
                    return
                raise AssertionError(f"it ended without {words!r}:\n{self.text}")
            self._bytes += got

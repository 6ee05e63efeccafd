"""Operators that are forks of a process which has imported them once; the tests start some hundred.

An import takes longer than all else that an operator does until it works. A fork is a process like
any other: it has its own pid, log and environment, and is stopped, killed and left behind alike.
"""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from threading import Lock

import installation
from installation import REPO, RunningOperator

_NEEDED = ["amends.__main__", "uvloop", "support.forked"]


class Fork:
    """As subprocess.Popen shows a process."""

    _asking = Lock()
    """How a fork has ended can be read once, by any of them that looks after the others."""

    def __init__(self, process: ForkServerProcess) -> None:
        with self._asking:
            process.start()
        assert process.pid is not None
        self._process = process
        self.pid = process.pid

    def poll(self) -> int | None:
        """How it has ended: its exit code, or minus the signal; None while it runs."""
        with self._asking:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended. Raises subprocess.TimeoutExpired."""
        connection.wait([self._process.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(f"operator {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start_operator(kubeconfig: Path, log: Path, arguments: Sequence[str] = ()) -> RunningOperator:
    """`amends run` with these arguments. Whoever asks must end it."""
    command = ["amends", "run", "--kubeconfig", str(kubeconfig), *arguments]
    log.write_bytes(b"")
    process = _forks().Process(target=_run, args=(command, log, dict(os.environ)), daemon=True)
    return RunningOperator(Fork(process), log)


def running_operator(
    kubeconfig: Path, log: Path, arguments: Sequence[str] = (), *, until_working: bool = True
) -> AbstractContextManager[RunningOperator]:
    """`amends run` with these arguments; stopped with SIGTERM at the end, by its own pid."""
    return installation.running_operator(
        kubeconfig, log, arguments, until_working=until_working, start=start_operator
    )


@cache
def _forks() -> ForkServerContext:
    """Begins with the first one, and ends with this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_NEEDED)
    before = os.environ.get("PYTHONPATH")
    # It knows no other way to what it is to import.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(REPO / "operator"), str(REPO / "tests"), str(REPO / "hack/controlplane"), before or ""]
    )
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before
    return context


def _run(command: list[str], log: Path, environment: dict[str, str]) -> None:
    """What the fork does."""
    with log.open("ab") as sink:
        os.dup2(sink.fileno(), sys.stdout.fileno())
        os.dup2(sink.fileno(), sys.stderr.fileno())
    assert _NEEDED[0] in sys.modules, "the first process could not import it, and did not say so"
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    importlib.import_module("amends.__main__").main()

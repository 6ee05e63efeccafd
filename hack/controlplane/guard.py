"""Guards one component: starts it, and ends it when told to or when its starter is gone.

Run as `python guard.py GRACE COMMAND...`. The starter holds the other end of standard input. A byte
asks for the stop: SIGTERM, then SIGKILL after GRACE seconds. Its end, which the kernel brings about
even when the starter is killed, means SIGKILL at once: nobody is left to wait. The first and only
line on standard output is the component's pid; its log goes to the guard's standard error.

Why a process of its own: on Linux a child can ask to be killed with its parent
(PR_SET_PDEATHSIG), but the "parent" is the *thread* that forked. A test that starts a control
plane in a worker thread would see it die with the thread, and asking needs code between fork and
exec, which is unsafe in a program with threads. The guard has one thread, which lives as long as
it does, so there asking is right: it covers the case that the guard itself is killed.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def main(grace: float, command: list[str]) -> int:
    """Runs the component to its end and returns its exit status as a shell would."""
    ended, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    component = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=_die_with(os.getpid())
    )
    os.write(sys.stdout.fileno(), f"{component.pid}\n".encode())
    os.close(sys.stdout.fileno())
    while component.poll() is None:
        readable, _, _ = select.select([sys.stdin.fileno(), ended], [], [])
        if ended in readable:
            os.read(ended, 4096)
        if sys.stdin.fileno() in readable:
            _stop(component, grace if os.read(sys.stdin.fileno(), 1) else 0)
    return component.returncode if component.returncode >= 0 else 128 - component.returncode


def _stop(component: subprocess.Popen[bytes], grace: float) -> None:
    if grace:
        component.terminate()
    try:
        component.wait(grace)
    except subprocess.TimeoutExpired:
        component.kill()
        component.wait()


def _die_with(guard: int) -> Callable[[], None] | None:
    """What the component does before exec: asks to be killed when the guard is."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:  # it was killed before we could ask
            os._exit(1)

    return ask


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))

"""Says what a long step is doing, and lets one process at a time do it.

Everything here goes to standard error: standard output belongs to the command's answer.
"""

import fcntl
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_EVERY_ON_A_TERMINAL = 1.0
_EVERY_IN_A_LOG = 30.0


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Shows `what` with the seconds it has taken, for as long as the block runs."""
    terminal = sys.stderr.isatty()
    started = time.monotonic()
    over = threading.Event()

    def say(rest: str, *, last: bool = False) -> None:
        if terminal:
            sys.stderr.write(f"\r\x1b[K{what}: {rest}" + ("\n" if last else ""))
        else:
            sys.stderr.write(f"{what}: {rest}\n")
        sys.stderr.flush()

    def elapsed() -> str:
        return f"{time.monotonic() - started:.0f} s"

    def tick() -> None:
        while not over.wait(_EVERY_ON_A_TERMINAL if terminal else _EVERY_IN_A_LOG):
            say(f"{elapsed()} so far")

    say("started")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    outcome = "stopped after"
    try:
        yield
        outcome = "done in"
    finally:
        over.set()
        ticker.join()
        say(f"{outcome} {elapsed()}", last=True)


def wait_for(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Asks until the condition holds. Raises TimeoutError that says what did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)


@contextmanager
def alone(lock: Path, doing: str) -> Iterator[None]:
    """Holds the lock file for the block; says so when another process holds it first.

    The kernel drops the lock with its holder, so a killed process never blocks the next one.
    The file itself stays: removing it would let two processes lock two different files.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress(f"waiting for another process that is {doing}"):
                fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def unfinished(home: Path) -> Iterator[Path]:
    """A folder in `home` for what is not whole yet; to be moved out, or else it is removed.

    Only for the holder of `home`'s lock: what it finds of others was left by a killed process.
    """
    for left in home.glob("unfinished-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=home) as folder:
        yield Path(folder)

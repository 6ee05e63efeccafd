"""Keeps a node's namespaces, and clears up after them when told to or when its starter is gone.

Run as `python -I -S caretaker.py NAME FOLDER COMMAND...`, under the same agreement as the guard of
a control plane's component: the starter holds the other end of standard input, and the first and
only line on standard output is the pid of COMMAND, which becomes process 1 of a new pid namespace.
One SIGKILL to it ends every process of the node; the kernel sees to that, and the wait for it lasts
until they are all gone. Nothing in there needs to end in good order.

Two things outlive processes, and are removed here: the control groups called NAME with all that is
in them, and FOLDER. A byte on standard input leaves the folder to the starter; the end of input,
which the kernel brings about even when the starter is killed, means that nobody will look at it
again. The folder is given as an empty string where it is not ours to remove.
"""

import ctypes
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_CLONE_NEWPID = 0x20000000
_SECONDS_TO_CLEAR_UP = 10.0


def main(name: str, folder: str, command: list[str]) -> int:
    """Runs the command to its end, or to ours, and clears up."""
    for hierarchy in hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)
    try:
        left_alone = keep(command)
    finally:
        for hierarchy in hierarchies():
            persist(remove_group, hierarchy / name)
    if left_alone and folder:
        persist(shutil.rmtree, Path(folder))
    return 0


def keep(command: list[str]) -> bool:
    """Runs process 1 of a new pid namespace; whether it ended because its starter is gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWPID) != 0:  # for our children: we stay where we are
        raise OSError(ctypes.get_errno(), "cannot make a pid namespace")
    # It holds a pipe of ours, not the starter's: its end is how it learns that we are gone.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr) as first:
        os.write(sys.stdout.fileno(), f"{first.pid}\n".encode())
        os.close(sys.stdout.fileno())
        ended = os.pidfd_open(first.pid)
        readable, _, _ = select.select([sys.stdin.fileno(), ended], [], [])
        told = ended in readable or os.read(sys.stdin.fileno(), 1) != b""
        first.kill()
    return not told


def hierarchies() -> Iterator[Path]:
    """Where control groups are made: one tree (version 2), one per controller, or both."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mounted_at, kind, *_ = line.split(" ")
        if kind in ("cgroup", "cgroup2"):
            yield Path(mounted_at)


def remove_group(group: Path) -> None:
    """Removes a control group and those within, which have no processes any more."""
    for inner, _, _ in os.walk(group, topdown=False):
        Path(inner).rmdir()


def persist(remove: Callable[[Path], None], path: Path) -> None:
    """Tries again for a while: the kernel takes the dead out of their groups in its own time."""
    deadline = time.monotonic() + _SECONDS_TO_CLEAR_UP
    while path.exists():
        try:
            remove(path)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))

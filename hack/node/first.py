"""The first process of a node: makes its mount and network namespaces, then only reaps.

Run by caretaker.py as process 1 of a new pid namespace, as `python -I -S first.py BUSYBOX ADDRESS
SERVICES`. All else on the node ends with it, by the kernel's own rule for a process 1, and it ends
when its standard input does: when the caretaker is gone, however that went.

What it changes is seen inside only:
- /run is new and empty, and the machine's other folders take writes that are not kept, so that no
  daemon here meets one of the machine, or leaves a folder behind;
- the kernel settings that a kubelet makes for a whole machine go to stand-ins;
- a network of one loopback interface, which carries the node's address too. It is not a loopback
  address, as the endpoint of a Service must not be one; the route says where a Service's address
  is sent from, before it is translated.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
SETTINGS = (
    *("vm/overcommit_memory", "vm/panic_on_oom"),
    *("kernel/panic", "kernel/panic_on_oops"),
    *("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"),
)
_NOT_KEPT = ("etc", "usr", "var/lib", "var/log")


def leave_the_machine() -> None:
    """Enters a mount namespace and a network namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot make namespaces")


def lay_out_files() -> None:
    """Mounts what shields the machine."""
    run("mount", "--make-rprivate", "/")
    run("mount", "--make-rshared", "/")  # volumes reach the containers that way
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name in _NOT_KEPT:
        upper, work = (Path("/run/not-kept", part, name) for part in ("upper", "work"))
        upper.mkdir(parents=True)
        work.mkdir(parents=True)
        layers = f"lowerdir=/{name},upperdir={upper},workdir={work}"
        run("mount", "-t", "overlay", "-o", layers, "overlay", f"/{name}")
    for name in SETTINGS:
        setting, stand_in = Path("/proc/sys", name), Path("/run/settings", name)
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(setting.read_text())
        run("mount", "--bind", str(stand_in), str(setting))


def lay_out_network(busybox: str, address: str, services: str) -> None:
    """Gives the loopback interface the node's address, and leads to it what is for Services."""
    run(busybox, "ip", "link", "set", "lo", "up")
    run(busybox, "ip", "address", "add", f"{address}/32", "dev", "lo")
    run(busybox, "ip", "route", "add", services, "dev", "lo", "src", address)


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def reap_until_told() -> None:
    """Reaps whoever has no other parent left, until standard input ends."""
    ended, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    while True:
        reap()
        readable, _, _ = select.select([sys.stdin.fileno(), ended], [], [])
        if sys.stdin.fileno() in readable:
            return
        os.read(ended, 4096)


def reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:  # there is none
        return


def main(busybox: str, address: str, services: str) -> None:
    leave_the_machine()
    lay_out_files()
    lay_out_network(busybox, address, services)
    print("the node's namespaces are ready", flush=True)
    reap_until_told()


if __name__ == "__main__":
    main(*sys.argv[1:])

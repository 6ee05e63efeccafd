"""A node leaves nothing on the machine, however it ends, and changes none of its settings."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

import caretaker
import first
import node as nodes
import settings
from node import BUSYBOX, Node
from support.pods import container, run_until_ready
from waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("node_can_run"), pytest.mark.timeout(900)]

FOLDERS = (
    *("/etc/cni", "/run/containerd", "/usr/libexec/kubernetes"),
    *("/var/lib/kubelet", "/var/log/containers", "/var/log/pods"),
)
"""What the daemons of a node make unless they are kept from it."""


@dataclass(frozen=True)
class Machine:
    """What a node might change of the machine it runs on."""

    links: set[Path]
    folders: list[str]
    settings: dict[str, str]

    @classmethod
    def now(cls) -> Self:
        return cls(
            links=set(Path("/sys/class/net").iterdir()),
            folders=[folder for folder in FOLDERS if Path(folder).exists()],
            settings={name: Path("/proc/sys", name).read_text() for name in first.SETTINGS},
        )


@dataclass(frozen=True)
class Left:
    """What there is of a node."""

    mounts: list[str]
    groups: list[str]
    processes: list[str]
    folder: bool

    @classmethod
    def now(cls, directory: Path, processes: Iterable[psutil.Process]) -> Self:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        group = settings.group_of(directory)
        return cls(
            mounts=[line for line in mounts if str(directory) in line],
            groups=[str(h / group) for h in caretaker.hierarchies() if (h / group).exists()],
            processes=[process.name() for process in processes if process.is_running()],
            folder=directory.exists(),
        )


NOTHING = Left(mounts=[], groups=[], processes=[], folder=False)


def descendants() -> set[psutil.Process]:
    """Every process that this one started, or that those started in turn."""
    return set(psutil.Process().children(recursive=True))


def names(processes: set[psutil.Process]) -> set[str]:
    return {process.name() for process in processes}


NODE_WITH_A_POD = {
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    *("kubelet", "kube-proxy", "containerd", "containerd-shim-runc-v2", "sleep"),
}


def test_a_node_changes_nothing_of_the_machine_and_leaves_nothing_when_it_stops() -> None:
    before, others = Machine.now(), descendants()
    with Node.start() as node:
        run_until_ready(node, "sleeper", container(BUSYBOX, "sleep", "infinity"))
        during, processes = Machine.now(), descendants() - others
        assert names(processes) >= NODE_WITH_A_POD
        assert Left.now(node.directory, processes).groups != []
        asked_for = {"kernel/panic": "10", "vm/overcommit_memory": "1"}
        given = {name: node.run("cat", f"/proc/sys/{name}").stdout for name in asked_for}

    assert Left.now(node.directory, processes) == NOTHING
    assert before == during == Machine.now()
    assert given == asked_for  # the kubelet was none the wiser: those are stand-ins


def test_a_node_leaves_nothing_when_its_starter_is_killed() -> None:
    before, others = Machine.now(), descendants()
    command = [sys.executable, str(nodes.HERE / "node.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        kubeconfig = next(line for line in starter.stdout if "admin.kubeconfig" in line)
        directory = Path(kubeconfig.strip().partition("=")[2]).parents[1]
        processes = descendants() - others
        assert Left.now(directory, processes).folder
        starter.kill()

    wait_for(
        lambda: Left.now(directory, processes) == NOTHING,
        seconds=30,
        what="the caretaker to clear up",
    )
    assert before == Machine.now()


def test_one_kill_ends_all_of_a_node() -> None:
    others = descendants()
    with Node.start() as node:
        run_until_ready(node, "sleeper", container(BUSYBOX, "sleep", "infinity"))
        processes = descendants() - others
        on_the_node = {p for p in processes if p.name() in NODE_WITH_A_POD}

        os.kill(node.first, signal.SIGKILL)

        _, alive = psutil.wait_procs(on_the_node, timeout=30)
        assert names(set(alive)) == set()
    assert Left.now(node.directory, processes) == NOTHING

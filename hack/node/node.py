"""Starts and stops a real Kubernetes of one node: what a control plane lacks to run pods.

    with Node.start(images=[archive]) as node:
        node.kubectl("run", "web", "--image=localhost/web:1", user="admin")

It offers what a ControlPlane does, and needs root on Linux, but no Docker, no systemd and no image
registry. As a command, `python hack/node/node.py` starts one and keeps it until Ctrl-C.

Everything runs in one pid, mount and network namespace, which end with its first process; the API
server alone can be reached from outside, on the loopback interface. When the process that started a
node ends, however it does, nothing of the node is left: caretaker.py sees to that.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path.append(str(HERE.parent / "controlplane"))

import flags  # noqa: E402
import settings  # noqa: E402
from archive import write_busybox  # noqa: E402
from build import BuildFailed  # noqa: E402
from cluster import Cluster  # noqa: E402
from component import Component, ComponentFailed  # noqa: E402
from debian import NoPackages  # noqa: E402
from identities import CONTROLLER_MANAGER, USERS  # noqa: E402
from machine import NoNode, Programs, prepare  # noqa: E402
from resident import Resident, entering  # noqa: E402
from toolchain import NoGo  # noqa: E402

BUSYBOX = "localhost/busybox:1"
"""An image that every node has: a shell, wget, httpd and the like."""

_ISOLATED = [sys.executable, "-I", "-S"]
_SECONDS_TO_START = 60.0


class LoadFailed(RuntimeError):
    """An archive holds no image for a node; the text holds what was said."""


class Node(Cluster):
    """A cluster of one node. Made by `start`, ended by `stop` or by leaving the with block."""

    def __init__(self, directory: Path | None, programs: Programs) -> None:
        super().__init__(
            directory,
            programs.built,
            users=(*USERS, *settings.COMPONENTS),
            addresses=(*flags.ADDRESSES, settings.ADDRESS),
        )
        self.group = settings.group_of(self.directory)
        """The name of its control groups, in every hierarchy."""
        self._programs = programs
        programs.put_into(self.bin)

    @classmethod
    def start(cls, directory: Path | None = None, *, images: Iterable[Path] = ()) -> Self:
        """Starts a node that is Ready when this returns, with the images of these archives.

        Builds its programs if need be. Without a directory it makes one and removes it on `stop`.
        After a failed start the directory stays, for its logs.
        """
        node = cls(directory, prepare())
        with node._starting():
            node._make_namespaces()
            containerd = node._start_containerd()
            node._start_etcd()
            node._wait_for_apiserver(
                node._run_apiserver(node._start_relay(), *settings.for_apiserver(node._keys))
            )
            node._start_controller_manager()
            node._start_scheduler()
            containerd.wait_for("serving", node._serves_images, seconds=_SECONDS_TO_START)
            node._load_own_images()
            for image in images:
                node.load(image)
            node._start_proxy()
            node._start_kubelet()
        return node

    @property
    def first(self) -> int:
        """The node's process 1, by its number out here: one SIGKILL to it ends the node."""
        return self._components[0].pid

    def load(self, archive: Path) -> None:
        """Imports the images of an OCI or docker archive, for pods that never pull."""
        imported = self.run("ctr", "images", "import", archive.absolute())
        if imported.returncode != 0:
            raise LoadFailed(f"{archive} cannot be loaded:\n{imported.stderr.strip()}")

    def run(
        self, program: str, *arguments: str | Path, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end on the node, in all its namespaces, as root."""
        return subprocess.run(
            [*entering(self.first), program, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @property
    def _environment(self) -> dict[str, str]:
        """What programs on the node see of ours: no proxy, for one, that might be set out here."""
        return {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "CONTAINERD_ADDRESS": settings.CONTAINERD_SOCKET,
            "CONTAINERD_NAMESPACE": "k8s.io",
        }

    def _run(self, program: str, told: Sequence[str]) -> Component:
        """Starts a program on the node, where a control plane would start it on the machine."""
        resident = Resident.enter(
            self.first,
            [program, *told],
            log=self.directory / "logs" / f"{program}.log",
            env=self._environment,
        )
        self._components.append(resident)
        return resident

    def _make_namespaces(self) -> None:
        """Starts the caretaker, with the process that all others end with."""
        of_ours = str(self.directory) if self._temporary else ""
        network = (self._programs.busybox, settings.ADDRESS, flags.SERVICES)
        caretaker = Component.start(
            [*_ISOLATED, HERE / "first.py", *network],
            guard=(HERE / "caretaker.py", self.group, of_ours),
            name="namespaces",
            log=self.directory / "logs" / "namespaces.log",
            cwd=self.directory,
        )
        self._components.append(caretaker)
        caretaker.wait_for(
            "making them",
            lambda: "are ready" in caretaker.logged() or None,
            seconds=_SECONDS_TO_START,
        )

    def _start_relay(self) -> int:
        """Starts what leads a port to the API server from outside; returns its number."""
        relay = Component.start(
            [*_ISOLATED, HERE / "relay.py", str(self.first)],
            name="relay",
            log=self.directory / "logs" / "relay.log",
            cwd=self.directory,
        )
        self._components.append(relay)
        port = relay.wait_for(
            "listening",
            lambda: re.search(r"127\.0\.0\.1:(\d+)", relay.logged()),
            seconds=_SECONDS_TO_START,
        )
        return int(port[1])

    def _start_containerd(self) -> Component:
        told = settings.for_containerd(
            self.directory, runc=self.bin / "runc", plugins=self._programs.cni_plugins
        )
        return self._run("containerd", told)

    def _serves_images(self) -> bool | None:
        return self.run("ctr", "version").returncode == 0 or None

    def _load_own_images(self) -> None:
        archive = self.directory / "busybox.tar"
        names = (settings.SANDBOX_IMAGE, BUSYBOX)
        write_busybox(archive, names, busybox=self._programs.busybox)
        self.load(archive)

    def _start_proxy(self) -> None:
        kubeconfig = self.kubeconfig(settings.PROXY.name)
        self._run("kube-proxy", settings.for_proxy(self.directory, kubeconfig=kubeconfig))

    def _start_kubelet(self) -> None:
        """Starts the kubelet, and waits until pods can be scheduled to it."""
        told = settings.for_kubelet(
            self.directory,
            kubeconfig=self.kubeconfig(settings.KUBELET.name),
            keys=self._keys,
            group=self.group,
        )
        kubelet = self._run("kubelet", told)
        self._wait_for_node(kubelet, settings.NAME)

    def _stop_components(self) -> None:
        """Ends the namespaces, and with them what runs there; then waits for each to be gone."""
        if self._components:
            self._components[0].stop()
        super()._stop_components()


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts a node, says how to use it, and keeps it until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Run a Kubernetes of one node until Ctrl-C.")
    parser.add_argument("--directory", type=Path, help="keep its data here (default: temporary)")
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="archives to load")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Node.start(given.directory, images=given.images) as node:
            print(f"{node.server} runs until Ctrl-C. Choose who you are:\n")
            print(f"export PATH={node.bin}:$PATH")
            for user in USERS:
                if user != CONTROLLER_MANAGER:
                    print(f"export KUBECONFIG={node.kubeconfig(user.name)}", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except (NoNode, LoadFailed, ComponentFailed, BuildFailed, NoPackages, NoGo) as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

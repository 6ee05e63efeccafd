"""Starts and stops a Kubernetes control plane: real etcd, real API server, no nodes.

The only starter there is: the demo, the tests and the benchmarks all use it.

    with ControlPlane.start() as cp:
        cp.kubectl("get", "namespaces", user="alice")

As a command, `python hack/controlplane/controlplane.py` starts one and keeps it until Ctrl-C.

Everything listens on the loopback interface only, and everything a control plane writes is in one
folder: bin/ (links to its programs), keys/, users/ (kubeconfigs), logs/, etcd/ and audit.jsonl.
"""

import argparse
import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import build
import fakenode
import flags
from cluster import Cluster, KubectlFailed
from component import Component, ComponentFailed
from identities import CONTROLLER_MANAGER, USERS
from toolchain import NoGo

__all__ = ["ControlPlane", "KubectlFailed"]

NEWEST = next(iter(build.API_SERVERS))

_PORTS_TO_TRY = 5


class ControlPlane(Cluster):
    """A control plane without a node, or with a fake one.

    It also ends when the process that started it does, however that ends; only its folder is left
    behind then.
    """

    @classmethod
    def start(
        cls,
        directory: Path | None = None,
        *,
        controller_manager: bool = False,
        fake_node: bool = False,
        version: str = NEWEST,
        audit_policy: Mapping[str, Any] = flags.AUDIT_POLICY,
    ) -> Self:
        """Starts a control plane that is ready when this returns; builds its programs if need be.

        An older version has an API server of its own; controllers may not be newer than that.
        A fake node (fakenode.py) comes with the controllers, and a scheduler.

        Without a directory it makes one and removes it on `stop`. A directory that held a control
        plane before gives its data back, with new keys and tokens. After a failed start the
        directory stays, for its logs.
        """
        if (controller_manager or fake_node) and version != NEWEST:
            raise ValueError(f"the controllers are those of {NEWEST}, too new for {version}")
        api_server = build.API_SERVERS[version]
        programs = build.build() | {"kube-apiserver": build.build([api_server])[api_server]}
        programs |= build.build(build.FAKE_NODE) if fake_node else {}
        users = (*USERS, *fakenode.USERS) if fake_node else USERS
        cp = cls(directory, programs, users=users, audit_policy=audit_policy)
        with cp._starting():
            cp._on_a_free_port(cp._start_etcd)
            more = [f"--emulated-version={version}"] if version in build.EMULATED else []
            more += fakenode.for_apiserver() if fake_node else []
            cp._on_a_free_port(lambda port: cp._start_apiserver(port, *more))
            if controller_manager or fake_node:
                cp._start_controller_manager()
            if fake_node:
                cp._start_scheduler()
                cp._on_a_free_port(cp._start_fake_node)
        return cp

    def _start_apiserver(self, port: int, *more: str) -> None:
        self._wait_for_apiserver(self._run_apiserver(port, *more))

    def _start_fake_node(self, port: int) -> None:
        """Starts kwok, and waits until pods can be scheduled to its node."""
        self.kubectl("apply", "-f", "-", input=json.dumps(fakenode.node()))
        kubeconfig = self.kubeconfig(fakenode.KWOK.name)
        told = fakenode.for_kwok(self.directory, port=port, kubeconfig=kubeconfig, keys=self._keys)
        kwok = Component.start(
            # It would read the configuration that somebody has at home as well.
            ["env", f"HOME={self.directory}", self.bin / "kwok", *told],
            name="kwok",
            log=self.directory / "logs" / "kwok.log",
            cwd=self.directory,
        )
        self._components.append(kwok)
        self._wait_for_node(kwok, fakenode.NAME)

    def _on_a_free_port(self, start: Callable[[int], None]) -> None:
        """Starts a component that must be told its port; again where another took it first."""
        for left in reversed(range(_PORTS_TO_TRY)):
            try:
                start(_free_port())
            except ComponentFailed:
                failed = self._components[-1]
                if left == 0 or "address already in use" not in failed.logged():
                    raise
                failed.stop()
                self._components.remove(failed)
            else:
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts a control plane, says how to use it, and keeps it until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Run a control plane until Ctrl-C.")
    parser.add_argument("--directory", type=Path, help="keep its data here (default: temporary)")
    parser.add_argument("--controller-manager", action="store_true", help="run controllers too")
    parser.add_argument("--fake-node", action="store_true", help="and pods that only seem to run")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ControlPlane.start(
            given.directory,
            controller_manager=given.controller_manager,
            fake_node=given.fake_node,
        ) as cp:
            print(f"{cp.server} runs until Ctrl-C. Choose who you are:\n")
            print(f"export PATH={cp.bin}:$PATH")
            for user in USERS:
                if user != CONTROLLER_MANAGER:
                    print(f"export KUBECONFIG={cp.kubeconfig(user.name)}", flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except (ComponentFailed, build.BuildFailed, NoGo) as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

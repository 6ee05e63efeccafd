"""Starts and stops a Kubernetes control plane: real etcd, real API server, no nodes.

The only starter there is: the demo, the tests and the benchmarks all use it.

    with ControlPlane.start() as cp:
        cp.kubectl("get", "namespaces", user="alice")

As a command, `python hack/controlplane/controlplane.py` starts one and keeps it until Ctrl-C.

Everything listens on the loopback interface only, and everything a control plane writes is in one
folder: keys/, users/ (kubeconfigs), logs/, etcd/ and audit.jsonl.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import build
import flags
from component import Component, ComponentFailed
from identities import CONTROLLER_MANAGER, USERS, make_keys, make_tokens, write_kubeconfig
from toolchain import NoGo

_SECONDS_TO_START = 60.0
_PORTS_TO_TRY = 5


class KubectlFailed(RuntimeError):
    """A kubectl command ended with an error; the text holds what it said."""


class ControlPlane:
    """A running control plane. Made by `start`, ended by `stop` or by leaving the with block.

    It also ends when the process that started it does, however that ends; only its folder is left
    behind then.
    """

    def __init__(self, directory: Path, programs: Path, *, temporary: bool) -> None:
        self.directory = directory
        self.bin = programs
        self.audit_log = directory / flags.AUDIT_LOG
        """One JSON event a line. A line may come shortly after the answer it tells of."""
        self.etcd_endpoint = ""
        self.server = ""
        self._temporary = temporary
        self._components: list[Component] = []
        for folder in ("keys", "users", "logs"):
            (directory / folder).mkdir(exist_ok=True)
        self._tokens = make_tokens(directory / flags.TOKENS)
        self._keys = make_keys(directory / "keys", flags.ADDRESSES)

    @classmethod
    def start(cls, directory: Path | None = None, *, controller_manager: bool = False) -> Self:
        """Starts a control plane that is ready when this returns; builds its programs if need be.

        Without a directory it makes one and removes it on `stop`. A directory that held a control
        plane before gives its data back, with new keys and tokens. After a failed start the
        directory stays, for its logs.
        """
        programs = build.build()
        if directory is None:
            home = Path(tempfile.mkdtemp(prefix="amends-controlplane-"))
        else:
            home = directory.absolute()
            home.mkdir(parents=True, exist_ok=True)
        cp = cls(home, programs, temporary=directory is None)
        try:
            cp._start_etcd()
            cp._start_apiserver()
            if controller_manager:
                cp._start_controller_manager()
        except ComponentFailed:
            cp._stop_components()
            raise
        except BaseException:
            cp.stop()
            raise
        return cp

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops every component, reaps it, and removes the directory if `start` made it."""
        self._stop_components()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def pids(self) -> dict[str, int]:
        """The process of each running component, for tests that end one or measure it."""
        return {component.name: component.pid for component in self._components}

    def kubeconfig(self, user: str = "admin") -> Path:
        """The kubeconfig of one of USERS."""
        if user not in self._tokens:
            raise KeyError(f"no user {user!r}; there are {', '.join(self._tokens)}")
        return self.directory / "users" / f"{user.replace(':', '_')}.kubeconfig"

    def service_account_kubeconfig(self, namespace: str, name: str, seconds: int = 3600) -> Path:
        """A kubeconfig with a new token, made by TokenRequest, of a service account that exists."""
        asked = ("create", "token", name, f"--namespace={namespace}", f"--duration={seconds}s")
        return write_kubeconfig(
            self.directory / "users" / f"{namespace}_{name}.kubeconfig",
            server=self.server,
            authority=self._keys.authority,
            user=f"system:serviceaccount:{namespace}:{name}",
            token=self.kubectl(*asked).stdout.strip(),
        )

    def kubectl(
        self,
        *arguments: str | Path,
        user: str = "admin",
        input: str | None = None,  # noqa: A002 - as subprocess calls it
        check: bool = True,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as a user, away from the configuration and caches of whoever runs us."""
        ended = subprocess.run(
            [self.bin / "kubectl", *arguments],
            env=os.environ
            | {"KUBECONFIG": str(self.kubeconfig(user)), "HOME": str(self.directory)},
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and ended.returncode != 0:
            asked = " ".join(str(argument) for argument in arguments)
            raise KubectlFailed(
                f"kubectl {asked} as {user} ended with status {ended.returncode}:\n"
                f"{ended.stderr.strip() or ended.stdout.strip()}"
            )
        return ended

    def _start_etcd(self) -> None:
        """Starts etcd on a port the kernel picks, and reads in its log which one that is."""
        etcd = self._run("etcd", flags.for_etcd(self.directory / "etcd"))
        address = re.compile(r'"msg":"serving client traffic insecurely.*"address":"([^"]+)"')
        serving = etcd.wait_for(
            "serving clients", lambda: address.search(etcd.logged()), seconds=_SECONDS_TO_START
        )
        self.etcd_endpoint = f"http://{serving[1]}"

    def _start_apiserver(self) -> None:
        """Starts the API server, which must be told its port; again where another took it first."""
        (self.directory / flags.POLICY).write_text(json.dumps(flags.AUDIT_POLICY))
        for left in reversed(range(_PORTS_TO_TRY)):
            port = _free_port()
            self.server = f"https://127.0.0.1:{port}"
            self._write_kubeconfigs()
            apiserver = self._run(
                "kube-apiserver",
                flags.for_apiserver(
                    self.directory, port=port, etcd=self.etcd_endpoint, keys=self._keys
                ),
            )
            try:
                apiserver.wait_for("being ready", self._ready, seconds=_SECONDS_TO_START)
            except ComponentFailed:
                if left == 0 or "address already in use" not in apiserver.logged():
                    raise
                apiserver.stop()
                self._components.remove(apiserver)
            else:
                return

    def _start_controller_manager(self) -> None:
        """Starts the controllers; they are at work once the default service account exists."""
        kubeconfig = self.kubeconfig(CONTROLLER_MANAGER.name)
        manager = self._run(
            "kube-controller-manager",
            flags.for_controller_manager(kubeconfig=kubeconfig, keys=self._keys),
        )
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        manager.wait_for(
            "the first service account",
            lambda: self._answers(account) or None,
            seconds=_SECONDS_TO_START,
        )

    def _ready(self) -> bool | None:
        # Readiness does not wait for the namespaces, which every user of ours takes for granted.
        return (self._answers("/readyz") and self._answers("/api/v1/namespaces/default")) or None

    def _answers(self, path: str) -> bool:
        """Whether the API server answers the admin's GET with 200."""
        trusted = ssl.create_default_context(cafile=str(self._keys.authority))
        address = self.server.removeprefix("https://")
        connection = http.client.HTTPSConnection(address, timeout=2, context=trusted)
        try:
            bearer = {"Authorization": f"Bearer {self._tokens['admin']}"}
            connection.request("GET", path, headers=bearer)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _run(self, program: str, told: Sequence[str]) -> Component:
        log = self.directory / "logs" / f"{program}.log"
        component = Component.start([self.bin / program, *told], log=log, cwd=self.directory)
        self._components.append(component)
        return component

    def _write_kubeconfigs(self) -> None:
        for user, token in self._tokens.items():
            file = self.kubeconfig(user)
            authority = self._keys.authority
            write_kubeconfig(file, server=self.server, authority=authority, user=user, token=token)

    def _stop_components(self) -> None:
        """Stops in reverse order: a component whose server is gone would only wait for it."""
        while self._components:
            self._components[-1].stop()
            self._components.pop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts a control plane, says how to use it, and keeps it until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Run a control plane until Ctrl-C.")
    parser.add_argument("--directory", type=Path, help="keep its data here (default: temporary)")
    parser.add_argument("--controller-manager", action="store_true", help="run controllers too")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ControlPlane.start(given.directory, controller_manager=given.controller_manager) as cp:
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

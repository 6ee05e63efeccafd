"""A Kubernetes that runs here: its people, their kubectl, and the programs it is made of.

What a control plane and a node have in common; each says by itself how it starts.
"""

import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import flags
from component import Component, ComponentFailed
from identities import (
    CONTROLLER_MANAGER,
    SCHEDULER,
    USERS,
    User,
    make_keys,
    make_tokens,
    write_kubeconfig,
)

_SECONDS_TO_START = 60.0


class KubectlFailed(RuntimeError):
    """A kubectl command ended with an error; the text holds what it said."""


class Cluster:
    """A running cluster. Made by `start`, ended by `stop` or by leaving the with block."""

    def __init__(
        self,
        directory: Path | None,
        programs: Mapping[str, Path],
        *,
        users: Sequence[User] = USERS,
        addresses: Sequence[str] = flags.ADDRESSES,
        audit_policy: Mapping[str, Any] = flags.AUDIT_POLICY,
    ) -> None:
        """Lays out the directory; without one, a temporary one, which `stop` removes."""
        self._temporary = directory is None
        if directory is None:
            directory = Path(tempfile.mkdtemp(prefix="amends-cluster-"))
        self.directory = directory = directory.absolute()
        self.bin = directory / "bin"
        """The programs, side by side: a folder for somebody's PATH."""
        self.audit_log = directory / flags.AUDIT_LOG
        """One JSON event a line. A line may come shortly after the answer it tells of."""
        self.etcd_endpoint = ""
        self.server = ""
        self._audit_policy = audit_policy
        self._components: list[Component] = []
        for folder in ("bin", "keys", "users", "logs"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        for name, program in programs.items():
            (self.bin / name).unlink(missing_ok=True)
            (self.bin / name).symlink_to(program)
        self._tokens = make_tokens(directory / flags.TOKENS, users)
        self._keys = make_keys(directory / "keys", addresses)

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """Ends what was started when the block fails; keeps its logs where they say why."""
        try:
            yield
        except ComponentFailed:
            self._stop_components()
            raise
        except BaseException:
            self.stop()
            raise

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
        """The kubeconfig of one of its users."""
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

    def _start_etcd(self, port: int = 0) -> None:
        """Starts etcd on this port or one the kernel picks, and reads in its log which that is."""
        etcd = self._run("etcd", flags.for_etcd(self.directory / "etcd", port))
        address = re.compile(r'"msg":"serving client traffic insecurely.*"address":"([^"]+)"')
        serving = etcd.wait_for(
            "serving clients", lambda: address.search(etcd.logged()), seconds=_SECONDS_TO_START
        )
        self.etcd_endpoint = f"http://{serving[1]}"

    def _run_apiserver(self, port: int, *more: str) -> Component:
        """Starts the API server on this port, with more flags; writes everybody's kubeconfig."""
        (self.directory / flags.POLICY).write_text(json.dumps(self._audit_policy))
        self.server = f"https://127.0.0.1:{port}"
        self._write_kubeconfigs()
        told = flags.for_apiserver(
            self.directory, port=port, etcd=self.etcd_endpoint, keys=self._keys
        )
        return self._run("kube-apiserver", [*told, *more])

    def _wait_for_apiserver(self, apiserver: Component) -> None:
        apiserver.wait_for("being ready", self._ready, seconds=_SECONDS_TO_START)

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

    def _start_scheduler(self) -> None:
        kubeconfig = self.kubeconfig(SCHEDULER.name)
        self._run("kube-scheduler", flags.for_scheduler(kubeconfig=kubeconfig))

    def _wait_for_node(self, kubelet: Component, name: str) -> None:
        """Waits until pods can be scheduled to the node that this component answers for."""

        def takes_pods() -> bool | None:
            asked = self.kubectl("get", "node", name, "--output=json", check=False)
            if asked.returncode != 0:
                return None
            node = json.loads(asked.stdout)
            ready = {"type": "Ready", "status": "True"}
            conditions = node["status"].get("conditions", [])
            is_ready = any(ready.items() <= condition.items() for condition in conditions)
            # The taint goes a moment after the condition came; pods would wait for that.
            return (is_ready and not node["spec"].get("taints")) or None

        kubelet.wait_for("being Ready", takes_pods, seconds=_SECONDS_TO_START)

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

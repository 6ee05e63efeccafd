"""Where the demo plays: a control plane of its own, or the cluster of a kubeconfig.

Either way it is one API server with three people: admin, bob who reports, alice who decides. In a
control plane of ours each has a kubeconfig. In a foreign cluster bob and alice exist for the length
of a request, by impersonation.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import installation
from cluster import Cluster as RunningCluster
from controlplane import KubectlFailed
from identities import write_secret
from waiting import wait_for

TENANT = "tenant-a"
GROUP = "tenant-a"
PEOPLE = ("admin", "alice", "bob")
STAMPS_SINCE = (1, 36)
"""The first Kubernetes version with MutatingAdmissionPolicy v1, which writes down who decided."""


class CannotPlayHere(Exception):
    """The demo has not begun and must not; the text says what to do."""


class Cluster(installation.Cluster, Protocol):
    """A cluster in which people type commands."""

    def typed(self, user: str, arguments: Sequence[str]) -> tuple[str, list[str]]:
        """The prompt and the words of a kubectl command as this person types them."""

    def hints(self) -> list[str]:
        """Shell lines for somebody who wants to look around."""


class OurControlPlane:
    """A control plane that was started for the demo."""

    def __init__(self, cp: RunningCluster) -> None:
        self._cp = cp
        self.kubectl = cp.kubectl
        self.service_account_kubeconfig = cp.service_account_kubeconfig

    def typed(self, user: str, arguments: Sequence[str]) -> tuple[str, list[str]]:
        """Everyone has a shell of their own."""
        return f"{user}$ ", ["kubectl", *arguments]

    def hints(self) -> list[str]:
        """One kubeconfig a person."""
        return [
            f"export PATH={self._cp.bin}:$PATH",
            *(f"export KUBECONFIG={self._cp.kubeconfig(u)}  # {u}" for u in PEOPLE),
        ]


class ForeignCluster:
    """Somebody's cluster. What the demo creates there it removes again."""

    def __init__(self, kubeconfig: str, kubectl: Path, folder: Path) -> None:
        self._kubeconfig = kubeconfig
        self._kubectl = kubectl
        self._folder = folder

    def kubectl(
        self,
        *arguments: str | Path,
        user: str = "admin",
        input: str | None = None,  # noqa: A002 - as subprocess calls it
        check: bool = True,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl with the kubeconfig, as one of the people."""
        command = [self._kubectl, *_as(user), *arguments]
        ended = subprocess.run(
            command,
            env=os.environ | {"KUBECONFIG": self._kubeconfig},
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and ended.returncode != 0:
            asked = " ".join(str(word) for word in (*_as(user), *arguments))
            raise KubectlFailed(
                f"kubectl {asked} ended with status {ended.returncode}:\n{ended.stderr.strip()}"
            )
        return ended

    def service_account_kubeconfig(self, namespace: str, name: str, seconds: int = 3600) -> Path:
        """The same cluster, with a token of the service account made by TokenRequest."""
        view = self.kubectl("config", "view", "--minify", "--raw", "--flatten", "-o", "json").stdout
        token = self.kubectl(
            *("create", "token", name, f"--namespace={namespace}", f"--duration={seconds}s")
        ).stdout.strip()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "amends",
            "clusters": [{"name": "amends", "cluster": json.loads(view)["clusters"][0]["cluster"]}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "amends", "context": {"cluster": "amends", "user": name}}],
        }
        file = self._folder / f"{namespace}_{name}.kubeconfig"
        write_secret(file, json.dumps(config))
        return file

    def typed(self, user: str, arguments: Sequence[str]) -> tuple[str, list[str]]:
        """One shell, one kubeconfig, and `--as`."""
        return "$ ", ["kubectl", *_as(user), *arguments]

    def hints(self) -> list[str]:
        """The kubeconfig that was given; the other people by impersonation."""
        return [
            f"export PATH={self._kubectl.parent}:$PATH",
            f"export KUBECONFIG={self._kubeconfig}",
            *(f"kubectl {' '.join(_as(user))} ...  # {user}" for user in PEOPLE[1:]),
        ]

    def must_be_fit(self) -> None:
        """Raises CannotPlayHere for a cluster that is too old or has anything of ours already."""
        version = json.loads(self.kubectl("version", "-o", "json").stdout)["serverVersion"]
        found = (int(version["major"]), int("".join(filter(str.isdigit, version["minor"]))))
        if found < STAMPS_SINCE:
            raise CannotPlayHere(
                f"this cluster runs Kubernetes {version['gitVersion']}. The demo needs 1.36 or "
                "newer: from then on the API server itself writes down who decided "
                "(MutatingAdmissionPolicy v1). Without KUBECONFIG=… it starts a control plane of "
                "its own"
            )
        if there := self._ours():
            raise CannotPlayHere(
                "this cluster has some of what the demo would create and later remove:\n"
                + "".join(f"  {one}\n" for one in there)
                + "If a demo left it behind, remove it with kubectl delete; if not, use another "
                "cluster"
            )

    def clean_up(self) -> list[str]:
        """Removes what the demo created; what is still there after a minute is returned."""
        self.kubectl("delete", "namespace", TENANT, "--ignore-not-found", "--wait=false")
        installation.uninstall(self)
        with suppress(TimeoutError):
            wait_for(lambda: not self._ours(), seconds=60, what="everything to be gone")
        return self._ours()

    def _ours(self) -> list[str]:
        tenant = self.kubectl("get", "namespace", TENANT, "--ignore-not-found", "-o", "name")
        return installation.installed(self) + tenant.stdout.split()


def _as(user: str) -> tuple[str, ...]:
    return () if user == "admin" else ("--as", user, "--as-group", GROUP)

"""Installs Amends into a running cluster, and runs the operator as its own process.

The demo, the tests and the bench all start here, so that what they show is one and the same.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from waiting import wait_for

REPO = Path(__file__).resolve().parents[2]
CRDS = REPO / "crds"
POLICIES = REPO / "operator/amends/admission"
RBAC = REPO / "charts/amends/files/rbac"
SYSTEM_NAMESPACE = "amends-system"
SERVICE_ACCOUNT = "amends"

RIGHTS = (RBAC / "operator.yaml", RBAC / "people.yaml")


class Cluster(Protocol):
    """What an installation needs of a cluster. A ControlPlane is one."""

    def kubectl(
        self,
        *arguments: str | Path,
        user: str = "admin",
        input: str | None = None,  # noqa: A002 - as subprocess calls it
        check: bool = True,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as a user."""

    def service_account_kubeconfig(self, namespace: str, name: str, seconds: int = 3600) -> Path:
        """A kubeconfig with a new token of a service account."""


WORKING = '"event": "working"'
"""What an operator's log says when it leads and has looked at everything open once."""
TAKING_IN = 3.0
"""Seconds after a change of the policies in which the operator believes no decision."""


def install(cluster: Cluster, *, token_seconds: int = 3600) -> Path:
    """CRDs, admission policies and the operator's rights, until decisions count.

    Returns the operator's kubeconfig.
    """
    cluster.kubectl("apply", "--server-side", "-f", CRDS)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS)
    for part in (*RIGHTS, *policies(cluster)):
        cluster.kubectl("apply", "-f", part)
    applied_at = time.monotonic()
    wait_for(lambda: enforces(cluster), seconds=60, what="the admission policies to be enforced")
    # A kind that is new answers "storage is (re)initializing" to lists for a while; kubectl waits.
    cluster.kubectl("get", "amends", "--all-namespaces")
    wait_for(
        lambda: time.monotonic() - applied_at > TAKING_IN, seconds=60, what="decisions to count"
    )
    return cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, SERVICE_ACCOUNT, token_seconds)


def policies(cluster: Cluster) -> list[Path]:
    """The admission policies that the cluster knows: below Kubernetes 1.36 nothing stamps."""
    stamps = can_stamp(cluster)
    return [file for file in sorted(POLICIES.glob("*.yaml")) if stamps or file.name != "stamp.yaml"]


def can_stamp(cluster: Cluster) -> bool:
    """Whether the cluster serves MutatingAdmissionPolicy v1."""
    group = cluster.kubectl("get", "--raw", "/apis/admissionregistration.k8s.io/v1").stdout
    return any(
        kind["name"] == "mutatingadmissionpolicies" for kind in json.loads(group)["resources"]
    )


FORGED = """
apiVersion: amends.dev/v1alpha1
kind: Approval
metadata: {name: forged, namespace: default}
spec:
  subjectRef: {name: nothing}
  planDigest: "sha256:%s"
  decision: Approve
  actor: {username: x}
""" % ("0" * 64)
UNSIGNED = """
apiVersion: amends.dev/v1alpha1
kind: %s
metadata: {name: unsigned, namespace: default}
spec: {%s}
"""
STAMPED = (
    ("Action", "operation: x"),
    ("Compensation", "targetEffect: x"),
    ("Approval", 'subjectRef: {name: x}, decision: Approve, planDigest: "sha256:%s"' % ("0" * 64)),
    ("Disposition", "deadLetterRef: {name: x}, choice: Ignore, reason: x"),
)


def enforces(cluster: Cluster) -> bool:
    """Whether the policies have taken hold; nothing is stored by asking.

    Right after they are created the server still learns our kinds, and refuses what it should let
    through, or the other way round.
    """

    def tried(text: str) -> subprocess.CompletedProcess[str]:
        return cluster.kubectl(
            *("create", "--dry-run=server", "-o", "yaml", "-f", "-"), input=text, check=False
        )

    def signed_or_refused(text: str) -> bool:
        said = tried(text)
        return "username: " in said.stdout if stamps else "does not stamp it" in said.stderr

    stamps = can_stamp(cluster)
    return "spec.actor.username is x" in tried(FORGED).stderr and all(
        signed_or_refused(UNSIGNED % unsigned) for unsigned in STAMPED
    )


def installed(cluster: Cluster) -> list[str]:
    """The names of all objects of an installation that the cluster has."""
    parts = (CRDS, *RIGHTS, *policies(cluster))
    files = [word for part in parts for word in ("-f", part)]
    found = cluster.kubectl("get", *files, "--ignore-not-found", "-o", "name")
    return found.stdout.split()


def uninstall(cluster: Cluster) -> None:
    """Removes what `install` created, and with the CRDs every object of ours.

    Does not wait for the namespace to go: where no controller empties it, it stays.
    """
    patience = ("--ignore-not-found", "--timeout=60s")
    for file in policies(cluster):
        cluster.kubectl("delete", "-f", file, *patience)
    cluster.kubectl("delete", "-f", CRDS, *patience)
    for part in RIGHTS:
        cluster.kubectl("delete", "-f", part, "--ignore-not-found", "--wait=false")


def add_tenant(
    cluster: Cluster, namespace: str, *, group: str, annotations: Mapping[str, str] | None = None
) -> None:
    """A tenant's namespace with its runner, whose people (a group) may ask and approve."""
    items = tenant_objects(namespace, group=group, annotations=annotations or {})
    everything = {"apiVersion": "v1", "kind": "List", "items": items}
    cluster.kubectl("create", "-f", "-", input=json.dumps(everything))


def tenant_objects(
    namespace: str, *, group: str, annotations: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Everything of a tenant, in the order in which it can be created."""
    metadata = {"name": namespace, "annotations": dict(annotations)}
    runner = list(yaml.safe_load_all((RBAC / "tenant.yaml").read_text()))
    roles = ("amends-viewer", "amends-responder", "amends-approver")
    inside = [*runner, *(_bound(role, group) for role in roles)]
    for one in inside:
        one["metadata"]["namespace"] = namespace
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, *inside]


def _bound(role: str, group: str) -> dict[str, Any]:
    rbac = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": rbac, "kind": "Group", "name": group}],
    }


class Process(Protocol):
    """What is asked of a process. A subprocess.Popen is one."""

    @property
    def pid(self) -> int:
        """As the system calls it."""

    def poll(self) -> int | None:
        """How it has ended, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """How it has ended, as soon as it has."""

    def send_signal(self, number: int, /) -> None:
        """Unless it has ended."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


@dataclass(frozen=True)
class RunningOperator:
    """An operator process."""

    process: Process
    log: Path

    def is_working(self) -> bool:
        """Whether it leads, has looked at everything open once, and decisions count from now on:
        after a change of the policies it waits until they surely hold."""
        if (status := self.process.poll()) is not None:
            raise RuntimeError(f"the operator ended with {status}:\n{self.tail()}")
        said = self.log.read_text()
        policies = [line for line in said.splitlines() if '"event": "policies' in line]
        return WORKING in said and not (policies and "still taking in" in policies[-1])

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])


def start_operator(
    kubeconfig: Path,
    log: Path,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> RunningOperator:
    """`amends run` with these arguments, and more in its environment. Whoever asks must end it."""
    command = [sys.executable, "-m", "amends", "run", "--kubeconfig", str(kubeconfig), *arguments]
    path = os.pathsep.join([str(REPO / "operator"), os.environ.get("PYTHONPATH", "")])
    given = {**os.environ, "PYTHONPATH": path, **(environment or {})}
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stderr=sink, stdout=sink, env=given)
    return RunningOperator(process, log)


@contextmanager
def running_operator(
    kubeconfig: Path,
    log: Path,
    arguments: Sequence[str] = (),
    *,
    until_working: bool = True,
    start: Callable[[Path, Path, Sequence[str]], RunningOperator] = start_operator,
) -> Iterator[RunningOperator]:
    """`amends run` with these arguments; stopped with SIGTERM at the end, by its own pid."""
    running = start(kubeconfig, log, arguments)
    process = running.process
    try:
        if until_working:
            wait_for(running.is_working, seconds=60, what="the operator to work")
        yield running
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

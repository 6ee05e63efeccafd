"""Installs Amends into a running control plane, and runs the operator as its own process.

The demo, the tests and the bench all start here, so that what they show is one and the same.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controlplane import ControlPlane
from waiting import wait_for

REPO = Path(__file__).resolve().parents[2]
CRDS = REPO / "crds"
POLICIES = REPO / "charts/amends/files/policies"
RBAC = REPO / "charts/amends/files/rbac"
SYSTEM_NAMESPACE = "amends-system"
SERVICE_ACCOUNT = "amends"


def install(cp: ControlPlane) -> Path:
    """CRDs, admission policies and the operator's rights. Returns the operator's kubeconfig."""
    cp.kubectl("apply", "--server-side", "-f", str(CRDS))
    cp.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))
    for part in (RBAC / "operator.yaml", RBAC / "people.yaml", POLICIES):
        cp.kubectl("apply", "-f", str(part))
    return cp.service_account_kubeconfig(SYSTEM_NAMESPACE, SERVICE_ACCOUNT)


def add_tenant(cp: ControlPlane, namespace: str, *, group: str) -> None:
    """A tenant's namespace with its runner, whose people (a group) may ask and approve."""
    cp.kubectl("create", "namespace", namespace)
    cp.kubectl("apply", "-n", namespace, "-f", str(RBAC / "tenant.yaml"))
    for role in ("amends-viewer", "amends-responder", "amends-approver"):
        cp.kubectl(
            *("create", "rolebinding", role, "-n", namespace),
            *(f"--clusterrole={role}", f"--group={group}"),
        )


@dataclass(frozen=True)
class RunningOperator:
    """An operator process."""

    process: subprocess.Popen[bytes]
    log: Path

    def is_working(self) -> bool:
        """Whether it leads and has looked at everything open once."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the operator ended with {self.process.returncode}:\n{self.tail()}")
        return '"event": "working"' in self.log.read_text()

    def tail(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])


@contextmanager
def running_operator(
    kubeconfig: Path, log: Path, arguments: Sequence[str] = (), *, until_working: bool = True
) -> Iterator[RunningOperator]:
    """`amends run` with these arguments; stopped with SIGTERM at the end, by its own pid."""
    command = [sys.executable, "-m", "amends", "run", "--kubeconfig", str(kubeconfig), *arguments]
    path = os.pathsep.join([str(REPO / "operator"), os.environ.get("PYTHONPATH", "")])
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stderr=sink, stdout=sink, env={**os.environ, "PYTHONPATH": path}
        )
    running = RunningOperator(process, log)
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

"""An automation: the service account of a job, with the rights that the example gives it."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from amends.client import Recorder
from client.gate import Gate
from installation import REPO
from support.api import Object
from support.manifests import unique
from support.tenant import Installed, Tenant

ACCOUNT = "post-job"


@dataclass(frozen=True)
class Automation:
    """A job in a tenant's namespace. gate: its way to the API server."""

    tenant: Tenant
    kubeconfig: Path
    gate: Gate

    @property
    def username(self) -> str:
        """As the API server authenticates it."""
        return f"system:serviceaccount:{self.tenant.namespace}:{ACCOUNT}"

    def recorder(self, **options: Any) -> Recorder:
        """Records as the job."""
        return Recorder(kubeconfig=self.kubeconfig, **options)

    def action(self, name: str = "post") -> Object:
        """The Action as it is stored."""
        return self.tenant.read("Action", name)

    def spec(self, name: str = "post") -> Object:
        """What an Action says, without what the API server stamps."""
        spec: Object = self.action(name)["spec"]
        return {field: value for field, value in spec.items() if field != "requester"}

    def settle(self, name: str, outcome: str = "Succeeded") -> None:
        """As the operator does, once an outcome is final."""
        effect = {"id": f"effect-{name}", "outcome": outcome}
        self.tenant.write_status("Action", name, {"phase": "Recorded", "effect": effect})


@dataclass(frozen=True)
class Job:
    """Who the automation is."""

    tenant: Tenant
    kubeconfig: Path
    """Of its service account, for the API server itself; its context names the namespace."""


def employ(tenant: Tenant) -> Job:
    """A job in a tenant's namespace, with the rights that the example gives it."""
    cp = tenant.installed.cp
    cp.kubectl("apply", "-n", tenant.namespace, "-f", REPO / "examples/recording/rbac.yaml")
    kubeconfig = cp.service_account_kubeconfig(tenant.namespace, ACCOUNT)
    content = json.loads(kubeconfig.read_text())
    content["contexts"][0]["context"]["namespace"] = tenant.namespace
    kubeconfig.write_text(json.dumps(content))
    return Job(tenant, kubeconfig)


@pytest.fixture(scope="module")
def job(installed: Installed) -> Job:
    """One for a whole module: what the client does needs no operator, and is soon cleared away."""
    return employ(installed.tenant(unique("tenant")))


@pytest.fixture
def automation(job: Job, tmp_path: Path) -> Iterator[Automation]:
    """The job at work, on a clean record."""
    gate = Gate(job.kubeconfig)
    yield Automation(job.tenant, gate.kubeconfig(job.kubeconfig, tmp_path), gate)
    gate.stop()
    job.tenant.clear()


@pytest.fixture
def direct(job: Job, tmp_path: Path) -> Path:
    """A copy of the job's kubeconfig for the API server itself."""
    return Path(shutil.copy(job.kubeconfig, tmp_path / "job.kubeconfig"))


Begin = Callable[..., Any]


@pytest.fixture
def begin(automation: Automation) -> Begin:
    """`recording(…)` of one effect, as the job; its first Action is called post."""

    def recording(operation: str = "board.post", **given: Any) -> Any:
        options = {name: given.pop(name) for name in ("patience", "must_record") if name in given}
        given = {"idempotency_key": "run-7/post", "name": "post", **given}
        return automation.recorder(**options).recording(operation, **given)

    return recording

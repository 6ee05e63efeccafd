"""A tenant on a real node whose runner may run Jobs, and the executor at work as the operator."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import yaml

from amends.api.execution import Execution
from amends.core.outcome import Outcome
from amends.executors.job.executor import JobExecutor
from amends.executors.job.manifest import name_of
from amends.kube.connection import Connection
from amends.kube.secrets import TenantSecrets
from amends.kube.tenants import ImpersonatedTenants
from amends.ports import ExecutorContext, Fault, Gone, Work
from cluster import Cluster
from installation import CRDS, RBAC, SERVICE_ACCOUNT, SYSTEM_NAMESPACE
from support.manifests import compensation

Object = dict[str, Any]
SECONDS = 180.0


def prepare(cluster: Cluster, *namespaces: str) -> None:
    """Our kinds, the operator's account with no right but to act as a runner, and the runners."""
    cluster.kubectl("apply", "--server-side", "-f", CRDS)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS)
    cluster.kubectl("create", "namespace", SYSTEM_NAMESPACE, check=False)
    cluster.kubectl(
        "create", "serviceaccount", SERVICE_ACCOUNT, "-n", SYSTEM_NAMESPACE, check=False
    )
    for namespace in namespaces:
        cluster.kubectl("create", "namespace", namespace)
        for file in ("tenant.yaml", "tenant-jobs.yaml"):
            objects = list(yaml.safe_load_all((RBAC / file).read_text()))
            listed = {"apiVersion": "v1", "kind": "List", "items": objects}
            cluster.kubectl("create", "-n", namespace, "-f", "-", input=json.dumps(listed))


def owners(cluster: Cluster, attempts: Mapping[str, str]) -> dict[str, str]:
    """The uid of a Compensation for each attempt, by its name; attempts: the namespace of each.

    A Job whose owner is not there is collected, now that the cluster knows the kind.
    """
    items = [
        compensation(name, suspend=True) | {"metadata": {"name": name, "namespace": namespace}}
        for name, namespace in attempts.items()
    ]
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    cluster.kubectl("create", "-f", "-", input=json.dumps(listed))
    found = cluster.kubectl("get", "compensations", "--all-namespaces", "-o", "json").stdout
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in json.loads(found)["items"]}


def work(
    name: str,
    namespace: str,
    template: Object,
    *,
    uid: str,
    timeout: float = 240,
    account: str = "amends-runner",
    attempt: int = 1,
    begun: bool = False,
    **job: Any,
) -> Work:
    """One attempt that runs this pod template."""
    execution = Execution.model_validate({"job": {"template": template, **job}})
    return Work(
        namespace=namespace,
        name=name,
        execution=execution,
        service_account=account,
        idempotency_key=f"amends:{namespace}/{name}",
        attempt_key=f"{name}:{attempt}",
        timeout=timedelta(seconds=timeout),
        uid=uid,
        run_id="run-a",
        begun=begun,
    )


@dataclass
class Site:
    """The executor, and what a test does to its Jobs meanwhile."""

    executor: JobExecutor
    admin: Connection
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def of(cls, cluster: Cluster) -> AsyncIterator["Site"]:
        """Connected as the operator, and as the admin."""
        kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, SERVICE_ACCOUNT)
        operator = await Connection.open(kubeconfig)
        admin = await Connection.open(cluster.kubeconfig("admin"))
        tenants = ImpersonatedTenants(operator)
        context = ExecutorContext(TenantSecrets(tenants), tenants, (), frozenset())
        try:
            yield cls(JobExecutor(context), admin)
        finally:
            await operator.close()
            await admin.close()

    async def pod(self, work: Work, until: Callable[[Object], bool]) -> Object:
        """The pod of an attempt as soon as something holds of it."""
        path = f"/api/v1/namespaces/{work.namespace}/pods"
        query = {"labelSelector": f"job-name={name_of(work)}"}
        async with asyncio.timeout(SECONDS):
            while True:
                for pod in (await self.admin.call("GET", path, query=query))["items"]:
                    if until(pod):
                        found: Object = pod
                        return found
                await asyncio.sleep(0.2)

    async def jobs(self, work: Work) -> list[str]:
        """The uids of all Jobs of the attempt's subject."""
        path = f"/apis/batch/v1/namespaces/{work.namespace}/jobs"
        items = (await self.admin.call("GET", path))["items"]
        mark = f"{work.kind}/{work.name}/{work.uid}"
        return [
            one["metadata"]["uid"]
            for one in items
            if one["metadata"].get("annotations", {}).get("amends.dev/subject") == mark
        ]

    async def is_gone(self, work: Work) -> bool:
        """Whether neither the Job nor a pod of it is left."""
        job = f"/apis/batch/v1/namespaces/{work.namespace}/jobs/{name_of(work)}"
        path = f"/api/v1/namespaces/{work.namespace}/pods"
        query = {"labelSelector": f"job-name={name_of(work)}"}
        try:
            await self.admin.call("GET", job)
        except Gone:
            return not (await self.admin.call("GET", path, query=query))["items"]
        except Fault:
            raise
        return False


def runs(pod: Object) -> bool:
    """Whether its only container runs."""
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return any("running" in one["state"] for one in statuses)

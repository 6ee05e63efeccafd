"""The kubernetes executor on a real API server, and what happens around each of its writes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from amends.api.execution import Execution
from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.kube.secrets import TenantSecrets
from amends.ports import ExecutorContext, Tenants, Unsure, Waiting, Work
from support.tenant import Tenant

WRITES = ("POST", "PATCH", "DELETE")


class Faulty:
    """The tenants' API server, with something that happens around each real write.

    before: may also raise, and then nothing is sent. after: may raise, and the answer is lost.
    After a write, unseen: so often it answers nobody who looks, unanswered is called then, and wish
    is for how long it asks to be left alone; untried: so often dry runs fail.
    """

    def __init__(self, tenants: Tenants) -> None:
        self.tenants = tenants
        self.writes = 0
        self.sent: list[dict[str, Any]] = []
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], Awaitable[object]] | None = None
        self.unseen = 0
        self.unanswered: Callable[[], object] = lambda: None
        self.wish: timedelta | None = None
        self.untried = 0

    async def call(
        self,
        method: str,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        dry = "dryRun" in (query or {}) or (isinstance(body, dict) and "dryRun" in body)
        writes = method in WRITES and not dry
        request = {"query": query, "body": body, "content_type": content_type}
        if writes:
            self.writes += 1
            self.sent.append({"method": method, "path": path, **request})
            self.before()
        elif self.unseen and self.writes:
            self.unseen -= 1
            self.unanswered()
            raise Waiting("nobody answers", self.wish)
        elif dry and self.untried and self.writes:
            self.untried -= 1
            raise failing()
        answer = await self.tenants.call(method, path, namespace, service_account, **request)
        if writes and self.after is not None:
            await self.after()
        return answer

    async def arrive(self, number: int, asked: Work) -> Any:
        """A request that was under way all the time is carried out now."""
        late = self.sent[number]
        return await self.tenants.call(
            late["method"],
            late["path"],
            asked.namespace,
            asked.service_account,
            query=late["query"],
            body=late["body"],
            content_type=late["content_type"],
        )

    async def text(
        self,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
    ) -> str:
        raise NotImplementedError


class Crash(BaseException):
    """The process is gone."""


def failing() -> Unsure:
    """What a server says whose webhook fails."""
    fails = Unsure("a webhook fails")
    fails.status = 500
    return fails


async def lost() -> None:
    """After the server has carried it out."""
    raise Unsure("the answer was lost")


async def crashed() -> None:
    """The same, and nobody waits for the answer any more."""
    raise Crash


def removal(path: str) -> dict[str, Any]:
    """A patch that only removes."""
    return {"patch": {"json": [{"op": "remove", "path": path}]}}


def executor_of(faulty: Faulty) -> KubernetesExecutor:
    """The executor, which asks through that."""
    return KubernetesExecutor(ExecutorContext(TenantSecrets(faulty), faulty, (), frozenset()))


async def work(
    tenant: Tenant, executor: KubernetesExecutor, operation: str = "Patch", **change: Any
) -> Work:
    """An attempt that is approved as it would be carried out now."""
    named = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings"}
    execution = {"kubernetes": {"operation": operation, **named, **change}}
    asked = Work(
        namespace=tenant.namespace,
        name="undo",
        execution=Execution.model_validate(execution),
        service_account="amends-runner",
        idempotency_key=f"amends:{tenant.namespace}/uid-1",
        attempt_key="undo:1",
        timeout=timedelta(seconds=20),
    )
    return replace(asked, preview=await executor.preview(asked))

"""An API server that asks for patience gets it, also where it is asked for a tenant."""

import asyncio
from datetime import timedelta
from typing import Any

from amends.core.outcome import NotApplied
from amends.executors.job.executor import JobExecutor
from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.kube.secrets import TenantSecrets
from amends.ports import ExecutorContext, Waiting
from unit.test_job_manifest import work

WISH = timedelta(seconds=0.3)
CHANGE = {"operation": "Delete", "apiVersion": "v1", "kind": "ConfigMap", "name": "posted"}


class Busy:
    """Has no time for anybody, and says when it will have; notes when it was asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def call(self, method: str, path: str, *of: str, **more: Any) -> Any:
        self.asked.append(asyncio.get_running_loop().time())
        raise Waiting(f"{method} {path}: 429", WISH)

    async def text(self, path: str, *of: str, **more: Any) -> str:
        raise AssertionError("no text is asked for")


def context(tenants: Busy) -> ExecutorContext:
    return ExecutorContext(TenantSecrets(tenants), tenants, (), frozenset())


async def test_a_job_is_not_asked_for_again_before() -> None:
    busy = Busy()
    outcome = await JobExecutor(context(busy)).run(work(timeout=2.5 * WISH))
    first, second, *_ = busy.asked
    assert isinstance(outcome, NotApplied)
    assert second - first >= WISH.total_seconds()


async def test_an_object_is_not_looked_at_again_before() -> None:
    execution = work().execution.model_validate({"kubernetes": CHANGE})
    outcome = await KubernetesExecutor(context(Busy())).run(work(execution=execution))
    assert isinstance(outcome, NotApplied)
    assert outcome.retry_after == WISH

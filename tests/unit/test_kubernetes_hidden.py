"""What a webhook says while it fails may hold a value of the Secret: nothing of that is told."""

from collections.abc import Mapping
from typing import Any

import pytest

from amends.api.execution import Execution
from amends.core.outcome import NotApplied, Unknown
from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.kube.secrets import TenantSecrets
from amends.ports import ExecutorContext, Rejected, Unsure, Work
from unit.test_job_manifest import work

KINDS = {"resources": [{"name": "secrets", "kind": "Secret", "namespaced": True}]}
META = {"name": "pin", "uid": "uid-1", "resourceVersion": "7"}
SECRET = {"kind": "Secret", "metadata": META, "data": {"pin": "MQ=="}}
CHANGE = {
    "operation": "Patch",
    "apiVersion": "v1",
    "kind": "Secret",
    "name": "pin",
    "patch": {"merge": {"data": {"pin": "Mg=="}}},
    "previewDrift": "Allow",
}


class Failing:
    """An API server whose webhook fails, on trial or only in earnest."""

    def __init__(self, asked: Work, *, on_trial: bool) -> None:
        self._asked = asked
        self._on_trial = on_trial

    async def call(
        self,
        method: str,
        path: str,
        *_: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        **__: Any,
    ) -> Any:
        if method == "GET":
            return KINDS if path == "/api/v1" else SECRET
        if "dryRun" in (query or {}) and not self._on_trial:
            return {**SECRET, **body, "metadata": META}
        self._asked.stop.set()  # it is not looked at for ever
        why = Unsure("PATCH: 500")
        why.status, why.answer = 500, "the webhook crashed on planted-pin"
        raise why

    async def text(self, path: str, *_: str, **__: Any) -> str:
        raise NotImplementedError


def failing(*, on_trial: bool) -> tuple[KubernetesExecutor, Work]:
    asked = work(execution=Execution.model_validate({"kubernetes": CHANGE}))
    tenants = Failing(asked, on_trial=on_trial)
    return KubernetesExecutor(
        ExecutorContext(TenantSecrets(tenants), tenants, (), frozenset())
    ), asked


async def test_on_trial_people_are_told_that_it_cannot_be_done() -> None:
    executor, asked = failing(on_trial=True)

    with pytest.raises(Rejected) as refused:
        await executor.preview(asked)

    said = "the API server cannot carry it out: 500; what it says of a Secret is not shown"
    assert str(refused.value) == said
    assert await executor.run(asked) == NotApplied(said.partition(": ")[2])


async def test_in_earnest_nobody_knows() -> None:
    executor, asked = failing(on_trial=False)

    assert await executor.run(asked) == Unknown(
        "500; what it says of a Secret is not shown; the change was sent, so it may have been made"
    )

"""A watch may lag behind what the Job itself says: before it is judged, its pod is looked for."""

import json
from typing import Any

from amends.core.outcome import Applied, NotApplied, Outcome
from amends.executors.job.executor import JobExecutor
from amends.kube.secrets import TenantSecrets
from amends.ports import ExecutorContext, Raw
from support.job_node import ended, pod_of
from unit.test_job_manifest import template, work

TABLE = [{"codes": [3], "outcome": "NotApplied"}]
BEHIND = json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "1"}}})


class Lagging:
    """An API server whose Job and whose list of pods are up to date, and whose watch is not."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.job: dict[str, Any] = {}
        self.looks = 0

    async def call(
        self, method: str, path: str, *of: str, body: Raw | None = None, **more: Any
    ) -> Any:
        if method == "POST" and body is not None:
            self.job = {**body, "metadata": {**body["metadata"], "uid": "job-1"}}
            return self.job
        if path.endswith(("/pods", "/events")):
            version = {"resourceVersion": str(self.looks)}
            return {"metadata": version, "items": self._pods() if path.endswith("pods") else []}
        self.looks += 1
        return {**self.job, **(ended(self.code)[1] if self._is_over() else {})}

    async def text(self, path: str, *of: str, **more: Any) -> str:
        return "bye" if path.endswith("/log") else BEHIND

    def _is_over(self) -> bool:
        return self.looks > 1

    def _pods(self) -> list[Raw]:
        if not self._is_over():
            return []
        pod = pod_of(self.job)
        return [{**pod, "metadata": {**pod["metadata"], "uid": "pod-1"}, **ended(self.code)[0]}]


async def outcome_of(code: int) -> Outcome:
    tenants = Lagging(code)
    context = ExecutorContext(TenantSecrets(tenants), tenants, (), frozenset())
    job = {"template": {"metadata": {}, **template()}, "exitCodes": TABLE}
    execution = work().execution.model_validate({"job": job})
    return await JobExecutor(context).run(work(execution=execution))


async def test_what_its_pod_says_is_in_the_evidence() -> None:
    outcome = await outcome_of(0)
    assert isinstance(outcome, Applied)
    assert outcome.evidence["container"] == "undo"
    assert outcome.evidence["log"] == ["bye"]


async def test_an_exit_code_that_means_that_nothing_was_done_leaves_no_doubt() -> None:
    assert isinstance(await outcome_of(3), NotApplied)

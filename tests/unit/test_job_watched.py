"""A pod that is quiet for long and then taken away: its last version is seen, and says why."""

import json
from typing import Any

import pytest

from amends.core.outcome import Outcome, Unknown
from amends.executors.job import executor, sight
from amends.executors.job.executor import JobExecutor
from amends.executors.job.manifest import name_of
from amends.kube.secrets import TenantSecrets
from amends.ports import ExecutorContext, Raw
from support.api import Object
from support.job_node import pod_of, running
from unit.test_job_manifest import template, work

REMEMBERS = 5
"""So many of the last versions are told to a watch; an older one is gone."""
QUIET = 7
"""Looks until the pod is deleted. Others move the server on by one version between two looks."""


class Busy:
    """An API server that forgets, as others write to it all the time."""

    def __init__(self) -> None:
        self.job: Object = {}
        self.looks = 0

    async def call(
        self, method: str, path: str, *of: str, body: Raw | None = None, **more: Any
    ) -> Any:
        """The Job, which fails with its pod, or what there is of pods."""
        if method == "POST" and body is not None:
            self.job = {**body, "metadata": {**body["metadata"], "uid": "job-1"}}
            return self.job
        if path.endswith(("/pods", "/events")):
            there = path.endswith("/pods") and self.job and not self._is_deleted()
            items = [self._pod()] if there else []
            return {"metadata": {"resourceVersion": str(self.looks)}, "items": items}
        self.looks += 1
        over = {"failed": 1, "conditions": [{"type": "Failed", "status": "True"}]}
        return {**self.job, "status": over if self._is_deleted() else {"active": 1}}

    async def text(self, path: str, *of: str, query: Any = None, **more: Any) -> str:
        """The log, or a watch: nothing, the deletion, or that it begins too far back."""
        if "watch" not in (query or {}):
            return ""
        since = int(query["resourceVersion"])
        if self.looks - since > REMEMBERS:
            return json.dumps({"type": "ERROR", "object": {"code": 410}})
        if not self._is_deleted() or since >= QUIET:
            return ""
        gone = self._pod()
        gone["metadata"] |= {
            "resourceVersion": str(QUIET),
            "deletionTimestamp": "2026-01-31T09:00:30Z",
            "deletionGracePeriodSeconds": 30,
        }
        return json.dumps({"type": "DELETED", "object": gone})

    def _is_deleted(self) -> bool:
        return self.looks >= QUIET

    def _pod(self) -> Object:
        pod = pod_of(self.job)
        meta = {**pod["metadata"], "uid": "pod-1", "resourceVersion": "1"}
        return {**pod, "metadata": meta, **running()}


async def test_a_pod_that_is_deleted_after_it_was_quiet_for_long_says_that_it_was_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executor, "PAUSES", ())
    monkeypatch.setattr(executor, "LONGEST_PAUSE", 0.001)
    monkeypatch.setattr(sight, "_FRESH", 0.0)
    tenants = Busy()
    context = ExecutorContext(TenantSecrets(tenants), tenants, (), frozenset())

    job = {"job": {"template": {"metadata": {}, **template()}}}
    asked = work(execution=work().execution.model_validate(job))

    outcome: Outcome = await JobExecutor(context).run(asked)

    assert outcome == Unknown(
        f"Job {name_of(asked)}: pod {name_of(asked)}-1 was deleted; it had begun, so it may have "
        "had its effect"
    )

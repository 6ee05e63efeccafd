"""A pod that is quiet for long and then taken away: its last version is seen, and says why."""

import json

import pytest

from amends.core.outcome import Unknown
from amends.executors.job import executor, sight
from amends.executors.job.manifest import name_of
from support.api import Object
from support.job_node import pod_of, running
from support.job_server import JobServer
from unit.test_job_manifest import template, work

REMEMBERS = 5
"""So many of the last versions are told to a watch; an older one is gone."""
QUIET = 7
"""Looks until the pod is deleted. Others move the server on by one version between two looks."""


class Busy(JobServer):
    """It forgets, as others write to it all the time. Its Job fails when the pod is deleted."""

    def stands(self) -> Object:
        over = {"failed": 1, "conditions": [{"type": "Failed", "status": "True"}]}
        return {"status": over if self._is_deleted() else {"active": 1}}

    def pods(self) -> list[Object]:
        return [] if self._is_deleted() else [self._pod()]

    def tells(self, since: int) -> str:
        """Nothing, the deletion, or that it begins too far back."""
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
    asked = work({"metadata": {}, **template()})

    assert await Busy().outcome_of(asked) == Unknown(
        f"Job {name_of(asked)}: pod {name_of(asked)}-1 was deleted; it had begun, so it may have "
        "had its effect"
    )

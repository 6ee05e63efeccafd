"""A watch may lag behind what the Job itself says: before it is judged, its pod is looked for."""

import json

import pytest

from amends.core.outcome import Applied, NotApplied, Outcome
from amends.executors.job import sight
from support.api import Object
from support.job_node import STARTED, ended, pod_of
from support.job_server import JobServer
from unit.test_job_manifest import template, work

TABLE = [{"codes": [3], "outcome": "NotApplied"}]
BEHIND = json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "1"}}})


class Lagging(JobServer):
    """Its Job and its list of pods are up to date, and its watch is not."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code

    def stands(self) -> Object:
        return ended(self.code)[1] if self._is_over() else {}

    def pods(self) -> list[Object]:
        if not self._is_over():
            return []
        pod = pod_of(self.job)
        return [{**pod, "metadata": {**pod["metadata"], "uid": "pod-1"}, **ended(self.code)[0]}]

    def events(self) -> list[Object]:
        meta = {"creationTimestamp": STARTED}
        return [{"metadata": meta, "reason": "Started", "involvedObject": {}}]

    def tells(self, since: int) -> str:
        return BEHIND

    def logs(self) -> str:
        return "bye"

    def _is_over(self) -> bool:
        return self.looks > 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its node is not waited for."""
    monkeypatch.setattr(sight, "_AFTER", 0.0)


async def outcome_of(code: int) -> Outcome:
    job = {"template": {"metadata": {}, **template()}, "exitCodes": TABLE}
    execution = work().execution.model_validate({"job": job})
    return await Lagging(code).outcome_of(work(execution=execution))


async def test_what_its_pod_says_is_in_the_evidence() -> None:
    outcome = await outcome_of(0)
    assert isinstance(outcome, Applied)
    assert outcome.evidence["container"] == "undo"
    assert outcome.evidence["log"] == ["bye"]


async def test_an_exit_code_that_means_that_nothing_was_done_leaves_no_doubt() -> None:
    assert isinstance(await outcome_of(3), NotApplied)

"""Whether a Job is created at all."""

from dataclasses import replace
from typing import Any

import pytest

from amends.core.outcome import NotApplied, Unknown
from amends.executors.job.executor import JobExecutor
from amends.ports import ExecutorContext, Gone, Work
from loopback import KnownSecrets, NoTenants, context
from support.api import Object
from unit.test_job_manifest import template, work


async def test_i5_no_job_is_created_under_a_claim_that_has_run_out() -> None:
    """Who asks the API server anything fails here."""
    outcome = await JobExecutor(context()).run(replace(work(), may_begin=lambda: False))
    assert isinstance(outcome, NotApplied)
    assert outcome.reason.endswith("was not created: the claim had run out before")


class NoJob(NoTenants):
    """The API server of a tenant in which there is no Job, and none is made."""

    async def call(self, method: str, path: str, *asked: Any, **with_: Any) -> Any:
        """Fail, unless it is looked for."""
        if method == "GET":
            raise Gone(f"{path} not found")
        await super().call(method, path, *asked, **with_)


@pytest.mark.parametrize(
    ("safety", "untraced"),
    [
        pytest.param("Natural", True, id="it may still be created later"),
        pytest.param("None", False, id="nobody may ever create it again"),
    ],
)
async def test_n11_whoever_may_only_look_creates_no_job(safety: str, untraced: bool) -> None:
    executor = JobExecutor(ExecutorContext(KnownSecrets(), NoJob(), (), frozenset()))
    outcome = await executor.run(looking(safety))
    assert isinstance(outcome, Unknown)
    assert outcome.untraced is untraced


def looking(safety: str) -> Work:
    job: Object = {"template": template(), "retrySafety": safety}
    asked = work()
    execution = asked.execution.model_validate({"job": job})
    return replace(asked, execution=execution, begun=True, only_look=True)

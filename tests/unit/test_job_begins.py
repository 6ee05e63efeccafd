"""Whether a Job is created at all."""

from dataclasses import replace

from amends.core.outcome import NotApplied
from amends.executors.job.executor import JobExecutor
from loopback import context
from unit.test_job_manifest import work


async def test_i5_no_job_is_created_under_a_claim_that_has_run_out() -> None:
    """Who asks the API server anything fails here."""
    outcome = await JobExecutor(context()).run(replace(work(), may_begin=lambda: False))
    assert isinstance(outcome, NotApplied)
    assert outcome.reason.endswith("was not created: the claim had run out before")

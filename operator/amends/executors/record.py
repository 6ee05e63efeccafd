"""The executor for work that is done elsewhere and only recorded here."""

from amends.api.execution import Execution
from amends.core.outcome import Applied, Outcome
from amends.ports import ExecutorContext, Work


class RecordExecutor:
    """Changes nothing outside, so it always succeeds."""

    def __init__(self, context: ExecutorContext) -> None:
        """Needs nothing of the context; every executor is constructed with one."""

    async def run(self, work: Work) -> Outcome:
        """The evidence is that it was recorded."""
        return Applied({"recorded": True})

    def objection(self, execution: Execution) -> str | None:
        """There is nothing to object to."""
        return None

    async def close(self) -> None:
        """Nothing is held."""

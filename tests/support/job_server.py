"""An API server of one Job, for what no real one can be made to do."""

from typing import Any

from amends.core.outcome import Outcome
from amends.executors.job.executor import JobExecutor
from amends.kube.secrets import TenantSecrets
from amends.ports import ExecutorContext, Raw, Work
from support.api import Object


class JobServer:
    """Keeps the Job that it is sent. How that and its pods stand, a test says; else it is empty."""

    def __init__(self) -> None:
        self.job: Object = {}
        self.looks = 0
        """How often the Job was looked at."""

    def stands(self) -> Object:
        """The status of the Job, as a part of it."""
        return {}

    def pods(self) -> list[Object]:
        """Its pods, as a list shows them."""
        return []

    def events(self) -> list[Object]:
        """What is said of its pod."""
        return []

    def tells(self, since: int) -> str:
        """What a watch of its pods tells that begins there."""
        return ""

    def logs(self) -> str:
        """The log of its pod."""
        return ""

    async def call(
        self, method: str, path: str, *of: str, body: Raw | None = None, **more: Any
    ) -> Any:
        """Take the Job, or tell of it, of its pods or of Events. Versions are numbers of looks."""
        if method == "POST" and body is not None:
            self.job = {**body, "metadata": {**body["metadata"], "uid": "job-1"}}
            return self.job
        if path.endswith("/events"):
            return {"items": self.events()}
        if path.endswith("/pods"):
            items = self.pods() if self.job else []
            return {"metadata": {"resourceVersion": str(self.looks)}, "items": items}
        self.looks += 1
        return {**self.job, **self.stands()}

    async def text(self, path: str, *of: str, query: Any = None, **more: Any) -> str:
        """A log, or what a watch tells."""
        return self.logs() if path.endswith("/log") else self.tells(int(query["resourceVersion"]))

    async def outcome_of(self, work: Work) -> Outcome:
        """What comes of it at this server."""
        return await JobExecutor(ExecutorContext(TenantSecrets(self), self, (), frozenset())).run(
            work
        )

"""The pager executor keeps what every executor has to keep."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from amends_pager import PagerExecutor
from fake_pager import Pager

from amends.api.execution import Execution
from amends.ports import Executor, ExecutorContext
from amends.testing import Behaviour, Conformance, Subject


class PagerSubject(Subject):
    """The executor, and a pager on loopback."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager

    def executor(self, context: ExecutorContext) -> Executor:
        return PagerExecutor(context)

    def execution(self) -> Execution:
        token = {"name": "token", "secretKeyRef": {"name": "pager", "key": "token"}}
        config = {"address": f"127.0.0.1:{self._pager.port}", "incident": "incident-7"}
        plan = {"name": "pager", "config": config, "secrets": [token]}
        return Execution.model_validate({"plugIn": {**plan, "retrySafety": "ProviderKey"}})

    async def behave(self, behaviour: Behaviour) -> None:
        self._pager.behaviour = behaviour

    def effects(self) -> int:
        return len(self._pager.closed)

    def connections(self) -> int:
        return self._pager.connections

    def allowed_targets(self) -> tuple[str, ...]:
        return (f"http://127.0.0.1:{self._pager.port}",)

    def secrets(self) -> Mapping[str, str]:
        return {"pager/token": "s3cret-of-the-pager"}


class TestPager(Conformance):
    """Runs the suite."""

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        pager = Pager()
        await pager.start()
        try:
            yield PagerSubject(pager)
        finally:
            await pager.stop()

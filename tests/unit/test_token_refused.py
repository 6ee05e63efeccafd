"""The operator's token is refused until its new one lies in its file: no undo fails for good of it.

Nothing was carried out, and neither the plan nor what the tenant may do has to change.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from kubernetes.aio import client

from amends.core.outcome import NotApplied
from amends.executors.http.executor import HttpExecutor
from amends.executors.job.executor import JobExecutor
from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.kube.connection import Connection
from amends.kube.secrets import TenantSecrets
from amends.kube.tenants import ImpersonatedTenants
from amends.ports import Executor, ExecutorContext, Fault, Previews, Rejected, Work
from loopback import http_work
from unit.test_job_manifest import work

SECRET = {"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "board", "key": "token"}}}
SOON = timedelta(seconds=0.2)
CHANGE = {"operation": "Delete", "apiVersion": "v1", "kind": "ConfigMap", "name": "posted"}


async def refused(request: web.Request) -> web.Response:
    status = {"kind": "Status", "code": 401, "message": "Unauthorized"}
    return web.json_response(status, status=401)


@asynccontextmanager
async def context() -> AsyncIterator[ExecutorContext]:
    """Of an operator whose every request is answered with 401."""
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", refused)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    connection = Connection(client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}"))
    tenants = ImpersonatedTenants(connection)
    try:
        yield ExecutorContext(TenantSecrets(tenants), tenants, ("https://*",), frozenset())
    finally:
        await connection.close()
        await runner.cleanup()


def changing() -> Work:
    return work(execution=work().execution.model_validate({"kubernetes": CHANGE}))


@pytest.mark.parametrize(
    ("executor", "asked"),
    [
        pytest.param(HttpExecutor, http_work("https://x/", headers=[SECRET]), id="its Secret"),
        pytest.param(JobExecutor, work(timeout=SOON), id="its Job"),
        pytest.param(KubernetesExecutor, changing(), id="its object"),
    ],
)
async def test_it_is_tried_again(executor: type[Executor], asked: Work) -> None:
    async with context() as found:
        outcome = await executor(found).run(asked)  # type: ignore[call-arg]  # as the registry does
    assert isinstance(outcome, NotApplied)
    assert outcome.retryable


async def test_what_it_would_change_cannot_be_seen_just_now() -> None:
    async with context() as found:
        executor: Previews = KubernetesExecutor(found)
        with pytest.raises(Fault) as told:
            await executor.preview(changing())
    assert not isinstance(told.value, Rejected)

"""The kubernetes executor twice under one key: lost answers, crashes, others who are faster."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.api.execution import Execution
from amends.core.outcome import Applied, NotApplied, Unknown
from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.kube.connection import Connection
from amends.kube.secrets import TenantSecrets
from amends.kube.tenants import ImpersonatedTenants
from amends.ports import ExecutorContext, Tenants, Unsure, Work
from integration.cluster_objects import CONFIGMAPS, SETTINGS, Namespaced, runner_may
from support.api import Object
from support.tenant import Installed, Tenant

pytestmark = pytest.mark.controlplane

WRITES = ("POST", "PATCH", "DELETE")
BLUE: Object = {"patch": {"merge": {"data": {"color": "blue"}}}}
COUNTING: Object = {
    "patch": {"json": [{"op": "add", "path": "/metadata/finalizers/-", "value": "a.b/c"}]}
}
REMOVING: Object = {"patch": {"json": [{"op": "remove", "path": "/data/size"}]}}


class Faulty:
    """The tenants' API server, with something that happens around each real write."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self.writes = 0
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], Awaitable[object]] | None = None

    async def call(
        self,
        method: str,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        dry = "dryRun" in (query or {}) or (isinstance(body, dict) and "dryRun" in body)
        writes = method in WRITES and not dry
        if writes:
            self.writes += 1
            self.before()
        answer = await self._tenants.call(
            method,
            path,
            namespace,
            service_account,
            query=query,
            body=body,
            content_type=content_type,
        )
        if writes and self.after is not None:
            await self.after()
        return answer

    async def text(
        self,
        path: str,
        namespace: str,
        service_account: str,
        *,
        query: Mapping[str, str] | None = None,
    ) -> str:
        raise NotImplementedError


class Crash(BaseException):
    """The process is gone."""


async def lost() -> None:
    raise Unsure("the answer was lost")


async def crashed() -> None:
    raise Crash


@pytest.fixture
async def faulty(installed: Installed) -> AsyncIterator[Faulty]:
    connection = await Connection.open(installed.kubeconfig)
    yield Faulty(ImpersonatedTenants(connection))
    await connection.close()


@pytest.fixture
def executor(faulty: Faulty) -> KubernetesExecutor:
    context = ExecutorContext(TenantSecrets(faulty), faulty, (), frozenset())
    return KubernetesExecutor(context)


@pytest.fixture
def objects(tenant: Tenant) -> Namespaced:
    runner_may(tenant, CONFIGMAPS, "get", "patch", "delete", "create")
    return Namespaced(tenant)


async def work(
    tenant: Tenant, executor: KubernetesExecutor, operation: str = "Patch", **change: Any
) -> Work:
    """An attempt that is approved as it would be carried out now."""
    named = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings"}
    execution = {"kubernetes": {"operation": operation, **named, **change}}
    asked = Work(
        namespace=tenant.namespace,
        name="undo",
        execution=Execution.model_validate(execution),
        service_account="amends-runner",
        idempotency_key=f"amends:{tenant.namespace}/uid-1",
        attempt_key="undo:1",
        timeout=timedelta(seconds=20),
    )
    return replace(asked, preview=await executor.preview(asked))


@pytest.mark.parametrize("change", [BLUE, REMOVING], ids=["a change", "only a removal"])
async def test_a_lost_answer_is_settled_by_looking(
    change: Any, tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **change)
    faulty.after = lost

    outcome = await executor.run(asked)

    assert isinstance(outcome, Applied)
    assert faulty.writes == 1


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        pytest.param("Patch", BLUE, id="Patch"),
        pytest.param("Apply", {"manifest": {"data": {"color": "blue"}}}, id="Apply"),
        pytest.param("Delete", {}, id="Delete"),
    ],
)
async def test_a_crash_between_change_and_receipt_leads_to_no_second_change(
    operation: str,
    change: Any,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    objects.settings()
    asked = await work(tenant, executor, operation, **change)
    faulty.after = crashed
    with pytest.raises(Crash):
        await executor.run(asked)
    faulty.after = None
    if operation == "Delete":
        objects.settings(color="green")  # somebody makes it anew
        stays = objects.read(CONFIGMAPS)
    else:
        stays = objects.merge(CONFIGMAPS, {"data": {"size": "9"}})

    outcome = await executor.run(replace(asked, begun=True))

    assert isinstance(outcome, Applied)
    assert asked.preview is not None
    assert outcome.evidence["changes"] == [*asked.preview.changes]
    assert faulty.writes == 1
    assert objects.read(CONFIGMAPS) == stays


async def test_a_removal_whose_maker_crashed_is_unknown_and_never_guessed(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    """Who only removes leaves no name on the object."""
    objects.settings()
    asked = await work(tenant, executor, **REMOVING)
    faulty.after = crashed
    with pytest.raises(Crash):
        await executor.run(asked)

    outcome = await executor.run(replace(asked, begun=True))

    assert isinstance(outcome, Unknown)
    assert "another process had begun it" in outcome.reason
    assert faulty.writes == 1


async def test_who_began_and_never_sent_anything_is_carried_on_unless_it_may_only_look(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **BLUE)

    looked = await executor.run(replace(asked, begun=True, only_look=True))
    assert isinstance(looked, Unknown)
    assert (looked.untraced, faulty.writes) == (True, 0)

    assert isinstance(await executor.run(replace(asked, begun=True)), Applied)
    assert isinstance(await executor.run(replace(asked, begun=True)), Applied)
    assert isinstance(await executor.run(replace(asked, begun=True, only_look=True)), Applied)

    assert faulty.writes == 1
    assert objects.data()["color"] == "blue"


async def test_who_is_faster_elsewhere_on_the_object_does_not_stop_it(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **BLUE)
    others = iter(({"data": {"size": "5"}},))
    faulty.before = lambda: [objects.merge(CONFIGMAPS, one) for one in others]

    assert isinstance(await executor.run(asked), Applied)

    assert faulty.writes == 2  # the first one was refused as a whole
    assert objects.data() == {"color": "blue", "size": "5"}


async def test_who_is_faster_in_what_was_approved_stops_it(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **BLUE)
    faulty.before = lambda: objects.merge(CONFIGMAPS, {"data": {"color": "green"}})

    outcome = await executor.run(asked)

    assert outcome == NotApplied(
        "what it would change is not what was approved any more; it would now change "
        '/data/color: "green" → "blue"'
    )
    assert objects.data() == {**SETTINGS, "color": "green"}


async def test_two_at_once_under_one_key_make_one_change(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor
) -> None:
    objects.create(CONFIGMAPS, "listed", data=SETTINGS)
    objects.merge(CONFIGMAPS, {"metadata": {"finalizers": ["a.b/first"]}}, "listed")
    asked = await work(tenant, executor, name="listed", **COUNTING)

    outcomes = await asyncio.gather(executor.run(asked), executor.run(asked))

    assert all(isinstance(one, Applied) for one in outcomes)
    finalizers = objects.read(CONFIGMAPS, "listed")["metadata"]["finalizers"]
    assert finalizers == ["a.b/first", "a.b/c"]
    objects.merge(CONFIGMAPS, {"metadata": {"finalizers": None}}, "listed")


async def test_a_stop_before_anything_was_changed_leaves_it_as_it_was(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **BLUE)
    asked.stop.set()

    outcome = await executor.run(asked)

    assert outcome == NotApplied("it was stopped before anything was changed")
    assert faulty.writes == 0


async def test_i5_nothing_is_changed_under_a_claim_that_has_run_out(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = replace(await work(tenant, executor, **BLUE), may_begin=lambda: False)

    outcome = await executor.run(asked)

    assert outcome == NotApplied("the claim had run out before the change was sent")
    assert faulty.writes == 0

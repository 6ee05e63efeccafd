"""The kubernetes executor after a crash: it goes on where the object tells what was done."""

from dataclasses import replace

import pytest

from amends.core.outcome import Applied, Unknown
from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.ports import Work
from integration.cluster_doubts import Crash, Faulty, crashed, removal, work
from integration.cluster_objects import CONFIGMAPS, DEPLOYMENTS, SETTINGS, Namespaced, runner_may
from support.api import Object
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

EACH_DRIFT = pytest.mark.parametrize("drift", ["Refuse", "Allow"])
BLUE: Object = {"patch": {"merge": {"data": {"color": "blue"}}}}
ENV = "/spec/template/spec/containers/0/env"
APPLIED_BLUE: Object = {"manifest": {"data": {"color": "blue"}}}


@pytest.fixture
def objects(tenant: Tenant) -> Namespaced:
    runner_may(tenant, CONFIGMAPS, "get", "patch", "delete", "create")
    runner_may(tenant, DEPLOYMENTS, "get", "patch")
    return Namespaced(tenant)


async def dies(executor: KubernetesExecutor, faulty: Faulty, asked: Work) -> None:
    """The process is killed when the change has been made, and before anybody hears of it."""
    faulty.after = crashed
    with pytest.raises(Crash):
        await executor.run(asked)
    faulty.after = None


def with_env(objects: Namespaced) -> None:
    labels = {"app": "web"}
    env = [{"name": name, "value": "1"} for name in ("FIRST", "SECOND", "THIRD")]
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "env": env}]}}
    pods["spec"]["containers"][0]["image"] = "web:1"  # type: ignore[index]
    selector = {"matchLabels": labels}
    objects.create(DEPLOYMENTS, "web", spec={"selector": selector, "template": pods})


def env(objects: Namespaced) -> list[str]:
    pods = objects.read(DEPLOYMENTS, "web")["spec"]["template"]["spec"]
    return [one["name"] for one in pods["containers"][0]["env"]]


@EACH_DRIFT
async def test_a_crash_after_the_removal_of_an_element_removes_no_second_one(
    drift: str,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    """Who only removes from a list with keys leaves no name on the object."""
    with_env(objects)
    named = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "previewDrift": drift}
    asked = await work(tenant, executor, **named, **removal(f"{ENV}/0"))
    await dies(executor, faulty, asked)

    outcome = await executor.run(replace(asked, begun=True))

    assert isinstance(outcome, Unknown)
    assert "is not as it was any more; another process had begun it" in outcome.reason
    assert faulty.writes == 1
    assert env(objects) == ["SECOND", "THIRD"]


@EACH_DRIFT
async def test_a_crash_after_a_change_that_was_put_back_since_changes_it_no_second_time(
    drift: str,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    """Whoever did, the first change has had its effect: a controller may have acted on it."""
    objects.settings()
    asked = await work(tenant, executor, previewDrift=drift, **BLUE)
    await dies(executor, faulty, asked)
    objects.merge(CONFIGMAPS, {"data": {"color": "red"}})  # and with it goes the field manager

    outcome = await executor.run(replace(asked, begun=True))

    assert isinstance(outcome, Unknown)
    assert faulty.writes == 1
    assert objects.data() == SETTINGS


@EACH_DRIFT
async def test_a_crash_after_a_creation_creates_no_second_one(
    drift: str,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    """A Job, say, has run and is gone by itself."""
    asked = await work(tenant, executor, "Apply", previewDrift=drift, **APPLIED_BLUE)
    await dies(executor, faulty, asked)
    objects.delete(CONFIGMAPS)

    outcome = await executor.run(replace(asked, begun=True))

    assert isinstance(outcome, Unknown)
    assert "is not there any more; another process had begun it" in outcome.reason
    assert faulty.writes == 1
    assert "settings" not in objects.names(CONFIGMAPS)


@EACH_DRIFT
async def test_a_crash_after_a_deletion_deletes_no_namesake(
    drift: str,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    uid = objects.settings()["metadata"]["uid"]
    asked = await work(tenant, executor, "Delete", previewDrift=drift)
    await dies(executor, faulty, asked)
    objects.settings(color="green")

    outcome = await executor.run(replace(asked, begun=True))

    assert isinstance(outcome, Applied)
    assert outcome.evidence["object"]["uid"] == uid
    assert outcome.evidence["resourceVersion"] == {"before": None, "after": None}
    assert objects.data() == {"color": "green"}


@EACH_DRIFT
@pytest.mark.parametrize("operation", ["Patch", "Apply", "Delete"])
async def test_who_died_before_anything_was_sent_is_carried_on(
    operation: str,
    drift: str,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    objects.create(CONFIGMAPS, "settings", data={"size": "2"})
    change: Object = {"Patch": BLUE, "Apply": APPLIED_BLUE, "Delete": {}}[operation]
    asked = await work(tenant, executor, operation, previewDrift=drift, **change)

    outcome = await executor.run(replace(asked, begun=True))

    assert isinstance(outcome, Applied)
    assert faulty.writes == 1


async def test_a_deletion_is_carried_on_although_its_object_has_moved(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    """Its uid is there: so it has not been deleted."""
    objects.settings()
    asked = await work(tenant, executor, "Delete", previewDrift="Allow")
    objects.merge(CONFIGMAPS, {"data": {"color": "green"}})

    assert isinstance(await executor.run(replace(asked, begun=True)), Applied)

    assert "settings" not in objects.names(CONFIGMAPS)

"""The kubernetes executor twice under one key: lost answers, crashes, others who are faster."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from amends.core.outcome import Applied, NotApplied, Unknown
from amends.executors.kubernetes.executor import KubernetesExecutor
from integration.cluster_doubts import Crash, Faulty, crashed, lost, work
from integration.cluster_objects import CONFIGMAPS, SETTINGS, Namespaced, runner_may
from support.api import Object
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

BLUE: Object = {"patch": {"merge": {"data": {"color": "blue"}}}}
COUNTING: Object = {
    "patch": {"json": [{"op": "add", "path": "/metadata/finalizers/-", "value": "a.b/c"}]}
}
REMOVING: Object = {"patch": {"json": [{"op": "remove", "path": "/data/size"}]}}


@pytest.fixture
def objects(tenant: Tenant) -> Namespaced:
    runner_may(tenant, CONFIGMAPS, "get", "patch", "delete", "create")
    return Namespaced(tenant)


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

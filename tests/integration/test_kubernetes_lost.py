"""The kubernetes executor whose request is refused, or whose answer is lost: one effect at most."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.core.outcome import Applied, NotApplied, Unknown
from amends.executors.kubernetes.executor import KubernetesExecutor
from amends.ports import Conflict, Rejected, Unsure, Waiting, Work
from integration.cluster_doubts import Faulty, failing, lost, removal, work
from integration.cluster_objects import CONFIGMAPS, SETTINGS, Namespaced, runner_may
from support.api import Object
from support.tenant import Tenant

pytestmark = pytest.mark.controlplane

BLUE: Object = {"patch": {"merge": {"data": {"color": "blue"}}}}
APPLIED_BLUE: Object = {"manifest": {"data": {"color": "blue"}}}


@pytest.fixture
def objects(tenant: Tenant) -> Namespaced:
    runner_may(tenant, CONFIGMAPS, "get", "patch", "delete", "create")
    return Namespaced(tenant)


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        pytest.param("Patch", BLUE, id="Patch"),
        pytest.param("Patch", removal("/data/color"), id="only a removal"),
        pytest.param("Apply", APPLIED_BLUE, id="Apply"),
        pytest.param("Delete", {}, id="Delete"),
    ],
)
async def test_a_lost_answer_is_looked_for_until_the_server_answers(
    operation: str,
    change: Object,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    objects.settings()
    asked = await work(tenant, executor, operation, **change)
    faulty.after, faulty.unseen = lost, 3

    outcome = await executor.run(asked)

    assert isinstance(outcome, Applied)
    assert (faulty.writes, faulty.unseen) == (1, 0)


async def test_a_lost_answer_that_nobody_can_look_for_before_it_is_stopped_is_unknown(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **BLUE)
    faulty.after, faulty.unseen, faulty.unanswered = lost, 1000, asked.stop.set

    outcome = await executor.run(asked)

    assert outcome == Unknown("nobody answers; the change was sent, so it may have been made")
    assert faulty.writes == 1


async def test_who_asks_to_be_left_alone_is_looked_at_no_sooner(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **BLUE)
    told: list[float] = []
    clock = asyncio.get_running_loop()
    faulty.unanswered = lambda: told.append(clock.time())
    faulty.after, faulty.unseen, faulty.wish = lost, 1, timedelta(seconds=0.7)

    assert isinstance(await executor.run(asked), Applied)

    assert clock.time() - told[0] >= 0.7


@pytest.mark.parametrize("operation", ["Patch", "Delete"])
async def test_a_server_that_fails_for_a_while_is_asked_until_it_tells(
    operation: str,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    """It fails when the change is sent, and whenever it is tried out after that."""
    objects.settings()
    asked = await work(tenant, executor, operation, **(BLUE if operation == "Patch" else {}))
    faulty.before, faulty.untried = once(refuses(failing())), 3

    assert isinstance(await executor.run(asked), Applied)

    assert (faulty.writes, faulty.untried) == (2, 0)


def once(what: Callable[[], object]) -> Callable[[], object]:
    """Only the first time."""
    left = [what]
    return lambda: left.pop()() if left else None


def refuses(why: Exception) -> Callable[[], object]:
    def refuse() -> None:
        raise why

    return refuse


@pytest.mark.parametrize(
    ("operation", "change", "left"),
    [
        pytest.param("Patch", BLUE, {**SETTINGS, "color": "blue"}, id="Patch"),
        pytest.param("Patch", removal("/data/color"), {"size": "2"}, id="only a removal"),
        pytest.param("Apply", APPLIED_BLUE, {**SETTINGS, "color": "blue"}, id="Apply"),
    ],
)
async def test_of_a_request_that_is_late_and_the_one_after_it_only_one_is_carried_out(
    operation: str,
    change: Object,
    left: Object,
    tenant: Tenant,
    objects: Namespaced,
    executor: KubernetesExecutor,
    faulty: Faulty,
) -> None:
    objects.settings()
    asked = await work(tenant, executor, operation, **change)
    faulty.before = once(refuses(Unsure("it is on its way")))

    assert isinstance(await executor.run(asked), Applied)
    with pytest.raises((Conflict, Rejected)):
        await faulty.arrive(0, asked)

    assert faulty.writes == 2
    assert objects.data() == left


async def test_a_late_request_that_comes_before_the_second_one_is_found(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    """The second is refused, and that says nothing about the first."""
    objects.create(CONFIGMAPS, "settings", data=SETTINGS)
    asked = await work(tenant, executor, **removal("/data/color"))
    faulty.before = once(refuses(Unsure("it is on its way")))
    calls = _arriving_at_the_second(faulty, asked)

    outcome = await executor.run(asked)

    assert isinstance(outcome, Applied)
    assert outcome.evidence["told"] == "the object is as it was to be"
    assert calls == [1]
    assert objects.data() == {"size": "2"}


def _arriving_at_the_second(faulty: Faulty, asked: Work) -> list[int]:
    arrived: list[int] = []
    whole: Callable[..., Awaitable[Any]] = faulty.tenants.call

    async def call(method: str, *args: Any, **more: Any) -> Any:
        if faulty.writes == 2 and not arrived:
            arrived.append(1)
            await faulty.arrive(0, asked)
        return await whole(method, *args, **more)

    faulty.tenants.call = call  # type: ignore[method-assign]
    return arrived


async def test_a_creation_whose_answer_is_lost_is_found(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    asked = await work(tenant, executor, "Apply", **APPLIED_BLUE)
    faulty.after = lost

    assert isinstance(await executor.run(asked), Applied)

    assert faulty.writes == 1
    assert objects.data() == {"color": "blue"}


async def test_a_creation_of_which_nothing_is_to_be_seen_is_not_repeated(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    asked = await work(tenant, executor, "Apply", **APPLIED_BLUE)
    faulty.before = refuses(Unsure("the answer was lost"))

    outcome = await executor.run(asked)

    assert isinstance(outcome, Unknown)
    assert faulty.writes == 1


# ------------------------------------------------------------------------------- a refusal


async def test_what_was_accepted_on_trial_and_is_refused_in_earnest_is_not_applied(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **BLUE)
    faulty.before = refuses(Rejected("exceeded quota"))

    assert isinstance(await executor.run(asked), NotApplied)
    assert isinstance(await executor.run(replace(asked, begun=True)), Unknown)

    assert objects.data() == SETTINGS


async def test_apply_makes_no_new_object_of_one_that_is_gone_at_the_last_moment(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    """People have approved that this one is changed."""
    objects.settings()
    asked = await work(tenant, executor, "Apply", **APPLIED_BLUE)
    faulty.before = once(lambda: objects.delete(CONFIGMAPS))

    outcome = await executor.run(asked)

    assert isinstance(outcome, NotApplied)
    assert "it would now change the object is created" in outcome.reason
    assert "settings" not in objects.names(CONFIGMAPS)


async def test_who_was_not_let_in_has_changed_nothing_and_comes_back_when_he_may(
    tenant: Tenant, objects: Namespaced, executor: KubernetesExecutor, faulty: Faulty
) -> None:
    objects.settings()
    asked = await work(tenant, executor, **BLUE)
    busy = Waiting("too many requests", timedelta(seconds=7))
    busy.status = 429
    faulty.before = refuses(busy)

    outcome = await executor.run(asked)

    assert outcome == NotApplied("too many requests", retry_after=timedelta(seconds=7))
    assert faulty.writes == 1

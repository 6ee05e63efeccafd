"""A Job that is over, and its pods do not tell how: what is not known of it is not said."""

from typing import Any

import pytest

from amends.core.outcome import NotApplied, Outcome, Unknown
from amends.executors.job import executor, sight
from amends.executors.job.executor import JobExecutor
from amends.executors.job.manifest import manifest, name_of
from amends.ports import ExecutorContext, Fault, Raw, Rejected, Waiting
from loopback import KnownSecrets
from unit.test_job_manifest import work

WORK = work()
SAYS_NOT_APPLIED = {"exitCode": 0, "reason": "Completed", "message": '{"outcome": "NotApplied"}'}
POD: Raw = {
    "metadata": {"name": "pod", "uid": "2"},
    "spec": {"nodeName": "a"},
    "status": {
        "phase": "Succeeded",
        "containerStatuses": [{"name": "undo", "state": {"terminated": SAYS_NOT_APPLIED}}],
    },
}


def forbidden() -> Rejected:
    account = "system:serviceaccount:tenant-a:amends-runner"
    fault = Rejected("GET: 403")
    fault.status = 403
    fault.answer = (
        f'pods is forbidden: User "{account}" cannot list resource "pods" in API group "" in the '
        'namespace "tenant-a"'
    )
    return fault


class Server:
    """A Job that ends at once. troubles: what comes of looking at its pods, time after time."""

    def __init__(self, end: str, *troubles: Fault | None) -> None:
        ended = {"conditions": [{"type": end, "status": "True"}], "failed": 1}
        self._job = {**manifest(WORK), "status": ended}
        self._job["metadata"] = {**self._job["metadata"], "uid": "1"}
        self._troubles = [*troubles]
        self.events: list[Raw] = []
        self.told_later: list[Raw] | None = None
        """Events that come after the first look at them; it is over only then."""
        self.told_in_the_end: list[Raw] = []
        """Events that come when it is over, and has been looked at."""
        self.deaf = 0
        """How often the server has no time to say which, before it has."""
        self.looked = False

    async def call(self, method: str, path: str, *_: Any, **__: Any) -> Any:
        """The Job, or its pods."""
        if "/jobs" in path:
            goes_on = {**self._job, "status": {"active": 1}}
            return self._job if self.told_later is None else goes_on
        if path.endswith("/events"):
            said, later = self.events, self.told_later
            if later is not None:
                self.events, self.told_later = later, None
            elif self.deaf and self.looked:
                self.deaf -= 1
                raise Waiting("503")
            elif said:
                self.looked, self.events = True, [*said, *self.told_in_the_end]
            return {"items": said}
        trouble = self._troubles.pop(0) if len(self._troubles) > 1 else self._troubles[0]
        if trouble is not None:
            raise trouble
        return {"items": [POD], "metadata": {"resourceVersion": "1"}}

    async def text(self, path: str, *_: Any, **__: Any) -> str:
        """The log."""
        return ""


async def outcome(server: Server, monkeypatch: pytest.MonkeyPatch, hearing: float = 0.1) -> Outcome:
    monkeypatch.setattr(executor, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(sight, "_ASKING", 0.01)
    monkeypatch.setattr(sight, "_HEARING", hearing)
    return await JobExecutor(ExecutorContext(KnownSecrets(), server, (), frozenset())).run(work())


@pytest.mark.parametrize("end", ["Complete", "Failed"])
async def test_where_its_pods_may_not_be_looked_at_nobody_knows_and_the_right_is_named(
    end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right is taken away after it began."""
    assert await outcome(Server(end, None, forbidden()), monkeypatch) == Unknown(
        f"Job {name_of(WORK)} is over, and nobody saw how its pod ended: service account "
        "amends-runner may not list pods: bind it to the Role amends-runs-jobs of namespace "
        "tenant-a, as tenant-jobs.yaml does, or with the chart tenants.tenant-a.runner.jobs: true"
    )


async def test_where_the_server_does_not_answer_it_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the program said would be missed otherwise, and its exit code taken for all."""
    server = Server("Complete", None, Waiting("503"), Waiting("503"), None)

    assert await outcome(server, monkeypatch) == NotApplied(
        f"Job {name_of(WORK)}: container undo of pod pod said: no reason given"
    )


BEGAN, TOLD = "2026-01-01T00:00:00Z", "2026-01-01T00:00:08Z"
ONLY = {"fieldPath": "spec.containers{undo}"}
KILLING: Raw = {"reason": "Killing", "message": "Stopping", "involvedObject": ONLY}
STOPPED = Unknown(
    f"Job {name_of(WORK)}: pod pod was stopped by its node: Killing: Stopping; it had begun, so it "
    "may have had its effect"
)


def started(told: str) -> Raw:
    meta, happened = {"creationTimestamp": told}, {"firstTimestamp": BEGAN}
    return {"reason": "Started", "metadata": meta, "involvedObject": ONLY, **happened}


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after the pod"])
async def test_what_only_events_tell_of_a_pod_is_asked_for(
    late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that calls it success when it is told to stop."""
    server = Server("Complete", None)
    server.events, server.told_later = ([], [KILLING]) if late else ([KILLING], None)

    assert await outcome(server, monkeypatch) == STOPPED


async def test_a_node_that_told_late_how_it_began_is_heard_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was 8 seconds behind when it began, so it may be when it ends."""
    monkeypatch.setattr(sight, "_AFTER", 0.0)
    server = Server("Complete", None)
    server.events, server.told_in_the_end = [started(TOLD)], [KILLING]

    assert await outcome(server, monkeypatch, hearing=20) == STOPPED


async def test_every_node_may_take_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server("Complete", None)
    server.events, server.told_in_the_end = [started(BEGAN)], [KILLING]

    assert await outcome(server, monkeypatch, hearing=20) == STOPPED


async def test_what_is_said_while_the_server_has_no_time_is_heard_when_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sight, "_AFTER", 0.05)
    server = Server("Complete", None)
    server.events, server.told_in_the_end, server.deaf = [started(BEGAN)], [KILLING], 20

    assert await outcome(server, monkeypatch, hearing=20) == STOPPED


async def test_a_node_that_tells_nothing_is_not_awaited_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert isinstance(await outcome(Server("Complete", None), monkeypatch), NotApplied)

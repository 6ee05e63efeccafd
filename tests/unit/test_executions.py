"""Attempts under way in this process: whatever an executor does, there is an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from amends.api.execution import Execution, RecordExecution
from amends.api.http import HttpExecution, HttpMethod
from amends.api.job import JobExecution
from amends.core.key import Key
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.world import Attempt
from amends.ports import OUT_OF_TIME, Work
from amends.runtime import executions as executions_module
from amends.runtime.executions import Executions

A, B, C = (Key("Compensation", "tenant", name) for name in "abc")

Run = Callable[[Work], Awaitable[Outcome]]


class Told:
    """An executor that does what a test says."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def run(self, work: Work) -> Outcome:
        return await self._run(work)

    def objection(self, execution: Execution) -> str | None:
        return None

    async def close(self) -> None:
        pass


class Patient(Told):
    """One that only waits for what is done elsewhere."""

    only_waits = True


class Watched:
    """Executions over one executor, and the keys that ended."""

    def __init__(self, run: Run, limit: int = 8) -> None:
        self.ended: list[Key] = []
        self._moved = asyncio.Event()
        self.executions = Executions({"record": Told(run)}, limit, self._end)

    def attempt(self, key: Key) -> Attempt | None:
        return self.executions.attempt(key, f"amends:tenant/{key.name}")

    def _end(self, key: Key) -> None:
        self.ended.append(key)
        self._moved.set()

    async def until(self, *ended: Key) -> None:
        async with asyncio.timeout(10):
            while sorted(self.ended) != sorted(ended):
                self._moved.clear()
                await self._moved.wait()


def work(
    key: Key, attempt: int = 1, seconds: float = 60, execution: Execution | None = None
) -> Work:
    return Work(
        namespace=key.namespace,
        name=key.name,
        execution=execution or Execution(record=RecordExecution()),
        service_account="amends-runner",
        idempotency_key=f"amends:tenant/{key.name}",
        attempt_key=f"{key.name}:{attempt}",
        timeout=timedelta(seconds=seconds),
    )


async def hang(_: Work) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError("never")


@pytest.mark.parametrize(
    "outcome",
    [Applied({"id": 1}), NotApplied("busy", retry_after=timedelta(seconds=3)), Unknown("lost")],
    ids=["applied", "not applied", "unknown"],
)
async def test_an_answer_is_kept_until_it_is_released(outcome: Outcome) -> None:
    async def answer(_: Work) -> Outcome:
        return outcome

    watched = Watched(answer)
    assert watched.attempt(A) is None
    watched.executions.start(A, work(A))
    assert watched.attempt(A) == Attempt("a:1")
    await watched.until(A)
    assert watched.attempt(A) == Attempt("a:1", outcome)
    assert watched.executions.attempt(A, "amends:tenant/a-namesake") is None
    watched.executions.release(A)
    assert watched.attempt(A) is None
    watched.executions.release(A)


async def test_i7_what_is_only_waited_for_takes_no_place_of_what_is_done_here() -> None:
    ended: asyncio.Queue[Key] = asyncio.Queue()

    async def answer(_: Work) -> Outcome:
        return Applied({"id": 1})

    by = {"job": Patient(hang), "record": Told(answer)}
    executions = Executions(by, limit=1, ended=ended.put_nowait)
    a_job = Execution(job=JobExecution(template={}))
    executions.start(A, work(A, execution=a_job))
    executions.start(B, work(B, execution=a_job))
    executions.start(C, work(C))

    assert await asyncio.wait_for(ended.get(), 10) == C
    under_way = [executions.under_way(executions.room(target)) for target in ("job", "https://x")]
    assert under_way == [2, 1]
    executions.release(A)
    executions.release(B)


async def test_a_failing_executor_leaves_a_doubt_and_no_secret() -> None:
    async def fail(_: Work) -> Outcome:
        raise RuntimeError("password=hunter2")

    watched = Watched(fail)
    watched.executions.start(A, work(A))
    await watched.until(A)
    assert watched.attempt(A) == Attempt("a:1", Unknown("executor record failed: RuntimeError"))


async def test_an_executor_that_does_not_end_is_stopped_and_leaves_a_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executions_module, "GRACE", timedelta(0))
    watched = Watched(hang)
    watched.executions.start(A, work(A, seconds=0.01))
    await watched.until(A)
    assert watched.attempt(A) == Attempt(
        "a:1", Unknown("executor record did not end within its timeout")
    )


async def test_an_executor_that_is_not_installed_here_has_certainly_done_nothing() -> None:
    elsewhere = Execution(http=HttpExecution(method=HttpMethod.POST, url="https://example.com"))
    watched = Watched(hang)
    watched.executions.start(A, work(A, execution=elsewhere))
    await watched.until(A)
    assert watched.attempt(A) == Attempt(
        "a:1", NotApplied("executor http is not installed here", retryable=False)
    )


async def test_of_what_another_process_had_begun_it_does_not_say_so() -> None:
    elsewhere = Execution(http=HttpExecution(method=HttpMethod.POST, url="https://example.com"))
    watched = Watched(hang)
    watched.executions.start(A, replace(work(A, execution=elsewhere), begun=True))
    await watched.until(A)
    assert watched.attempt(A) == Attempt(
        "a:1", Unknown("executor http is not installed here; another process had begun it")
    )


@pytest.mark.parametrize(
    ("begun", "outcome"),
    [
        (False, NotApplied(f"{OUT_OF_TIME}. Nothing was sent")),
        (True, Applied({"could begin": False})),
    ],
)
async def test_i5_under_a_claim_that_has_run_out_it_is_only_looked_for_what_others_had_begun(
    begun: bool, outcome: Outcome
) -> None:
    async def look(asked: Work) -> Outcome:
        return Applied({"could begin": asked.may_begin()})

    watched = Watched(look)
    late = replace(work(A), begun=begun, may_begin=lambda: False)
    watched.executions.start(A, late)
    await watched.until(A)
    assert watched.attempt(A) == Attempt("a:1", outcome)


async def test_release_stops_it_and_nobody_hears_of_it() -> None:
    stopped = asyncio.Event()

    async def until_stopped(_: Work) -> Outcome:
        try:
            return await hang(_)
        finally:
            stopped.set()

    watched = Watched(until_stopped)
    watched.executions.start(A, work(A))
    await asyncio.sleep(0)
    watched.executions.release(A)
    await asyncio.wait_for(stopped.wait(), 10)
    await asyncio.sleep(0)
    assert watched.ended == []
    assert watched.attempt(A) is None


async def test_released_before_it_began_it_never_begins() -> None:
    begun: list[Work] = []

    async def begin(one: Work) -> Outcome:
        begun.append(one)
        return Applied()

    watched = Watched(begin)
    watched.executions.start(A, work(A))
    watched.executions.release(A)
    watched.executions.start(B, work(B))
    await watched.until(B)
    assert [one.name for one in begun] == ["b"]


async def test_a_new_attempt_replaces_the_one_before_even_if_that_will_not_stop() -> None:
    let_go = asyncio.Event()

    async def stubborn(one: Work) -> Outcome:
        if one.attempt_key == "a:2":
            return Applied({"attempt": 2})
        try:
            return await hang(one)
        except asyncio.CancelledError:
            await let_go.wait()
            return Applied({"attempt": 1})

    watched = Watched(stubborn)
    watched.executions.start(A, work(A, 1))
    await asyncio.sleep(0)
    watched.executions.start(A, work(A, 2))
    await watched.until(A)
    let_go.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert watched.ended == [A]
    assert watched.attempt(A) == Attempt("a:2", Applied({"attempt": 2}))


async def test_no_more_work_side_by_side_than_the_limit() -> None:
    begun: list[str] = []
    gate = asyncio.Event()

    async def wait(one: Work) -> Outcome:
        begun.append(one.name)
        await gate.wait()
        return Applied()

    watched = Watched(wait, limit=2)
    for key in (A, B, C):
        watched.executions.start(key, work(key))
    for _ in range(5):
        await asyncio.sleep(0)
    assert begun == ["a", "b"]
    watched.executions.release(A)
    for _ in range(5):
        await asyncio.sleep(0)
    assert begun == ["a", "b", "c"]
    gate.set()
    await watched.until(B, C)


async def test_drain_waits_for_what_ends_in_time_and_stops_the_rest() -> None:
    gate = asyncio.Event()

    async def wait(one: Work) -> Outcome:
        if one.name == "a":
            gate.set()
            return Applied()
        return await hang(one)

    watched = Watched(wait)
    watched.executions.start(A, work(A))
    watched.executions.start(B, work(B))
    await watched.executions.drain(timedelta(milliseconds=20))
    assert watched.ended == [A]
    assert watched.attempt(A) == Attempt("a:1", Applied())
    assert watched.attempt(B) is None
    await watched.executions.drain(timedelta(seconds=1))

"""The key queue: one worker at a time for a key, no lost wake-up, backoff after a fault."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from amends.core.key import Key
from amends.ports import Conflict, Rejected
from amends.runtime import queue as queue_module
from amends.runtime.queue import KeyQueue

A, B, C = (Key("Compensation", "tenant", name) for name in "abc")
AT_ONCE, SOON, NEVER = timedelta(0), timedelta(milliseconds=5), timedelta(days=1)

Answer = timedelta | Exception | None


@dataclass
class Work:
    """What the workers do: note the look, wait for the gate if it is shut, answer as told."""

    queue: KeyQueue
    answers: dict[Key, list[Answer]] = field(default_factory=dict)
    looks: list[Key] = field(default_factory=list)
    at_work: list[Key] = field(default_factory=list)
    most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, key: Key) -> timedelta | None:
        assert key not in self.at_work, "two workers at one key"
        self.looks.append(key)
        self.at_work.append(key)
        self.most = max(self.most, len(self.at_work))
        self._moved.set()
        try:
            await self.gate.wait()
        finally:
            self.at_work.remove(key)
            self._moved.set()
        answers = self.answers.get(key)
        answer = answers.pop(0) if answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._moved.clear()
                await self._moved.wait()

    async def settle(self) -> None:
        """Let everything that can run without time passing run."""
        for _ in range(20):
            await asyncio.sleep(0)


@asynccontextmanager
async def working(workers: int = 4, *, shut: bool = False) -> AsyncIterator[Work]:
    queue = KeyQueue()
    work = Work(queue)
    if not shut:
        work.gate.set()
    task = asyncio.create_task(queue.run(work, workers))
    try:
        yield work
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_key_is_looked_at_once() -> None:
    async with working() as work:
        for key in (A, B, A, A, C, B):
            work.queue.add(key)
        assert len(work.queue) == 3
        await work.until(lambda: len(work.looks) == 3 and not work.at_work)
        await work.settle()
        assert sorted(work.looks) == [A, B, C]
        assert len(work.queue) == 0


async def test_a_key_has_one_worker_and_others_are_worked_on_meanwhile() -> None:
    async with working(shut=True) as work:
        for key in (A, B, C):
            work.queue.add(key)
            work.queue.add(key)
        await work.until(lambda: len(work.at_work) == 3)
        for key in (A, B, C):
            work.queue.add(key)
        await work.settle()
        assert sorted(work.at_work) == [A, B, C]
        work.gate.set()
        await work.until(lambda: len(work.looks) == 6 and not work.at_work)


async def test_no_more_are_worked_on_than_there_are_workers() -> None:
    keys = [Key("Action", "tenant", str(number)) for number in range(20)]
    async with working(workers=3, shut=True) as work:
        for key in keys:
            work.queue.add(key)
        await work.until(lambda: len(work.at_work) == 3)
        await work.settle()
        assert len(work.at_work) == 3
        assert len(work.queue) == 20
        work.gate.set()
        await work.until(lambda: len(work.looks) == 20 and not work.at_work)
        assert work.most == 3


async def test_added_while_busy_it_is_looked_at_exactly_once_more() -> None:
    async with working(shut=True) as work:
        work.queue.add(A)
        await work.until(lambda: work.at_work == [A])
        for _ in range(5):
            work.queue.add(A)
        assert len(work.queue) == 1
        work.gate.set()
        await work.until(lambda: len(work.looks) == 2 and not work.at_work)
        await work.settle()
        assert work.looks == [A, A]
        assert len(work.queue) == 0


async def test_a_wake_up_is_kept_when_the_look_that_it_fell_into_fails() -> None:
    async with working(shut=True) as work:
        work.answers[A] = [Rejected("no")]
        work.queue.add(A)
        await work.until(lambda: work.at_work == [A])
        work.queue.add(A)
        work.gate.set()
        await work.until(lambda: len(work.looks) == 2)


async def test_keys_added_before_anybody_works_are_kept() -> None:
    queue = KeyQueue()
    queue.add(A)
    work = Work(queue)
    work.gate.set()
    task = asyncio.create_task(queue.run(work, 1))
    await work.until(lambda: work.looks == [A])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_looks_again_when_the_look_says_so() -> None:
    async with working() as work:
        work.answers[A] = [SOON, AT_ONCE, NEVER]
        work.queue.add(A)
        await work.until(lambda: len(work.looks) == 3 and not work.at_work)
        await work.settle()
        assert work.looks == [A, A, A]


async def test_a_later_look_supersedes_the_timer() -> None:
    async with working() as work:
        work.answers[A] = [SOON, None]
        work.queue.add(A)
        await work.until(lambda: len(work.looks) == 1 and not work.at_work)
        work.queue.add(A)  # decides anew: never again
        await work.until(lambda: len(work.looks) >= 2 and not work.at_work)
        work.queue.add_after(B, SOON * 4)
        await work.until(lambda: B in work.looks)
        assert work.looks == [A, A, B]


async def test_a_timer_replaces_the_one_before() -> None:
    async with working() as work:
        work.queue.add_after(A, NEVER)
        work.queue.add_after(A, SOON)
        await work.until(lambda: work.looks == [A])
        work.queue.add_after(A, SOON)
        work.queue.add_after(A, AT_ONCE)
        await work.until(lambda: len(work.looks) == 2)
        work.queue.add_after(B, SOON * 4)
        await work.until(lambda: B in work.looks)
        assert work.looks == [A, A, B]


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the backoff is asked about; it answers with no pause."""
    asked: list[int] = []

    def pause_after(why: Exception, failures: int) -> timedelta:
        asked.append(failures)
        return AT_ONCE

    monkeypatch.setattr(queue_module, "pause_after", pause_after)
    return asked


async def test_failures_are_counted_in_a_row_and_forgotten_after_a_success(
    failures: list[int],
) -> None:
    async with working() as work:
        work.answers[A] = [
            Rejected("1"),
            Conflict("2"),
            KeyError("3"),
            AT_ONCE,
            Rejected("4"),
            None,
        ]
        work.queue.add(A)
        await work.until(lambda: len(work.looks) == 6 and not work.at_work)
    assert failures == [1, 2, 3, 1]


async def test_failures_of_one_key_do_not_count_for_another(failures: list[int]) -> None:
    async with working() as work:
        work.answers = {A: [Rejected("1"), Rejected("2")], B: [Rejected("1")]}
        work.queue.add(A)
        await work.until(lambda: work.looks == [A, A, A] and not work.at_work)
        work.queue.add(B)
        await work.until(lambda: work.looks == [A, A, A, B, B] and not work.at_work)
    assert failures == [1, 2, 1]


async def test_it_ends_when_cancelled_and_leaves_no_timer() -> None:
    async with working() as work:
        work.queue.add_after(A, SOON)
        work.answers[B] = [SOON]
        work.queue.add(B)
        await work.until(lambda: work.looks == [B] and not work.at_work)
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.call_later(SOON.total_seconds() * 4, over.set)
    await over.wait()
    assert work.looks == [B]
    assert len(work.queue) == 0

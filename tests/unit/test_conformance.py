"""Our own executors pass the suite for authors, and it fails those that do not deserve it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from amends.api.execution import Execution
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.executors.http.executor import HttpExecutor
from amends.executors.record import RecordExecutor
from amends.ports import Executor, ExecutorContext, Work
from amends.testing import Behaviour, Conformance, Subject, cases
from loopback import Caller, Loopback, serving

SECRET = "s3cret-of-the-board"
HUGE = 32 * 1024 * 1024


class HttpSubject(Subject):
    """The http executor, and a server that remembers keys."""

    def __init__(self) -> None:
        self.server = Loopback()
        self.done: set[str] = set()
        self.behaviour = Behaviour.WORKS
        self.open = 0

    def executor(self, context: ExecutorContext) -> Executor:
        return HttpExecutor(context)

    def execution(self) -> Execution:
        header = {"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "board", "key": "key"}}}
        http = {"method": "POST", "url": f"{self.server.origin}/x", "headers": [header]}
        return Execution.model_validate({"http": http})

    async def behave(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour

    def effects(self) -> int:
        return len(self.done)

    def connections(self) -> int:
        return self.open

    def allowed_targets(self) -> tuple[str, ...]:
        return (self.server.origin,)

    def secrets(self) -> Mapping[str, str]:
        return {"board/key": SECRET}

    async def script(self, caller: Caller) -> None:
        """One request."""
        self.open += 1
        try:
            await self._answer(caller)
        finally:
            self.open -= 1

    async def _answer(self, caller: Caller) -> None:
        head = await caller.head()
        if self.behaviour is Behaviour.HANGS:
            await caller.reader.read()  # until whoever asked leaves
            return
        if self.behaviour is Behaviour.REFUSES:
            await caller.say(_response(403, {"said": SECRET}))
            return
        self.done.add(next(line for line in head.splitlines() if "Idempotency-Key" in line))
        if self.behaviour is Behaviour.ANSWERS_HUGELY:
            await caller.say(f"HTTP/1.1 200 OK\r\nContent-Length: {HUGE}\r\n\r\n".encode())
            for _ in range(HUGE // 65536):
                await caller.say(b"x" * 65536)
        elif self.behaviour is not Behaviour.LOSES_ANSWERS:
            said = SECRET if self.behaviour is Behaviour.ECHOES else "done"
            await caller.say(_response(200, {"said": said}))


def _response(status: int, said: object) -> bytes:
    body = json.dumps(said).encode()
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def serving_http(subject: HttpSubject) -> AsyncIterator[HttpSubject]:
    async with serving(subject.script) as server:
        subject.server = server
        yield subject


class TestHttp(Conformance):
    """The http executor."""

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        async with serving_http(HttpSubject()) as subject:
            yield subject


class RecordSubject(Subject):
    """There is no target: what is counted is how often it was recorded."""

    def executor(self, context: ExecutorContext) -> Executor:
        return RecordExecutor(context)

    def execution(self) -> Execution:
        return Execution.model_validate({"record": {}})

    async def behave(self, behaviour: Behaviour) -> None:
        pass

    def effects(self) -> int:
        return 0


_NO_TARGET = "it has no target"


class TestRecord(Conformance):
    """The record executor: what is left of the suite where there is no target."""

    NOT_APPLICABLE: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("applies", "repeats", "loses_an_answer", "begins_in_time", "times_out", "stops",
         "is_cancelled", "is_answered_hugely", "is_refused"),
        _NO_TARGET,
    )  # fmt: skip

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        yield RecordSubject()


# ---------------------------------------------------------- executors that do not deserve it

Run = Callable[[Executor, Work], Coroutine[Any, Any, Outcome]]


class Bad:
    """The http executor with one thing wrong."""

    def __init__(self, inner: Executor, secrets: object) -> None:
        self.inner, self.secrets = inner, secrets
        self.closed = False
        self.attempts = 0

    async def run(self, work: Work) -> Outcome:
        return await self.inner.run(work)

    def objection(self, execution: Execution) -> str | None:
        return self.inner.objection(execution)

    async def close(self) -> None:
        await self.inner.close()


class AlwaysApplied(Bad):
    async def run(self, work: Work) -> Outcome:
        await self.inner.run(work)
        return Applied({})


class DoesNothing(Bad):
    async def run(self, work: Work) -> Outcome:
        return NotApplied("not today")


class MakesItsOwnKeys(Bad):
    async def run(self, work: Work) -> Outcome:
        changed = {**vars(work), "idempotency_key": work.attempt_key}
        return await self.inner.run(Work(**changed))


class ClaimsNothingHappened(Bad):
    async def run(self, work: Work) -> Outcome:
        outcome = await self.inner.run(work)
        return NotApplied("no answer") if isinstance(outcome, Unknown) else outcome


class SendsTooLate(Bad):
    async def run(self, work: Work) -> Outcome:
        return await self.inner.run(replace(work, may_begin=lambda: True))


class NeverEnds(Bad):
    async def run(self, work: Work) -> Outcome:
        await self.inner.run(work)
        await asyncio.Event().wait()
        raise AssertionError


class LeavesATask(Bad):
    async def run(self, work: Work) -> Outcome:
        return await asyncio.shield(asyncio.ensure_future(self.inner.run(work)))


class SwallowsCancel(Bad):
    async def run(self, work: Work) -> Outcome:
        try:
            return await self.inner.run(work)
        except asyncio.CancelledError:
            return Unknown("cancelled")


class KeepsEverything(Bad):
    async def run(self, work: Work) -> Outcome:
        await self.inner.run(work)
        return Applied({"body": "x" * HUGE})


class RepeatsSecrets(Bad):
    async def run(self, work: Work) -> Outcome:
        await self.inner.run(work)
        return Applied({"said": SECRET})


class LogsSecrets(Bad):
    async def run(self, work: Work) -> Outcome:
        logging.getLogger("bad").debug("sent %s", SECRET)
        return await self.inner.run(work)


class ReadsForAnother(Bad):
    async def run(self, work: Work) -> Outcome:
        await self.secrets.read("kube-system", "board", "key", "admin")  # type: ignore[attr-defined]
        return await self.inner.run(work)


class NeedsNoSecret(Bad):
    async def run(self, work: Work) -> Outcome:
        outcome = await self.inner.run(work)
        return Unknown("who knows") if isinstance(outcome, NotApplied) else outcome


class ObjectsToAll(Bad):
    def objection(self, execution: Execution) -> str | None:
        return "no"


class RaisesAtOthers(Bad):
    def objection(self, execution: Execution) -> str | None:
        assert execution.http is not None
        return None


class ClosesOnce(Bad):
    async def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


@pytest.mark.parametrize(
    ("bad", "case", "said"),
    [
        (DoesNothing, cases.applies, "a plan that works came to"),
        (MakesItsOwnKeys, cases.repeats, "one key, but 2 effects"),
        (ClaimsNothingHappened, cases.loses_an_answer, "the answer was lost, and that came to Not"),
        (SendsTooLate, cases.begins_in_time, "its claim had run out, and that came to Applied"),
        (ClaimsNothingHappened, cases.times_out, "said nothing, and that came to NotApplied"),
        (NeverEnds, cases.times_out, "did not end within"),
        (AlwaysApplied, cases.stops, "it claims Applied"),
        (LeavesATask, cases.is_cancelled, "leaves"),
        (SwallowsCancel, cases.is_cancelled, "it claims an outcome"),
        (KeepsEverything, cases.is_answered_hugely, "characters of outcome"),
        (RepeatsSecrets, cases.keeps_secrets, "a secret is in its Applied"),
        (LogsSecrets, cases.keeps_secrets, "a secret is in its log"),
        (AlwaysApplied, cases.is_refused, "the target refused, and that came to Applied"),
        (ReadsForAnother, cases.reads_as_the_tenant, "it read Secret board of namespace kube-sys"),
        (NeedsNoSecret, cases.misses_a_secret, "a Secret was missing, and that came to Unknown"),
        (ObjectsToAll, cases.objects, "it objects to a plan that works"),
        (RaisesAtOthers, cases.objects, "its objection raises AssertionError"),
    ],
)
def test_an_executor_with_a_fault_fails_the_case_that_is_about_it(
    bad: type[Bad],
    case: Callable[[Subject], Coroutine[Any, Any, None]],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cases, "GRACE", 0.5)

    class Faulty(HttpSubject):
        def executor(self, context: ExecutorContext) -> Executor:
            return bad(HttpExecutor(context), context.secrets)

    async def run() -> None:
        async with serving_http(Faulty()) as subject:
            await case(subject)

    with pytest.raises(AssertionError, match=said):
        asyncio.run(run())


def test_one_that_cannot_be_closed_twice_fails() -> None:
    class Faulty(HttpSubject):
        def executor(self, context: ExecutorContext) -> Executor:
            return ClosesOnce(HttpExecutor(context), context.secrets)

    async def run() -> None:
        async with serving_http(Faulty()) as subject:
            await cases.closes(subject)

    with pytest.raises(RuntimeError, match="closed already"):
        asyncio.run(run())

"""What every executor has to keep, each as one function that fails with a sentence."""

import asyncio
import json
import logging
import tracemalloc
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from amends.api.execution import Execution, PlugInExecution, RecordExecution
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.ports import Executor, ExecutorContext
from amends.testing.subject import (
    ACCOUNT,
    NAMESPACE,
    Behaviour,
    KnownSecrets,
    NoTenants,
    Subject,
    work,
)

GRACE = 5.0
"""Seconds that an executor may take beyond its timeout."""
SHORT = 2.0
"""Seconds in which a request arrives at a target of the same machine, a busy one as well."""
MOST_EVIDENCE = 256 * 1024
MOST_MEMORY = 8 * 1024 * 1024
STEPS = 24
"""At so many points of its way an attempt is cancelled."""


def expect(holds: bool, otherwise: str) -> None:
    """Fail with a sentence."""
    if not holds:
        raise AssertionError(otherwise)


def build(subject: Subject, secrets: KnownSecrets | None = None) -> Executor:
    """The executor, as the operator builds it."""
    known = KnownSecrets(subject.secrets()) if secrets is None else secrets
    context = ExecutorContext(known, NoTenants(), subject.allowed_targets(), frozenset())
    return subject.executor(context)


async def applies(subject: Subject) -> None:
    """A plan that works is Applied, and has one effect."""
    outcome = await build(subject).run(work(subject.execution()))
    expect(isinstance(outcome, Applied), f"a plan that works came to {outcome}")
    expect(subject.effects() == 1, f"it was done {subject.effects()} times, not once")


async def repeats(subject: Subject) -> None:
    """The same key twice has one effect, and is Applied twice."""
    executor, plan = build(subject), subject.execution()
    for attempt in (1, 2):
        outcome = await executor.run(work(plan, attempt))
        expect(isinstance(outcome, Applied), f"attempt {attempt} came to {outcome}")
    expect(subject.effects() == 1, f"one key, but {subject.effects()} effects: is the key sent?")


async def loses_an_answer(subject: Subject) -> None:
    """A lost answer is Unknown, never NotApplied: it may have been carried out."""
    await subject.behave(Behaviour.LOSES_ANSWERS)
    outcome = await build(subject).run(work(subject.execution()))
    expect(isinstance(outcome, Unknown), f"the answer was lost, and that came to {outcome}")
    expect(subject.effects() == 1, f"it was sent {subject.effects()} times: who repeats is Amends")


async def begins_in_time(subject: Subject) -> None:
    """Under a claim that has run out nothing leaves: another process may have it by now."""
    late = replace(work(subject.execution()), may_begin=lambda: False)
    outcome = await build(subject).run(late)
    expect(isinstance(outcome, NotApplied), f"its claim had run out, and that came to {outcome}")
    expect(subject.effects() == 0, "its claim had run out, and it was done: ask work.may_begin()")


async def times_out(subject: Subject) -> None:
    """A target that hangs: the executor ends by its timeout, and claims nothing it cannot know."""
    await subject.behave(Behaviour.HANGS)
    outcome = await _ended(build(subject).run(work(subject.execution(), seconds=SHORT)))
    _is_true(outcome)


async def stops(subject: Subject) -> None:
    """Asked to stop, it may go on until its timeout, but then claims nothing it cannot know."""
    await subject.behave(Behaviour.HANGS)
    asked = work(subject.execution(), seconds=SHORT)
    asked.stop.set()
    _is_true(await _ended(build(subject).run(asked)))


async def is_cancelled(subject: Subject) -> None:
    """Cancelled at any await it ends at once, and leaves no task and no connection."""
    await subject.behave(Behaviour.HANGS)
    before = asyncio.all_tasks()
    for step in range(STEPS):
        asked = work(subject.execution(), seconds=2 * SHORT)
        attempt = asyncio.create_task(build(subject).run(asked))
        for _ in range(step):
            await asyncio.sleep(0)
        if step == STEPS - 1:
            await _has_arrived(subject)
        attempt.cancel()
        await asyncio.wait({attempt}, timeout=GRACE)
        expect(attempt.done(), f"cancelled at step {step}, it goes on")
        expect(attempt.cancelled() or step == 0, f"cancelled at step {step}, it claims an outcome")
        await _nothing_left(subject, before, step)


async def is_answered_hugely(subject: Subject) -> None:
    """A huge answer costs neither much memory nor a large Receipt."""
    await subject.behave(Behaviour.ANSWERS_HUGELY)
    executor, asked = build(subject), work(subject.execution())
    tracemalloc.start()
    try:
        outcome = await executor.run(asked)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    expect(not isinstance(outcome, NotApplied), f"it was done, and that came to {outcome}")
    size = len(_shown(outcome))
    expect(size <= MOST_EVIDENCE, f"{size} characters of outcome, at most {MOST_EVIDENCE}")
    expect(peak <= MOST_MEMORY, f"{peak} bytes of memory for one answer, at most {MOST_MEMORY}")


async def keeps_secrets(subject: Subject) -> None:
    """No secret that the target repeats is in an outcome or in the log."""
    secrets = subject.secrets().values()
    for behaviour in (Behaviour.ECHOES, Behaviour.REFUSES):
        before = subject.effects()
        await subject.behave(behaviour)
        with _log() as lines:
            outcome = await build(subject).run(work(subject.execution()))
        shown, logged = _shown(outcome), "\n".join(lines)
        told = behaviour is Behaviour.ECHOES or subject.effects() == before
        expect(told, "the target does it although it is to refuse: see Behaviour.REFUSES")
        for secret in secrets:
            expect(secret not in shown, f"a secret is in its {type(outcome).__name__}")
            expect(secret not in logged, "a secret is in its log")


async def is_refused(subject: Subject) -> None:
    """What the target says that it did not do is not Applied."""
    await subject.behave(Behaviour.REFUSES)
    outcome = await build(subject).run(work(subject.execution()))
    expect(not isinstance(outcome, Applied), f"the target refused, and that came to {outcome}")


async def reads_as_the_tenant(subject: Subject) -> None:
    """It reads the Secrets that its plan names, in the tenant's namespace, as its account."""
    secrets, plan = KnownSecrets(subject.secrets()), subject.execution()
    await build(subject, secrets).run(work(plan))
    for namespace, name, key, account in secrets.asked:
        expect(namespace == NAMESPACE, f"it read Secret {name} of namespace {namespace}")
        expect(account == ACCOUNT, f"it read Secret {name} as {account}, not as {ACCOUNT}")
        if plan.plug_in is not None:
            refs = [each.secret_key_ref for each in plan.plug_in.secrets]
            named = any((ref.name, ref.key) == (name, key) for ref in refs)
            expect(named, f"Secret {name}/{key} is not in plugIn.secrets: nobody allowed its use")


async def misses_a_secret(subject: Subject) -> None:
    """Without a Secret that it needs nothing is sent, and it says so."""
    if not subject.secrets():
        return
    outcome = await build(subject, KnownSecrets({})).run(work(subject.execution()))
    expect(isinstance(outcome, NotApplied), f"a Secret was missing, and that came to {outcome}")
    expect(subject.effects() == 0, "a Secret was missing, and it was done all the same")


async def objects(subject: Subject) -> None:
    """An objection is a matter of the plan alone: it never raises and changes nothing."""
    executor, plan = build(subject), subject.execution()
    answers = [executor.objection(plan) for _ in range(2)]
    expect(answers == [None, None], f"it objects to a plan that works: {answers}")
    odd: tuple[dict[str, Any], ...] = ({}, {"": None}, {"a": [{}]}, {"address": 7}, {"url": "\x00"})
    others = [Execution(plug_in=PlugInExecution(name="other", config=each)) for each in odd]
    for other in (Execution(record=RecordExecution()), *others):
        try:
            said: object = executor.objection(other)
        except Exception as why:  # whatever it raises, that is what this case is about
            raise AssertionError(f"its objection raises {why!r} instead of saying why") from why
        expect(said is None or (isinstance(said, str) and bool(said)), f"it objects with {said!r}")
    expect(subject.effects() == 0, "its objection has an effect")


async def closes(subject: Subject) -> None:
    """It may be closed twice, used or not."""
    unused, used = build(subject), build(subject)
    await used.run(work(subject.execution()))
    for executor in (unused, used):
        await executor.close()
        await executor.close()


async def _ended(running: Coroutine[Any, Any, Outcome]) -> Outcome:
    attempt = asyncio.create_task(running)
    done, _ = await asyncio.wait({attempt}, timeout=SHORT + GRACE)
    if not done:
        attempt.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({attempt}, timeout=GRACE)
    expect(bool(done), f"it had {SHORT:g} s and did not end within {GRACE:g} s more")
    return attempt.result()


def _is_true(outcome: Outcome) -> None:
    expect(not isinstance(outcome, Applied), "the target said nothing, and it claims Applied")
    expect(
        isinstance(outcome, Unknown),
        f"the target had the request and said nothing, and that came to {outcome}",
    )


async def _has_arrived(subject: Subject) -> None:
    """Return when the target has a connection; one that counts none is given time."""
    for _ in range(int(SHORT / 0.01)):
        if subject.connections():
            return
        await asyncio.sleep(0.01)


async def _nothing_left(subject: Subject, before: set[asyncio.Task[object]], step: int) -> None:
    deadline = asyncio.get_running_loop().time() + GRACE
    while True:
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not left and not subject.connections():
            return
        if asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(0.01)
    expect(not subject.connections(), f"cancelled at step {step}, it leaves a connection open")
    expect(False, f"cancelled at step {step}, it leaves tasks behind: {left}")


@contextmanager
def _log() -> Iterator[list[str]]:
    lines: list[str] = []
    handler, root = logging.Handler(logging.DEBUG), logging.getLogger()

    def write(record: logging.LogRecord) -> None:
        lines.append(handler.format(record))

    handler.emit = write  # type: ignore[method-assign]  # one handler alone
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _shown(outcome: Outcome) -> str:
    """Everything that it says, as the Receipt and the condition will hold it."""
    match outcome:
        case Applied(evidence):
            try:
                return json.dumps(evidence, ensure_ascii=False, allow_nan=False)
            except (TypeError, ValueError) as why:
                raise AssertionError(f"its evidence is no JSON: {why}") from why
        case NotApplied(reason) | Unknown(reason):
            return reason

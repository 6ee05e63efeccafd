"""N8: what a holder hears after it lost its claim is evidence on the object, and never state."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from amends.api.execution import Execution, RecordExecution
from amends.cli.look import accounts
from amends.cli.shown.times import at
from amends.core.decide import decide
from amends.core.decision import Disown
from amends.core.key import Key
from amends.core.late import late_result, with_evidence
from amends.core.outcome import Applied, NotApplied, Outcome, Unknown
from amends.core.world import Attempt
from amends.kube.cache import Cache
from amends.ports import Conflict, Raw, Work
from amends.runtime.apply import Applier
from amends.runtime.executions import Executions
from amends.runtime.fence import Fence
from amends.runtime.late import LateResults
from amends.runtime.queue import KeyQueue
from support.worlds import NOW, OTHER, dead_letter, letter_world, running, told, world

KEY = Key("Compensation", "tenant-a", "undo")
WORK = Work(
    *("tenant-a", "undo", Execution(record=RecordExecution()), "amends-runner"),
    *("amends:tenant-a/uid-undo", "undo:1", timedelta(seconds=5)),
    uid="uid-undo",
)
APPLIED = Applied({"status": 200, "password": "planted"})


@pytest.mark.parametrize(
    ("mine", "recorded", "effects"),
    [
        pytest.param(APPLIED, "Unknown", ["disown"], id="it says more than is known"),
        pytest.param(NotApplied("400"), "Applied", ["disown"], id="it contradicts"),
        pytest.param(None, "Unknown", ["disown"], id="its answer may still come"),
        pytest.param(Unknown("lost"), "Unknown", ["release"], id="it says what is known"),
    ],
)
def test_what_was_decided_without_its_holder(
    mine: Outcome | None, recorded: str, effects: list[str]
) -> None:
    outbox = {"outcome": recorded, "detail": "lost"}
    known = world(running(by=OTHER, outbox=outbox), attempt=True, outcome=mine)

    assert told(decide(known))[:1] == effects


def test_an_attempt_that_the_ledger_has_left_behind_is_disowned() -> None:
    stray = Attempt("undo:0", APPLIED)

    assert told(decide(world(running(by=OTHER), stray=stray)))[0] == "disown"
    assert told(decide(letter_world(dead_letter("Resolved", settled=True), stray=stray)))[0] == (
        "disown"
    )


def test_evidence_is_bounded_and_without_secrets() -> None:
    late = late_result("undo:1", "me", Applied({"password": "planted", "body": "x" * 5000}), NOW)

    assert len(late.excerpt) == 1024
    assert late.excerpt.startswith('{"password": "[redacted]", "body": "xxx')
    assert "planted" not in str(late)


def test_the_five_newest_are_kept_and_each_once() -> None:
    status: Mapping[str, Any] = {"phase": "Running", "outbox": {"attemptKey": "undo:9"}}
    for number in range(7):
        late = late_result(f"undo:{number}", "me", APPLIED, NOW)
        after = with_evidence(status, late)
        assert after is not None
        assert {name for name in after if after[name] != status.get(name)} == {"lateResults"}
        assert with_evidence(after, late) is None
        status = after

    assert [one["attemptKey"] for one in status["lateResults"]] == [
        f"undo:{number}" for number in range(2, 7)
    ]


def test_what_the_ledger_says_already_is_no_evidence() -> None:
    status = {"outbox": {"attemptKey": "undo:1", "outcome": "Applied"}}

    assert with_evidence(status, late_result("undo:1", "me", APPLIED, NOW)) is None
    assert with_evidence(status, late_result("undo:1", "me", NotApplied("400"), NOW)) is not None


class Slow:
    """An executor that answers when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.answer = asyncio.Event()

    async def run(self, work: Work) -> Outcome:
        self.begun.set()
        await self.answer.wait()
        return APPLIED

    def objection(self, execution: Execution) -> str | None:
        return None

    async def close(self) -> None:
        pass


async def test_a_disowned_attempt_goes_on_and_only_its_late_answer_is_told() -> None:
    slow, ended = Slow(), list[Key]()
    late: asyncio.Queue[tuple[Work, Outcome]] = asyncio.Queue()
    executions = Executions(
        {"record": slow}, 1, ended.append, late=lambda *told: late.put_nowait(told)
    )
    executions.start(KEY, WORK)
    await slow.begun.wait()
    executions.disown(KEY)
    assert not executions.is_under_way(KEY)

    slow.answer.set()

    assert await asyncio.wait_for(late.get(), 10) == (WORK, APPLIED)
    assert ended == []
    await executions.drain(timedelta(seconds=10))


async def test_nothing_begins_under_an_attempt_that_is_disowned() -> None:
    slow = Slow()
    late: asyncio.Queue[tuple[Work, Outcome]] = asyncio.Queue()
    executions = Executions(
        {"record": slow}, 1, lambda key: None, late=lambda *told: late.put_nowait(told)
    )
    other = Key("Compensation", "tenant-a", "other")
    executions.start(other, replace(WORK, name="other"))  # has the only place
    executions.start(KEY, WORK)
    executions.disown(KEY)

    slow.answer.set()

    _, outcome = await asyncio.wait_for(late.get(), 10)
    assert isinstance(outcome, NotApplied)
    assert outcome.reason.endswith("Nothing was sent")


async def test_the_next_claim_stands_though_the_attempt_before_is_disowned() -> None:
    """One decision may do both, and its claim is written before anything is let go of."""
    cluster, silent = Server(), Said()
    late: list[Work] = []
    executions = Executions(
        {"record": Slow()}, 1, lambda key: None, late=lambda work, _: late.append(work)
    )
    fence = Fence(Noon(), timedelta(seconds=1))
    applier = Applier(Cache(), cluster, KeyQueue(), executions, silent, fence)  # type: ignore[arg-type]
    executions.start(KEY, WORK)
    claim = running(by=OTHER).status.outbox
    assert claim is not None
    fence.claimed(KEY, claim.model_copy(update={"attempt_key": "undo:2"}))
    meta = {"namespace": KEY.namespace, "name": KEY.name, "uid": "uid-undo"}

    applier.effect(Disown(), {"kind": KEY.kind, "metadata": meta})

    assert fence.holds(KEY, "undo:2")
    assert not fence.holds(KEY, "undo:1")
    await executions.drain(timedelta(0))


class Server:
    """One object, which somebody else moves before the first write."""

    def __init__(self, uid: str = "uid-undo") -> None:
        self.raw: dict[str, Any] = {
            "metadata": {"uid": uid, "resourceVersion": "1"},
            "status": {"phase": "Running", "attempts": 1},
        }
        self.asked = 0

    async def get(self, key: Key) -> Raw:
        self.asked += 1
        return {**self.raw, "metadata": dict(self.raw["metadata"])}

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        if self.asked == 1:
            self.raw["metadata"]["resourceVersion"] = "2"
            self.raw["status"] = {"phase": "Completed", "attempts": 2}
        if before["metadata"]["resourceVersion"] != self.raw["metadata"]["resourceVersion"]:
            raise Conflict("somebody wrote first")
        self.raw["status"] = status
        return self.raw


class Said(list[str]):
    def say(self, on: Key, uid: str, severity: str, reason: str, message: str) -> None:
        self.append(reason)


class Noon:
    def now(self) -> Any:
        return NOW


async def kept(server: Server) -> Said:
    said = Said()
    late = LateResults(server, said, Noon(), "me")  # type: ignore[arg-type]
    late.keep(WORK, APPLIED)
    await late.drain(timedelta(seconds=10))
    return said


async def test_whatever_the_object_says_by_then_stays_and_the_evidence_is_added() -> None:
    server = Server()

    assert await kept(server) == ["LateResult"]
    evidence = late_result("undo:1", "me", APPLIED, NOW).wire()
    assert server.raw["status"] == {
        "phase": "Completed",
        "attempts": 2,
        "lateResults": [evidence],
    }


async def test_a_namesake_is_told_nothing() -> None:
    server = Server(uid="another")

    assert await kept(server) == []
    assert server.raw["status"] == {"phase": "Running", "attempts": 1}


def test_show_tells_what_came_too_late() -> None:
    late = late_result("undo:1", "me", APPLIED, NOW)

    assert list(accounts.late([late], NOW)) == [
        (
            "Too late",
            f'undo:1: Applied, {at(NOW, NOW)}: {{"status": 200, "password": "[redacted]"}}',
        )
    ]
    assert list(accounts.late(None, NOW)) == []

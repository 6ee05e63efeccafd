"""One block around one call: on record before it, and what came of it after it."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from client.conftest import Automation, Begin
from support.digests import short

pytestmark = pytest.mark.controlplane

CLAIM = {
    "operation": "board.post",
    "outcome": "claimed",
    "idempotencyKey": "run-7/post",
    "attempt": 1,
    "input": {},
    "receipt": {},
}


def test_the_claim_is_on_record_before_the_call(automation: Automation, begin: Begin) -> None:
    with begin(
        target="https://bot:hunter2@board/general",
        run_id="run-7",
        source={"kind": "ci-job", "id": "nightly"},
        input={"text": "hello", "password": "hunter2", "none": None, "list": [None, 2**60]},
        retry={"http": {"method": "POST", "url": "https://board/messages"}},
    ) as action:
        claimed = automation.action()
        spec = claimed["spec"]
        said = (action.name, action.namespace, action.attempt, action.earlier)
        action.succeeded()

    assert said == ("post", automation.tenant.namespace, 1, None)
    assert spec.pop("requester")["username"] == automation.username
    assert spec.pop("retry")["http"]["url"] == "https://board/messages"
    assert spec == {
        **CLAIM,
        "target": "https://bot:[redacted]@board/general",
        "runId": "run-7",
        "source": {"kind": "ci-job", "id": "nightly"},
        "input": {
            "text": "hello",
            "password": "[redacted]",
            "none": None,
            "list": [None, str(2**60)],
        },
    }
    assert claimed["status"]["phase"] == "Pending"
    assert list(claimed["metadata"]["annotations"]) == ["amends.dev/claimed-by"]


class Refused(Exception):
    """Not known to mean anything but failure."""


def nothing(action: Any) -> None:
    pass


@dataclass(frozen=True)
class Raising:
    """An ending by exception, after something was said."""

    error: BaseException
    first: Callable[[Any], None] = nothing

    def __call__(self, action: Any) -> None:
        self.first(action)
        raise self.error


def passed_on(ending: object) -> AbstractContextManager[object]:
    """Whatever leaves the block reaches its caller."""
    if isinstance(ending, Raising):
        return pytest.raises(type(ending.error))
    return nullcontext()


def evidence(action: Any) -> None:
    action.receipt = {"id": "m-1", "token": "hunter2"}


def a_list(action: Any) -> None:
    action.receipt = ["m-1"]


SILENCE = (
    "the block ended without a word: set action.receipt, or call action.succeeded(), "
    "action.failed(error) or action.unknown(reason)"
)
ENDINGS = [
    pytest.param(
        evidence, {"outcome": "succeeded", "receipt": {"id": "m-1", "token": "[redacted]"}}, id="ok"
    ),
    pytest.param(a_list, {"outcome": "succeeded", "receipt": {"result": ["m-1"]}}, id="list"),
    pytest.param(lambda action: action.succeeded(), {"outcome": "succeeded"}, id="succeeded()"),
    pytest.param(
        lambda action: action.failed("password=hunter2 is wrong"),
        {"outcome": "failed", "error": "password=[redacted] is wrong"},
        id="failed()",
    ),
    pytest.param(
        lambda action: action.unknown("the modem hung up"),
        {"outcome": "unknown", "receipt": {"unknown": "the modem hung up"}},
        id="unknown()",
    ),
    pytest.param(nothing, {"outcome": "unknown", "receipt": {"unknown": SILENCE}}, id="silence"),
    pytest.param(
        Raising(Refused("Authorization: Bearer abcdef123456")),
        {"outcome": "failed", "error": "Refused: Authorization: Bearer [redacted]"},
        id="an exception is a failure, redacted",
    ),
    pytest.param(
        Raising(
            Refused("409 Conflict"), lambda action: setattr(action, "receipt", {"status": 409})
        ),
        {"outcome": "failed", "error": "Refused: 409 Conflict", "receipt": {"status": 409}},
        id="an exception after an answer is a failure with evidence",
    ),
    pytest.param(
        Raising(Refused("the log file"), lambda action: action.succeeded({"id": "m-1"})),
        {"outcome": "succeeded", "receipt": {"id": "m-1"}},
        id="an exception after succeeded() changes nothing",
    ),
    pytest.param(
        Raising(TimeoutError("timed out")),
        {"outcome": "unknown", "receipt": {"unknown": "TimeoutError: timed out"}},
        id="a timeout leaves it open",
    ),
    pytest.param(
        Raising(asyncio.CancelledError()),
        {"outcome": "unknown", "receipt": {"unknown": "CancelledError"}},
        id="so does cancellation",
    ),
]
INTERRUPTIONS = [
    pytest.param(Raising(KeyboardInterrupt()), "KeyboardInterrupt", id="Ctrl-C"),
    pytest.param(Raising(SystemExit(1)), "SystemExit: 1", id="sys.exit"),
]


@pytest.mark.parametrize(("ending", "becomes"), ENDINGS)
def test_how_the_block_ends_is_the_outcome(
    ending: Any, becomes: dict[str, Any], automation: Automation, begin: Begin
) -> None:
    with passed_on(ending), begin() as action:
        ending(action)

    assert automation.spec() == {**CLAIM, **becomes}


@pytest.mark.parametrize(("ending", "becomes"), ENDINGS)
async def test_the_same_from_async_code(
    ending: Any, becomes: dict[str, Any], automation: Automation, begin: Begin
) -> None:
    with passed_on(ending):
        async with begin() as action:
            ending(action)

    assert automation.spec() == {**CLAIM, **becomes}


@pytest.mark.parametrize(("ending", "reason"), INTERRUPTIONS)
def test_an_interruption_leaves_it_open_and_goes_on(
    ending: Any, reason: str, automation: Automation, begin: Begin
) -> None:
    with pytest.raises((KeyboardInterrupt, SystemExit)), begin() as action:
        ending(action)

    assert automation.spec() == {**CLAIM, "outcome": "unknown", "receipt": {"unknown": reason}}


async def test_a_task_that_is_cancelled_in_the_call_is_on_record_as_unknown(
    automation: Automation, begin: Begin
) -> None:
    called = asyncio.Event()

    async def job() -> None:
        async with begin():
            called.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(job())
    await called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert automation.spec()["outcome"] == "unknown"


def test_exceptions_of_ones_own_may_mean_that_nobody_knows(
    automation: Automation, begin: Begin
) -> None:
    with pytest.raises(Refused), begin(nobody_knows=(Refused,)):
        raise Refused("by the queue, perhaps after it was taken")

    assert automation.spec()["outcome"] == "unknown"


def test_the_undo_may_come_with_the_answer(automation: Automation, begin: Begin) -> None:
    with begin(compensation={"rollback_instruction": "look for it"}) as action:
        action.receipt = {"id": "m-1"}
        action.compensation = {
            "rollback_instruction": "remove m-1",
            "execution": {"http": {"method": "DELETE", "url": "https://board/messages/m-1"}},
        }

    proposed = automation.spec()["compensation"]
    assert proposed["rollbackInstruction"] == "remove m-1"
    assert proposed["execution"]["http"]["url"] == "https://board/messages/m-1"


def test_a_record_takes_two_requests_before_the_call_and_two_after_it(
    automation: Automation, begin: Begin
) -> None:
    with begin() as action:
        action.succeeded()
    assert automation.gate.asked == ["GET", "POST", "GET", "PATCH"]


def test_what_people_change_meanwhile_stays(automation: Automation, begin: Begin) -> None:
    with begin() as action:
        automation.tenant.patch("Action", "post", {"spec": {"nodeId": "step-3"}})
        action.succeeded()

    assert automation.spec() == {**CLAIM, "outcome": "succeeded", "nodeId": "step-3"}


def test_the_name_comes_from_operation_and_key(automation: Automation, begin: Begin) -> None:
    with begin("Board.Post!", name=None) as action:
        action.succeeded()

    assert action.name == f"board-post-{short('run-7/post')}"
    assert automation.spec(action.name)["outcome"] == "succeeded"


async def test_with_inside_a_running_loop_says_what_to_write_instead(begin: Begin) -> None:
    with pytest.raises(RuntimeError, match=r"write `async with recording\(…\)`"), begin():
        raise AssertionError("never reached")


def test_with_leaves_the_threads_own_loop_alone(begin: Begin) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with begin() as action:
            action.succeeded()
        assert asyncio.get_event_loop_policy().get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_a_recording_is_for_one_block(begin: Begin) -> None:
    once = begin()
    with once as action:
        action.succeeded()
    with pytest.raises(RuntimeError, match="has begun before"), once:
        raise AssertionError("never reached")

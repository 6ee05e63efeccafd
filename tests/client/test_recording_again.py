"""The same effect once more: after a crash, after an outcome, beside another process."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amends.client import ActionOutcome, WrongField
from client.conftest import Automation, Begin
from waiting import wait_for

pytestmark = pytest.mark.controlplane

HELD = Path(__file__).with_name("held.py")


def words(automation: Automation) -> dict[str, tuple[str, int]]:
    """Outcome and attempt of every Action."""
    return {
        one["metadata"]["name"]: (one["spec"]["outcome"], one["spec"]["attempt"])
        for one in automation.tenant.every("Action")
    }


def end_in_its_call(automation: Automation, folder: Path, by: signal.Signals) -> None:
    """A job as a process of its own, that gets a signal while its call is under way."""
    file = folder / "in-the-call"
    job = subprocess.Popen([sys.executable, HELD, automation.kubeconfig, file])
    try:
        wait_for(lambda: file.exists() or job.poll() is not None, seconds=30, what="the call")
        job.send_signal(by)
        job.wait(timeout=30)
    finally:
        job.kill()
        job.wait()


def test_a_job_told_to_stop_in_its_call_says_that_nobody_knows(
    automation: Automation, tmp_path: Path
) -> None:
    end_in_its_call(automation, tmp_path, signal.SIGTERM)
    assert words(automation) == {"post": ("unknown", 1)}


def test_a_job_killed_in_its_call_leaves_the_claim_and_the_next_run_takes_it_over(
    automation: Automation, begin: Begin, tmp_path: Path
) -> None:
    end_in_its_call(automation, tmp_path, signal.SIGKILL)
    left = automation.action()
    assert (left["status"]["phase"], left["spec"]["outcome"]) == ("Pending", "claimed")

    with begin() as action:
        action.succeeded()

    assert (action.attempt, action.earlier) == (2, ActionOutcome.PENDING)
    assert words(automation) == {"post": ("succeeded", 2)}
    assert automation.action()["spec"]["requester"]["username"] == automation.username


def test_what_nobody_knows_is_taken_over(automation: Automation, begin: Begin) -> None:
    with pytest.raises(TimeoutError), begin():
        raise TimeoutError
    with begin() as action:
        action.succeeded()

    assert (action.attempt, action.earlier) == (2, ActionOutcome.UNKNOWN)
    assert words(automation) == {"post": ("succeeded", 2)}
    assert "unknown" not in automation.spec()["receipt"]


def test_the_undo_of_an_attempt_that_is_taken_over_stays_until_there_is_another(
    automation: Automation, begin: Begin
) -> None:
    def undo() -> object:
        return automation.spec()["compensation"]["rollbackInstruction"]

    with begin() as action:
        action.compensation = {"rollback_instruction": "remove m-1"}
        action.unknown("the confirmation was lost")
    with begin() as action:
        during = undo()
        action.unknown("again")
    after = undo()
    with begin(compensation={"rollback_instruction": "remove m-2"}) as action:
        action.succeeded()

    assert (during, after, undo()) == ("remove m-1", "remove m-1", "remove m-2")
    assert automation.action()["spec"]["requester"]["username"] == automation.username


def test_after_a_recorded_failure_there_is_a_later_action_of_the_same_key(
    automation: Automation, begin: Begin
) -> None:
    with begin() as action:
        action.failed("503")
    automation.settle("post", "Failed")
    with begin() as action:
        during = words(automation)
        action.succeeded()

    assert (action.name, action.attempt, action.earlier) == ("post-2", 2, ActionOutcome.FAILED)
    assert during == {"post": ("failed", 1), "post-2": ("claimed", 2)}
    assert words(automation) == {"post": ("failed", 1), "post-2": ("succeeded", 2)}


def test_an_outcome_that_the_operator_has_not_seen_yet_is_not_written_over(
    automation: Automation, begin: Begin
) -> None:
    with begin() as action:
        action.succeeded()
    with begin() as action:
        action.succeeded()

    assert action.earlier is ActionOutcome.SUCCEEDED
    assert words(automation) == {"post": ("succeeded", 1), "post-2": ("succeeded", 2)}


def test_of_several_the_open_one_is_taken_over(automation: Automation, begin: Begin) -> None:
    with begin() as action:
        action.failed("503")
    with begin() as action:
        action.unknown("the answer was lost")
    with begin() as action:
        action.succeeded()

    assert (action.name, action.attempt) == ("post-2", 3)
    assert words(automation) == {"post": ("failed", 1), "post-2": ("succeeded", 3)}


def test_a_claim_that_was_taken_over_meanwhile_is_reported_as_an_action_of_its_own(
    automation: Automation, begin: Begin
) -> None:
    with begin() as first, begin() as second:
        first.succeeded()
        second.failed("422")

    assert (first.attempt, second.attempt) == (1, 2)
    assert words(automation) == {"post": ("failed", 2), "post-2": ("succeeded", 1)}


def test_a_late_report_leaves_what_the_other_still_works_on(
    automation: Automation, begin: Begin
) -> None:
    first = begin()
    handle = first.__enter__()
    with begin() as second:
        handle.succeeded()
        first.__exit__(None, None, None)
        during = words(automation)
        second.succeeded()

    assert during == {"post": ("claimed", 2), "post-2": ("succeeded", 1)}
    assert words(automation) == {"post": ("succeeded", 2), "post-2": ("succeeded", 1)}


def test_what_was_recorded_meanwhile_gets_a_later_action(
    automation: Automation, begin: Begin
) -> None:
    with begin() as action:
        automation.tenant.patch("Action", "post", {"spec": {"outcome": "failed"}})
        automation.settle("post", "Failed")
        action.succeeded()

    assert words(automation) == {"post": ("failed", 1), "post-2": ("succeeded", 1)}


def test_a_claim_that_was_deleted_meanwhile_is_reported_all_the_same(
    automation: Automation, begin: Begin
) -> None:
    with begin() as action:
        automation.tenant.delete("Action", "post")
        action.succeeded()

    assert words(automation) == {"post": ("succeeded", 1)}


async def test_many_at_once_each_get_an_attempt_and_lose_no_outcome(
    automation: Automation, begin: Begin
) -> None:
    together = asyncio.Barrier(6)

    async def job(number: int) -> int:
        async with begin() as action:
            await together.wait()
            action.succeeded({"job": number})
        return int(action.attempt)

    attempts = await asyncio.gather(*(job(number) for number in range(6)))

    assert sorted(attempts) == [1, 2, 3, 4, 5, 6]
    reported = [one["spec"]["receipt"]["job"] for one in automation.tenant.every("Action")]
    assert sorted(reported) == [0, 1, 2, 3, 4, 5]


def test_one_key_is_one_effect(automation: Automation, begin: Begin) -> None:
    with begin() as action:
        action.succeeded()
    taken = r"is that of operation 'board.post' \(Action post\)"
    with pytest.raises(WrongField, match=taken), begin("card.charge"):
        raise AssertionError("never reached")
    named = "name is that of Action post with idempotency_key 'run-7/post', not 'run-8/post'"
    with pytest.raises(WrongField, match=named), begin(idempotency_key="run-8/post"):
        raise AssertionError("never reached")

    assert words(automation) == {"post": ("succeeded", 1)}

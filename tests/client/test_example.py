"""examples/recording: a job that posts for real, run as a process, on record with its undo."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from board import Fault

from amends.api import Action
from client.conftest import Automation
from installation import REPO
from support.boards import ServedBoard

pytestmark = pytest.mark.controlplane

EXAMPLE = REPO / "examples/recording/post.py"


@pytest.fixture
def board() -> Iterator[ServedBoard]:
    """A message board with nothing on it yet."""
    served = ServedBoard()
    yield served
    served.stop()


def run_job(
    automation: Automation, board: ServedBoard, run: str = "run-7", text: str = "hello"
) -> subprocess.CompletedProcess[str]:
    """The example as a job runs it."""
    return subprocess.run(
        [sys.executable, EXAMPLE, text, "--board", board.origin, "--run", run],
        env={**os.environ, "KUBECONFIG": str(automation.kubeconfig), "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_message_is_posted_and_on_record_and_a_second_run_posts_nothing_twice(
    automation: Automation, board: ServedBoard
) -> None:
    first, second = run_job(automation, board), run_job(automation, board)

    assert board.board.messages == {"m-1": "hello"}
    said = r"posted m-1, on record as action (board-post-[0-9a-f]{16})(-2)?, attempt (\d) in"
    names = [re.match(said, job.stdout) for job in (first, second)]
    assert [name and name.groups()[1:] for name in names] == [(None, "1"), ("-2", "2")]
    actions = [Action.read(one) for one in automation.tenant.every("Action")]
    assert {one.spec.idempotency_key for one in actions} == {"run-7/post"}
    for one in actions:
        assert (one.spec.outcome, one.spec.receipt) == ("succeeded", {"id": "m-1"})
        assert one.spec.requester is not None
        assert one.spec.requester.username == automation.username
        assert one.spec.compensation is not None
        undo = one.spec.compensation.execution.http
        assert undo is not None
        assert (undo.method, undo.url) == ("DELETE", f"{board.origin}/messages/m-1")


def test_a_refusal_of_the_board_is_a_failure_on_record(
    automation: Automation, board: ServedBoard
) -> None:
    board.board.faults.append(Fault("status", status=422))
    failed = run_job(automation, board)

    assert failed.returncode == 1
    assert "HTTP Error 422" in failed.stderr
    (action,) = automation.tenant.every("Action")
    assert (action["spec"]["outcome"], action["spec"]["error"][:30]) == (
        "failed",
        "HTTPError: HTTP Error 422: Unp",
    )


def test_a_lost_answer_is_taken_over_by_the_next_run_which_posts_nothing_twice(
    automation: Automation, board: ServedBoard
) -> None:
    board.board.faults.append(Fault("drop_after"))
    lost = run_job(automation, board)
    (unknown,) = automation.tenant.every("Action")
    again = run_job(automation, board)

    assert (lost.returncode, unknown["spec"]["outcome"]) == (1, "unknown")
    assert again.returncode == 0, again.stderr
    assert board.board.messages == {"m-1": "hello"}
    (action,) = automation.tenant.every("Action")
    assert (action["spec"]["outcome"], action["spec"]["attempt"]) == ("succeeded", 2)

"""From a failed action to a receipt, over HTTP: the story of the demo, and secrets on the way."""

import json
from collections.abc import Iterator

import pytest
from board import Fault

from installation import RunningOperator
from support.api import Object
from support.boards import ServedBoard
from support.manifests import action, compensation, unapproved, unique
from support.target import APPLIED, Answer, Target
from support.tenant import Tenant, condition

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("running")]

TOKEN = "s3cret-t0ken-of-the-board"
PIN = "p1n-of-the-board-4711"


@pytest.fixture
def guarded(board: ServedBoard) -> Iterator[ServedBoard]:
    """The board, open only to who knows its token."""
    board.board.token = TOKEN
    yield board
    board.board.token = None


def header(name: str = "Authorization", secret: str = "board", key: str = "token") -> Object:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def test_a_failed_action_is_undone_once_it_is_approved(tenant: Tenant, board: ServedBoard) -> None:
    message = board.board.post("posted by mistake")
    tenant.create(
        action(
            "post",
            "failed",
            error="the reviewer says no",
            idempotencyKey=unique("run"),
            compensation={"name": "remove", "execution": {"http": board.undo(message)}},
        )
    )
    letter = tenant.ready("Action", "post", "Recorded")["status"]["deadLetterRef"]["name"]
    tenant.ready("Compensation", "remove", "AwaitingApproval")
    assert message in board.board.messages

    tenant.approve("remove", reason="it was a test")

    done = tenant.in_phase("remove", "Completed")
    assert message not in board.board.messages
    key = done["status"]["outbox"]["idempotencyKey"]
    assert board.effects()[key] == 1
    receipt = tenant.read("Receipt", done["status"]["receiptRef"]["name"])["spec"]
    assert receipt["idempotencyKey"] == key
    assert receipt["payload"]["evidence"]["body"] == {"id": message, "removed": True}
    linked = tenant.ready("DeadLetter", letter, "Compensated")["status"]
    assert (linked["phase"], linked["disposition"]["reason"]) == (
        *("LinkedToCompensation", "it was a test"),
    )


def test_a_board_that_hangs_up_after_it_did_the_work_does_it_once(
    tenant: Tenant, board: ServedBoard
) -> None:
    message = board.board.post("posted by mistake")
    board.board.faults.append(Fault("drop_after"))
    http = {**board.undo(message), "retrySafety": "ProviderKey"}
    tenant.create(unapproved("remove", http=http))

    done = tenant.in_phase("remove", "Completed")

    assert done["status"]["attempts"] == 2
    assert board.effects()[done["status"]["outbox"]["idempotencyKey"]] == 1
    evidence = tenant.read("Receipt", done["status"]["receiptRef"]["name"])["spec"]["payload"]
    assert evidence["evidence"]["headers"]["Idempotent-Replayed"] == "true"


def test_secrets_reach_the_target_and_nothing_else(
    tenant: Tenant, target: Target, running: RunningOperator
) -> None:
    tenant.secret("board", token=f"Bearer {TOKEN}", pin=PIN)
    tenant.runner_may_read("board")
    # A target that repeats what it was told is no reason to write it down.
    route = target.route(Answer(body={"you said": f"Bearer {TOKEN}", "pin": PIN}))
    http = {
        "url": route.url,
        "headers": [header(), {"name": "X-Reason", "value": "a test"}],
        "body": {"why": "a test"},
        "bodyFrom": [{"path": "/auth", "secretKeyRef": {"name": "board", "key": "pin"}}],
        "idempotencyHeader": "X-Request-Key",
    }
    tenant.ask(compensation("undo", http=http))
    done = tenant.in_phase("undo", "Completed")
    tenant.wait_for_event("undo", "Executed")

    (request,) = route.requests
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["X-Reason"] == "a test"
    assert request.headers["X-Request-Key"] == done["status"]["outbox"]["idempotencyKey"]
    assert json.loads(request.body) == {"why": "a test", "auth": PIN}
    receipt = tenant.read("Receipt", done["status"]["receiptRef"]["name"])
    assert receipt["spec"]["payload"]["evidence"]["body"] == {
        "you said": "[redacted]",
        "pin": "[redacted]",
    }
    everything = json.dumps([done, tenant.every("Receipt"), tenant.events("undo")])
    everything += running.log.read_text() + tenant.installed.cp.audit_log.read_text()
    assert [secret for secret in (TOKEN, PIN) if secret in everything] == []


def test_the_board_opens_to_a_secret(tenant: Tenant, guarded: ServedBoard) -> None:
    tenant.secret("board", token=f"Bearer {TOKEN}")
    tenant.runner_may_read("board")
    message = guarded.board.post("posted by mistake")
    tenant.create(unapproved("undo", http={**guarded.undo(message), "headers": [header()]}))

    tenant.in_phase("undo", "Completed")

    assert message not in guarded.board.messages


@pytest.mark.parametrize(
    ("wanted", "may_read", "words"),
    [
        pytest.param(
            header(),
            False,
            "service account amends-runner may not read Secret board: grant it `get`",
            id="the runner may not read it",
        ),
        pytest.param(
            header(secret="other"),
            True,
            "service account amends-runner may not read Secret other: grant it `get`",
            id="another Secret",
        ),
        pytest.param(
            header(key="pin"),
            True,
            "Secret board has no key pin; it has token",
            id="a key that does not exist",
        ),
    ],
)
def test_without_the_right_to_a_secret_nothing_is_sent(
    wanted: Object, may_read: bool, words: str, tenant: Tenant, target: Target
) -> None:
    tenant.secret("board", token=TOKEN)
    tenant.people_may("use", "secrets", "other")
    if may_read:
        tenant.runner_may_read("board")
    route = target.route(APPLIED)
    tenant.create(unapproved("undo", http={"url": route.url, "headers": [wanted]}))

    failed = tenant.ready("Compensation", "undo", "Failed")

    assert words in condition(failed, "Stalled")["message"]
    assert failed["status"]["attempts"] == 1
    assert "nextAttemptAt" not in failed["status"]
    assert words in tenant.wait_for_event("undo", "Failed")
    assert route.requests == []


def test_an_account_that_the_tenant_did_not_lend_is_not_used(
    tenant: Tenant, target: Target
) -> None:
    tenant.secret("board", token=TOKEN)
    tenant.installed.cp.kubectl("create", "serviceaccount", "powerful", "-n", tenant.namespace)
    tenant.runner_may_read("board", "powerful")
    tenant.people_may("use", "serviceaccounts", "powerful")
    route = target.route(APPLIED)
    http = {"url": route.url, "headers": [header()]}
    tenant.create(unapproved("undo", http=http, serviceAccountName="powerful"))

    failed = tenant.ready("Compensation", "undo", "Failed")

    assert 'cannot impersonate resource "serviceaccounts"' in failed["status"]["reason"]
    assert route.requests == []


@pytest.mark.parametrize(
    ("answer", "phase", "words"),
    [
        (Answer(404, applies=False), "Completed", "applied by attempt 1"),
        (
            Answer(302, headers={"Location": "https://example.com/x"}, applies=False),
            "Failed",
            "a redirect to https://example.com; redirects are not followed",
        ),
    ],
)
def test_what_a_code_means_is_said_by_the_plan(
    answer: Answer, phase: str, words: str, tenant: Tenant, target: Target
) -> None:
    route = target.route(answer)
    codes = [{"codes": [404, 410], "outcome": "Applied"}]
    tenant.create(unapproved("undo", http={"url": route.url, "statusCodes": codes}))

    assert words in tenant.in_phase("undo", phase)["status"]["reason"]
    assert len(route.requests) == 1


def test_a_long_answer_is_cut(tenant: Tenant, target: Target) -> None:
    route = target.route(Answer(body="x" * 200_000))
    tenant.create(unapproved("undo", http={"url": route.url}))
    name = tenant.in_phase("undo", "Completed")["status"]["receiptRef"]["name"]

    evidence = tenant.read("Receipt", name)["spec"]["payload"]["evidence"]

    assert evidence["truncated"] is True
    assert len(evidence["body"]) == 64 * 1024

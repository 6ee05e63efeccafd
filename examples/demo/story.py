"""The story: a failed action, a refused approval, an approved one, an undo, and the evidence."""

from collections.abc import Callable

from examples.demo.clusters import TENANT
from examples.demo.stage import Stage

from amends.api import Receipt
from amends.core.records.receipts import is_genuine

ACTION = "action/announce-update"
COMPENSATION = "compensation/remove-message"
TEXT = "Update tonight at 22:00"

HISTORY = r"""{range .status.history[*]}{.from} -> {.to} ({.actor}): {.reason}{"\n"}{end}"""


def play(stage: Stage) -> None:
    """Every step in order. Raises NotSeen at the first one that does not show what it should."""
    for step in STEPS:
        title, _, explanation = (step.__doc__ or "").partition("\n\n")
        stage.terminal.begin(title)
        stage.terminal.say(explanation)
        step(stage)


def the_automation_acts(stage: Stage) -> None:
    """An automation acts, and its action turns out wrong

    A job of bob's posts an announcement to a message board, which stands for the outside world.
    Then the update that it announces is called off. The job reports what it did, that it failed,
    and how it can be undone. The board's token is in a Secret and nowhere else.
    """
    posted = stage.call_board("job", "POST", "/messages", {"text": TEXT})
    stage.insist("the board shows the message", posted.get("id") == "m-1", posted)
    file = stage.write("action.yaml", board=stage.board.origin, message=posted["id"], text=TEXT)
    stage.show("bob", file)
    stage.type("bob", "apply", "-f", file)
    stage.type_wait("bob", ACTION, ".status.phase", "Recorded")


def the_failure_is_held(stage: Stage) -> None:
    """The failure is held, and its undo is proposed

    The DeadLetter keeps the failure until somebody has dealt with it. The Compensation is the
    undo. It waits: nothing runs before a person agrees to exactly this plan.
    """
    stage.type_wait("bob", COMPENSATION, ".status.phase", "AwaitingApproval")
    (letter,) = stage.get("deadletters")["items"]
    stage.insist("the DeadLetter is Open", letter["status"]["phase"] == "Open", letter["status"])
    stage.expect(
        "it names the Compensation",
        COMPENSATION,
        lambda: _named_by(stage, letter["metadata"]["name"]),
    )
    stage.type("bob", "get", "deadletters")
    stage.type("bob", "get", "compensations")
    compensation = stage.get(COMPENSATION)
    requester = compensation["spec"]["requester"]["username"]
    stage.insist("the API server wrote down who asked: bob", requester == "bob", requester)


def bob_approves_himself(stage: Stage) -> None:
    """Bob, who asked, approves it himself: it does not count

    An Approval names the digest of the plan it approves. Bob may apply one, but four eyes are two
    people.
    """
    digest = stage.type("bob", "get", COMPENSATION, "-o", "jsonpath={.status.planDigest}")
    file = stage.write("approval-by-bob.yaml", digest=digest)
    stage.show("bob", file)
    stage.type("bob", "apply", "-f", file)
    stage.type_wait("bob", "approval/bob-approves", ".status.settled", "true")
    stage.type("bob", "get", "approvals")
    actor = stage.get("approval/bob-approves")["spec"]["actor"]["username"]
    stage.insist("the API server wrote down who said so: bob", actor == "bob", actor)
    result = _result(stage, "bob-approves")
    stage.insist("it does not count: SelfApproval", result == "SelfApproval", result)
    _nothing_has_run(stage)


def bob_forges_a_name(stage: Stage) -> None:
    """Bob writes alice's name into it: the API server refuses

    The name in the record is the name of whoever made the request. An admission policy sees to it,
    for everybody, cluster administrators included.
    """
    digest = stage.get(COMPENSATION)["status"]["planDigest"]
    file = stage.write("approval-in-alices-name.yaml", digest=digest)
    stage.show("bob", file)
    said = stage.type("bob", "apply", "-f", file, fails=True)
    expected = "spec.actor.username is alice but the request was made by bob"
    stage.insist("refused, with the reason and the fix", expected in said, said)
    names = [one["metadata"]["name"] for one in stage.get("approvals")["items"]]
    stage.insist("no such Approval exists", names == ["bob-approves"], names)
    _nothing_has_run(stage)


def alice_approves(stage: Stage) -> None:
    """Alice approves it: the operator undoes the action

    She reads the plan, and approves its digest with `kubectl apply`.
    """
    listed = stage.call_board("demo", "GET", "/messages")
    up = {"messages": [{"id": "m-1", "text": TEXT}]}
    stage.insist("before: the message is on the board", listed == up, listed)
    stage.type("alice", "get", COMPENSATION, "-o", "yaml", leave_out=PLAN_LEAVES_OUT)
    digest = stage.get(COMPENSATION)["status"]["planDigest"]
    file = stage.write("approval-by-alice.yaml", digest=digest)
    stage.show("alice", file)
    stage.type("alice", "apply", "-f", file)
    stage.type_wait("alice", COMPENSATION, ".status.phase", "Completed")
    stage.expect("her Approval counted", "Counted", lambda: _result(stage, "alice-approves"))
    stage.type("alice", "get", "approvals")
    stage.type("alice", "get", "compensations")


def the_message_is_gone(stage: Stage) -> None:
    """The message is gone from the board

    The board counts what undo requests really changed, by the idempotency key they came with.
    """
    listed = stage.call_board("demo", "GET", "/messages")
    stage.insist("after: the board is empty", listed == {"messages": []}, listed)
    effects = stage.call_board("demo", "GET", "/effects")
    key = f"amends:{TENANT}/{stage.get(COMPENSATION)['metadata']['uid']}"
    once = {"total": 1, "by_key": {key: 1}}
    stage.insist("removed once, under the Compensation's key", effects == once, effects)


def the_receipt_proves_it(stage: Stage) -> None:
    """The Receipt proves it

    Who approved which plan, what was sent under which key, and what the board answered. Nobody can
    change it, and its audit hash ties its name to its payload.
    """
    status = stage.get(COMPENSATION)["status"]
    name = f"receipt/{status['receiptRef']['name']}"
    stage.type("alice", "get", name, "-o", "yaml", leave_out=RECEIPT_LEAVES_OUT)
    receipt = Receipt.read(stage.get(name))
    payload = receipt.spec.payload
    stage.insist("it names the approver: alice", payload["actor"] == ["alice"], payload["actor"])
    stage.insist(
        "it names the plan that she approved",
        payload["planDigest"] == status["planDigest"],
        payload["planDigest"],
    )
    genuine = is_genuine(receipt.metadata.name, receipt.spec)
    stage.insist("its audit hash is right", genuine, receipt.spec.audit_hash)


def the_record_is_complete(stage: Stage) -> None:
    """The record is complete, and holds no secret

    The history says who caused every step. The DeadLetter is settled. The Events tell whoever looks
    at the Compensation.
    """
    history = stage.type("alice", "get", COMPENSATION, "-o", f"jsonpath={HISTORY}")
    phases = [line.split()[2] for line in history.splitlines()]
    expected = ["AwaitingApproval", "Approved", "Running", "Completed"]
    stage.insist("every step was taken once", phases == expected, phases)
    (letter,) = stage.get("deadletters")["items"]
    stage.expect(
        "the DeadLetter is settled: LinkedToCompensation",
        "LinkedToCompensation",
        lambda: stage.get(f"deadletter/{letter['metadata']['name']}")["status"]["phase"],
    )
    stage.type("alice", "get", "deadletters")
    stage.expect("the events tell the same story", TOLD, lambda: TOLD & _reasons(stage))
    stage.type("alice", "events", "--for", COMPENSATION)
    everything = (
        *(str(stage.get(kind)) for kind in ("amends", "events")),
        stage.operator.log.read_text(),
    )
    leaked = [text for text in everything if stage.board.token in text]
    stage.insist("the board's token is in no object, event or log line", not leaked, leaked)


STEPS: tuple[Callable[[Stage], None], ...] = (
    the_automation_acts,
    the_failure_is_held,
    bob_approves_himself,
    bob_forges_a_name,
    alice_approves,
    the_message_is_gone,
    the_receipt_proves_it,
    the_record_is_complete,
)

TOLD = frozenset({"SelfApproval", "ApprovalCounted", "Executed"})

PLAN_LEAVES_OUT = (
    "apiVersion",
    "kind",
    "metadata",
    "spec.approval",
    "spec.forwardFixInstruction",
    "spec.retry",
    "spec.suspend",
    "spec.cancel",
    "spec.runId",
    "spec.requester.groups",
    "spec.requester.uid",
    "spec.execution.http.bodyFrom",
    "spec.execution.http.statusCodes",
    "spec.timeoutSeconds",
    "spec.execution.http.idempotencyHeader",
    "spec.targetEffect",
    "spec.actionRef",
    "status.approvalDeadline",
    "status.approvals",
    "status.attempts",
    "status.conditions",
    "status.history",
    "status.observedGeneration",
    "status.previousPhase",
    "status.reason",
)
RECEIPT_LEAVES_OUT = (
    "apiVersion",
    "kind",
    "metadata",
    "spec.inputDigest",
    "spec.outputDigest",
    "spec.effectId",
    "spec.outboxId",
    "spec.operation",
    "spec.payload.action",
    "spec.payload.compensation",
    "spec.payload.evidence.headers",
    "spec.payload.direction",
    "spec.payload.forwardFixInstruction",
    "spec.payload.rollbackInstruction",
    "spec.payload.run",
    "spec.payload.status",
    "spec.payload.targetEffect",
    "spec.payload.uid",
    "spec.payload.attempt",
    "spec.pointer",
    "spec.redactionTier",
    "spec.runId",
    "spec.scope",
    "spec.source",
    "spec.tool",
)


def _named_by(stage: Stage, letter: str) -> str:
    status = stage.get(f"deadletter/{letter}")["status"]
    return f"compensation/{status.get('compensationRef', {}).get('name')}"


def _result(stage: Stage, approval: str) -> str | None:
    conditions = stage.get(f"approval/{approval}")["status"].get("conditions", [])
    return next((one["reason"] for one in conditions if one["type"] == "Ready"), None)


def _nothing_has_run(stage: Stage) -> None:
    status = stage.get(COMPENSATION)["status"]
    waits = (status["phase"], status.get("attempts")) == ("AwaitingApproval", 0)
    stage.insist("the Compensation still waits, nothing was attempted", waits, status)
    effects = stage.board.call("GET", "/effects")[1]
    stage.insist("the message is still on the board", effects["total"] == 0, effects)


def _reasons(stage: Stage) -> frozenset[str]:
    return frozenset(event["reason"] for event in stage.get("events.v1.events.k8s.io")["items"])

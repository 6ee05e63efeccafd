"""Who must act next on an object, and with which command: a row for every state that differs."""

from datetime import UTC, datetime
from typing import Any

import pytest

from amends.cli.shown import nextstep
from amends.cli.shown.kinds import BY_NAME
from amends.cli.shown.step import Next, Typing
from support import manifests
from support.api import Object
from support.scenery import at

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
TYPING = Typing("tenant-a", " --context prod")
SUPERSEDED = {
    "effectId": "effect-1",
    "outboxId": "outbox-1",
    "receiptRef": {"name": "effect-1-2"},
    "time": at(0),
}


def stalled(reason: str, message: str) -> list[Object]:
    common = {"observedGeneration": 1, "lastTransitionTime": at(0), "reason": reason}
    return [
        {"type": "Ready", "status": "False", "message": message, **common},
        {"type": "Stalled", "status": "True", "message": message, **common},
    ]


def waits(reason: str, message: str) -> list[Object]:
    common = {"status": "False", "observedGeneration": 1, "lastTransitionTime": at(0)}
    return [{"type": "Ready", "reason": reason, "message": message, **common}]


def frozen() -> list[Object]:
    common = {"observedGeneration": 1, "lastTransitionTime": at(0), "reason": "Frozen"}
    return [{"type": "Frozen", "status": "True", "message": "shop is frozen: …", **common}]


MESSAGE = "waits for something else"
HELD_BACK = stalled("PoliciesNotEnforced", "waits, because a policy is missing")[:1]


def undo(phase: str, status: Object | None = None, **spec: Any) -> Object:
    return {
        **manifests.compensation("undo", **spec),
        "status": {"phase": phase, **(status or {})},
    }


def letter(phase: str, **status: Any) -> Object:
    made = manifests.dead_letter("dl", "tenant-a", "effect-1")
    return {**made, "status": {"phase": phase, **status}}


def asked(attempt: str) -> Object:
    """An attempt of which nobody knows what came; its claim has not run out."""
    lost = {"phase": "Claimed", "outcome": "Unknown", "claimExpiresAt": at(5)}
    probing = {"count": 1, "nextAt": at(3), "detail": "it answered 503"}
    return {"id": "1", "operation": "x", "attemptKey": attempt, **lost, "verification": probing}


def action(outcome: str, phase: str = "Pending") -> Object:
    effect = {"id": "effect-act", "outcome": outcome}
    return {**manifests.action("act"), "status": {"phase": phase, "effect": effect}}


def next_of(obj: Object) -> Next:
    meta = {"namespace": "tenant-a", "uid": "u-1", "creationTimestamp": at(0), **obj["metadata"]}
    return nextstep.of(BY_NAME[obj["kind"]].read({**obj, "metadata": meta}), TYPING, NOW)


@pytest.mark.parametrize(
    ("obj", "who", "verbs"),
    [
        pytest.param(undo("Proposed"), "the operator", [], id="nobody has looked at it yet"),
        pytest.param(
            undo("AwaitingApproval"), "a person", ["approve", "reject"], id="waits for approval"
        ),
        pytest.param(
            undo("AwaitingApproval", {"supersededBy": SUPERSEDED}),
            "a person",
            ["cancel", "approve"],
            id="superseded, so it asks",
        ),
        pytest.param(
            undo("Approved", suspend=True), "a person", ["resume", "cancel"], id="suspended"
        ),
        pytest.param(undo("Approved", cancel=True), "the operator", [], id="being cancelled"),
        pytest.param(undo("Approved"), "the operator", ["cancel"], id="about to run"),
        pytest.param(
            undo("Approved", {"conditions": frozen()}),
            "whoever froze it",
            ["cancel"],
            id="a freeze holds it back",
        ),
        pytest.param(
            undo("AwaitingApproval", {"conditions": frozen()}),
            "a person",
            ["approve", "reject"],
            id="a freeze holds back no approval",
        ),
        pytest.param(
            undo("Approved", {"conditions": HELD_BACK}),
            "a person",
            ["kubectl get"],
            id="the admission policies are not enforced",
        ),
        pytest.param(undo("Running"), "the operator", [], id="under way"),
        pytest.param(
            undo("Running", {"conditions": frozen()}),
            "the operator",
            [],
            id="under way all the same",
        ),
        pytest.param(
            undo("Running", {"conditions": [*waits("Frozen", "shop is frozen: …"), *frozen()]}),
            "whoever froze it",
            ["cancel"],
            id="a freeze holds back what was claimed",
        ),
        pytest.param(
            undo("Running", {"conditions": stalled("OutcomeUnknown", "no answer")}),
            "a person",
            ["cancel"],
            id="nobody knows whether it was applied",
        ),
        pytest.param(
            undo("Running", {"outbox": asked("undo:1")}),
            "the operator",
            ["attest", "attest"],
            id="the target is asked whether it was applied",
        ),
        pytest.param(
            undo("Failed", {"nextAttemptAt": at(5)}), "the operator", ["cancel"], id="tried again"
        ),
        pytest.param(undo("Failed"), "a person", ["cancel"], id="failed for good"),
        pytest.param(
            undo("Completed", {"receiptRef": {"name": "proof"}}),
            "nobody",
            ["verify-receipt"],
            id="completed",
        ),
        pytest.param(undo("Cancelled"), "nobody", [], id="cancelled"),
        pytest.param(
            letter("Open"),
            "a person",
            ["retry", "dispose", "dispose", "dispose"],
            id="a dead letter is open",
        ),
        pytest.param(
            letter("Open", supersededBy=SUPERSEDED),
            "a person",
            ["dispose"],
            id="nothing left to do",
        ),
        pytest.param(
            letter("LinkedToCompensation", compensationRef={"name": "undo"}),
            "compensation undo",
            ["show"],
            id="its compensation decides",
        ),
        pytest.param(letter("RetryRequested"), "the operator", [], id="a retry was asked for"),
        pytest.param(
            letter("RetryRequested", conditions=frozen()),
            "whoever froze it",
            [],
            id="a freeze holds the retry back",
        ),
        pytest.param(
            letter("Retrying", conditions=[*waits("Frozen", "shop is frozen: …"), *frozen()]),
            "whoever froze it",
            [],
            id="a freeze holds back the retry that was claimed",
        ),
        pytest.param(
            letter("RetryRequested", conditions=waits("NotExecutable", "the target is forbidden")),
            "a person",
            ["dispose", "dispose", "dispose"],
            id="the retry that was asked for cannot be sent",
        ),
        pytest.param(
            letter("Retrying", conditions=stalled("OutcomeUnknown", "no answer")),
            "a person",
            ["attest", "attest", "dispose"],
            id="nobody knows whether the retry was applied",
        ),
        pytest.param(
            letter("Retrying", outbox=asked("dl:1")),
            "the operator",
            ["attest", "attest"],
            id="the target is asked whether the retry was applied",
        ),
        pytest.param(letter("Ignored", settled=True), "nobody", ["dispose"], id="ignored"),
        pytest.param(letter("Resolved", settled=True), "nobody", [], id="resolved"),
        pytest.param(action("Unknown"), "a person", ["kubectl edit"], id="an outcome is unknown"),
        pytest.param(action("Pending"), "the automation", [], id="an outcome is not final"),
        pytest.param(action("Succeeded", "Recorded"), "nobody", [], id="an outcome is on record"),
    ],
)
def test_who_acts_next_and_how(obj: Object, who: str, verbs: list[str]) -> None:
    step = next_of(obj)

    assert step.who == who
    assert step.what
    wanted = [verb if " " in verb else f"kubectl amends {verb}" for verb in verbs]
    assert [
        command.startswith(start) for (_, command), start in zip(step.commands, wanted, strict=True)
    ] == [True] * len(wanted)
    assert all(" -n tenant-a --context prod" in command for _, command in step.commands)


@pytest.mark.parametrize(
    "obj",
    [
        pytest.param(undo("Approved", {"conditions": waits("Ordered", MESSAGE)}), id="in order"),
        pytest.param(
            undo("Approved", {"conditions": waits("TargetBusy", MESSAGE)}), id="the target is busy"
        ),
        pytest.param(
            undo("Running", {"conditions": waits("Verifying", MESSAGE)}), id="the target is asked"
        ),
        pytest.param(
            undo("Running", {"conditions": waits("Retrying", MESSAGE)}), id="about to be repeated"
        ),
    ],
)
def test_what_the_operator_waits_for_is_told_in_its_words(obj: Object) -> None:
    assert next_of(obj) == Next("the operator", MESSAGE, next_of(obj).commands)

"""I2: under `retrySafety: None` one request leaves, whatever the operator's account does to claims.

Nobody else can write them. Its holder finds out that somebody did, and from then on nobody knows
what came of the attempt: that is for a person to say.
"""

from datetime import timedelta
from typing import Any

import pytest

from amends.core.key import Key
from chaos.invariants import condition
from chaos.small_server import BEGIN, HUMAN, NAMESPACE, SmallServer
from chaos.small_world import CLAIM, Holder

HTTP = {"method": "POST", "url": "https://board/", "retrySafety": "None"}
ALTERED = {
    "somebody else's": {"claimedBy": "somebody-else"},
    "nobody's": {"claimedBy": None},
    "over": {"claimExpiresAt": (BEGIN - CLAIM).isoformat()},
    "without an end": {"claimExpiresAt": None},
    "on another attempt": {"attemptKey": "another:9"},
    "answered": {"outcome": "NotApplied"},
    "not made yet": {"phase": "Pending"},
}


def an_undo(server: SmallServer) -> Key:
    plan = {"execution": {"http": HTTP}, "approval": {"required": False}}
    server.create("Compensation", "undo-post", {"targetEffect": "effect-post", **plan})
    return Key("Compensation", NAMESPACE, "undo-post")


def a_retry(server: SmallServer) -> Key:
    said = {"operation": "post", "outcome": "failed", "idempotencyKey": "k"}
    server.create("Action", "post", {**said, "retry": {"http": HTTP}})
    works_until_idle(Holder(server, "who is no more"))
    (letter,) = server.of("DeadLetter")
    name = letter["metadata"]["name"]
    chosen = {"deadLetterRef": {"name": name}, "choice": "Retry", "reason": "it is back"}
    server.create("Disposition", "retry", {**chosen, "actor": {"username": "alice"}})
    return Key("DeadLetter", NAMESPACE, name)


@pytest.mark.parametrize("is_given_back", [True, False])
@pytest.mark.parametrize("sent", [an_undo, a_retry])
@pytest.mark.parametrize("altered", ALTERED.values(), ids=ALTERED.keys())
def test_nothing_is_sent_again_under_a_claim_that_was_altered(
    altered: dict[str, Any], sent: Any, is_given_back: bool
) -> None:
    server = SmallServer()
    key = sent(server)
    holder = Holder(server, "one")
    works_until_idle(holder)
    claim = server.objects[key]["status"]["outbox"]
    assert requests(holder) == 1

    writes(server, key, {**claim, **altered})
    works_until_idle(holder)
    if is_given_back:
        writes(server, key, claim)
    for _ in range(3):
        works_until_idle(holder)
        server.time.at += CLAIM + timedelta(seconds=1)
        holder.hear_all()

    assert requests(holder) == 1
    if is_given_back:
        assert condition(server.objects[key], "Stalled")["reason"] == "OutcomeUnknown"


def writes(server: SmallServer, key: Key, outbox: dict[str, Any]) -> None:
    """With the operator's own account."""
    raw = server.objects[key]
    there = {name: value for name, value in outbox.items() if value is not None}
    server.write_status(raw, {**raw["status"], "outbox": there}, HUMAN)


def requests(holder: Holder) -> int:
    return len(holder.executions.sent) + len(holder.executions.works)


def works_until_idle(holder: Holder) -> None:
    while holder.work() or holder.hears():
        pass

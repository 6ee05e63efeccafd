"""Single schedules that went wrong once, told step by step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from amends.api import Compensation
from amends.core.key import Key
from amends.core.namespace import FREEZE
from amends.core.records.digest import plan_digest
from amends.ports import Fault
from chaos.small_server import BEGIN, NAMESPACE, SmallServer, SmallTarget
from chaos.small_world import CLAIM, Holder, PowerLost, Trouble, at_once

UNDO = Key("Compensation", NAMESPACE, "undo-post")
AGAIN = Key("Compensation", NAMESPACE, "undo-again")
ACTION = Key("Action", NAMESPACE, "post")
EFFECT = "effect-post"


def world(safety: str = "None", *, required: bool = False) -> SmallServer:
    """A failed action whose undo needs nobody's approval."""
    server = SmallServer()
    server.create(
        "Action", "post", {"operation": "post", "outcome": "failed", **plan(safety, required)}
    )
    return server


def plan(safety: str, required: bool) -> dict[str, Any]:
    http = {"method": "DELETE", "url": "https://board/m-1", "retrySafety": safety}
    undo = {"name": "undo-post", "execution": {"http": http}, "approval": {"required": required}}
    return {"compensation": undo}


def look_until(holder: Holder, key: Key, condition: Callable[[], bool]) -> None:
    for _ in range(20):
        if condition():
            return
        holder.look(key)
    raise AssertionError(f"{key} does not come to it")


def phase(server: SmallServer, key: Key) -> str:
    return str(server.objects[key]["status"]["phase"])


def letter(server: SmallServer) -> dict[str, Any]:
    (found,) = server.of("DeadLetter")
    return found


def everything(holder: Holder, server: SmallServer) -> None:
    """Look at all there is until nothing is written any more."""
    version = -1
    while version != server.version:
        version = server.version
        for key in sorted(server.objects):
            if key.kind != "Receipt":
                holder.look(key)


@pytest.mark.parametrize("safety", ["None", "ProviderKey"])
def test_a_receipt_is_found_though_the_claim_ran_out_before_the_status_was_written(
    safety: str,
) -> None:
    server, target = world(safety), SmallTarget(honours_keys=True)
    holder = Holder(server, "one")
    everything(holder, server)
    work = holder.executions.works[UNDO]
    holder.executions.end(UNDO, target.apply(work.idempotency_key))
    with pytest.raises(Fault):
        holder.look(
            UNDO, Trouble(0, "lost-before", on="write")
        )  # the Receipt is there, the status is not
    server.time.at = BEGIN + CLAIM + timedelta(seconds=1)

    look_until(holder, UNDO, lambda: phase(server, UNDO) == "Completed")

    assert len(server.of("Receipt")) == 2
    assert target.effects.total() == 1


def test_an_undo_is_not_begun_before_its_dead_letter_names_it() -> None:
    """Completed, it leaves the watch: a dead letter that has no name for it would wait for ever."""
    server, target = world(), SmallTarget(honours_keys=True)
    first = Holder(server, "one")
    with pytest.raises(PowerLost):
        first.look(
            ACTION, Trouble(0, "power-after", on="create Compensation")
        )  # all is created, nothing is recorded
    second = Holder(server, "two")
    for _ in range(5):
        second.look(UNDO)
    assert phase(server, UNDO) == "Approved"
    everything(second, server)
    work = second.executions.works[UNDO]
    second.executions.end(UNDO, target.apply(work.idempotency_key))
    look_until(second, UNDO, lambda: phase(server, UNDO) == "Completed")

    everything(Holder(server, "three"), server)

    assert letter(server)["status"]["phase"] == "LinkedToCompensation"


def test_a_new_compensation_takes_the_place_of_one_that_was_cancelled() -> None:
    server = world(required=True)
    holder = Holder(server, "one")
    everything(holder, server)
    server.change(UNDO, cancel=True)
    holder.hear_all()
    everything(holder, server)
    assert phase(server, UNDO) == "Cancelled"

    server.create(
        "Compensation",
        "undo-again",
        {"targetEffect": EFFECT, "approval": {"required": False}, "execution": {"record": {}}},
    )
    holder.hear_all()
    everything(holder, server)
    assert letter(server)["status"]["compensationRef"] == {"name": "undo-again"}
    work = holder.executions.works[AGAIN]
    holder.executions.end(AGAIN, SmallTarget(honours_keys=True).apply(work.idempotency_key))
    everything(holder, server)

    assert phase(server, AGAIN) == "Completed"
    assert letter(server)["status"]["phase"] == "LinkedToCompensation"


def test_an_undo_that_its_approval_has_found_first_is_looked_at_when_the_watch_tells() -> None:
    """Applied in one file, they are told in any order: whoever reads one must not hide the news."""
    server = SmallServer()
    holder = Holder(server, "one")
    spec = {"targetEffect": EFFECT, "requester": {"username": "bob"}}
    undo = server.create("Compensation", "undo-post", spec)
    said = {"subjectRef": {"name": "undo-post"}, "decision": "Approve"}
    said |= {"actor": {"username": "alice"}, "planDigest": digest_of(undo)}
    server.create("Approval", "yes", said)
    holder.look(Key("Approval", NAMESPACE, "yes"))

    holder.hears()

    assert UNDO in holder.queue.waiting


def digest_of(undo: dict[str, Any]) -> str:
    return plan_digest(NAMESPACE, "undo-post", Compensation.read(undo).spec)


def test_an_undo_is_not_overlooked_because_somebody_attests_to_an_attempt_that_it_never_made() -> (
    None
):
    """Such a statement is refused by what the server says; what is known here stays known."""
    server = SmallServer()
    thawed, server.annotations = server.annotations, {**server.annotations, FREEZE: "for now"}
    holder = Holder(server, "one")
    http = {"method": "POST", "url": "https://board/"}
    plan = {"execution": {"http": http}, "approval": {"required": False}}
    server.create("Compensation", "undo-post", {"targetEffect": EFFECT, **plan})
    works_until_idle(holder)
    assert phase(server, UNDO) == "Approved"
    said = {"subjectRef": {"kind": "Compensation", "name": "undo-post"}, "reason": "I looked"}
    said |= {"attemptKey": "undo-post:1", "outcome": "Applied", "actor": {"username": "alice"}}
    server.create("Attestation", "saw", said)
    works_until_idle(holder)

    server.annotations = thawed
    at_once(holder.namespaces.ask())
    works_until_idle(holder)

    assert phase(server, UNDO) == "Running"


def works_until_idle(holder: Holder) -> None:
    while holder.work() or holder.hears():
        pass

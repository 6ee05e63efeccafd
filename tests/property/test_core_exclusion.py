"""A retry and an undo of one effect exclude each other: single schedules that went wrong once."""

from datetime import timedelta

import pytest

from amends.core.key import Key
from amends.ports import Conflict
from chaos.small_server import NAMESPACE, SmallServer
from chaos.small_world import Holder

UNDO = Key("Compensation", NAMESPACE, "undo-post")


def failed_and_undone() -> tuple[SmallServer, Holder]:
    """A failed action whose undo, which needs nobody's approval, is under way."""
    server = SmallServer()
    http = {"method": "POST", "url": "https://board/", "retrySafety": "ProviderKey"}
    undo = {"name": UNDO.name, "execution": {"http": http}, "approval": {"required": False}}
    spec = {"operation": "post", "outcome": "failed", "idempotencyKey": "k"}
    server.create("Action", "post", {**spec, "retry": {"http": http}, "compensation": undo})
    holder = Holder(server, "one")
    works_until_idle(holder)
    assert phase_of(server, UNDO) == "Running"
    return server, holder


def works_until_idle(holder: Holder) -> None:
    while holder.work() or holder.hears():
        pass


def phase_of(server: SmallServer, key: Key) -> str:
    return str(server.objects[key]["status"]["phase"])


def letter_of(server: SmallServer) -> Key:
    (letter,) = server.of("DeadLetter")
    return Key("DeadLetter", NAMESPACE, letter["metadata"]["name"])


def is_asked_for_a_retry(server: SmallServer) -> Key:
    letter = letter_of(server)
    spec = {"deadLetterRef": {"name": letter.name}, "choice": "Retry", "reason": "it is back"}
    server.create("Disposition", "retry", {**spec, "actor": {"username": "alice"}})
    return Key("Disposition", NAMESPACE, "retry")


def test_an_undo_is_not_overlooked_while_its_newest_version_is_not_known() -> None:
    """Somebody has changed it: what is known of it is doubted, but it is there all the same."""
    server, holder = failed_and_undone()
    server.change(UNDO, suspend=True)
    server.time.at += timedelta(minutes=3)
    with pytest.raises(Conflict):
        holder.look(UNDO)  # the claim was to be renewed

    asked, letter = is_asked_for_a_retry(server), letter_of(server)
    holder.hear(asked)
    for key in (asked, letter, asked, letter, letter):
        holder.look(key)

    assert phase_of(server, letter) == "RetryRequested"


def test_an_undo_is_not_overlooked_by_a_process_that_was_never_told_of_it() -> None:
    """It was the leader once, and has not noticed yet that it is none any more."""
    server, _ = failed_and_undone()
    late = Holder(server, "late", asleep=True)

    asked, letter = is_asked_for_a_retry(server), letter_of(server)
    for key in (letter, asked):
        late.hear(key)
    for key in (asked, letter, asked, letter, letter):
        late.look(key)

    assert phase_of(server, letter) == "RetryRequested"


def test_an_undo_that_was_approved_first_goes_before_the_retry() -> None:
    """Neither waits for the other: the dead letter names it, and it runs."""
    server, holder = failed_and_undone()
    letter = letter_of(server)
    is_asked_for_a_retry(server)
    works_until_idle(holder)

    assert server.objects[letter]["status"]["compensationRef"] == {"name": UNDO.name}

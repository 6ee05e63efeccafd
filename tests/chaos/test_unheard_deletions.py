"""While the watch is down, an Action and all that followed from it are deleted; a namesake fails.

The evidence of the first failure stays, so the second one says nothing new: only the dead letter
tells whether anybody holds it, and the one that is remembered here is gone.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from amends.core.key import Key
from chaos.small_server import NAMESPACE, SmallServer, SmallTarget
from chaos.small_world import Holder

pytestmark = pytest.mark.chaos

ACTION = Key("Action", NAMESPACE, "post")
HTTP = {"http": {"method": "POST", "url": "https://board/", "retrySafety": "ProviderKey"}}
STEPS = 500
"""More than any of these needs."""
KEYED = {"idempotencyKey": "run-a/post"}


def fails(server: SmallServer, **given: Any) -> str:
    """An automation reports a failure that can be undone, and sent again. Its uid."""
    spec = {
        "operation": "board.post",
        "outcome": "failed",
        "retry": HTTP,
        "compensation": {
            "name": "undo-post",
            "execution": {"http": {**HTTP["http"], "method": "DELETE"}},
        },
        **given,
    }
    return str(server.create("Action", "post", spec)["metadata"]["uid"])


def decides(server: SmallServer, choice: str) -> None:
    """A person decides about the dead letter."""
    (letter,) = server.of("DeadLetter")
    meta, actor = letter["metadata"], {"username": "dora"}
    spec = {
        "deadLetterRef": {"name": meta["name"], "uid": meta["uid"]},
        "choice": choice,
        "actor": actor,
        "reason": "told by the test",
    }
    server.create("Disposition", "choice", spec)


def until_it_rests(holder: Holder, target: SmallTarget) -> None:
    """Hear everything, do everything, and let the target answer."""
    for _ in range(STEPS):
        if not (holder.work() or holder.hears()):
            return
        for key, work in list(holder.executions.works.items()):
            holder.executions.end(key, target.apply(work.idempotency_key))
    raise AssertionError(f"it does not end: {holder.queue.waiting}")


def deletes_everything_but_the_evidence(server: SmallServer) -> None:
    for raw in list(server.objects.values()):
        if raw["kind"] != "Receipt":
            server.delete(raw)


def held(server: SmallServer) -> list[Mapping[str, Any]]:
    """Which dead letters there are, by the Action that they name."""
    return [raw["spec"]["actionRef"] for raw in server.of("DeadLetter")]


@pytest.mark.parametrize("given", [KEYED, {}], ids=["with-a-key", "without-a-key"])
@pytest.mark.parametrize("choice", [None, "Ignore"])
def test_a_namesake_of_what_was_deleted_unheard_gets_its_own_dead_letter_and_plan(
    given: Mapping[str, Any], choice: str | None
) -> None:
    server, target = SmallServer(), SmallTarget(honours_keys=True)
    holder = Holder(server, "one")
    fails(server, **given)
    until_it_rests(holder, target)
    if choice is not None:
        decides(server, choice)
        until_it_rests(holder, target)
    deletes_everything_but_the_evidence(server)
    uid = fails(server, **given)

    holder.hear(ACTION)  # the list of Actions arrives before that of dead letters
    holder.look(ACTION)
    holder.hear_all()
    until_it_rests(holder, target)

    assert held(server) == [{"name": "post", "uid": uid}]
    (undo,) = server.of("Compensation")
    assert undo["status"]["phase"] == "AwaitingApproval"
    status = server.objects[ACTION]["status"]
    assert (status["phase"], status["deadLetterRef"], status["compensationRef"]) == (
        "Recorded",
        {"name": server.of("DeadLetter")[0]["metadata"]["name"]},
        {"name": undo["metadata"]["name"]},
    )

"""Row D4: the condition of what cannot be read, and how often anything is said of it."""

from datetime import datetime

import pytest

from amends.core.key import Key
from amends.kube.cache import Cache
from amends.kube.cluster import KubeCluster
from amends.kube.events import EventRecorder
from amends.ports import Clock, Conflict, Gone, Raw, Rejected, Unsure
from amends.runtime.unreadable import Unreadables, explained, with_condition
from support.api import Object
from support.records import NOW, record

KEY = Key("Action", "tenant-a", "odd")
WHY = "spec.operation: Field required"
STALLED: Object = {"type": "Stalled", "status": "True", "note": "of another version"}
READY: Object = {
    "type": "Ready",
    "status": "False",
    "observedGeneration": 0,
    "lastTransitionTime": "2026-01-31T09:00:00.000Z",
    "reason": "Unreadable",
    "message": "m",
}


def odd(status: object) -> Raw:
    return {**record("Action", "odd", {}), "status": status}


@pytest.mark.parametrize(
    ("status", "written"),
    [
        pytest.param({}, {"conditions": [READY]}, id="nothing there yet"),
        pytest.param(
            {"phase": "Pending", "odd": [1], "conditions": [STALLED]},
            {"phase": "Pending", "odd": [1], "conditions": [STALLED, READY]},
            id="all else is kept",
        ),
        pytest.param(
            {"conditions": [{**READY, "status": "True", "lastTransitionTime": "then"}]},
            {"conditions": [READY]},
            id="a status that changes, now",
        ),
        pytest.param(
            {"conditions": [{**READY, "reason": "Waits", "lastTransitionTime": "then"}]},
            {"conditions": [{**READY, "lastTransitionTime": "then"}]},
            id="another reason, since then",
        ),
        pytest.param({"conditions": [STALLED, READY]}, None, id="there already: nothing"),
        pytest.param("settled", None, id="no place for it: a status that is a text"),
        pytest.param({"conditions": "none"}, None, id="no place: conditions that are a text"),
        pytest.param({"conditions": ["none"]}, None, id="no place: conditions that are texts"),
    ],
)
def test_d4_one_condition_is_written_and_only_if_it_differs(
    status: object, written: Raw | None
) -> None:
    assert with_condition(odd(status), "m", NOW) == written


def test_d4_the_message_names_the_field_and_the_fix() -> None:
    assert explained("Compensation", "status.history.3.time: Input should be a valid datetime") == (
        "left as it is, because this version of Amends cannot read it: status.history.3.time: "
        "Input should be a valid datetime. Mend that field (kubectl explain "
        "compensations.status.history.time), or run the version that wrote it"
    )


class Server(KubeCluster):
    """Answers a status write as it is told to."""

    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer
        self.writes: list[Raw] = []

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        self.writes.append(status)
        if self.answer is not None:
            raise self.answer
        meta = {**before["metadata"], "resourceVersion": "1000000"}
        return {**before, "metadata": meta, "status": status}


class Listener(EventRecorder):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, on: Key, uid: str, severity: str, reason: str, message: str) -> None:
        self.said.append(f"{severity} {reason} on {on.kind} {on.name}")


class Noon(Clock):
    def now(self) -> datetime:
        return NOW


def reporter(answer: Exception | None = None) -> tuple[Unreadables, Server, Listener, Cache]:
    server, listener, cache = Server(answer), Listener(), Cache()
    return Unreadables(cache, server, listener, Noon()), server, listener, cache


async def test_d4_it_is_told_once_and_written_once_however_often_it_is_looked_at() -> None:
    unreadable, server, listener, cache = reporter()
    cache.put(odd({}))
    for _ in range(3):
        known = cache.get(KEY)
        assert known is not None
        await unreadable.report(KEY, known, WHY)
    assert (len(server.writes), listener.said) == (1, ["Warning Unreadable on Action odd"])
    assert unreadable.by_kind() == {("Action",): 1}


async def test_d4_it_is_told_again_when_something_else_is_wrong_with_it() -> None:
    unreadable, _, listener, _ = reporter()
    await unreadable.report(KEY, odd({}), WHY)
    await unreadable.report(KEY, odd({}), "spec.input: Input should be a valid dictionary")
    assert len(listener.said) == 2


async def test_d4_the_metric_goes_down_when_it_can_be_read_or_is_gone() -> None:
    unreadable, _, _, _ = reporter()
    await unreadable.report(KEY, odd({}), WHY)
    unreadable.forget(KEY)
    unreadable.forget(KEY)
    assert unreadable.by_kind() == {}


async def test_d4_what_has_settled_is_let_be() -> None:
    unreadable, server, listener, _ = reporter()
    await unreadable.report(KEY, odd({}), WHY)
    await unreadable.report(KEY, odd({"phase": "Recorded"}), WHY)
    assert (len(server.writes), len(listener.said)) == (1, 1)
    assert unreadable.by_kind() == {}


async def test_d4_a_server_that_takes_no_status_of_it_is_no_fault() -> None:
    unreadable, server, listener, _ = reporter(Rejected("422 is invalid"))
    await unreadable.report(KEY, odd({}), WHY)
    assert (len(server.writes), len(listener.said)) == (1, 1)


@pytest.mark.parametrize("answer", [Conflict("409"), Gone("404"), Unsure("timeout")])
async def test_d4_when_somebody_wrote_first_it_is_looked_at_again(answer: Exception) -> None:
    unreadable, _, _, cache = reporter(answer)
    cache.put(odd({}))
    with pytest.raises(type(answer)):
        await unreadable.report(KEY, odd({}), WHY)
    assert cache.get(KEY) is None

"""The inbox: what the watch says, in any order, any number of times, and what it never said."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from amends.core.key import Key
from amends.kube.cache import OPEN_WORK, Cache, key_of
from amends.ports import Raw, Waiting
from amends.runtime.inbox import Inbox
from amends.runtime.queue import KeyQueue


class Wanted(KeyQueue):
    """Notes what is to be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[Key] = []

    def add(self, key: Key) -> None:
        self.keys.append(key)

    def take(self) -> list[Key]:
        taken, self.keys = sorted(self.keys), []
        return taken


def raw(kind: str, name: str, number: int, *, settled: bool = False, uid: str = "") -> Raw:
    specs: dict[str, dict[str, Any]] = {
        "Compensation": {"targetEffect": "effect-1"},
        "Approval": {"subjectRef": {"name": "undo"}},
        "DeadLetter": {"effectId": "effect-1"},
    }
    done = {"phase": "Completed"} if kind == "Compensation" else {"settled": True}
    return {
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "tenant",
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(number),
        },
        "spec": specs[kind],
        "status": done if settled else {"phase": "Open"},
    }


UNDO, YES, LETTER = (
    Key(kind, "tenant", name)
    for kind, name in (("Compensation", "undo"), ("Approval", "yes"), ("DeadLetter", "letter"))
)


class Desk:
    """An inbox with an undo, an approval of it and the dead letter it answers."""

    def __init__(self) -> None:
        self.cache, self.queue = Cache(), Wanted()
        self.inbox = Inbox(self.cache, self.queue)
        for one in (raw("Compensation", "undo", 1), raw("Approval", "yes", 2)):
            self.inbox.seen(one)
        self.inbox.seen(raw("DeadLetter", "letter", 3))
        self.queue.take()

    async def resync(self, *held: Raw) -> list[Key]:
        """The server holds just these; what is looked at then."""

        async def list_open(kind: str, selector: str) -> AsyncIterator[Raw]:
            assert OPEN_WORK[kind] == selector
            for one in held:
                if one["kind"] == kind:
                    yield one

        await self.inbox.resync(list_open)
        return self.queue.take()


def test_news_is_looked_at_and_a_repetition_is_not() -> None:
    desk = Desk()
    desk.inbox.seen(raw("Compensation", "undo", 5))
    assert desk.queue.take() == [UNDO]
    desk.inbox.seen(raw("Compensation", "undo", 5))
    desk.inbox.seen(raw("Compensation", "undo", 4))
    assert desk.queue.take() == []
    assert desk.inbox.open_objects == 3


def test_whoever_waits_for_what_left_is_looked_at_too() -> None:
    desk = Desk()
    desk.inbox.left(raw("Compensation", "undo", 5))
    assert desk.queue.take() == [YES, UNDO, LETTER]
    assert desk.cache.get(UNDO) is None


def test_our_own_write_that_settled_it_is_no_news_when_the_watch_says_so() -> None:
    desk = Desk()
    desk.cache.put(raw("Compensation", "undo", 5, settled=True))
    desk.inbox.left(raw("Compensation", "undo", 5))
    assert desk.queue.take() == []


def test_what_left_late_is_no_news() -> None:
    desk = Desk()
    desk.inbox.seen(raw("Compensation", "undo", 6))
    desk.queue.take()
    desk.inbox.left(raw("Compensation", "undo", 5))
    assert desk.queue.take() == []
    assert desk.cache.get(UNDO) == raw("Compensation", "undo", 6)


async def test_a_resync_looks_at_everything_that_is_open() -> None:
    desk = Desk()
    new = raw("Compensation", "another", 9)
    looked_at = await desk.resync(
        raw("Compensation", "undo", 1),
        raw("Approval", "yes", 2),
        raw("DeadLetter", "letter", 3),
        new,
    )
    assert looked_at == [YES, key_of(new), UNDO, LETTER]


async def test_a_resync_takes_in_what_the_watch_did_not_tell() -> None:
    desk = Desk()
    newer = raw("Compensation", "undo", 7)
    await desk.resync(newer, raw("Approval", "yes", 2), raw("DeadLetter", "letter", 3))
    assert desk.cache.get(UNDO) == newer


async def test_a_resync_finds_what_was_deleted_unheard_of_and_who_waited_for_it() -> None:
    desk = Desk()
    assert await desk.resync(raw("Approval", "yes", 2)) == [YES, YES, UNDO, UNDO, LETTER]
    assert desk.cache.get(UNDO) is None
    assert desk.cache.get(LETTER) is None
    assert desk.inbox.open_objects == 1


async def test_a_resync_tells_a_namesake_from_what_it_replaced() -> None:
    desk = Desk()
    namesake = raw("Compensation", "undo", 9, uid="uid-new")
    await desk.resync(namesake, raw("Approval", "yes", 2), raw("DeadLetter", "letter", 3))
    assert desk.cache.get(UNDO) == namesake


async def test_a_list_older_than_what_is_known_brings_nothing_back() -> None:
    desk = Desk()
    desk.cache.put(raw("Compensation", "undo", 8, settled=True))
    await desk.resync(raw("Compensation", "undo", 1), raw("Approval", "yes", 2))
    assert desk.cache.get(UNDO) == raw("Compensation", "undo", 8, settled=True)


async def test_what_comes_while_the_list_is_read_is_kept() -> None:
    desk = Desk()
    late = raw("Compensation", "late", 9)

    async def list_open(kind: str, selector: str) -> AsyncIterator[Raw]:
        if kind == "Compensation":
            desk.inbox.seen(late)
        for one in (raw("Compensation", "undo", 1), raw("Approval", "yes", 2)):
            if one["kind"] == kind:
                yield one

    await desk.inbox.resync(list_open)
    assert desk.cache.get(key_of(late)) == late


async def test_a_list_that_breaks_off_forgets_nothing() -> None:
    desk = Desk()

    async def list_open(kind: str, selector: str) -> AsyncIterator[Raw]:
        if kind == "DeadLetter":
            raise Waiting("the server is busy")
        if kind == "Action":
            return
        yield raw("Compensation", "undo", 1)

    with pytest.raises(Waiting):
        await desk.inbox.resync(list_open)
    assert desk.inbox.open_objects == 3

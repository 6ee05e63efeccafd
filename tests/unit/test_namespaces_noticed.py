"""Namespaces that demand something else: what waits there is looked at again, and nothing else."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from amends.core.key import Key
from amends.core.namespace import APPROVERS, DUPLICATE_WINDOW, FREEZE, Floors
from amends.kube.cache import Cache
from amends.ports import Namespace, Raw, Waiting
from amends.runtime.namespaces import Namespaces

HOME = "amends-system"
HERE, THERE = Key("Compensation", "here", "undo"), Key("Compensation", "there", "undo")
YES = Key("Approval", "here", "yes")
LETTER = Key("DeadLetter", "here", "letter")


class Server:
    """The Cluster port as far as it tells of namespaces. None: it cannot be read."""

    def __init__(self) -> None:
        self.annotations: dict[str, Mapping[str, str] | None] = {
            "here": {},
            "there": {},
            HOME: {},
        }
        self.asked: list[str] = []
        self.forgotten: list[str] = []

    async def namespace(self, name: str) -> Namespace:
        self.asked.append(name)
        if (found := self.annotations[name]) is None:
            raise Waiting("busy")
        return Namespace({}, found)

    def forget_namespace(self, name: str) -> None:
        self.forgotten.append(name)

    async def get(self, key: Key) -> Raw | None:
        raise NotImplementedError

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        raise NotImplementedError

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        raise NotImplementedError

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        raise NotImplementedError

    async def delete(self, before: Raw) -> None:
        raise NotImplementedError


def stored(key: Key) -> Raw:
    meta = {"name": key.name, "namespace": key.namespace, "uid": key.name, "resourceVersion": "1"}
    specs = {"Approval": {"subjectRef": {"name": "undo"}}, "DeadLetter": {"effectId": "effect"}}
    return {
        "kind": key.kind,
        "metadata": meta,
        "spec": specs.get(key.kind, {"targetEffect": "effect"}),
        "status": {},
    }


class Watched:
    """Everything that waits in two namespaces, and what was looked at since."""

    def __init__(self, *waiting: Key) -> None:
        self.server, self.cache = Server(), Cache()
        for key in waiting or (HERE, THERE, YES, LETTER):
            self.cache.put(stored(key))
        self.looked: list[Key] = []
        self.namespaces = Namespaces(self.server, self.cache, self.looked.append, HOME)


async def test_a_change_is_noticed_by_whoever_asks_first() -> None:
    watched = Watched()
    assert (await watched.namespaces.of("here")).floors == Floors()
    await watched.namespaces.ask()
    assert watched.looked == []

    watched.server.annotations["here"] = {APPROVERS: "2"}
    await watched.namespaces.ask()
    assert watched.looked == [HERE, YES, LETTER]

    await watched.namespaces.ask()
    assert (await watched.namespaces.of("here")).floors == Floors(approvers=2)
    assert watched.looked == [HERE, YES, LETTER]


async def test_a_decision_that_sees_it_first_has_the_others_looked_at() -> None:
    watched = Watched()
    await watched.namespaces.of("here")
    watched.server.annotations["here"] = {APPROVERS: "2"}
    await watched.namespaces.of("here")
    assert watched.looked == [HERE, YES, LETTER]


async def test_annotations_that_are_about_something_else_wake_nobody() -> None:
    watched = Watched()
    await watched.namespaces.ask()
    watched.server.annotations["here"] = {DUPLICATE_WINDOW: "1h", "team": "blue"}
    await watched.namespaces.ask()
    assert watched.looked == []


async def test_only_namespaces_in_which_something_waits_are_asked_for() -> None:
    watched = Watched(THERE)
    await watched.namespaces.ask()
    assert watched.server.asked == ["there", HOME]


async def test_one_that_cannot_be_read_stops_a_decision_and_hides_no_other() -> None:
    watched = Watched()
    await watched.namespaces.ask()
    watched.server.annotations = {"here": None, "there": {APPROVERS: "2"}, HOME: {}}
    await watched.namespaces.ask()
    assert watched.looked == [THERE]
    with pytest.raises(Waiting):
        await watched.namespaces.of("here")


async def test_n11_a_frozen_namespace_says_so_to_all_that_is_open_there() -> None:
    watched = Watched()
    await watched.namespaces.ask()
    watched.server.annotations["there"] = {FREEZE: "incident 42"}
    await watched.namespaces.ask()
    assert (await watched.namespaces.of("there")).freeze == (
        "namespace there is frozen (incident 42): nothing begins here until its annotation "
        "amends.dev/freeze is taken away"
    )
    assert (await watched.namespaces.of("here")).freeze is None
    assert watched.looked == [THERE]


async def test_n11_the_operators_own_namespace_freezes_all_of_them() -> None:
    watched = Watched()
    await watched.namespaces.ask()
    watched.server.annotations[HOME] = {FREEZE: ""}
    await watched.namespaces.ask()
    assert (await watched.namespaces.of("here")).freeze == (
        "namespace amends-system is frozen: nothing begins in any namespace until its annotation "
        "amends.dev/freeze is taken away"
    )
    assert sorted(watched.looked) == sorted([HERE, YES, THERE, LETTER])


async def test_n11_a_namespace_that_moves_is_asked_for_at_once() -> None:
    watched = Watched()
    told = asyncio.Event()
    namespaces = Namespaces(watched.server, watched.cache, lambda key: told.set(), HOME)
    await namespaces.of("here")
    watched.server.annotations["here"] = {FREEZE: "stop at once"}
    asking = asyncio.create_task(namespaces.run())
    namespaces.moved("here")
    async with asyncio.timeout(5):
        await told.wait()
    asking.cancel()
    assert watched.server.forgotten == ["here"]

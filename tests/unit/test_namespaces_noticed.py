"""Namespaces that demand something else: what waits there is looked at again, and nothing else."""

from collections.abc import Mapping, Sequence

import pytest

from amends.core.key import Key
from amends.core.namespace import APPROVERS, DUPLICATE_WINDOW, Floors
from amends.kube.cache import Cache
from amends.ports import Namespace, Raw, Waiting
from amends.runtime.floors import NamespaceFloors

HERE, THERE = Key("Compensation", "here", "undo"), Key("Compensation", "there", "undo")
YES = Key("Approval", "here", "yes")
LETTER = Key("DeadLetter", "here", "letter")


class Namespaces:
    """The Cluster port as far as it tells of namespaces. None: it cannot be read."""

    def __init__(self) -> None:
        self.annotations: dict[str, Mapping[str, str] | None] = {"here": {}, "there": {}}
        self.asked: list[str] = []

    async def namespace(self, name: str) -> Namespace:
        self.asked.append(name)
        if (found := self.annotations[name]) is None:
            raise Waiting("busy")
        return Namespace({}, found)

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
        self.namespaces, self.cache = Namespaces(), Cache()
        for key in waiting or (HERE, THERE, YES, LETTER):
            self.cache.put(stored(key))
        self.looked: list[Key] = []
        self.floors = NamespaceFloors(self.namespaces, self.cache, self.looked.append)


async def test_a_change_is_noticed_by_whoever_asks_first() -> None:
    watched = Watched()
    assert await watched.floors.of("here") == Floors()
    await watched.floors.ask()
    assert watched.looked == []

    watched.namespaces.annotations["here"] = {APPROVERS: "2"}
    await watched.floors.ask()
    assert watched.looked == [HERE, YES]

    await watched.floors.ask()
    assert await watched.floors.of("here") == Floors(approvers=2)
    assert watched.looked == [HERE, YES]


async def test_a_decision_that_sees_it_first_has_the_others_looked_at() -> None:
    watched = Watched()
    await watched.floors.of("here")
    watched.namespaces.annotations["here"] = {APPROVERS: "2"}
    await watched.floors.of("here")
    assert watched.looked == [HERE, YES]


async def test_annotations_that_are_about_something_else_wake_nobody() -> None:
    watched = Watched()
    await watched.floors.ask()
    watched.namespaces.annotations["here"] = {DUPLICATE_WINDOW: "1h", "team": "blue"}
    await watched.floors.ask()
    assert watched.looked == []


async def test_only_namespaces_in_which_something_waits_are_asked_for() -> None:
    watched = Watched(THERE, LETTER)
    await watched.floors.ask()
    assert watched.namespaces.asked == ["there"]


async def test_one_that_cannot_be_read_stops_a_decision_and_hides_no_other() -> None:
    watched = Watched()
    await watched.floors.ask()
    watched.namespaces.annotations = {"here": None, "there": {APPROVERS: "2"}}
    await watched.floors.ask()
    assert watched.looked == [THERE]
    with pytest.raises(Waiting):
        await watched.floors.of("here")

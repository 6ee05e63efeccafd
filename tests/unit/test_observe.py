"""Observe: what is known when an object is looked at, and nothing that may be gone already."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amends.core.enforcement import ENFORCED
from amends.core.key import Key
from amends.core.world import ApprovalWorld, CompensationWorld
from amends.kube.cache import Cache
from amends.ports import Namespace, Raw
from amends.runtime.executions import Executions
from amends.runtime.gates import Gates
from amends.runtime.namespaces import Namespaces
from amends.runtime.observe import Observer
from amends.runtime.related import Related
from amends.runtime.turns import Turns

UNDO = Key("Compensation", "tenant", "undo")


def undo(uid: str, version: int, phase: str) -> dict[str, Any]:
    meta = {"name": "undo", "namespace": "tenant", "uid": uid, "resourceVersion": str(version)}
    spec = {"targetEffect": "effect", "requester": {"username": "bob"}}
    return {"kind": "Compensation", "metadata": meta, "spec": spec, "status": {"phase": phase}}


APPROVAL = {
    "kind": "Approval",
    "metadata": {"name": "yes", "namespace": "tenant", "uid": "a", "resourceVersion": "9"},
    "spec": {
        "subjectRef": {"name": "undo"},
        "planDigest": "sha256:" + "0" * 64,
        "decision": "Approve",
        "actor": {"username": "alice"},
    },
}


class Noon:
    """It is always noon."""

    def now(self) -> datetime:
        return datetime(2026, 1, 31, 12, tzinfo=UTC)


class Server:
    """Holds one Compensation, or none."""

    def __init__(self, stored: Raw | None) -> None:
        self.stored = stored

    async def get(self, key: Key) -> Raw | None:
        return self.stored

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        raise NotImplementedError

    async def write_status(self, before: Raw, status: Raw) -> Raw:
        raise NotImplementedError

    async def find(self, kind: str, namespace: str, fields: Mapping[str, str]) -> Sequence[Raw]:
        raise NotImplementedError

    async def delete(self, before: Raw) -> None:
        raise NotImplementedError

    def forget_namespace(self, name: str) -> None:
        raise NotImplementedError

    async def namespace(self, name: str) -> Namespace:
        return Namespace({}, {})


def observer(server: Server, *remembered: Raw) -> Observer:
    cache = Cache()
    for raw in remembered:
        cache.put(raw)
    executions = Executions({}, 1, lambda key: None)
    related = Related(cache, server, Namespaces(server, cache, lambda key: None))
    turns = Turns(related, Gates(cache, lambda key: None, lambda room: 0, most=1))
    claim = timedelta(minutes=5)
    return Observer(related, {}, executions, Noon(), "me", claim, lambda: ENFORCED, turns)


async def subject_seen(server: Server, remembered: Raw) -> str | None:
    """An approval is not told that it comes too late by what may be gone already."""
    world = await observer(server, remembered).world(
        Key("Approval", "tenant", "yes"), APPROVAL, None
    )
    assert isinstance(world, ApprovalWorld)
    return world.subject.metadata.uid if world.subject is not None else None


async def test_a_settled_subject_that_was_deleted_is_not_there() -> None:
    assert await subject_seen(Server(None), undo("old", 1, "Completed")) is None


async def test_a_settled_subject_that_was_made_anew_is_the_new_one() -> None:
    server = Server(undo("new", 5, "AwaitingApproval"))
    assert await subject_seen(server, undo("old", 1, "Cancelled")) == "new"


async def test_an_open_subject_is_taken_from_the_cache() -> None:
    assert await subject_seen(Server(None), undo("open", 1, "AwaitingApproval")) == "open"


def letter(name: str, effect: str, undo: str | None) -> dict[str, Any]:
    meta = {"name": name, "namespace": "tenant", "uid": name, "resourceVersion": "3"}
    names = {"compensationRef": {"name": undo}} if undo is not None else {}
    status = {"phase": "Open", **names}
    return {
        "kind": "DeadLetter",
        "metadata": meta,
        "spec": {"effectId": effect},
        "status": status,
    }


@pytest.mark.parametrize("phase", ["Open", "LinkedToCompensation"])
async def test_the_letters_that_wait_for_an_undo_are_those_that_name_it(phase: str) -> None:
    names = letter("names", "effect", "undo")
    names["status"]["phase"] = phase
    others = (letter("another", "effect", "redo"), letter("none", "effect", None))
    failed = undo("u", 1, "Failed")

    seen = observer(Server(None), failed, names, *others, letter("elsewhere", "other", "undo"))
    world = await seen.world(UNDO, failed, None)

    assert isinstance(world, CompensationWorld)
    assert world.named_by == (Key("DeadLetter", "tenant", "names"),)
    assert world.chosen == (phase == "LinkedToCompensation")

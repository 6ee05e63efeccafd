"""What is open, as last seen: the newest version wins, in whatever order versions arrive."""

import hashlib
import itertools
import json
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest

from amends.core.key import Key
from amends.kube import settled
from amends.kube.cache import OPEN_WORK, Cache, is_open, key_of

OPEN: Mapping[str, Mapping[str, Any]] = {
    "Action": {"phase": "Pending"},
    "Compensation": {"phase": "Proposed"},
    "Approval": {},
    "DeadLetter": {"phase": "Open"},
    "Disposition": {},
    "Attestation": {},
}
SETTLED: Mapping[str, Mapping[str, Any]] = {
    "Action": {"phase": "Recorded"},
    "Compensation": {"phase": "Completed"},
    "Approval": {"settled": True},
    "DeadLetter": {"phase": "LinkedToCompensation", "settled": True},
    "Disposition": {"settled": True},
    "Attestation": {"settled": True},
}
SPECS: Mapping[str, Mapping[str, Any]] = {
    "Action": {"operation": "board.post"},
    "Compensation": {"targetEffect": "effect-1"},
    "Approval": {"subjectRef": {"name": "undo"}},
    "DeadLetter": {"effectId": "effect-1"},
    "Disposition": {"deadLetterRef": {"name": "letter"}},
    "Attestation": {"subjectRef": {"name": "undo"}},
}


def version(
    number: int,
    kind: str = "Compensation",
    name: str = "undo",
    uid: str = "u-1",
    namespace: str = "tenant",
    *,
    settled: bool = False,
    **spec: Any,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(number),
        },
        "spec": {**SPECS[kind], **spec},
        "status": dict((SETTLED if settled else OPEN)[kind]),
    }


UNDO = key_of(version(1))


@pytest.mark.parametrize("kind", OPEN_WORK)
def test_what_is_open_is_what_the_watch_asks_for(kind: str) -> None:
    assert is_open(version(1, kind))
    assert not is_open(version(1, kind, settled=True))


def test_an_object_without_a_status_is_open_and_a_kind_without_work_never_is() -> None:
    bare = version(1)
    del bare["status"]
    assert is_open(bare)
    assert not is_open({"kind": "Receipt", "metadata": {}, "spec": {}})


@pytest.mark.parametrize("order", [*itertools.permutations([9, 10, 11])], ids=str)
def test_the_newest_version_wins_in_any_order(order: tuple[int, ...]) -> None:
    cache = Cache()
    news = [cache.put(version(number)) for number in (*order, *order)]
    assert cache.get(UNDO) == version(11)
    assert len(cache) == 1
    highest = 0
    expected = [number > highest and bool(highest := number) for number in (*order, *order)]
    assert news == expected


def test_versions_are_numbers_not_text() -> None:
    cache = Cache()
    assert cache.put(version(9))
    assert cache.put(version(10))
    assert not cache.put(version(9))


@pytest.mark.parametrize("settled", [False, True], ids=["open", "settled"])
def test_a_namesake_that_came_later_wins_and_a_late_word_about_the_old_one_loses(
    settled: bool,
) -> None:
    cache = Cache()
    cache.put(version(5, uid="old", settled=settled))
    assert cache.put(version(8, uid="new"))
    assert not cache.put(version(6, uid="old"))
    assert not cache.left_watch(version(7, uid="old"))
    assert cache.get(UNDO) == version(8, uid="new")


def test_a_namesake_that_is_gone_takes_what_was_known_of_its_predecessor_with_it() -> None:
    cache = Cache()
    cache.put(version(5, uid="old"))
    assert cache.left_watch(version(9, uid="new"))
    assert cache.get(UNDO) is None


def test_what_settles_is_remembered_but_not_held_as_open_work() -> None:
    cache = Cache()
    cache.put(version(1))
    assert cache.put(version(2, settled=True))
    assert cache.get(UNDO) == version(2, settled=True)
    assert len(cache) == 0
    assert cache.keys("Compensation") == {}
    assert list(cache.related("Compensation", "tenant", "effect-1")) == []


def test_only_so_much_of_what_settled_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "SETTLED_LIMIT", 3)
    cache = Cache()
    for number in range(1, 6):
        cache.put(version(number, name=f"undo-{number}", settled=True))
    known = [n for n in range(1, 6) if cache.get(Key("Compensation", "tenant", f"undo-{n}"))]
    assert known == [3, 4, 5]


def test_what_settled_takes_a_fraction_of_its_text() -> None:
    evidence = {str(number): hashlib.sha256(b"%d" % number).hexdigest() for number in range(20)}
    condition = {"type": "Ready", "status": "True", "reason": "Completed", "message": "it is done"}
    conditions = [condition, *({**condition, "message": one} for one in evidence.values())]
    text = json.dumps(version(1, settled=True, conditions=conditions))
    cache = Cache()

    def settle(number: int) -> None:
        raw = json.loads(text)
        raw["metadata"].update(name=f"undo-{number}", resourceVersion=str(number))
        cache.put(raw)

    tracemalloc.start()
    try:
        for number in range(100):
            settle(number)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 0.6 * 100 * len(text)


@pytest.mark.parametrize(
    ("known", "event", "is_news", "left"),
    [
        pytest.param(version(5), version(6), True, None, id="open, and gone or settled since"),
        pytest.param(version(5), version(5), True, None, id="open, and this very version left"),
        pytest.param(version(6), version(5), False, version(6), id="open, and the event is late"),
        pytest.param(
            version(6, settled=True),
            version(6),
            False,
            version(6, settled=True),
            id="settled by our own write, which the event is about",
        ),
        pytest.param(
            version(6, settled=True), version(7), True, None, id="settled, and deleted since"
        ),
        pytest.param(None, version(6), True, None, id="unknown"),
    ],
)
def test_an_object_leaves_the_watch(
    known: dict[str, Any] | None,
    event: dict[str, Any],
    is_news: bool,
    left: dict[str, Any] | None,
) -> None:
    cache = Cache()
    if known is not None:
        cache.put(known)
    assert cache.left_watch(event) is is_news
    assert cache.get(UNDO) == left


def test_what_settled_does_not_come_back_by_a_late_event() -> None:
    cache = Cache()
    cache.put(version(6, settled=True))
    assert not cache.put(version(5))
    assert len(cache) == 0


def test_objects_are_found_by_relation_in_their_own_namespace_only() -> None:
    cache = Cache()
    approval = version(1, "Approval", "yes")
    letter = version(2, "DeadLetter", "letter")
    undo = version(3)
    for raw in (
        approval,
        letter,
        undo,
        version(4, "Approval", "other", subjectRef={"name": "another"}),
        version(5, "DeadLetter", "other", effectId="effect-2"),
        version(6, "Approval", "yes", namespace="other"),
        version(7, "DeadLetter", "letter", namespace="other"),
        version(8, "Approval", "counted", settled=True),
    ):
        cache.put(raw)
    assert list(cache.related("Approval", "tenant", "undo")) == [approval]
    assert list(cache.related("DeadLetter", "tenant", "effect-1")) == [letter]
    assert list(cache.related("Compensation", "tenant", "effect-1")) == [undo]
    assert cache.followers(undo) == [key_of(approval), key_of(letter)]
    assert cache.followers(approval) == []
    assert cache.followers(letter) == [key_of(undo)]


def test_a_relation_moves_with_its_object_and_goes_with_it() -> None:
    cache = Cache()
    cache.put(version(1))
    cache.put(version(2, targetEffect="effect-2"))
    assert list(cache.related("Compensation", "tenant", "effect-1")) == []
    assert len(list(cache.related("Compensation", "tenant", "effect-2"))) == 1
    cache.forget(UNDO)
    cache.forget(UNDO)
    assert list(cache.related("Compensation", "tenant", "effect-2")) == []


@pytest.mark.parametrize("kind", sorted(OPEN))
@pytest.mark.parametrize(
    "spec",
    [
        None,
        {},
        "undo",
        {"subjectRef": "undo", "deadLetterRef": None, "idempotencyKey": 2**60},
        {"effectId": ["effect-1"], "targetEffect": {"effect-1": 1}, "subjectRef": {"name": 7}},
    ],
    ids=str,
)
def test_an_object_of_another_schema_is_held_but_related_to_nothing(kind: str, spec: Any) -> None:
    cache = Cache()
    strange = {**version(1, kind, "strange"), "spec": spec}
    assert cache.put(strange)
    assert cache.get(key_of(strange)) == strange
    assert cache.followers(strange) == []
    cache.forget(key_of(strange))
    assert len(cache) == 0


def test_keys_tell_which_object_is_meant_by_uid() -> None:
    cache = Cache()
    cache.put(version(1, uid="u-7"))
    cache.put(version(2, "Approval", "yes", uid="u-8"))
    assert cache.keys("Compensation") == {UNDO: "u-7"}


def test_what_nobody_reads_is_not_kept() -> None:
    cache, raw = Cache(), version(1)
    raw["metadata"]["managedFields"] = [{"manager": "kubectl"}]

    cache.put(raw)

    assert cache.get(UNDO) == version(1)
    assert "managedFields" in raw["metadata"]

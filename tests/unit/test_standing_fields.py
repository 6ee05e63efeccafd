"""No field of any policy or binding can be altered or taken away unseen."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from amends.admission.standing import shortcomings
from support.standing import OURS, Object, stored

Place = tuple[str | int, ...]


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Every field and every element, down to the last."""
    yield path
    if isinstance(value, dict):
        for field, inner in value.items():
            yield from places(inner, (*path, field))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def altered(spec: Object, place: Place) -> Iterator[tuple[str, Object]]:
    """The spec with another value at this place, and without it."""
    *way, last = place
    for how in ("altered", "removed"):
        changed = copy.deepcopy(spec)
        holder: Any = changed
        for step in way:
            holder = holder[step]
        if how == "removed":
            del holder[last]
        else:
            holder[last] = another(holder[last])
        yield how, changed


def another(value: Any) -> Any:
    """A value of the same type: no server stores any other."""
    match value:
        case str():
            return f"{value} "
        case dict():
            return {**value, "more": "of it"}
        case _:
            return [*value, value[0]]


DEFAULTS = ("failurePolicy", "matchPolicy", "namespaceSelector", "objectSelector", "scope")
"""The server fills these in: without them the policy is the same."""


@pytest.mark.parametrize("number", range(len(OURS)), ids=lambda number: f"object {number}")
def test_no_field_of_any_of_them_can_be_altered_or_removed_unseen(number: int) -> None:
    held = [stored(one) for one in OURS]
    spec = held[number]["spec"]
    seen, unseen = 0, []
    for place in list(places(spec))[1:]:
        for how, changed in altered(spec, place):
            found = [*held[:number], {**held[number], "spec": changed}, *held[number + 1 :]]
            if shortcomings(OURS, found) == []:
                unseen.append((how, place[-1]))
            seen += 1

    assert {field for _, field in unseen} <= set(DEFAULTS)
    assert {how for how, _ in unseen} <= {"removed"}
    assert seen >= 6

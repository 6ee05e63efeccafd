"""Edits: every field of an object put wrong, or right, in every way that its schema suggests."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.edit_schema import FREE, Path, Raw, levels, objections, schema_of

ADD, REMOVE = "add", "remove"
HUGE = 200_000
DEEP = 30
DIGEST = "sha256:" + "a" * 64
OTHERS = ("other", DIGEST, "http://127.0.0.1:1/other", "2026-01-31T08", "/other", "X-Other")
DIFFERENT_TIME = "2099-02-03T04:05:06.000Z"
UNICODE = (
    "Grüße 日本語 🎉",
    "\u202egnirts",
    "a\u0000b",
    "\u2028",
    "e\u0301" * 20,
    "\U0001f600\u200b",
)


@dataclass(frozen=True)
class Edit:
    """One change of one field. sort: what is done to it. author: who does it."""

    part: str
    sort: str
    path: Path
    author: str
    remove: bool = False
    value: Any = None

    @property
    def field(self) -> str:
        """The field, as people write it."""
        return ".".join(str(step) for step in self.path)

    def __str__(self) -> str:
        what = "" if self.remove else f" = {self.value!r}"
        return f"{self.author}: {self.sort} of {self.field}{what[:120]}"

    def patch(self, before: Raw) -> list[Raw]:
        """As a JSON patch of the object as it is."""
        step: Raw = {"path": pointer(self.path)}
        if self.remove:
            return [{**step, "op": "remove"}]
        there = self.path[-1] != "-" and get(before, self.path) is not MISSING
        return [{**step, "op": "replace" if there else "add", "value": self.value}]

    def back(self, before: Raw) -> list[Raw]:
        """The JSON patch that takes it back."""
        step: Raw = {"path": pointer(self.path)}
        was = get(before, self.path)
        if was is MISSING:
            return [{**step, "op": "remove"}]
        return [{**step, "op": "add" if self.remove else "replace", "value": was}]


class _Missing:
    """Nothing, which is not null."""


MISSING = _Missing()


def get(value: Any, path: Path) -> Any:
    """What stands there; MISSING: nothing."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(str(step), MISSING)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return MISSING
    return value


def pointer(path: Path) -> str:
    """The path as RFC 6901 writes it."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def edits_of(kind: str, obj: Raw, part: str, author: str, dice: random.Random) -> Iterator[Edit]:
    """Every edit of a part of an object: one of each sort for each field there is or could be."""
    schema = schema_of(kind)["properties"].get(part)
    for path, sub in _places(schema, obj.get(part, {}), (part,)) if schema else ():
        for sort, value in _values(sub, get(obj, path), path, dice):
            yield Edit(
                part, sort, path, author, value is MISSING, None if value is MISSING else value
            )


def sampled(population: Sequence[Edit], number: int, dice: random.Random) -> list[Edit]:
    """So many of them, of every part and sort about as many."""
    piles: defaultdict[tuple[str, str], list[Edit]] = defaultdict(list)
    for edit in population:
        piles[edit.part, edit.sort].append(edit)
    for pile in piles.values():
        dice.shuffle(pile)
    chosen: list[Edit] = []
    while len(chosen) < number and piles:
        for which in dice.sample([*piles], len(piles)):
            chosen.append(piles[which].pop())
            if not piles[which]:
                del piles[which]
    return chosen[:number]


def _places(schema: Raw, value: Any, path: Path) -> Iterator[tuple[Path, Raw]]:
    properties = schema.get("properties", {})
    if isinstance(value, dict) and properties:
        for name, sub in properties.items():
            yield (*path, name), sub
            if name in value:
                yield from _places(sub, value[name], (*path, name))
        if not schema.get(FREE):
            yield (*path, "unheardOf"), {"unknown": True}
    elif isinstance(value, list) and value and "items" in schema:
        yield (*path, 0), schema["items"]
        yield from _places(schema["items"], value[0], (*path, 0))


def _values(schema: Raw, now: Any, path: Path, dice: random.Random) -> Iterator[tuple[str, Any]]:
    """What the field is set to, by the sort of edit; MISSING: it is taken away."""
    if schema.get("unknown"):
        yield "unknown field", "x"
        return
    if now is not MISSING:
        yield "deletion", MISSING
    found: Iterator[tuple[str, Any]]
    match schema.get("type"):
        case "string":
            found = _strings(schema, now, path, dice)
        case "integer" | "number":
            found = _numbers(schema, now)
        case "boolean":
            found = iter((("wrong type", "yes"), ("other legal value", now is not True)))
        case "array":
            found = _lists(schema, now)
        case _:
            found = _objects(schema, now)
    for sort, value in found:
        if value != now:
            yield sort, value


def _strings(schema: Raw, now: Any, path: Path, dice: random.Random) -> Iterator[tuple[str, Any]]:
    yield "wrong type", dice.choice([7, True, {"a": 1}, ["a"]])
    yield "empty", ""
    if "enum" in schema:
        yield "out of bounds", "Nonsense"
        for one in schema["enum"]:
            yield "other legal value", one
        return
    if schema.get("format") == "date-time":
        yield "out of bounds", dice.choice(["tomorrow", "2026-13-01T00:00:00Z", "1"])
        yield "other legal value", DIFFERENT_TIME
        return
    longest = schema.get("maxLength", 0)
    if longest:
        yield "too long", "a" * (longest + 1)
        yield from _legal(schema, "boundary", ("a" * longest,))
    yield "huge", "x" * HUGE
    yield "unicode", dice.choice(UNICODE)
    named = path[-1] in ("name", "serviceAccountName")
    yield from _legal(schema, "dangling reference" if named else "other legal value", OTHERS)


def _legal(schema: Raw, sort: str, candidates: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for one in candidates:
        if not any(objections(schema, one, "it")):
            yield sort, one
            return


def _numbers(schema: Raw, now: Any) -> Iterator[tuple[str, Any]]:
    least, most = schema.get("minimum"), schema.get("maximum")
    yield "wrong type", "7"
    yield "empty", 0
    if least is not None:
        yield "out of bounds", least - 1
        yield "boundary", least
    if most is not None:
        yield "out of bounds", most + 1
        yield "boundary", most
    yield "huge", 2**63
    if isinstance(now, int):
        yield "other legal value", now + 1 if most is None or now < most else now - 1


def _lists(schema: Raw, now: Any) -> Iterator[tuple[str, Any]]:
    yield "wrong type", {"a": 1}
    yield "empty", []
    if isinstance(now, list) and now:
        yield "too long", [now[0]] * (schema.get("maxItems", 1000) + 1)
        yield "other legal value", now[:-1]


def _objects(schema: Raw, now: Any) -> Iterator[tuple[str, Any]]:
    if schema.get("type") == "object":
        yield "wrong type", "x"
    yield "empty", {}
    if schema.get(FREE):
        deep: Any = "bottom"
        for _ in range(DEEP):
            deep = {"down": deep}
        yield "huge", deep
        yield "huge", {"text": "x" * HUGE}
        yield "unicode", {one: one for one in UNICODE[:2]}
        yield "other legal value", {"other": [1, None, {"deep": True}]}


def is_too_deep(spec: Any, most: int) -> bool:
    """Whether it is nested deeper than that."""
    return levels(spec) > most


METADATA: Sequence[tuple[str, Path, Any]] = (
    ("other legal value", ("labels", "example.com/team"), "blue"),
    ("boundary", ("labels", "team"), "a" * 63),
    ("too long", ("labels", "team"), "a" * 64),
    ("unicode", ("labels", "team"), "日本語"),
    ("wrong type", ("labels",), "text"),
    ("out of bounds", ("labels", "a b"), "x"),
    ("other legal value", ("labels", "app.kubernetes.io/managed-by"), "somebody"),
    ("other legal value", ("annotations", "amends.dev/freeze"), "not a namespace"),
    ("unicode", ("annotations", "example.com/note"), "Grüße 🎉"),
    ("huge", ("annotations", "example.com/note"), "x" * 300_000),
    ("wrong type", ("annotations", "example.com/note"), 7),
    ("other legal value", ("finalizers",), ["example.com/hold"]),
    ("out of bounds", ("finalizers",), ["no slash"]),
    ("wrong type", ("finalizers",), "text"),
    ("out of bounds", ("ownerReferences",), [{"kind": "ConfigMap"}]),
    ("wrong type", ("ownerReferences",), "text"),
    ("unknown field", ("unheardOf",), "x"),
)
WRONG_METADATA = ("wrong type", "too long", "out of bounds", "unknown field", "huge")
"""Sorts of edits that Kubernetes refuses of any object; unicode in a label as well."""


def of_metadata(obj: Raw, author: str) -> Iterator[Edit]:
    """Edits of what every object has."""
    for sort, path, value in METADATA:
        if len(path) > 1 and path[0] not in obj["metadata"]:
            yield Edit("metadata", sort, ("metadata", path[0]), author, value={path[1]: value})
        else:
            yield Edit("metadata", sort, ("metadata", *path), author, value=value)

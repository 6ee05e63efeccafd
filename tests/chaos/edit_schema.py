"""What the published schema of a kind says of a value: its defaults, and what is wrong with it.

It is read from crds/ and judged here, by other code than the API server's: a rule that is missing
where Amends is installed shows as something that was accepted all the same.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import yaml

from installation import CRDS
from integration.cluster import PLURALS

Raw = dict[str, Any]
Path = tuple[str | int, ...]

FREE = "x-kubernetes-preserve-unknown-fields"
MOST_LEVELS = 24
"""How deep a spec may be nested (admission/shallow.yaml)."""
_MATCHES = re.compile(r"""^self\.matches\(r?(["'])(.*)\1\)$""", re.DOTALL)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
}


@cache
def schema_of(kind: str) -> Raw:
    """The schema of the kind, as it is in crds/."""
    crd = yaml.load((CRDS / f"amends.dev_{PLURALS[kind]}.yaml").read_text(), yaml.CSafeLoader)
    schema: Raw = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def defaulted(schema: Raw, value: Any) -> Any:
    """The value with what the schema puts in where nothing is said."""
    if isinstance(value, dict) and "properties" in schema:
        filled = dict(value)
        for name, sub in schema["properties"].items():
            if name not in filled and "default" in sub:
                filled[name] = copy.deepcopy(sub["default"])
            if name in filled:
                filled[name] = defaulted(sub, filled[name])
        return filled
    if isinstance(value, list) and "items" in schema:
        return [defaulted(schema["items"], one) for one in value]
    return value


def objections(schema: Raw, value: Any, at: str) -> Iterator[str]:
    """What is wrong with the value, with the field it is wrong in."""
    if schema.get(FREE) and "type" not in schema:
        return
    kind = schema.get("type", "object")
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{at} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is none of {schema['enum']}"
    match value:
        case bool():
            pass
        case str():
            yield from _text(schema, value, at)
        case int() | float():
            yield from _number(schema, value, at)
        case list():
            yield from _size(schema, len(value), at, "Items")
            for number, one in enumerate(value[:50]):
                yield from objections(schema.get("items", {FREE: True}), one, f"{at}[{number}]")
        case dict():
            yield from _fields(schema, value, at)
        case _:
            pass


def _text(schema: Raw, value: str, at: str) -> Iterator[str]:
    yield from _size(schema, len(value), at, "Length")
    if schema.get("format") == "date-time" and not _is_a_time(value):
        yield f"{at} is no time"
    if (pattern := schema.get("pattern")) is not None and not _fits(pattern, value):
        yield f"{at} does not fit {pattern}"
    for rule in schema.get("x-kubernetes-validations", ()):
        found = _MATCHES.match(rule["rule"])
        if found is not None and not _fits(found[2], value):
            yield f"{at} does not fit {found[2]}"


def _number(schema: Raw, value: float, at: str) -> Iterator[str]:
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{at} is out of bounds"
    if abs(value) >= 2**63:
        yield f"{at} is larger than any int64"


def _size(schema: Raw, size: int, at: str, what: str) -> Iterator[str]:
    if not schema.get(f"min{what}", 0) <= size <= schema.get(f"max{what}", size):
        yield f"{at} is too long or too short"


def _fields(schema: Raw, value: Raw, at: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}.{name} is missing"
    yield from _size(schema, len(value), at, "Properties")
    properties = schema.get("properties")
    for name, one in value.items():
        if properties is not None and name in properties:
            yield from objections(properties[name], one, f"{at}.{name}")
        elif isinstance(more := schema.get("additionalProperties"), dict):
            yield from objections(more, one, f"{at}.{name}")
        elif properties is not None and not schema.get(FREE):
            yield f"{at}.{name} is unknown"


def _fits(pattern: str, value: str) -> bool:
    # RE2's $ is the very end, where Python's also stands before a last line break.
    end = pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern
    return re.search(end, value, re.ASCII) is not None


def _is_a_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def levels(value: Any) -> int:
    """How deep it is nested."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(levels, inner)) if inner else 0

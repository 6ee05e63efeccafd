"""Standing: whether the policies that a server holds say what ours say. Pure.

Both sides are compared after the server's defaulting, field by field. A field that only the object
on the server has counts too: whatever a policy could be weakened with is found, also what this
version has never heard of. Labels and annotations are everybody's.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]

POLICY = "ValidatingAdmissionPolicy"
BINDING = "ValidatingAdmissionPolicyBinding"

REPAIR = "apply those of this version again: helm upgrade, or what `amends policies` prints"

_MOST_TOLD = 3
_LONGEST_TOLD = 60


def needed(policies: Sequence[Object]) -> dict[tuple[str, str], Object]:
    """Those that have to stand, by kind and name.

    A stamp saves people from signing by hand, and a wrong or missing one is refused by the proof;
    only what validates is needed.
    """
    return {_id(one): one for one in policies if one["kind"] in (POLICY, BINDING)}


def shortcomings(expected: Sequence[Object], found: Sequence[Object]) -> list[str]:
    """What is missing or altered, in words; empty if everything stands as it should."""
    there = {_id(one): one for one in found}
    wrong = [
        f"{kind} {name} {why}"
        for (kind, name), one in needed(expected).items()
        if (why := _wrong(one, there.get((kind, name)))) is not None
    ]
    more = len(wrong) - _MOST_TOLD
    return wrong[:_MOST_TOLD] + ([f"and {more} more"] if more > 0 else [])


def last_change(expected: Sequence[Object], found: Sequence[Object]) -> datetime | None:
    """When any of ours was last created or changed, by the server's clock, in whole seconds.

    The server notes on the object itself when it was created, how often its spec has changed since,
    and when each of those who have ever written the spec did so last, even if that changed nothing.
    Labels, annotations and what the server finds out are no change.
    """
    ours = needed(expected)
    times = [
        datetime.fromisoformat(time)
        for one in found
        if _id(one) in ours
        for time in _times(one["metadata"])
    ]
    return max(times, default=None)


def _times(metadata: Object) -> Iterator[str]:
    yield metadata["creationTimestamp"]
    if metadata.get("generation") == 1:  # the spec is the one that it was created with
        return
    for entry in metadata.get("managedFields", ()):
        if "f:spec" in entry.get("fieldsV1", ()) and "time" in entry:
            yield entry["time"]


def _id(one: Object) -> tuple[str, str]:
    return one["kind"], one["metadata"]["name"]


def _wrong(expected: Object, found: Object | None) -> str | None:
    if found is None:
        return "is missing"
    if "deletionTimestamp" in found["metadata"]:
        return "is being deleted"
    return next(_differences(defaulted(expected["spec"]), defaulted(found["spec"]), "spec"), None)


def defaulted(spec: Object) -> Object:
    """The spec of a policy or binding as the server stores it (1.34 to 1.36 do it alike)."""
    filled = dict(spec)
    if "matchConstraints" in spec or "validations" in spec:
        filled.setdefault("failurePolicy", "Fail")
    for field in ("matchConstraints", "matchResources"):
        if field in spec:
            filled[field] = _matching(spec[field])
    return filled


def _matching(given: Object) -> Object:
    filled = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, **given}
    for field in ("resourceRules", "excludeResourceRules"):
        if field in given:
            filled[field] = [{"scope": "*", **rule} for rule in given[field]]
    return filled


def _differences(expected: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for field in sorted(expected.keys() | found.keys()):
            at = f"{path}.{field}"
            if field not in found:
                yield f"lacks {at}"
            elif field not in expected:
                yield f"has {at}, which it should not have"
            else:
                yield from _differences(expected[field], found[field], at)
    elif _is_list_of_objects(expected) and _is_list_of_objects(found):
        for number, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from _differences(one, other, f"{path}[{number}]")
        if len(expected) != len(found):
            yield f"has {len(found)} instead of {len(expected)} {path}"
    elif expected != found:
        yield _other_value(path, _told(expected) or "ours", _told(found))


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def _other_value(path: str, expected: str, found: str | None) -> str:
    if found is None:
        return f"has another {path} than {expected}"
    return f"has {path} {found} instead of {expected}"


def _told(value: Any) -> str | None:
    """The value, None if it is too long to be read."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_TOLD else None

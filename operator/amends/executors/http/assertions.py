"""What has to hold in an answer: JSONPath queries that cannot cost much, looked at in its JSON."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.filter import FilterQuery, walk
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter

from amends.api.http import Assertion

MOST_QUERIES = 4
"""How many @ one filter may have: each is looked up for every value that is filtered."""

_LANGUAGE = JSONPathEnvironment(strict=True)
for _name in ("match", "search"):  # regular expressions of strangers, on answers of strangers
    del _LANGUAGE.function_extensions[_name]


class Unreadable(Exception):
    """The answer cannot be looked at, so nobody can say whether an assertion holds."""


def objection(assertions: Iterable[Assertion], field: str) -> str | None:
    """What is wrong with a path, whatever the answer."""
    for index, assertion in enumerate(assertions):
        try:
            why = _excess(_compiled(assertion.path))
        except (JSONPathError, RecursionError) as error:
            why = f"it is no JSONPath (RFC 9535): {str(error).splitlines()[0]}"
        if why is not None:
            return f"{field}.assertions[{index}].path: {assertion.path}: {why}"
    return None


def found(assertion: Assertion, document: Any) -> Sequence[Any]:
    """The values at its path. Raises Unreadable."""
    try:
        return _compiled(assertion.path).findall(document)
    except (JSONPathError, RecursionError):
        raise Unreadable("the answer is nested too deeply to look into it") from None


def holds(assertion: Assertion, values: Sequence[Any]) -> bool:
    """Whether these values are what was expected."""
    if not values or assertion.equals is None:
        return bool(values)
    return all(_same(value, assertion.equals) for value in values)


@lru_cache(maxsize=256)
def _compiled(path: str) -> JSONPath:
    compiled = _LANGUAGE.compile(path)
    if not isinstance(compiled, JSONPath):
        raise JSONPathError("one path is meant")
    return compiled


def _excess(path: JSONPath) -> str | None:
    """Why it might look at one value many times, and so keep the operator busy."""
    segments = path.segments
    if any(len(segment.selectors) > 1 for segment in segments):
        return "several selectors in one [ ]: write one assertion for each"
    if sum(isinstance(each, JSONPathRecursiveDescentSegment) for each in segments) > 1:
        return "more than one ..: name the way between them"
    filters = [each for segment in segments for each in segment.selectors if type(each) is Filter]
    if len(filters) > 1:
        return "more than one filter: filter once, with &&"
    queries = [query for each in filters for query in _queries(each)]
    if len(queries) > MOST_QUERIES:
        return f"a filter with more than {MOST_QUERIES} @: at most {MOST_QUERIES} are looked up"
    if any(not query.path.singular_query() or not str(query).startswith("@") for query in queries):
        return "a filter may look only at names and indexes under @: no .., *, [?] or $ in it"
    return None


def _queries(selector: Filter) -> Iterator[FilterQuery]:
    return (each for each in walk(selector.expression) if isinstance(each, FilterQuery))


def _same(value: Any, expected: Any) -> bool:
    """Equal as JSON: in Python True equals 1."""
    match expected:
        case bool():
            return value is expected
        case dict():
            return (
                isinstance(value, dict)
                and value.keys() == expected.keys()
                and all(_same(value[key], each) for key, each in expected.items())
            )
        case list():
            return (
                isinstance(value, list)
                and len(value) == len(expected)
                and all(map(_same, value, expected))
            )
        case _:
            return not isinstance(value, bool) and bool(value == expected)

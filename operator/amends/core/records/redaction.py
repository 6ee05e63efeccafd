"""Redaction: what leaves a payload or an error text before anybody may read it.

Two questions are asked. Of a key: does its name say that the value is secret? Then the value goes,
whatever it is. Of a text, wherever it stands: does a part of it look like a credential? Then that
part goes and the rest stays. A text that is a JSON object or list is asked both.

Keys are judged generously, texts precisely: evidence is read by people, and a uuid, a digest, a
commit or the words "unexpected token: foo" must survive.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from amends.core.records.assignments import FLAG, REDACTED
from amends.core.records.credentials import cut_credentials

__all__ = ["REDACTED", "redact", "redact_text"]

_SECRET_WORDS = ("token", "secret", "password", "authorization")
_SECRET_KEY = re.compile(r"(?:api|private)[-_. ]?key")
_SECRET_NAMES = frozenset(
    ("passwd", "passphrase", "cookie", "cookie2", "set-cookie", "set-cookie2")
)
_NAME = re.compile(r"[\w.-]+")
_COUNTED = re.compile(r"(?:tokens|secrets)$", re.IGNORECASE)
_OPENING = re.compile(r"[\[{]")
_TRIES = 256
_INDENT = re.compile(r"\n([ \t]+)\S")


def redact(value: Any) -> Any:
    """A copy of the JSON value without its secrets; redacting the copy again changes nothing."""
    return _copy(value, in_text=False)


def redact_text(text: str) -> str:
    """The text with every part that looks like a credential replaced by `[redacted]`."""
    return cut_credentials(_redact_json(text) if '"' in text else text)


# ------------------------------------------------------------------------------------ JSON values


def _copy(value: Any, *, in_text: bool) -> Any:
    """It walks with a list of its own: a payload may be nested deeper than the stack."""
    todo: list[tuple[Any, Any]] = []
    copy = _begin(value, todo)
    while todo:
        source, target = todo.pop()
        if isinstance(source, Mapping):
            _fill(source, target, todo, in_text=in_text)
        else:
            target.extend(_items(source, todo))
    return copy


def _begin(value: Any, todo: list[tuple[Any, Any]]) -> Any:
    copy: Any
    match value:
        case str():
            return redact_text(value)
        case Mapping():
            copy = {}
        case list() | tuple():
            copy = []
        case _:
            return value
    todo.append((value, copy))
    return copy


def _fill(
    source: Mapping[Any, Any], target: dict[Any, Any], todo: list[tuple[Any, Any]], *, in_text: bool
) -> None:
    shown = {key: redact_text(key) if isinstance(key, str) else key for key in source}
    taken = {key for key in source if shown[key] == key}
    by_context = _secret_by_context(source)
    number = 1
    for key, value in source.items():
        name = shown[key]
        if name != key:
            while name in taken:
                number += 1
                name = f"{REDACTED} {number}"
            taken.add(name)
        secret = key in by_context or (isinstance(key, str) and _is_secret(key))
        if secret and in_text and _is_count(key, value):
            secret = False
        target[name] = REDACTED if secret else _begin(value, todo)


def _secret_by_context(source: Mapping[Any, Any]) -> frozenset[str]:
    """Keys that their neighbours give away: `{name: DB_PASSWORD, value: …}`, a Secret's data."""
    if source.get("kind") == "Secret":
        return frozenset({"data", "stringData"})
    for label in ("name", "key", "Name", "Key"):
        if _names_a_secret(source.get(label)):
            return frozenset({"value", "Value"})
    return frozenset()


def _items(source: Sequence[Any], todo: list[tuple[Any, Any]]) -> Iterator[Any]:
    """Of pairs, the value whose name says so goes; of arguments, the one after such an option."""
    pairs = all(
        isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str)
        for item in source
    )
    before: Any = None
    for item in source:
        if pairs and _names_a_secret(item[0]):
            yield [item[0], REDACTED]
        elif _is_option_with(before, item):
            yield REDACTED
        else:
            yield _begin(item, todo)
        before = item


def _is_secret(key: str) -> bool:
    """Whether the key says that its value is secret. Asked very often, so no one pattern."""
    folded = key.casefold()
    for word in _SECRET_WORDS:
        if word in folded:
            return True
    if "key" in folded and _SECRET_KEY.search(folded):
        return True
    return folded in _SECRET_NAMES


def _names_a_secret(name: Any) -> bool:
    return isinstance(name, str) and _is_secret(name) and _NAME.fullmatch(name) is not None


def _is_option_with(option: Any, value: Any) -> bool:
    """Whether these are `--password` and what follows it."""
    if not (isinstance(option, str) and isinstance(value, str) and option.startswith("--")):
        return False
    return _NAME.fullmatch(option) is not None and FLAG.match(f"{option} {value}") is not None


# ----------------------------------------------------------------------------------- JSON in texts


def _redact_json(text: str) -> str:
    """The text with every JSON object and list in it redacted, in the layout that it had.

    Where a bracket begins no JSON, the next one is tried; so often, and so long, that a text made
    on purpose costs no more than a few readings. What is left, and what was cut off, is left to the
    patterns.
    """
    parts: list[str] = []
    done = at = wasted = failures = 0
    while failures < _TRIES and wasted <= len(text):
        if (bracket := _OPENING.search(text, at)) is None:
            break
        start = bracket.start()
        try:
            value, at = _DECODER.raw_decode(text, start)
            copy = _copy(value, in_text=True)
            if copy != value:
                parts += text[done:start], _dumped(value, copy, text[start:at])
                done = at
        except json.JSONDecodeError as why:
            failures += 1
            wasted += why.pos - start
            at = start + 1
        except (ValueError, RecursionError):
            break
    return "".join([*parts, text[done:]])


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that stands there twice, one would get lost."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands there twice")
    return value


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_not_json)


def _dumped(value: Any, copy: Any, text: str) -> str:
    """The copy in the layout in which the value was written."""
    indent = _INDENT.search(text)
    layouts: list[dict[str, Any]] = [
        {
            "allow_nan": False,
            "ensure_ascii": ascii_only,
            "indent": indent[1] if indent is not None else None,
            "separators": separators,
        }
        for separators in (None, (",", ":"))
        for ascii_only in (True, False)
    ]
    layout = next((one for one in layouts if json.dumps(value, **one) == text), layouts[0])
    return json.dumps(copy, **layout)


def _is_count(key: str, value: Any) -> bool:
    """`"total_tokens": 532`, as language models report it."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and _COUNTED.search(key) is not None

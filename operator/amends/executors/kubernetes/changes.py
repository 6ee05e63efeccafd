"""What a change does to an object: in words that people may read, and as a digest. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amends.api.kubernetes import ChangeOperation
from amends.core.outcome import Preview
from amends.core.records.digest import digest
from amends.core.records.receipts import exact
from amends.core.records.redaction import REDACTED, redact, redact_text

Raw = Mapping[str, Any]

MOST_LINES = 64
LONGEST_VALUE = 160
LONGEST_LINE = 512

_BOOKKEEPING = frozenset(
    ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
)
_ABSENT = object()


@dataclass(frozen=True)
class Change:
    """One place in an object. was, becomes: None says that it was not, or will not be, there."""

    pointer: str
    was: str | None
    becomes: str | None

    @property
    def is_hidden(self) -> bool:
        """Whether something of it may not be shown."""
        return REDACTED in (self.was or "") or REDACTED in (self.becomes or "")

    @property
    def line(self) -> str:
        """For people: `/data/color: "red" → "blue"`."""
        if self.was is None:
            said = f"added {_cut(self.becomes)}"
        elif self.becomes is None:
            said = f"removed (was {_cut(self.was)})"
        else:
            said = f"{_cut(self.was)} → {_cut(self.becomes)}"
        pointer = self.pointer if len(self.pointer) <= LONGEST_VALUE else f"…{self.pointer[-150:]}"
        return f"{pointer}: {said}"[:LONGEST_LINE]


def changes(before: Raw, after: Raw) -> list[Change]:
    """What differs, place by place; what the server keeps for itself does not count.

    Values are compared as they are and shown as they may be.
    """
    old, new = _plain(before), _plain(after)
    return list(_differing("", old, new, redact(old), redact(new)))


def removed(before: Raw) -> list[Change]:
    """What goes when the object goes, one entry for each part of it."""
    old = _plain(before)
    kept = {key: old[key] for key in old if key not in ("apiVersion", "kind", "metadata", "status")}
    shown = redact({"kind": old.get("kind"), **kept})
    return [Change(f"/{key}", _text(shown.get(key, REDACTED)), None) for key in sorted(kept)]


def preview(
    operation: ChangeOperation, before: Raw | None, found: list[Change], taken: Sequence[str]
) -> Preview:
    """The words, and a digest that is another one whenever something else would be changed.

    What is hidden is not in the digest either: a digest of a short secret is soon guessed. The
    version of the object stands for it.
    """
    meta = before["metadata"] if before is not None else {}
    content: dict[str, Any] = {
        "operation": operation,
        "uid": meta.get("uid"),
        "changes": [[one.pointer, one.was, one.becomes] for one in found],
        "takenOver": [*taken],
    }
    if operation is ChangeOperation.DELETE or any(one.is_hidden for one in found):
        content["version"] = str(meta.get("generation") or meta.get("resourceVersion"))
    shown = lines(operation, before, found, taken)
    return Preview(digest(content), shown, meta.get("uid"), meta.get("resourceVersion"))


def lines(
    operation: ChangeOperation, before: Raw | None, found: list[Change], taken: Sequence[str]
) -> tuple[str, ...]:
    """The same for people, at most so many."""
    head = _head(operation, before, found)
    every = [*head, *(one.line for one in found), *(f"takes over {one}" for one in taken)]
    if len(every) > MOST_LINES:
        every = [*every[:MOST_LINES], f"… and {len(every) - MOST_LINES} more"]
    return tuple(redact_text(line)[:LONGEST_LINE] for line in every)


def _head(operation: ChangeOperation, before: Raw | None, found: list[Change]) -> list[str]:
    if operation is ChangeOperation.DELETE:
        if before is None:
            return ["the object does not exist: nothing is left to delete"]
        waits = before["metadata"].get("finalizers")
        pending = [f"it goes when its finalizers are done: {', '.join(waits)}"] if waits else []
        return [f"the object is deleted (uid {before['metadata']['uid']})", *pending]
    if before is None:
        return ["the object is created"]
    return [] if found else ["nothing: it is so already"]


def _plain(obj: Raw) -> dict[str, Any]:
    """The object without what the server writes on every change; numbers in an exact form."""
    meta = {key: one for key, one in obj.get("metadata", {}).items() if key not in _BOOKKEEPING}
    plain: dict[str, Any] = exact({**obj, "metadata": meta} if meta else _without_metadata(obj))
    return plain


def _without_metadata(obj: Raw) -> dict[str, Any]:
    return {key: one for key, one in obj.items() if key != "metadata"}


def _differing(
    pointer: str, old: Any, new: Any, shown_old: Any, shown_new: Any
) -> Iterator[Change]:
    """Walks both objects, and beside them what of them may be shown."""
    if old == new and type(old) is type(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _differing(
                f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}",
                *(one.get(key, _ABSENT) for one in (old, new)),
                *(_inside(one, key) for one in (shown_old, shown_new)),
            )
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _differing(
                f"{pointer}/{index}",
                *(_at(one, index) for one in (old, new)),
                *(_at(one, index, REDACTED) for one in (shown_old, shown_new)),
            )
    else:
        yield Change(
            redact_text(pointer),
            None if old is _ABSENT else _text(shown_old),
            None if new is _ABSENT else _text(shown_new),
        )


def _inside(shown: Any, key: str) -> Any:
    """What may be shown of a member; of a branch that is hidden as a whole, nothing."""
    return shown.get(key, REDACTED) if isinstance(shown, dict) else REDACTED


def _at(value: Any, index: int, default: Any = _ABSENT) -> Any:
    return value[index] if isinstance(value, list) and index < len(value) else default


def _text(value: Any) -> str:
    return REDACTED if value == REDACTED else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _cut(text: str | None) -> str:
    shown = text or ""
    return shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}…"

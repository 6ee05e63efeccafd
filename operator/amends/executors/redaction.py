"""Takes secret values out of what comes back, in every spelling that a target is likely to echo."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"

_PERCENT = re.compile(r"%[0-9A-F]{2}")
_HEAD = 32
"""Characters of a spelling that are searched for; where they stand, the whole of it is compared."""
_SHORTEST_PIECE = 8
"""Of a Base64 text in which the secret is only a part: shorter ones would match by chance."""


class Redaction:
    """Replaces given values. Holds them, so it never shows itself."""

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {text for value in values for text in _spellings(value)} - {""}
        # The longest first: of a value and its prefix, the whole value goes.
        self._spellings = sorted(spellings, key=len, reverse=True)
        # Only heads: to compile a Secret of 60 KB in all its spellings takes seconds.
        heads = {text[:_HEAD] for text in self._spellings}
        self._heads = re.compile("|".join(map(re.escape, heads)) or r"(?!)")

    def __repr__(self) -> str:
        return "Redaction()"

    def text(self, text: str) -> str:
        """The text without the values, and without what no UTF-8 can hold."""
        clean = text.encode("utf-8", "replace").decode("utf-8")
        kept, done, look = [], 0, 0
        while (head := self._heads.search(clean, look)) is not None:
            start = head.start()
            found = next((each for each in self._spellings if clean.startswith(each, start)), "")
            if found:
                kept += [clean[done:start], REDACTED]
                done = start + len(found)
            look = max(done, start + 1)
        return "".join((*kept, clean[done:]))

    def cut_text(self, text: str) -> str:
        """The same of a text that was cut off: a value may have been cut in two at its end."""
        kept = text
        for spelling in self._spellings:
            start = text.find(spelling[0], max(0, len(text) - len(spelling) + 1))
            while start >= 0 and not spelling.startswith(text[start:]):
                start = text.find(spelling[0], start + 1)
            if start >= 0:
                kept = min(kept, text[:start], key=len)
        return self.text(kept)

    def json(self, value: Any) -> Any:
        """The same through a JSON value, its keys and its numbers included."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key): self.json(each) for key, each in value.items()}
            case list():
                return [self.json(each) for each in value]
            case int() | float() if not isinstance(value, bool):
                return value if self.text(str(value)) == str(value) else REDACTED
            case _:
                return value


def _spellings(value: str) -> Iterator[str]:
    """The value as text, in JSON, in a URL, in HTML and in Base64."""
    # A Secret often ends in a line break that the target does not repeat.
    for plain in {value, value.strip()} - {""}:
        yield plain
        yield escape(plain)
        for ascii_only in (True, False):
            quoted = json.dumps(plain, ensure_ascii=ascii_only)[1:-1]
            twice = json.dumps(quoted, ensure_ascii=ascii_only)[1:-1]  # JSON in a string of JSON
            for each in (quoted, twice):
                yield each
                yield each.replace("/", "\\/")
        percent = (quote(plain, safe=safe) for safe in ("", "/", "!'()*"))
        for encoded in (*percent, quote_plus(plain)):
            yield encoded
            yield _PERCENT.sub(lambda found: found[0].lower(), encoded)
        yield from _base64(plain.encode())


def _base64(value: bytes) -> Iterator[str]:
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(value).decode().rstrip("=")
        # Inside a longer text, as the password of `user:password` is: the characters that do not
        # depend on the neighbours, for each of the three ways in which bytes fall into groups.
        for before, dependent in enumerate((0, 2, 3)):
            encoded = encode(bytes(before) + value).decode()
            whole = encoded.rstrip("=")
            piece = whole[dependent : len(whole) - (whole != encoded)]
            if len(piece) >= _SHORTEST_PIECE:
                yield piece

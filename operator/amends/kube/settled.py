"""What has settled lately, kept as text: read now and then, and parsed only when it is."""

import json
from collections import OrderedDict

from amends.core.key import Key
from amends.ports import Raw

SETTLED_LIMIT = 1000
"""How many objects are remembered; the oldest go first."""


class Settled:
    """Objects by key, the newest so many.

    As text an object takes a fraction of its room as dicts, of which a busy operator would hold a
    thousand after some minutes.
    """

    def __init__(self) -> None:
        self._texts: OrderedDict[Key, bytes] = OrderedDict()

    def get(self, key: Key) -> Raw | None:
        """The object as it was put, if it is still remembered."""
        text = self._texts.get(key)
        if text is None:
            return None
        raw: Raw = json.loads(text)
        return raw

    def put(self, key: Key, raw: Raw) -> None:
        """Remember it."""
        self._texts[key] = json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode()
        while len(self._texts) > SETTLED_LIMIT:
            self._texts.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Know nothing about it any more."""
        self._texts.pop(key, None)

"""What has settled lately, kept small: read now and then, and unpacked only when it is."""

import json
import zlib
from collections import OrderedDict

from amends.core.key import Key
from amends.ports import Raw

SETTLED_LIMIT = 1000
"""How many objects are remembered; the oldest go first."""


class Settled:
    """Objects by key, the newest so many.

    As packed text an object takes a small fraction of its room as dicts, of which a busy operator
    would hold a thousand after some minutes, and so grow for as long.
    """

    def __init__(self) -> None:
        self._packed: OrderedDict[Key, bytes] = OrderedDict()

    def get(self, key: Key) -> Raw | None:
        """The object as it was put, if it is still remembered."""
        packed = self._packed.get(key)
        if packed is None:
            return None
        raw: Raw = json.loads(zlib.decompress(packed))
        return raw

    def put(self, key: Key, raw: Raw) -> None:
        """Remember it."""
        text = json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
        self._packed[key] = zlib.compress(text.encode(), level=1)
        while len(self._packed) > SETTLED_LIMIT:
            self._packed.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Know nothing about it any more."""
        self._packed.pop(key, None)

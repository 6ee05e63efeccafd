"""The key of an object: what the queue holds and the cache is sorted by."""

from typing import NamedTuple


class Key(NamedTuple):
    """One object of one kind in one namespace."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"
